from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.errors import ConfigError
from chatlog.sources.benchmark import Item, name_and_path, read_items
from tests.conftest import write_jsonl


@pytest.mark.parametrize(
    ("record", "item"),
    [
        ({"question_id": 81, "turns": ["one", "two"]}, Item("81", ("one", "two"))),
        ({"uid": "x", "prompt": "one", "text": "no"}, Item("x", ("one",))),
        ({"id": "a", "question": "one", "choices": ["no"]}, Item("a", ("one",))),
        ({"id": 0, "instruction": "one", "input": "two", "output": "no"}, Item("0", ("one", "two"))),
        ({"task_id": "t/1", "problem": "one"}, Item("t/1", ("one",))),
        ({"turns": [{"content": "one"}]}, Item("#0", ("one",))),
        (
            {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "no"}]},
            Item("#0", ("one",)),
        ),
        ({"conversations": [{"from": "human", "value": "one"}, {"from": "gpt", "value": "no"}]}, Item("#0", ("one",))),
        ({"question": " ", "text": "one"}, Item("#0", ("one",))),
        ("one", Item("#0", ("one",))),
        ({"id": "a\u202e\nb" + "c" * 500, "text": "one"}, Item("ab" + "c" * 96, ("one",))),
        ({"id": True, "uid": None, "text": "one"}, Item("#0", ("one",))),
    ],
)
def test_where_the_item_of_a_record_is(tmp_path: Path, record: Any, item: Item) -> None:
    assert read_items(write_jsonl(tmp_path / "a.jsonl", [record])) == [item]


def test_forms_of_a_file(tmp_path: Path) -> None:
    records = [{"id": "a", "question": "one"}, {"id": "a", "question": "two"}, {"id": "b", "question": ""}]
    lines = write_jsonl(tmp_path / "a.jsonl", records)
    expected = [Item("a", ("one",)), Item("a#1", ("two",))]
    (tmp_path / "a.json").write_text(json.dumps(records, indent=1))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.json", "a.jsonl.gz", "a.parquet"):
        assert read_items(tmp_path / name) == expected, name


def test_fields_may_be_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"question": "one", "story": "two", "answers": ["three", "four"]}])
    assert read_items(path, ["story", "answers"]) == [Item("#0", ("two", "three", "four"))]


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        (b"", (), "holds no item with text"),
        (b'{"text": "  "}\n', (), "holds no item with text"),
        (b"not json\n", (), "record 0: JSON breaks off at character 0"),
        (b'{"text": "SECRET"}\n{"text": "SEC', (), "record 1"),
        (b'{"text": "one"}\n7\n', (), "record 1: expected an object or a text, found int"),
        (b'{"SECRET": "SECRET"}\n', (), "no field is known to hold the item; name one of 'SECRET'"),
        (b'{"text": "SECRET"}\n', ("body",), "has no field 'body'; it has 'text'"),
        (b'{"text": ' + b"[" * 100_000 + b"\n", (), "nest deeper"),
        (b"\x1f\x8b\x08\x00damaged", (), "damaged or cut off"),
        (b"PAR1 damaged", (), "begins like Parquet"),
        (b"\xff\xfe{\x00", (), "not UTF-8"),
    ],
    ids=lambda value: value[:20].hex() if isinstance(value, bytes) else None,
)
def test_a_file_that_is_no_benchmark_is_told(
    tmp_path: Path, data: bytes, fields: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "bench"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_items(path, fields)
    told = str(caught.value)
    assert message in told and str(path) in told and len(told) < 400
    assert "SECRET" not in told.replace("name one of 'SECRET'", "")


def test_a_folder_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(ConfigError, match="cannot read"):
            read_items(path)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatlog.sources.benchmark._MAX_BYTES", 1 << 20)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "' + b"x" * (2 << 20) + b'"}'))
    with pytest.raises(ConfigError, match="larger than 1 MiB when unpacked"):
        read_items(path)
    flat = tmp_path / "a.jsonl"
    flat.write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_items(flat)


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("mt.jsonl.gz", "mt", "mt.jsonl.gz"),
        ("../data/arena-hard-v0.1.jsonl", "arena-hard-v0.1", "../data/arena-hard-v0.1.jsonl"),
        ("mt=a/b=c.jsonl", "mt", "a/b=c.jsonl"),
        ("./a=b.jsonl", "a=b", "./a=b.jsonl"),
        (".gz", ".gz", ".gz"),
    ],
)
def test_a_benchmark_has_a_name(text: str, name: str, path: str) -> None:
    assert name_and_path(text) == (name, path)
