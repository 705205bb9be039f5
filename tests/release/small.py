"""Small runs that can be released, of stages that need no model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chatlog import run
from chatlog.pipeline import Pipeline, parse
from tests.conftest import ROOT

STAGES: tuple[dict[str, Any], ...] = (
    {"use": "fingerprint"},
    {"use": "dedup"},
    {"use": "redact", "where": "kept", "names_model": ""},
    {"use": "language", "where": "kept"},
)


def releasable(
    paths: Iterable[Path], stages: Iterable[dict[str, Any]] = STAGES, *, rows: int = 20_000, **release: Any
) -> Pipeline:
    """A pipeline over OpenAI messages, in shards of `rows`, with these settings of [release]."""
    data = {
        "name": "small",
        "ingest": {"shard_rows": rows},
        "source": [{"reader": "openai_messages", "paths": [str(path) for path in paths]}],
        "stage": [dict(stage) for stage in stages],
        "release": {
            "select": str(ROOT / "sql/release/lmsys_chat.sql"),
            "card": str(ROOT / "data_cards/lmsys_chat.md.j2"),
            **release,
        },
    }
    return parse(data, ROOT)


def ran(paths: Iterable[Path], folder: Path, stages: Iterable[dict[str, Any]] = STAGES, **settings: Any) -> Path:
    """The folder of a run of it."""
    run(releasable(paths, stages, **settings), folder)
    return folder
