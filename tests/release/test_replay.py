from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.engine.store import Run, write_table
from chatlog.errors import ConfigError
from chatlog.release.export import export
from chatlog.release.replay import replay
from chatlog.release.verify import verify
from tests.conftest import conversation, write_jsonl
from tests.release.small import ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of three shards of ten rows, released in files of fifteen: run/, out/, logs.jsonl."""
    write_jsonl(tmp_path / "logs.jsonl", [conversation(number) for number in range(30)])
    ran([tmp_path / "logs.jsonl"], tmp_path / "run", rows=10, shard_rows=15)
    export(tmp_path / "run", tmp_path / "out")
    return tmp_path


def test_a_file_is_made_again_byte_for_byte(folder: Path) -> None:
    made = replay(folder / "out", 1, folder / "run", out=folder / "again.parquet")
    assert made.ok and made.shards == [1, 2] and made.taken == ["dedup"]
    assert made.made == ["ingest", "fingerprint", "redact", "language"]
    assert (folder / "again.parquet").read_bytes() == (folder / "out" / made.file).read_bytes()
    assert not list((folder / "run").glob(".replay-*"))


def test_what_the_run_holds_and_no_stage_would_make_is_found(folder: Path) -> None:
    run = Run(folder / "run")
    table = pq.read_table(run.part("language", 2))
    place = table.column_names.index("language")
    written = write_table(
        run.part("language", 2), table.set_column(place, "language", pa.array(["Klingon"] * len(table)))
    )
    run.write_json("language/part-00002.json", {**(run.read_sidecar("language", 2) or {}), **written})
    made = replay(folder / "out", 1, folder / "run")
    assert made.differs == [("language", 2)] and not made.same and not made.ok
    assert replay(folder / "out", 0, folder / "run").ok
    assert replay(folder / "out", 1, folder / "run", skip=["language"]).differs == []


def test_a_log_that_changed_is_found_at_its_first_stage(folder: Path) -> None:
    log = folder / "logs.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"content": "w', b'"content": "v', 1))
    with pytest.raises(Exception, match=r"logs.jsonl changed while it was read"):
        replay(folder / "out", 0, folder / "run")


def test_what_cannot_be_replayed_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="has the data files 0 to 1, found 2"):
        replay(folder / "out", 2, folder / "run")
    with pytest.raises(ConfigError, match="unknown stage 'redcat'"):
        replay(folder / "out", 0, folder / "run", skip=["redcat"])
    ran([folder / "logs.jsonl"], folder / "run", rows=10, shard_rows=7)
    with pytest.raises(ConfigError, match="another \\[release\\]"):
        replay(folder / "out", 0, folder / "run")


def test_verify_releases_the_run_once_more(folder: Path) -> None:
    assert all(check.ok for check in verify(folder / "out", folder / "run"))
    card = folder / "out" / "README.md"
    card.write_text(card.read_text().replace("30", "31", 1))
    again = {check.name: check for check in verify(folder / "out", folder / "run")}
    assert not again["checksums"].ok
    from chatlog.release.checksums import write_checksums

    write_checksums(folder / "out")
    again = {check.name: check for check in verify(folder / "out", folder / "run")}
    failed = {name for name, check in again.items() if not check.ok}
    assert failed == {"the run, released again, gives the same files"}
    assert "README.md" in again["the run, released again, gives the same files"].detail
    assert not list((folder / "run").glob(".verify-*"))


def test_verify_finds_a_lineage_that_tells_of_other_rows(folder: Path) -> None:
    path = folder / "out" / "lineage.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    failed = {check.name for check in verify(folder / "out") if not check.ok}
    assert failed == {"checksums", "lineage tells of every row", "lineage names the rows of every file"}
    path.write_bytes(b"PAR1")
    assert "lineage can be read" in {check.name for check in verify(folder / "out") if not check.ok}
