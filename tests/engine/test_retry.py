"""Rows that failed are made again, and nothing else: the bytes are those of a run that never failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.engine.shard import Unit, run_unit
from chatlog.engine.status import status
from chatlog.errors import ContractError
from chatlog.pipeline import Pipeline
from chatlog.stage import BatchFn, Config, Stage
from tests.conftest import conversation, parts, recipe, write_jsonl
from tests.models.loopback import Loopback, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    words = {3: "flaky", 7: "bad flaky", 8: "bad", 33: "flaky"}
    records = [conversation(number, words=words.get(number, ""), turns=2) for number in range(40)]
    records.append(conversation(3, words="flaky", turns=2) | {"id": "a duplicate"})
    return write_jsonl(tmp_path / "logs" / "a.jsonl", records)


def pipeline(logs: Path, server: Loopback, api: str = "generate", **changed: Any) -> Pipeline:
    moderate = {"use": "moderate", "where": "kept", "engine": "http", "urls": [server.url], "model": "m", "api": api}
    moderate |= {"retries": 0, "rest_s": 0.05, "window": 1, "inputs_per_call": 1} | changed
    stages = ["fingerprint", "dedup", moderate, {"use": "overlap", "where": "flagged"}]
    return recipe([logs], stages, shard_rows=12)


def failed(root: Path) -> dict[str, int]:
    return {stage.stage: stage.failed for stage in status(root) if stage.failed}


def column(root: Path, stage: str, name: str) -> list[Any]:
    files = sorted((root / stage).glob("part-*.parquet"))
    return [value for file in files for value in pq.read_table(file)[name].to_pylist()]


@pytest.mark.parametrize("api", ["generate", "moderations"])
def test_what_failed_is_repeated_alone_and_what_reads_it_too(
    tmp_path: Path, logs: Path, server: Loopback, api: str
) -> None:
    expected = run(pipeline(logs, server, api), tmp_path / "fresh", workers=1)
    assert expected.failed == {"moderate": 0} and expected.shards == 4
    server.fails = "flaky"
    first = run(pipeline(logs, server, api), tmp_path / "run", workers=1)
    assert first.failed == {"moderate": 3} and failed(tmp_path / "run") == {"moderate": 3}
    states = Counter(column(tmp_path / "run", "moderate", "moderation_status"))
    assert states == {"ok": 37, "error": 3, None: 1}
    # A run that resumes leaves them as they are.
    assert set(run(pipeline(logs, server, api), tmp_path / "run", workers=1).made.values()) == {0}
    # They still fail: told again, and nothing is lost.
    before = parts(tmp_path / "run")
    again = run(pipeline(logs, server, api), tmp_path / "run", workers=1, retry_errors=True)
    assert again.made["moderate"] == 2 and again.failed == {"moderate": 3} and parts(tmp_path / "run") == before
    server.fails = ""
    server.calls.clear()
    mended = run(pipeline(logs, server, api), tmp_path / "run", workers=1, retry_errors=True)
    assert mended.failed == {"moderate": 0} and failed(tmp_path / "run") == {}
    assert dict(mended.made) == {"ingest": 0, "fingerprint": 0, "dedup": 0, "moderate": 2, "overlap": 2}
    assert len(server.calls) == 12 and set(server.calls.values()) == {1}  # four messages of three conversations
    assert parts(tmp_path / "run") == parts(tmp_path / "fresh")
    if api == "generate":  # what every go cost counts, and messages that had been well were asked again
        prompts = [
            next(s for s in status(tmp_path / r) if s.stage == "moderate").counts["prompts"] for r in ("run", "fresh")
        ]
        assert prompts[0] > prompts[1]
    for name in ("moderate", "overlap"):
        prints = [
            [json.loads(file.read_text())["fingerprint"] for file in sorted((tmp_path / root / name).glob("*.json"))]
            for root in ("run", "fresh")
        ]
        assert prints[0] == prints[1]


def test_another_server_may_mend_what_one_left_and_more_workers_make_the_same(
    tmp_path: Path, logs: Path, server: Loopback
) -> None:
    run(pipeline(logs, server), tmp_path / "fresh", workers=1)
    with loopback() as broken:
        broken.always = (401, {}, {})
        first = run(pipeline(logs, broken), tmp_path / "run", workers=1)
        assert first.failed == {"moderate": 40}
    mended = run(pipeline(logs, server, concurrency=3), tmp_path / "run", workers=2, retry_errors=True)
    assert mended.failed == {"moderate": 0} and mended.made["moderate"] == 4
    assert parts(tmp_path / "run") == parts(tmp_path / "fresh")


WRITES = pa.schema([pa.field("outcome", pa.string())])


def stage(function: Callable[[pa.Table], pa.Table]) -> Stage:
    @contextmanager
    def opened(_: Any) -> Iterator[BatchFn]:
        yield function

    reads = pa.schema([pa.field("conversation_id", pa.string())])
    return Stage("outcomes", 1, Config, reads, WRITES, opened, checkpoint_rows=2, retry=("outcome", "failed"))


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_an_interrupted_repetition_loses_nothing(tmp_path: Path, lost: bool) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(number) for number in range(20)])
    run(recipe([logs], ["fingerprint"]), tmp_path / "run", workers=1)
    asked: list[str] = []
    bad = {f"c{number}" for number in (1, 4, 5, 9, 13)}

    def outcomes(broken: set[str], dies_at: str = "") -> Callable[[pa.Table], pa.Table]:
        def function(batch: pa.Table) -> pa.Table:
            names = batch["conversation_id"].to_pylist()
            if dies_at in names:
                raise OSError("out of reach")
            asked.extend(names)
            # More than a page of Parquet, so that the bytes would tell how the rows were put together.
            told = ["failed" if name in broken else name * 40_000 for name in names]
            return pa.table({"outcome": pa.array(told, pa.string())})

        return function

    unit = Unit(str(tmp_path / "run"), "outcomes", {}, 0, {"conversation_id": "ingest"}, None, "f" * 64)
    part = tmp_path / "run" / "outcomes" / "part-00000.parquet"
    never = Unit(str(tmp_path / "run"), "never", {}, 0, {"conversation_id": "ingest"}, None, "f" * 64)
    function = outcomes(set())
    run_unit(never, Stage(**(vars(stage(function)) | {"name": "never"})), function)
    function = outcomes(bad)
    assert run_unit(unit, stage(function), function)["failed"] == 5
    before, sidecar = part.read_bytes(), part.with_suffix(".json").read_bytes()
    repeat = Unit(**(vars(unit) | {"repeat": True}))
    asked.clear()
    function = outcomes(set(), dies_at="c5")
    with pytest.raises(ContractError):
        run_unit(repeat, stage(function), function)
    assert (part.read_bytes(), part.with_suffix(".json").read_bytes()) == (before, sidecar)
    assert asked == ["c1", "c4"]
    if lost:
        # Made anew as a whole: the pieces of the repetition are of other rows.
        part.unlink()
        function = outcomes(set())
        run_unit(unit, stage(function), function)
        assert part.read_bytes() == (tmp_path / "run" / "never" / "part-00000.parquet").read_bytes()
        return
    asked.clear()
    function = outcomes({"c13"})
    assert run_unit(repeat, stage(function), function)["failed"] == 1
    assert asked == ["c5", "c9", "c13"]  # c1 and c4 were kept as a piece
    asked.clear()
    function = outcomes(set())
    assert run_unit(repeat, stage(function), function)["failed"] == 0
    assert asked == ["c13"] and not part.with_suffix(".work").exists()
    assert part.read_bytes() == (tmp_path / "run" / "never" / "part-00000.parquet").read_bytes()
