"""provenance.json: what made a release, and accounts that must balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson

import chatlog
from chatlog.engine.environment import environment, environments
from chatlog.engine.identity import digest
from chatlog.engine.intake import VERSION, stored_shards
from chatlog.engine.measured import kept_canaries, kept_evaluations
from chatlog.engine.run import ingest_counts
from chatlog.engine.store import Run
from chatlog.engine.userkey import UserKey, user_key
from chatlog.errors import DataError
from chatlog.models.weights import identity, sha256_file
from chatlog.pii import acted_on, redact_step
from chatlog.pipeline import INGEST, Pipeline, Plan
from chatlog.schema import PUBLISHED
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
    key = user_key(run)
    shards = {stage: (count, rows) for stage, count, rows in connection.execute(_SINGLE).fetchall()}
    stages = []
    for name, version, config, where in [
        (INGEST, VERSION, pipeline.limits.model_dump(mode="json"), None),
        *((step.name, step.step.stage.version, step.step.config.identity(), step.step.where) for step in planned.steps),
    ]:
        count, rows = shards.get(name, (0, 0))
        sidecars = [run.read_sidecar(name, shard) or {} for shard in range(count)]
        prints = [sidecar.get("fingerprint") for sidecar in sidecars]
        stages.append(
            {
                "stage": name,
                "version": version,
                "config": config,
                "where": where,
                "shards": count,
                "rows": rows,
                "fingerprint": digest(prints),
                "parts": [_keyed(key, b"part", str(sidecar.get("sha256"))) for sidecar in sidecars],
                "models": sorted({identity(value) for key, value in config.items() if _is_model(key, value)}),
            }
        )
    totals = ingest_counts(run, shards.get(INGEST, (0, 0))[0])
    return {
        "chatlog": chatlog.__version__,
        "key": key.id,
        "exported_by": environment(),
        "made_by": environments(run),
        "pipeline": pipeline.name,
        "release": release_told(pipeline),
        "format": pipeline.release.format if pipeline.release else None,
        "inputs": _inputs(run, pipeline, key),
        "counts": {
            "records": totals["records"],
            "rows": totals["rows"],
            "rejects": totals["rejects"],
            "forgotten": totals["forgotten"],
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


def _keyed(key: UserKey, what: bytes, digest_of: str) -> str:
    """A hash that tells the same from another, and nothing of what was hashed: plain hashes of texts can be guessed."""
    return key.hash(what, digest_of.encode())[:16]


def _inputs(run: Run, pipeline: Pipeline, key: UserKey) -> list[dict[str, Any]]:
    """What each shard was read from, in shard order; names of files stay with the operator."""
    told = []
    for shard, planned in enumerate(stored_shards(run, pipeline)):
        sidecar = run.read_sidecar(INGEST, shard) or {}
        counts = {name: sidecar.get(name, 0) for name in ("records", "rows", "rejects", "forgotten", "source_bytes")}
        told.append(
            {"shard": shard, "reader": planned.chunk.reader, **counts, "hash": _keyed(key, b"in", planned.chunk.digest)}
        )
    return told


def release_told(pipeline: Pipeline) -> dict[str, Any]:
    """The settings of [release]: a file counts by its content."""
    spec = pipeline.release
    if spec is None:
        return {}
    told = spec.model_dump(mode="json")
    # Whoever knows the hash of a list of canaries can try whether a text that they guess is all of it.
    told["canaries"] = spec.canaries is not None
    for name, value in spec:
        if isinstance(value, Path) and name != "canaries":
            told[name] = {"file": value.name, "sha256": sha256_file(value)}
    return told


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


def read_provenance(root: Path) -> dict[str, Any]:
    """The object in a release's provenance.json.

    Raises:
        DataError: the folder is no release, or the file is damaged.
    """
    try:
        told = orjson.loads((root / PROVENANCE).read_bytes())
        for key in ("records", "rows", "rejects", "released"):
            int(told["counts"][key])
        dict(told["counts"]["dropped"]), dict(told["reject_reasons"]), list(told["files"]), PUBLISHED[told["format"]]
    except OSError as error:
        raise DataError(f"{root} is not a release: cannot read {PROVENANCE}: {error.strerror}") from error
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{root / PROVENANCE} is damaged: {type(error).__name__}") from error
    return dict(told)
