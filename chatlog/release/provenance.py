"""provenance.json: what made a release, and accounts that must balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb

import chatlog
from chatlog.engine.identity import digest
from chatlog.engine.measured import kept_canaries, kept_evaluations
from chatlog.engine.run import ingest_counts
from chatlog.engine.store import Run
from chatlog.models.weights import identity
from chatlog.pii import acted_on, redact_step
from chatlog.pipeline import INGEST, Pipeline, Plan
from chatlog.text.pii_span import CONTEXTUAL, LABELS

PROVENANCE: Final = "provenance.json"

_SINGLE: Final = "SELECT stage, count(*), sum(rows)::BIGINT FROM stages WHERE done GROUP BY stage"


def provenance(
    run: Run,
    pipeline: Pipeline,
    planned: Plan,
    connection: duckdb.DuckDBPyConnection,
    released: int,
    dropped: Mapping[str, int],
    files: Sequence[str],
) -> dict[str, Any]:
    """The object of provenance.json; the same run gives the same object, wherever and whenever it is exported."""
    shards = {stage: (count, rows) for stage, count, rows in connection.execute(_SINGLE).fetchall()}
    stages = []
    for name, version, config, where in [
        (INGEST, 1, pipeline.limits.model_dump(mode="json"), None),
        *((step.name, step.step.stage.version, step.step.config.identity(), step.step.where) for step in planned.steps),
    ]:
        count, rows = shards.get(name, (0, 0))
        prints = [(run.read_sidecar(name, shard) or {}).get("fingerprint") for shard in range(count)]
        stages.append(
            {
                "stage": name,
                "version": version,
                "config": config,
                "where": where,
                "shards": count,
                "rows": rows,
                "fingerprint": digest(prints),
                "models": sorted({identity(value) for key, value in config.items() if _is_model(key, value)}),
            }
        )
    totals = ingest_counts(run, shards.get(INGEST, (0, 0))[0])
    return {
        "chatlog": chatlog.__version__,
        "pipeline": pipeline.name,
        "format": pipeline.release.format if pipeline.release else None,
        "counts": {
            "records": totals["records"],
            "rows": totals["rows"],
            "rejects": totals["rejects"],
            "released": released,
            "dropped": dict(sorted(dropped.items())),
        },
        "reject_reasons": dict(
            connection.execute("SELECT reason, count(*) FROM rejects GROUP BY reason ORDER BY reason").fetchall()
        ),
        "pii": _pii(run, pipeline),
        "measured": kept_evaluations(run, pipeline),
        "stages": stages,
        "files": list(files),
    }


def _pii(run: Run, pipeline: Pipeline) -> dict[str, Any]:
    """How personal data was looked for, and what recall was measured on planted entities; None where it was not."""
    config = redact_step(pipeline).config
    acted = acted_on(config)
    actions: dict[str, list[str]] = {}
    for type_ in LABELS:
        if type_ in acted:
            actions.setdefault(getattr(config, type_.lower()), []).append(type_)
    measured = kept_canaries(run)
    return {
        "actions": actions,
        "kept": [type_ for type_ in LABELS if type_ not in acted and type_ not in CONTEXTUAL],
        "not_looked_for": [type_ for type_ in CONTEXTUAL if type_ not in acted],
        "names_model": getattr(config, "names_model", "") or None,
        "recall": measured and {"seed": measured["seed"], **measured["overall"]},
    }


def _is_model(key: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and (key == "model" or key.endswith("_model"))
