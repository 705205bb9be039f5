"""The measurement on real runs of generated logs."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from chatlog import run
from chatlog.canaries.carriers import Carrier
from chatlog.canaries.measure import DIMENSIONS, left_of, measure
from chatlog.canaries.planting import Canary, Place
from chatlog.demo.generator import generate_logs
from chatlog.engine.measured import CANARIES, kept_canaries
from chatlog.engine.store import Run
from chatlog.errors import ConfigError, DataError
from chatlog.query import connect, rows_of
from chatlog.text.pii_span import LABELS
from tests.conftest import conversation, parts, recipe, write_jsonl

MARKER = "zqxmarker"


def redacted(folder: Path, logs: list[Path], *, reader: str = "auto", **settings: Any) -> Path:
    run(recipe(logs, [{"use": "redact", "names_model": "", **settings}, "language"], reader=reader), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = generate_logs(tmp_path_factory.mktemp("logs") / "made", 80, seed=3)
    return [path for paths in made.paths.values() for path in paths]


@pytest.fixture(scope="module")
def folder(logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return redacted(tmp_path_factory.mktemp("runs") / "run", logs)


def test_canaries_are_found_and_the_counts_add_up(folder: Path) -> None:
    before = parts(folder)
    made = measure(folder, 180, seed=1)
    assert parts(folder) == before, "the run was changed"
    assert made.overall.planted == 180 and made.overall.gone == round(made.overall.recall * 180)
    assert 0.4 < made.overall.low < made.overall.recall < made.overall.high < 1
    assert sum(leak.n for leak in made.leaks) == 180 - made.overall.gone
    for name in set(DIMENSIONS) - {"names"}:
        assert sum(recall.planted for recall in made.by[name]) == 180
        assert sum(recall.gone for recall in made.by[name]) == made.overall.gone
    types = {recall.value: recall for recall in made.by["type"]}
    assert {recall.planted for recall in types.values()} == {180 // len(types)}
    assert types["MAC_ADDRESS"].recall == 1.0 and made.kept == []
    names = {recall.value: recall.planted for recall in made.by["names"]}
    assert sum(names.values()) == types["PERSON"].planted
    assert names["in no list"] >= sum(names.values()) / 2


def test_the_same_seed_measures_the_same(folder: Path) -> None:
    first, again, other = measure(folder, 60, seed=5), measure(folder, 60, seed=5), measure(folder, 60, seed=6)
    assert asdict(first) == asdict(again)
    assert asdict(first) | {"seed": 6} != asdict(other)


def test_redaction_that_finds_nothing_leaves_everything(logs: list[Path], tmp_path: Path) -> None:
    made = measure(redacted(tmp_path / "run", logs, min_score=1.0), 90)
    assert made.overall.gone == 0 and made.overall.low == 0.0
    assert sum(leak.n for leak in made.leaks) == 90 and not any(leak.partly for leak in made.leaks)


def test_a_policy_that_trusts_less_finds_less(logs: list[Path], folder: Path, tmp_path: Path) -> None:
    strict = redacted(tmp_path / "run", logs, min_score=0.86)
    assert measure(strict, 180, seed=1).overall.high < measure(folder, 180, seed=1).overall.low


def test_types_that_the_policy_keeps_are_not_planted(logs: list[Path], tmp_path: Path) -> None:
    made = measure(redacted(tmp_path / "run", logs, credit_card="keep", url="keep"), 64)
    assert made.kept == ["URL", "CREDIT_CARD"]
    assert not {"URL", "CREDIT_CARD"} & {recall.value for recall in made.by["type"]}


def test_without_the_names_model_more_names_are_left(tmp_path: Path) -> None:
    asked = ["How should I plan the garden this year?", "Start with the soil, and then think of the shade."]
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), asked, strict=True)]
    write_jsonl(tmp_path / "a.jsonl", [{"id": str(number), "messages": messages} for number in range(20)])
    only = {type_.lower(): "keep" for type_ in LABELS if type_ != "PERSON"}
    given = [tmp_path / "a.jsonl"]
    rules = measure(redacted(tmp_path / "rules", given, **only), 120)
    model = measure(redacted(tmp_path / "model", given, **only | {"names_model": "en_core_web_sm"}), 120)
    assert {recall.value for recall in rules.by["type"]} == {"PERSON"}
    assert rules.overall.gone + 10 < model.overall.gone


def test_no_text_of_the_logs_is_told_or_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [conversation(number, words=MARKER, turns=2) for number in range(10)]
    folder = redacted(tmp_path / "run", [write_jsonl(tmp_path / "a.jsonl", records)], reader="openai_messages")
    made = measure(folder, 60)
    kept = (folder / CANARIES).read_text()
    told = json.dumps(made.to_json(), ensure_ascii=False)
    out = capsys.readouterr()
    assert made.leaks
    for text in (kept, told, out.out, out.err):
        assert MARKER not in text and "w7919" not in text
    assert made.leaks[0].example not in kept, "a value is kept"


def test_the_kept_file_is_private_and_answers_sql(folder: Path) -> None:
    made = measure(folder, 54, seed=2)
    assert stat.S_IMODE((folder / CANARIES).stat().st_mode) == 0o600
    with connect(folder) as connection:
        (whole,) = rows_of(connection, "FROM canaries WHERE dimension = 'all'")
        types = rows_of(connection, "SELECT value, planted, gone FROM canaries WHERE dimension = 'type'")
    assert whole == {"dimension": "all", **asdict(made.overall)}
    assert types == [
        {"value": recall.value, "planted": recall.planted, "gone": recall.gone} for recall in made.by["type"]
    ]


def test_a_measurement_does_not_outlive_the_redaction_that_it_measured(logs: list[Path], tmp_path: Path) -> None:
    folder = redacted(tmp_path / "run", logs)
    measure(folder, 18)
    assert kept_canaries(Run(folder)) is not None
    redacted(folder, logs, min_score=0.7)
    assert kept_canaries(Run(folder)) is None
    with connect(folder) as connection:
        assert rows_of(connection, "FROM canaries") == []
    (folder / CANARIES).write_text(json.dumps({**json.loads((folder / CANARIES).read_text()), "by": 3}))
    redacted(folder, logs)
    with pytest.raises(DataError, match="damaged"):
        kept_canaries(Run(folder))


def test_only_the_rows_that_redact_was_given_are_planted_in(tmp_path: Path) -> None:
    record = conversation(1)
    logs = write_jsonl(tmp_path / "a.jsonl", [record, {**record, "id": "copy"}, conversation(2)])
    stages: list[Any] = ["fingerprint", "dedup", {"use": "redact", "names_model": "", "where": "kept"}]
    run(recipe([logs], stages), tmp_path / "run", workers=1)
    assert measure(tmp_path / "run", 18).conversations == 2


def canary(text: str, value: str) -> tuple[Canary, dict[str, Any]]:
    start = text.index(value)
    planted = Canary(
        *("PHONE_NUMBER", (value,), "en", "user", "end", "plain"),
        Carrier("bare", "bare", "", "", block=True),
        (Place(0, start, start + len(value)),),
        None,
    )
    return planted, {"messages": [{"content": text}], "pii": []}


def span(start: int, end: int, placeholder: str | None = "PHONE_1") -> dict[str, Any]:
    return {"message": 0, "start": start, "end": end, "placeholder": placeholder}


def test_what_counts_as_gone() -> None:
    planted, row = canary("ring 555-0123 now", "555-0123")
    assert left_of(planted, row) == 7
    gone = {"messages": [{"content": "ring PHONE_1 now"}], "pii": [span(5, 13)]}
    assert left_of(planted, gone) == 0
    # A separator that is left says nothing; a digit does.
    assert left_of(planted, {**gone, "pii": [span(5, 8), span(9, 13)]}) == 0
    assert left_of(planted, {**gone, "pii": [span(5, 12)]}) == 1
    # A span that the policy kept covers nothing, and one of another message neither.
    assert left_of(planted, {**gone, "pii": [span(5, 13, None)]}) == 7
    assert left_of(planted, {**gone, "pii": [{**span(5, 13), "message": 1}]}) == 7
    # A span that tells of more than was done is found out, in whatever digits the value is left.
    for text in ("ring 555-0123 now", "ring ５５５ ０１２３ now"):
        assert left_of(planted, {**gone, "messages": [{"content": text}]}) == 7


def test_what_is_no_run_to_measure_is_told(logs: list[Path], folder: Path, tmp_path: Path) -> None:
    run(recipe(logs, ["language"], reader="auto"), tmp_path / "plain", workers=1)
    with pytest.raises(ConfigError, match="no stage `redact`"):
        measure(tmp_path / "plain", 10)
    run(
        recipe(logs, ["language", {"use": "redact", "names_model": ""}], reader="auto"),
        tmp_path / "part",
        until="language",
    )
    with pytest.raises(ConfigError, match="not redacted yet"):
        measure(tmp_path / "part", 10)
    kept = redacted(tmp_path / "kept", logs, **{type_.lower(): "keep" for type_ in LABELS})
    with pytest.raises(ConfigError, match="acts on no type"):
        measure(kept, 10)
    for count in (0, 100_001):
        with pytest.raises(ConfigError, match="1 to 100,000"):
            measure(folder, count)
    empty = write_jsonl(tmp_path / "e.jsonl", [{"id": "a", "messages": [{"role": "user", "content": " "}]}])
    with pytest.raises(DataError, match="no conversation"):
        measure(redacted(tmp_path / "empty", [empty], reader="openai_messages"), 10)
