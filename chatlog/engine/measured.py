"""Measurements that are kept beside a run: of canaries and on labelled sets, and whether they still tell of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from chatlog.engine.identity import digest
from chatlog.engine.store import Run, private
from chatlog.errors import DataError
from chatlog.pipeline import Pipeline, Step

CANARIES: Final = "pii_canaries.json"
"""The file at the top of the run folder, mode 0600; it holds counts and no text."""

EVALUATIONS: Final = "evaluations.json"
"""The file at the top of the run folder, mode 0600; it holds figures and names of files, and no text."""

EVALUATED: Final = {"moderation": "moderate", "language": "language"}
"""Tasks of `chatlog eval` that can be kept, and the stage that each measures."""

CANARY_ROWS: Final = pa.schema(
    [
        pa.field("dimension", pa.string()),  # all, type, language, role, placement, form, frame, names
        pa.field("value", pa.string()),
        pa.field("planted", pa.int64()),
        pa.field("gone", pa.int64()),
        pa.field("recall", pa.float64()),
        pa.field("low", pa.float64()),  # 95 % Wilson interval
        pa.field("high", pa.float64()),
    ]
)
"""The columns of the view `canaries`."""


def redact_print(run: Run) -> str | None:
    """One hash of the fingerprints of `redact`'s shards: settings, version and inputs; None where there are none."""
    sidecars = [run.read_sidecar("redact", shard) for shard in run.shards_of("redact")]
    prints = [sidecar.get("fingerprint") for sidecar in sidecars if sidecar is not None]
    return digest(prints) if prints else None


def keep_canaries(run: Run, told: Mapping[str, Any]) -> None:
    """Writes a measurement into the run folder, in place of the one before.

    Raises:
        DataError: the folder cannot be written.
    """
    _write_private(run, CANARIES, told)


def _write_private(run: Run, name: str, told: Mapping[str, Any]) -> None:
    with private():
        run.write_json(name, told)


def keep_evaluation(run: Run, step: Step, told: Mapping[str, Any]) -> None:
    """Adds what `chatlog eval` measured of a step's settings, in place of what it measured on the file before.

    Args:
        run: the run folder.
        step: of the run's pipeline.
        told: an Evaluation's object; of its metrics the overall ones are kept.

    Raises:
        DataError: the folder cannot be written.
    """
    figures = {name: value for name, value in told["metrics"].items() if not isinstance(value, dict)}
    entry = {"file": told["file"], "n": told["n"], "metrics": figures, "settings": _settings_print(step)}
    kept = run.read_json(EVALUATIONS) or {}
    others = [one for one in kept.get(told["task"], []) if one.get("file") != told["file"]]
    found = sorted([*others, entry], key=lambda one: str(one.get("file")))
    _write_private(run, EVALUATIONS, {**kept, told["task"]: found})


def kept_evaluations(run: Run, pipeline: Pipeline) -> dict[str, list[dict[str, Any]]]:
    """Task to `file`, `n` and `metrics` of each labelled set on which the run's present settings were measured.

    Raises:
        DataError: the file is damaged.
    """
    told = run.read_json(EVALUATIONS) or {}
    steps = {step.stage.name: step for step in pipeline.steps}
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for task, stage in EVALUATED.items():
            settings = _settings_print(steps[stage]) if stage in steps else None
            now = [one for one in told.get(task, []) if one["settings"] == settings]
            if now:
                found[task] = [
                    {"file": str(one["file"]), "n": int(one["n"]), "metrics": dict(one["metrics"])} for one in now
                ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{run.root / EVALUATIONS} is damaged; remove it and measure again with: chatlog eval TASK FILE --run RUN"
        ) from error
    return found


def _settings_print(step: Step) -> str:
    return digest([step.stage.name, step.stage.version, step.config.identity()])


def kept_canaries(run: Run) -> dict[str, Any] | None:
    """The kept measurement; None where there is none, or `redact` ran under other settings or on other rows since.

    Raises:
        DataError: the file is damaged.
    """
    told = run.read_json(CANARIES)
    if told is None or told.get("redact") != redact_print(run):
        return None
    try:
        pa.Table.from_pylist(list(_rows(told)), schema=CANARY_ROWS)
    except (KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DataError(
            f"{run.root / CANARIES} is damaged; measure again with: chatlog pii RUN --canaries N"
        ) from error
    return told


def canary_rows(run: Run) -> pa.Table:
    """The kept measurement as a table, empty where `kept_canaries` gives None."""
    told = kept_canaries(run)
    return pa.Table.from_pylist([] if told is None else list(_rows(told)), schema=CANARY_ROWS)


def _rows(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for dimension, rows in {"all": [told["overall"]], **told["by"]}.items():
        for row in rows:
            yield {"dimension": dimension} | {name: row[name] for name in CANARY_ROWS.names[1:]}
