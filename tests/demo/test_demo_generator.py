"""Generated logs: the same for the same seed, and exactly what their truth says."""

from __future__ import annotations

import itertools
import json
import re
import time
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.demo.dice import Dice
from chatlog.demo.generator import FORMATS, GenerationSummary, generate_logs
from chatlog.demo.grammar import VOCABULARY, load_language
from chatlog.demo.invented import iban, national_id
from chatlog.demo.planning import Mix
from chatlog.errors import ConfigError
from chatlog.text import checksums

ROWS = 6000


@dataclass
class Logs:
    summary: GenerationSummary
    truth: list[dict[str, Any]]
    records: dict[str, list[Any]]  # decoded records by file name; None where decoding failed

    def dialogue(self, row: dict[str, Any]) -> list[str | None]:
        """The contents that a row of truth speaks of, system prompts left out."""
        record = self.records[row["file"]][row["record"]]
        if "state" in record or "states" in record:
            states = record.get("states") or [record["state"]]
            state = next(state for state in states if state["conv_id"] == row["conversation_id"])
            return [content for _, content in state["messages"]]
        if "messages" in record:
            turns = [turn for turn in record["messages"] if turn["role"] not in ("system", "developer")]
            assert record["chat_id"] == row["conversation_id"]
            return [turn["content"] for turn in turns]
        if "conversations" in record:
            assert record["id"] == row["conversation_id"]
            return [turn["value"] for turn in record["conversations"]]
        assert record["conversation_hash"] == row["conversation_id"]
        return [turn["content"] for turn in record["conversation"]]


def decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None


def read(path: Path) -> list[Any]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.name.startswith("sharegpt"):
        return json.loads(path.read_text("utf-8"))
    return [decoded(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def load(summary: GenerationSummary) -> Logs:
    truth = [json.loads(line) for line in summary.truth.read_text("utf-8").splitlines()]
    records = {path.name: read(path) for paths in summary.paths.values() for path in paths}
    return Logs(summary, truth, records)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    out = tmp_path_factory.mktemp("generated") / "logs"
    return load(generate_logs(out, ROWS, seed=11, mix=Mix(broken=0.01)))


def good(logs: Logs) -> list[dict[str, Any]]:
    return [row for row in logs.truth if not row["broken"]]


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate_logs(tmp_path / name, 600, seed=seed)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(names) == 5
    assert names == sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*.*"))
    for name in names:
        a, b, c = ((tmp_path / folder / name).read_bytes() for folder in "abc")
        assert a == b, name
        assert a != c, name


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_exactly_as_many_rows_as_asked_for(tmp_path: Path, count: int) -> None:
    for seed in range(6):
        summary = generate_logs(tmp_path / str(seed), count, seed=seed, formats=["fastchat"])
        assert summary.conversations == count == len(good(load(summary)))


def test_counts_add_up(logs: Logs) -> None:
    rows = good(logs)
    assert len(rows) == ROWS == logs.summary.conversations
    assert len(logs.truth) - ROWS == logs.summary.broken > 20
    assert logs.summary.blank_lines > 0
    told: dict[str, set[int]] = defaultdict(set)
    for row in logs.truth:
        told[row["file"]].add(row["record"])
    assert told == {name: set(range(len(records))) for name, records in logs.records.items()}
    assert Counter(row["kind"] or "original" for row in rows) == logs.summary.kinds
    assert Counter(row["language"] for row in rows) == logs.summary.languages
    assert Counter(row["file"] for row in rows) == logs.summary.rows


def test_fastchat_is_the_largest_share(logs: Logs) -> None:
    by_format = {
        name: sum(logs.summary.rows[path.name] for path in paths) for name, paths in logs.summary.paths.items()
    }
    assert set(by_format) == set(FORMATS)
    assert by_format["fastchat"] > ROWS / 2
    assert min(by_format.values()) > ROWS / 30


def test_broken_records_are_broken_and_the_others_are_not(logs: Logs) -> None:
    breakages = set()
    for row in logs.truth:
        record = logs.records[row["file"]][row["record"]]
        if not row["broken"]:
            assert len(logs.dialogue(row)) >= 2
            continue
        breakages.add(row["breakage"])
        if isinstance(record, dict):
            held = record.get("state", record)
            turns = held.get("messages", held.get("conversations", held.get("conversation")))
            assert not isinstance(turns, list)
    assert breakages >= {"truncated_json", "not_json", "no_messages", "messages_wrong_type", "invalid_utf8"}


def test_spans_hold_the_planted_text(logs: Logs) -> None:
    kinds = Counter[str]()
    for row in good(logs):
        if not row["pii"]:
            continue
        turns = logs.dialogue(row)
        for span in row["pii"]:
            content = turns[span["message"]]
            assert content is not None
            assert content[span["start"] : span["end"]] == span["text"], span["type"]
            kinds[span["type"]] += 1
    assert kinds == logs.summary.pii
    expected = "NAME EMAIL PHONE ADDRESS CARD IBAN IP SECRET NATIONAL_ID URL CRYPTO"
    assert set(kinds) == set(expected.split())


def test_check_digits_hold(logs: Logs) -> None:
    by_type: dict[str, set[str]] = defaultdict(set)
    for row in good(logs):
        for span in row["pii"]:
            by_type[span["type"]].add(span["text"])
    assert all(map(checksums.luhn, by_type["CARD"]))
    assert all(map(checksums.iban, by_type["IBAN"]))
    assert all(checksums.base58check(text) for text in by_type["CRYPTO"] if not text.startswith("0x"))


NATIONAL_CHECKS = {
    "en": checksums.us_ssn,
    "es": checksums.dni,
    "fr": checksums.nir,
    "hi": checksums.aadhaar,
    "it": checksums.codice_fiscale,
    "ko": checksums.resident_registration,
    "pt": checksums.cpf,
    "tr": checksums.tckn,
    "zh": checksums.resident_identity,
}


@pytest.mark.parametrize("code", sorted(NATIONAL_CHECKS))
def test_national_identifiers_hold(code: str) -> None:
    dice, language = Dice(1), load_language(VOCABULARY / f"{code}.toml")
    made = {national_id(dice, language) for _ in range(300)}
    assert len(made) > 290
    assert all(map(NATIONAL_CHECKS[code], made))


@pytest.mark.parametrize("path", sorted(VOCABULARY.glob("*.toml")), ids=lambda path: path.stem)
def test_every_account_number_of_a_language_is_an_iban(path: Path) -> None:
    dice, language = Dice(2), load_language(path)
    assert all(checksums.iban(iban(dice, language)) for _ in range(100))


def test_twelve_languages_and_more(logs: Logs) -> None:
    counts = Counter(row["language"] for row in good(logs))
    assert len(counts) >= 12 and min(counts.values()) > 20
    text = "".join(turn or "" for row in good(logs)[:3000] for turn in logs.dialogue(row))
    for script in (r"[а-яё]", r"[ぁ-ん]", r"[가-힣]", r"[\u4e00-\u9fff]", r"[\u0600-\u06ff]", r"[\u0900-\u097f]"):
        assert len(re.findall(script, text)) > 500, script


def pieces(text: str) -> set[str]:
    return {text[start : start + 5] for start in range(len(text) - 4)}


def test_copies_are_copies(logs: Logs) -> None:
    rows = good(logs)
    finals = {row["conversation_id"]: row for row in rows if row["kind"] != "snapshot"}
    kinds = Counter[str]()
    for row in rows:
        kind, turns = row["kind"], logs.dialogue(row)
        if kind is None:
            assert row["group"] == row["conversation_id"]
        elif kind == "snapshot":
            whole = logs.dialogue(finals[row["conversation_id"]])
            assert len(turns) <= len(whole)
            assert turns[:-1] == whole[: len(turns) - 1]
        elif row["group"] in finals:
            original = logs.dialogue(finals[row["group"]])
            if kind == "exact":
                assert turns == original
            else:
                assert turns != original and len(turns) == len(original)
                ours, theirs = (pieces("\n".join(turn or "" for turn in side)) for side in (turns, original))
                if len(theirs) > 200:
                    assert len(ours & theirs) > 0.7 * len(ours | theirs)
        kinds[kind or "original"] += 1
    assert kinds["exact"] > 200 and kinds["near"] > 200 and kinds["snapshot"] > 1000
    sizes = sorted(Counter(row["group"] for row in rows if row["kind"] in ("exact", "near")).values())
    assert sizes[-1] > 20 * sizes[len(sizes) // 2]


def test_one_row_of_each_conversation_is_its_last(logs: Logs) -> None:
    finals = Counter(row["conversation_id"] for row in good(logs) if row["kind"] != "snapshot")
    assert set(finals.values()) == {1}
    assert {row["conversation_id"] for row in good(logs)} == set(finals)


def test_battles_share_the_prompts_and_differ_in_the_answers(logs: Logs) -> None:
    battles = 0
    for records in logs.records.values():
        for record in records:
            if isinstance(record, dict) and "states" in record:
                left, right = ([text for _, text in state["messages"]] for state in record["states"])
                assert left[::2] == right[::2] and left[1::2] != right[1::2]
                assert record["type"] in ("leftvote", "rightvote", "tievote", "bothbad_vote")
                battles += 1
    assert battles > 30


def test_fastchat_records_stand_in_the_order_of_time(logs: Logs) -> None:
    for path in logs.summary.paths["fastchat"]:
        records = [record for record in logs.records[path.name] if record and "state" in record]
        times = [record["tstamp"] for record in records if "start" in record]
        assert times == sorted(times)
        ids = [record["state"]["conv_id"] for record in records if "start" in record]
        runs = 1 + sum(a != b for a, b in itertools.pairwise(ids))
        assert runs > len(set(ids))  # conversations interleave


def test_first_turns_and_conversations_rarely_repeat_by_chance(logs: Logs) -> None:
    originals = [logs.dialogue(row) for row in good(logs) if row["kind"] is None]
    firsts = [turns[0] for turns in originals]
    assert len(set(firsts)) > 0.9 * len(firsts)
    assert len({tuple(turns) for turns in originals}) > 0.998 * len(originals)


def test_turns_and_lengths_vary(logs: Logs) -> None:
    finals = [logs.dialogue(row) for row in good(logs) if row["kind"] != "snapshot"]
    turns = Counter(len(one) // 2 for one in finals)
    assert set(range(1, 8)) <= set(turns)
    lengths = sorted(len(text or "") for one in finals for text in one[1::2])
    assert lengths[len(lengths) // 20] * 8 < lengths[-len(lengths) // 20]


def test_shares_can_be_turned_off(tmp_path: Path) -> None:
    none = Mix(duplicates=0, templated=0, pii=0, broken=0, battles=0, regenerated=0, failed=0)
    logs = load(generate_logs(tmp_path / "none", 1500, seed=3, mix=none))
    rows = good(logs)
    assert len(rows) == len(logs.truth) == 1500
    assert {row["kind"] for row in rows} == {None, "snapshot"}
    assert not any(row["pii"] for row in rows)
    assert {row["template"] for row in rows} == {None}


def test_shares_can_be_turned_up(tmp_path: Path) -> None:
    many = load(generate_logs(tmp_path / "many", 1500, seed=3, mix=Mix(duplicates=0.6, pii=1, broken=0.2)))
    kinds = Counter(row["kind"] for row in good(many))
    assert kinds["exact"] + kinds["near"] > kinds[None]
    assert many.summary.broken > 150
    assert all(row["pii"] for row in good(many) if row["kind"] is None and row["file"].startswith("sharegpt"))


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected some of"):
        generate_logs(tmp_path / "x", 10, seed=1, formats=["csv"])
    with pytest.raises(ConfigError, match="expected 1 or more"):
        generate_logs(tmp_path / "x", 0, seed=1)
    with pytest.raises(ConfigError, match="share from 0 to 1"):
        Mix(pii=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty folder"):
        generate_logs(tmp_path / "full", 10, seed=1)
    assert not (tmp_path / "x").exists()


def test_generation_is_quick(tmp_path: Path) -> None:
    started = time.process_time()
    generate_logs(tmp_path / "logs", 5000, seed=2, formats=["fastchat"])
    assert time.process_time() - started < 5  # a tenth of that here; a slow machine may be in between


def test_memory_does_not_grow_with_the_number(tmp_path: Path) -> None:
    peaks = []
    for count in (3000, 12000):
        tracemalloc.start()
        generate_logs(tmp_path / str(count), count, seed=4, formats=["fastchat"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]
