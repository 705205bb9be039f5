"""The thresholds that a run's flags were decided by, and others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chatlog.errors import ConfigError
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.judgments import Rule
from chatlog.pipeline import Pipeline
from chatlog.settings import valid
from chatlog.stages.threshold import ThresholdConfig


def settings_of(pipeline: Pipeline) -> ThresholdConfig:
    """The settings of `threshold`, where it is in a pipeline, or those of `moderate` in its words."""
    found = ThresholdConfig(moderator="")
    for step in pipeline.steps:
        config = step.config
        if isinstance(config, ModerateConfig):
            moderator = config.model if config.engine == "cpu" else ""
            found = ThresholdConfig(threshold=config.threshold, thresholds=config.thresholds, moderator=moderator)
        elif isinstance(config, ThresholdConfig):
            found = config
    return found


def changed_rule(
    pipeline: Pipeline,
    threshold: float | None = None,
    thresholds: Mapping[str, float] | None = None,
    calibration: Path | None = None,
) -> Rule | None:
    """The run's own rule with these changes, None where nothing is to change.

    Raises:
        ConfigError: a threshold is out of bounds, a category unknown, or the calibration cannot be read.
    """
    if threshold is None and not thresholds and calibration is None:
        return None
    now = settings_of(pipeline)
    told = now.model_dump() | {"thresholds": {**now.thresholds, **(thresholds or {})}}
    if threshold is not None:
        told["threshold"] = threshold
    if calibration is not None:
        told |= {"calibration": str(calibration.expanduser().absolute()), "calibration_digest": ""}
    return valid(ThresholdConfig, told, "thresholds").rule()


def parsed(texts: list[str]) -> dict[str, float]:
    """Thresholds by category from texts such as `hate=0.5`.

    Raises:
        ConfigError: a text is of another form.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = float(value) if equals else float("nan")
        except ValueError:
            found[name.strip()] = float("nan")
        if not 0 <= found[name.strip()] <= 1:
            raise ConfigError(f"--category {text!r}: expected CATEGORY=THRESHOLD, such as hate=0.5")
    return found
