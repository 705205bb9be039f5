"""Releases for the tests of card and croissant.json: folders with invented rows of any schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.pipeline import parse
from chatlog.query import connect
from chatlog.release.describe import describe
from chatlog.release.export import export
from chatlog.schema import CATEGORIES
from chatlog.settings import ReleaseSpec
from tests.conftest import ROOT, conversation, recipe, write_jsonl

MESSAGES = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
FLAGS = pa.struct([(name, pa.bool_()) for name in CATEGORIES])
SCORES = pa.struct([(name, pa.float64()) for name in CATEGORIES])
VERDICT = pa.struct([("categories", FLAGS), ("category_scores", SCORES), ("flagged", pa.bool_())])

ARENA = pa.schema(
    [
        ("question_id", pa.string()),
        ("model_a", pa.string()),
        ("model_b", pa.string()),
        ("winner", pa.string()),
        ("judge", pa.string()),
        ("conversation_a", MESSAGES),
        ("conversation_b", MESSAGES),
        ("turn", pa.int64()),
        ("anony", pa.bool_()),
        ("language", pa.string()),
        ("tstamp", pa.float64()),
        ("openai_moderation", VERDICT),
        (
            "toxic_chat_tag",
            pa.struct(
                [
                    ("roberta-large", pa.struct([("flagged", pa.bool_()), ("probability", pa.float64())])),
                    ("t5-large", pa.struct([("flagged", pa.bool_()), ("score", pa.float64())])),
                ]
            ),
        ),
    ]
)
WILDCHAT = pa.schema(
    [
        ("conversation_hash", pa.string()),
        ("model", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        (
            "conversation",
            pa.list_(pa.struct([("content", pa.string()), ("role", pa.string()), ("turn_identifier", pa.int64())])),
        ),
        ("turn", pa.int64()),
        ("language", pa.string()),
        ("toxic", pa.bool_()),
        ("redacted", pa.bool_()),
    ]
)
TRAINING = pa.schema(
    [("id", pa.string()), ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])))]
)
CARDS = {
    "chatbot_arena_conversations": ("arena.md.j2", ARENA),
    "wildchat-1m": ("wildchat.md.j2", WILDCHAT),
    "training": ("training.md.j2", TRAINING),
}


def a_value(kind: pa.DataType, number: int) -> Any:
    """A value of any type of a published schema; now and then null."""
    if pa.types.is_struct(kind):
        return {kind.field(at).name: a_value(kind.field(at).type, number + at) for at in range(kind.num_fields)}
    if pa.types.is_list(kind):
        return [a_value(kind.value_type, number + at) for at in range(1 + number % 3)]
    if pa.types.is_boolean(kind):
        return [True, False, None][number % 3]
    if pa.types.is_string(kind):
        return f"invented {number}"
    return number * 1_000_000 if pa.types.is_timestamp(kind) else number


def a_release(folder: Path, schema: pa.Schema, shards: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Writes data files with as many invented rows as `shards` says a split; their names."""
    (folder / "data").mkdir(parents=True)
    names, number = [], 0
    for split, counts in shards.items():
        for at, count in enumerate(counts):
            names.append(f"data/{split}-{at:05d}-of-{len(counts):05d}.parquet")
            rows = [{field.name: a_value(field.type, number + row) for field in schema} for row in range(count)]
            pq.write_table(pa.Table.from_pylist(rows, schema), folder / names[-1])
            number += count
    return names


def described(curated: Path, folder: Path, files: list[str], **settings: Any) -> dict[str, Any]:
    """Describes the data in `folder` as if the demo's run had made it; the object of croissant.json."""
    told = json.loads((curated / "dataset" / "provenance.json").read_bytes()) | {"files": files}
    spec = ReleaseSpec.model_validate(
        {"select": "unused.sql", "card": ROOT / "data_cards/lmsys_chat.md.j2", "title": "Invented rows"} | settings
    )
    told["format"] = spec.format if "format" not in settings else settings["format"]
    with connect(curated / "run") as connection:
        describe(connection, spec, told, folder)
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_bytes())
    return found


def readme(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def front(folder: Path) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load(readme(folder).split("---\n")[1])
    return found


def another(folder: Path) -> Path:
    """Another run than the demo's: no models, other numbers; its run/ and dataset/ in `folder`."""
    logs = write_jsonl(folder / "a.jsonl", [conversation(number, turns=1 + number % 3) for number in range(1234)])
    data = dict(recipe([logs], ["fingerprint", "dedup", {"use": "redact", "names_model": ""}], name="other").data)
    data["release"] = {
        "select": "sql/release/lmsys_chat.sql",
        "card": "data_cards/lmsys_chat.md.j2",
        "title": "Another log",
        "license": "odc-by",
        "shard_rows": 500,
        "contact": "https://example.org/removal",
    }
    run(parse(data, ROOT), folder / "run", workers=1)
    export(folder / "run", folder / "dataset")
    return folder
