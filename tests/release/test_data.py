"""How the files of a release are written: bytes, order, sizes."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog import run
from chatlog.errors import ReleaseRefused
from chatlog.pipeline import parse
from chatlog.release.data import text_bytes, write_parquet
from chatlog.release.export import export
from tests.conftest import ROOT, conversation, recipe, write_jsonl


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _pipeline(tmp_path: Path, count: int, fields: dict[str, Any] | None = None, select: str = "lmsys_chat.sql") -> Any:
    logs = write_jsonl(tmp_path / "logs.jsonl", [conversation(number, turns=1 + number % 3) for number in range(count)])
    stages = ["fingerprint", "dedup", {"use": "redact", "names_model": ""}]
    data = dict(recipe([logs], stages, shard_rows=40).data)
    select_file = ROOT / "sql/release" / select
    data["release"] = {"select": str(select_file), "card": str(ROOT / "data_cards/lmsys_chat.md.j2")} | (fields or {})
    return parse(data, ROOT)


def test_workers_and_threads_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"splits": {"test": 0.3, "train": 0.7}, "sample": 0.9, "stratify": ["model"], "shard_rows": 45}
    for workers in (1, 2):
        run(_pipeline(tmp_path, 130, how), tmp_path / f"run{workers}", workers=workers)
    made = export(tmp_path / "run1", tmp_path / "first")
    assert [(split.name, len(split.files)) for split in made.splits] == [("train", 2), ("test", 1)]
    assert made.released == 117
    monkeypatch.setattr("chatlog.release.export.connect", _with_threads(1))
    export(tmp_path / "run2", tmp_path / "second")
    assert _files(tmp_path / "first") == _files(tmp_path / "second")


def _with_threads(threads: int) -> Any:
    from chatlog.query import connect

    return lambda root, **more: connect(root, threads=threads, **more)


def test_files_are_sorted_and_cut_at_rows_or_bytes(tmp_path: Path) -> None:
    run(_pipeline(tmp_path, 130), tmp_path / "run", workers=1)
    how = ROOT / "pipelines/lmsys_chat.toml"
    _allow_any_run(tmp_path, how)
    made = export(tmp_path / "run", tmp_path / "sorted", tmp_path / "any.toml", ["release.shard_rows=50"])
    tables = [pq.read_table(tmp_path / "sorted" / file) for file in made.files]
    assert [table.num_rows for table in tables] == [50, 50, 30]
    for table in tables:
        keys = [(row["language"], row["model"], row["conversation_id"]) for row in table.to_pylist()]
        assert keys == sorted(keys)
    asked = ["release.sort=['turn', 'conversation_id']", "release.shard_bytes=65536"]
    made = export(tmp_path / "run", tmp_path / "small", tmp_path / "any.toml", asked)
    rows = [row for file in made.files for row in pq.read_table(tmp_path / "small" / file).to_pylist()]
    assert len(rows) == 130 and len(made.files) > 1
    turns = [row["turn"] for row in pq.read_table(tmp_path / "small" / made.files[0]).to_pylist()]
    assert turns == sorted(turns) and len(set(turns)) == 3
    export(tmp_path / "run", tmp_path / "raw", tmp_path / "any.toml", ["release.sort=[]"])
    order = pq.read_table(tmp_path / "raw/data")["conversation_id"].to_pylist()
    assert order == [f"c{number}" for number in range(130)]


def _allow_any_run(tmp_path: Path, of: Path) -> None:
    """A recipe with the [release] of another and no stages, so that it asks nothing of a run."""
    text = of.read_text()
    release = text[text.index("[release]") :].replace("../", f"{ROOT}/")
    (tmp_path / "any.toml").write_text('[[source]]\nreader = "auto"\npaths = ["x"]\n' + release)


def test_a_publish_that_loses_or_makes_up_rows_is_refused(tmp_path: Path) -> None:
    run(_pipeline(tmp_path, 10), tmp_path / "run", workers=1)
    _allow_any_run(tmp_path, ROOT / "pipelines/lmsys_chat.toml")
    text = (ROOT / "sql/release/lmsys_chat.sql").read_text()
    (tmp_path / "lossy.sql").write_text(
        text.replace("ORDER BY row_id", "WHERE conversation_id <> 'c3' ORDER BY row_id")
    )
    with pytest.raises(ReleaseRefused, match="releases 10 conversations, `publish` returned 9 rows: c3") as refused:
        asked = [f"release.select={tmp_path / 'lossy.sql'}"]
        export(tmp_path / "run", tmp_path / "out", tmp_path / "any.toml", asked)
    assert refused.value.rows == ["c3"] and not (tmp_path / "out").exists()


def _talk(number: int, size: int) -> dict[str, Any]:
    # No two alike, and nothing for zstd to find.
    text = "".join(f"{(number * 2654435761 + place * 40503) % 999983:06d} " for place in range(size // 7))
    return {"id": f"c{number:06d}", "talk": [{"role": "user", "content": text}], "n": number}


def test_row_groups_suit_a_viewer(tmp_path: Path) -> None:
    rows = pa.Table.from_pylist([_talk(number, 700) for number in range(9_000)])
    write_parquet(rows, tmp_path / "a.parquet", "id")
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        assert all(500 <= size <= 1_500 for size in sizes[:-1]) and 6 < len(sizes) < 18
        column = file.metadata.row_group(0).column(0)
        assert column.compression == "ZSTD" and column.has_offset_index and column.has_column_index
        assert file.read().equals(rows)
    big = pa.Table.from_pylist([{"id": str(number), "text": "x" * (5 << 20)} for number in range(7)])
    write_parquet(big, tmp_path / "b.parquet", "id")
    with pq.ParquetFile(tmp_path / "b.parquet") as file:
        assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [3, 2, 2]
    write_parquet(rows.slice(0, 0), tmp_path / "none.parquet", "id")
    with pq.ParquetFile(tmp_path / "none.parquet") as file:
        assert file.num_row_groups == 0 and file.schema_arrow == rows.schema


def _chunks(path: Path) -> dict[bytes, int]:
    """Pieces of a file that begin where its bytes say so, as a deduplicating store cuts it, and their sizes."""
    data = path.read_bytes()
    ends, rolling = [], 0
    gear = [hash_of(byte) for byte in range(256)]
    for place, byte in enumerate(data):
        rolling = ((rolling << 1) + gear[byte]) & 0xFFFFFFFF
        if rolling >> 20 == 0:
            ends.append(place + 1)
    return {data[start:end]: end - start for start, end in pairwise([0, *ends, len(data)])}


def hash_of(byte: int) -> int:
    return (byte * 2654435761 ^ byte << 13) * 40503 & 0xFFFFFFFF


def test_rows_that_are_added_leave_most_of_a_file_s_bytes_equal(tmp_path: Path) -> None:
    rows = [_talk(number, 300) for number in range(6_000)]
    write_parquet(pa.Table.from_pylist(rows), tmp_path / "old.parquet", "id")
    write_parquet(
        pa.Table.from_pylist([*rows[:137], _talk(9_999_999, 300), *rows[137:]]), tmp_path / "new.parquet", "id"
    )
    old, new = _chunks(tmp_path / "old.parquet"), _chunks(tmp_path / "new.parquet")
    kept = sum(size for piece, size in new.items() if piece in old)
    assert kept > 0.5 * sum(new.values())


texts = st.lists(st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=4), min_size=1, max_size=12)


@settings(max_examples=50, deadline=None)
@given(texts, st.data())
def test_the_size_of_texts_is_that_of_their_content_however_they_lie(
    rows: list[list[Any]], data: st.DataObject
) -> None:
    table = pa.table({"a": pa.array([[{"x": text} for text in row] for row in rows])})
    table = table if pa.types.is_struct(table.schema[0].type.value_type) else pa.table({"a": pa.array(rows)})
    expected = sum(len(text.encode()) for row in rows for text in row if text)
    cut = data.draw(st.integers(0, len(rows)))
    assert text_bytes(table) == expected
    assert text_bytes(table.slice(0, cut)) + text_bytes(table.slice(cut)) == expected
    assert text_bytes(pa.concat_tables([table.slice(0, cut), table.slice(cut)])) == expected


@pytest.mark.parametrize("rows", [2_000, 8_000])
def test_a_release_takes_no_more_memory_for_more_rows(tmp_path: Path, rows: int) -> None:
    """Arrow holds a file of each split, and never the run."""
    run(_pipeline(tmp_path, 40), tmp_path / "run", workers=1)
    from chatlog.release.data import _Writer
    from chatlog.release.formats import FORMATS
    from chatlog.schema import LMSYS_CHAT_1M
    from chatlog.settings import ReleaseSpec

    (tmp_path / "data").mkdir()
    spec = ReleaseSpec.model_validate({"select": "a", "card": "b", "shard_rows": 500})
    writer = _Writer(tmp_path / "data", "train", spec, FORMATS["lmsys-chat-1m"], lambda table: None)
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], pa.total_allocated_bytes())
            time.sleep(0.001)

    before = pa.total_allocated_bytes()
    watcher = threading.Thread(target=watch)
    watcher.start()
    for start in range(0, rows, 500):
        talks = [
            {"conversation_id": f"c{n}", "conversation": [{"content": "word " * 400, "role": "user"}]}
            for n in range(start, start + 500)
        ]
        writer.add(pa.Table.from_pylist(talks, schema=LMSYS_CHAT_1M))
    done.set()
    watcher.join()
    split = writer.close(None)
    assert split.rows == rows and len(split.files) == rows // 500
    assert most[0] - before < 16 << 20  # 500 rows are 1 MB of text; 8,000 would be 16 MB, and twice as sorted
