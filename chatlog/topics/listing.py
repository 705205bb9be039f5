"""The topics of a run as a person reads them: theme by theme, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError
from chatlog.models.topic_model import NAMES_FILE, model_folder, read_names


def listed(root: Path) -> list[dict[str, Any]]:
    """Themes, the largest first, each with its topics, the largest first; what is in no theme comes last.

    Raises:
        ConfigError: no run, or none with topics yet.
        DataError: the table of topics is damaged.
    """
    run, _ = pipeline_of(root)
    if not (model_folder(run.root) / NAMES_FILE).exists():
        raise ConfigError(f"{root} has no topics yet; run a pipeline with the stage `topics` in it first")
    rows = sorted(read_names(run.root).to_pylist(), key=lambda row: (-row["size"], row["topic_id"]))
    parents = {row["parent"] for row in rows}
    themes = [row for row in rows if row["topic_id"] in parents]
    found = [
        _told(theme) | {"topics": [_told(row) for row in rows if row["parent"] == theme["topic_id"]]}
        for theme in themes
    ]
    alone = [_told(row) for row in rows if row["parent"] is None and row["topic_id"] not in parents]
    if alone:
        found.append({"topic_id": None, "topic": None, "size": sum(row["size"] for row in alone), "topics": alone})
    return found


def _told(row: dict[str, Any]) -> dict[str, Any]:
    # A topic that too few users asked about has no name; its number is no name either.
    name = row["label"] or "(too few users to be named)"
    return {"topic_id": row["topic_id"], "topic": name, "size": row["size"], "keywords": row["keywords"] or []}
