"""The stage `threshold`: other thresholds, or a calibration, for scores that `moderate` left; no model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from chatlog.errors import ConfigError
from chatlog.models.calibration import Calibration, load_calibration
from chatlog.models.guards import CategoryThresholds
from chatlog.models.judgments import Rule, any_of, flat, redecided
from chatlog.models.moderator.mixture import SHIPPED, load
from chatlog.models.weights import check_name, locate
from chatlog.schema import MODERATION
from chatlog.stage import BatchFn, Config, Stage, file_digest, located_file


class ThresholdConfig(Config):
    """Settings of `threshold`: it decides as `moderate` would with these thresholds."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """Probability from which a message is flagged; None: what training chose (`moderator`), else 0.5."""

    thresholds: CategoryThresholds = Field(default_factory=dict)
    """The same by OpenAI category; such a category flags the message, whatever the message's own score is."""

    moderator: str = SHIPPED
    """The `cpu` moderator whose thresholds from training hold for what it judged; empty for none."""

    calibration: str = ""
    """A file of `chatlog moderation --calibrate`, relative to the pipeline's file, for the messages' scores."""

    calibration_digest: str = ""
    """SHA-256 of that file; filled in from it. One that is given pins it."""

    def located(self, base: Path) -> Self:
        """With an absolute path, and the file's digest; empty where there is no such file."""
        if not self.calibration:
            return self
        path, digest = located_file(base, self.calibration, self.calibration_digest)
        return self.model_copy(update={"calibration": path, "calibration_digest": digest})

    def identity(self) -> dict[str, Any]:
        """The digest stands for the calibration file."""
        return {name: value for name, value in super().identity().items() if name != "calibration"}

    def rule(self) -> Rule:
        """The thresholds, with what training chose and the calibration read from their files.

        Raises:
            ConfigError: as curve.
            DataError: the moderator's file is missing or damaged.
        """
        learnt: dict[str, float] = {}
        if self.moderator:
            learnt = load(locate(self.moderator)).learnt
        return Rule(self.threshold, self.thresholds, self.moderator, learnt, self.curve())

    def curve(self) -> Calibration | None:
        """The calibration, None where there is none.

        Raises:
            ConfigError: the file is missing, no calibration, or no longer the one that its digest tells.
        """
        if not self.calibration:
            return None
        path = Path(self.calibration)
        found = load_calibration(path)
        if self.calibration_digest and file_digest(path) != self.calibration_digest:
            raise ConfigError(f"threshold: the calibration {path} was changed; run again, or mend `calibration_digest`")
        return found


_READS: Final = pa.schema([pa.field("moderation", MODERATION), pa.field("moderation_status", pa.string())])
_WRITES: Final = pa.schema(
    [
        pa.field("moderation", MODERATION),
        pa.field("flagged", pa.bool_()),
        pa.field("moderation_status", pa.string()),
    ]
)


def rethreshold(batch: pa.Table, rule: Rule) -> pa.Table:
    """The batch's `moderation` and `flagged` under other thresholds; what is error or skipped stays so.

    Args:
        batch: holds `moderation` and `moderation_status`.
        rule: the thresholds.
    """
    judged = flat(batch["moderation"])
    flagged, categories = rule.decide(judged)
    status = batch["moderation_status"].combine_chunks()
    # As in `moderate`: what was not judged is not clean.
    clean = pc.if_else(pc.equal(status, "ok"), False, pa.scalar(None, pa.bool_()))
    whole = pc.if_else(pa.array(any_of(judged, flagged)), True, clean)
    return pa.table([redecided(judged, flagged, categories), whole, status], schema=_WRITES)


def check_threshold(config: ThresholdConfig) -> None:
    """Nothing, when the moderator and the calibration can be read.

    Raises:
        ConfigError: one of them cannot, or the calibration is another than its digest tells.
    """
    if config.moderator:
        check_name(config.moderator)
    config.curve()


@contextmanager
def _open(config: ThresholdConfig) -> Iterator[BatchFn]:
    rule = config.rule()
    yield lambda batch: rethreshold(batch, rule)


THRESHOLD: Final = Stage(
    name="threshold",
    version=1,
    config=ThresholdConfig,
    reads=_READS,
    writes=_WRITES,
    open=_open,
    check=check_threshold,
)
