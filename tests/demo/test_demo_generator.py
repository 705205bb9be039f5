"""Generated logs: the same for the same seed, and exactly what their truth says."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from chatlog.demo.generator import FORMATS, generate_logs
from chatlog.demo.planning import Mix
from chatlog.text import checksums
from tests.demo.generated import Logs, good, load

ROWS = 6000


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    out = tmp_path_factory.mktemp("generated") / "logs"
    return load(generate_logs(out, ROWS, seed=11, mix=Mix(broken=0.01)))


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
