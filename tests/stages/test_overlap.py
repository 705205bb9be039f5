from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from chatlog.errors import ConfigError
from chatlog.schema import MESSAGES
from chatlog.stages.overlap import OVERLAP, OverlapConfig
from tests.conftest import write_jsonl

FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "overlap.json").read_text(encoding="utf-8"))
CASES = FIXTURE["cases"]


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "bench.jsonl", FIXTURE["items"])


def table(*conversations: list[tuple[str, str | None]] | None) -> pa.Table:
    rows = [
        None if turns is None else [{"role": role, "content": content} for role, content in turns]
        for turns in conversations
    ]
    return pa.table({"messages": pa.array(rows, MESSAGES)})


def overlap(batch: pa.Table, *benchmarks: Path | str, **settings: Any) -> list[dict[str, Any]]:
    config = OverlapConfig(benchmarks=tuple(map(str, benchmarks)), **settings).located(Path())
    with OVERLAP.open(config) as function:
        rows: list[dict[str, Any]] = function(batch).to_pylist()
    return rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_what_is_found_in_a_message(benchmark: Path, case: dict[str, Any]) -> None:
    (row,) = overlap(table([("user", case["text"])]), benchmark)
    found = [
        [hit["item"], hit["part"], hit["kind"], pytest.approx(hit["share"], abs=1e-6)] for hit in row["contamination"]
    ]
    assert case["hits"] == found
    assert row["contaminated"] == any(hit[2] == "exact" or hit[3] >= 0.5 for hit in case["hits"])


def test_a_hit_tells_where_it_is_and_who_said_it(benchmark: Path) -> None:
    rivers = "Name three rivers that flow into the Black Sea."
    first, second, third, fourth = overlap(
        table(
            [("user", "Ask me something."), ("assistant", f"Well then. {rivers}"), ("user", rivers)],
            [("user", None), ("user", "")],
            None,
            [],
        ),
        benchmark,
    )
    assert [(hit["message"], hit["role"]) for hit in first["contamination"]] == [(1, "assistant"), (2, "user")]
    assert {hit["benchmark"] for hit in first["contamination"]} == {"bench"}
    assert second == {"contamination": [], "contaminated": False} == fourth
    assert third == {"contamination": None, "contaminated": None}


def test_without_benchmarks_nothing_is_told() -> None:
    assert overlap(table([("user", "hi")])) == [{"contamination": None, "contaminated": None}]


def test_a_batch_may_be_cut_anywhere(benchmark: Path) -> None:
    rng = random.Random(3)
    texts = [case["text"] for case in CASES]
    rows = [
        None if number % 9 == 4 else [("user", text) for text in rng.sample(texts, rng.randint(0, 4))]
        for number in range(60)
    ]
    whole = overlap(table(*rows), benchmark)
    assert sum(bool(row["contamination"]) for row in whole) > 20
    for cut in (1, 17, 59):
        batch = table(*rows)
        assert overlap(batch.slice(0, cut), benchmark) + overlap(batch.slice(cut), benchmark) == whole


def test_a_share_below_the_bound_is_told_but_does_not_contaminate(benchmark: Path) -> None:
    text = "why the sea in a harbour rises and falls twice a day, and why the moon rather than"  # 18 words
    (row,) = overlap(table([("user", text)]), benchmark)
    assert row["contamination"][0]["share"] == pytest.approx(6 / 18) and row["contaminated"] is False
    assert overlap(table([("user", text)]), benchmark, min_share=0.33)[0]["contaminated"] is True


def test_what_many_items_of_a_benchmark_share_is_a_template(tmp_path: Path) -> None:
    template = "Read the story below with care and then answer the question after it in one short sentence only please"
    items = [{"question": f"{template}. Story {number}: the fox met a crow."} for number in range(12)]
    path = write_jsonl(tmp_path / "many.jsonl", items)
    batch = table([("user", f"{template}: what is dew?")], [("user", items[7]["question"])])
    none, one = overlap(batch, path)
    assert none["contamination"] == []
    assert [(hit["item"], hit["kind"]) for hit in one["contamination"] if hit["kind"] == "exact"] == [("#7", "exact")]
    # The other items differ in one word: what is left of them is below half.
    assert all(hit["share"] < 0.5 for hit in one["contamination"] if hit["kind"] == "ngram")
    assert len(overlap(batch, path, common=12)[0]["contamination"]) == 12


def test_items_of_templates_alone_are_found_whole(tmp_path: Path) -> None:
    half = "one two three four five six seven eight nine ten eleven twelve thirteen"
    # Every n-gram of the first item stands in eleven others.
    items = [{"id": "plain", "text": half}, *({"text": f"{half} and {number}"} for number in range(11))]
    path = write_jsonl(tmp_path / "plain.jsonl", items)
    rows = overlap(table([("user", f"Count: {half}!")], [("user", half.replace(" two ", " 2 "))]), path)
    assert [[(hit["item"], hit["kind"]) for hit in row["contamination"]] for row in rows] == [[("plain", "exact")], []]


def test_a_text_that_stands_twice_is_told_once_and_benchmarks_apart(tmp_path: Path) -> None:
    text = "Name three rivers that flow into the Black Sea."
    one = write_jsonl(tmp_path / "one.jsonl", [{"id": 1, "text": text}, {"id": 2, "text": text.upper()}])
    two = write_jsonl(tmp_path / "two.jsonl", [{"id": 1, "text": text}])
    (row,) = overlap(table([("user", text)]), two, f"first={one}")
    assert [(hit["benchmark"], hit["item"]) for hit in row["contamination"]] == [("two", "1"), ("first", "1")]


def test_a_long_message_is_searched_whole(benchmark: Path) -> None:
    item = FIXTURE["items"][0]["turns"][0]
    rng = random.Random(5)
    filler = " ".join(f"w{rng.randrange(10**6)}" for _ in range(150_000))
    cuts = [0, 1, 524_287 - 60, 524_287, 700_001, len(filler)]
    for cut in cuts:
        cut = filler.rfind(" ", 0, cut) + 1 if cut else 0
        (row,) = overlap(table([("user", f"{filler[:cut]}{item} {filler[cut:]}")]), benchmark)
        assert [hit["kind"] for hit in row["contamination"]] == ["exact"], cut


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="two benchmarks are named 'a'"):
        OverlapConfig(benchmarks=("x/a.jsonl", "y/a.parquet"))
    with pytest.raises(ValueError, match="digests should be 1"):
        OverlapConfig(benchmarks=("a.jsonl",), digests=("x", "y"))
    with pytest.raises(ValueError, match="contained_words should be at most words"):
        OverlapConfig(words=5)


def test_the_identity_is_of_contents_and_not_of_places(benchmark: Path, tmp_path: Path) -> None:
    here = OverlapConfig(benchmarks=("bench.jsonl",)).located(benchmark.parent)
    (tmp_path / "there").mkdir()
    moved = tmp_path / "there" / "bench.jsonl"
    moved.write_bytes(benchmark.read_bytes())
    there = OverlapConfig(benchmarks=(str(moved),)).located(Path("/"))
    assert here.identity() == there.identity() and str(tmp_path) not in json.dumps(here.identity())
    assert OverlapConfig.model_validate_json(here.model_dump_json()) == here
    moved.write_bytes(benchmark.read_bytes() + b'{"text": "one more item"}\n')
    assert OverlapConfig(benchmarks=(str(moved),)).located(Path("/")).identity() != here.identity()


def test_a_file_that_is_gone_or_changed_is_told(benchmark: Path) -> None:
    config = OverlapConfig(benchmarks=(str(benchmark),)).located(Path())
    OVERLAP.check(config)
    benchmark.write_text('{"text": "another item"}\n')
    with pytest.raises(ConfigError, match="it was changed"):
        OVERLAP.check(config)
    with pytest.raises(ConfigError, match="it was changed"), OVERLAP.open(config):
        pass
    benchmark.unlink()
    with pytest.raises(ConfigError, match="no such benchmark file"):
        OVERLAP.check(OverlapConfig(benchmarks=(str(benchmark),)).located(Path()))
