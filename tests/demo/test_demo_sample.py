"""The bundled sample: made from its sources, counted right, and full of what the pipeline must face."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.demo import sample_paths, truth_path
from chatlog.demo.authoring import TYPES, read_authored
from chatlog.demo.build_sample import AUTHORING, build
from chatlog.text import checksums

TRUTH = json.loads(truth_path().read_text("utf-8"))
CONVERSATIONS: dict[str, dict[str, Any]] = TRUTH["conversations"]


def decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None


def records(reader: str) -> list[Any]:
    """The records of a file as JSON values; None for one that cannot be decoded."""
    path = sample_paths()[reader]
    if reader == "wildchat":
        return pq.read_table(path).to_pylist()
    if reader == "sharegpt":
        return json.loads(path.read_text("utf-8"))
    return [decoded(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def dialogues(reader: str) -> dict[str, list[str | None]]:
    """Contents by conversation id, from each conversation's last record; system prompts left out."""
    found: dict[str, list[str | None]] = {}
    rejects = {reject["record"] for reject in TRUTH["files"][reader]["rejects"]}
    for number, record in enumerate(records(reader)):
        if number in rejects:
            continue
        if reader == "fastchat":
            for state in record.get("states") or [record["state"]]:
                found[state["conv_id"]] = [content for _, content in state["messages"]]
        elif reader == "openai_messages":
            turns = [turn for turn in record["messages"] if turn["role"] not in ("system", "developer")]
            parts = [turn["content"] for turn in turns]
            found[record.get("id") or record["chat_id"]] = [
                part[0]["text"] if isinstance(part, list) else part for part in parts
            ]
        elif reader == "sharegpt":
            turns = [turn["value"] for turn in record["conversations"] if turn["from"] != "system"]
            found[record["id"]] = turns
        else:
            found[record["conversation_hash"]] = [turn["content"] for turn in record["conversation"]]
    return found


DIALOGUES = {reader: dialogues(reader) for reader in sample_paths()}


def test_committed_files_are_what_the_script_makes(tmp_path: Path) -> None:
    build(tmp_path)
    for path in [*sample_paths().values(), truth_path()]:
        made = tmp_path / path.name
        if path.suffix == ".parquet":  # its bytes change with the version of the writer
            assert pq.read_table(made).equals(pq.read_table(path))
        else:
            assert made.read_bytes() == path.read_bytes(), path.name


def test_sample_is_small_and_large_enough() -> None:
    paths = [*sample_paths().values(), truth_path()]
    assert sum(path.stat().st_size for path in paths) < 1_500_000
    assert len(CONVERSATIONS) >= 300


@pytest.mark.parametrize("reader", ["fastchat", "openai_messages"])
def test_lines_add_up(reader: str) -> None:
    counts = TRUTH["files"][reader]
    lines = sample_paths()[reader].read_bytes().splitlines()
    assert len(lines) == counts["lines"]
    assert sum(not line.strip() for line in lines) == counts["blank_lines"] > 0
    assert counts["records"] == sum(counts["kinds"].values()) + len(counts["rejects"])


@pytest.mark.parametrize("reader", list(sample_paths()))
def test_records_add_up(reader: str) -> None:
    counts = TRUTH["files"][reader]
    assert len(records(reader)) == counts["records"]
    assert counts["records"] == sum(counts["kinds"].values()) + len(counts["rejects"])
    told = {number for one in CONVERSATIONS.values() if one["file"] == reader for number in one["records"]}
    broken = {reject["record"] for reject in counts["rejects"]}
    assert told | broken == set(range(counts["records"]))
    assert not told & broken


def test_broken_lines_are_of_six_kinds() -> None:
    for reader in ("fastchat", "openai_messages"):
        kinds = {reject["kind"] for reject in TRUTH["files"][reader]["rejects"]}
        assert kinds == {
            "truncated_json",
            "not_json",
            "no_messages",
            "messages_wrong_type",
            "invalid_utf8",
            "not_an_object",
        }
        undecodable = {number for number, record in enumerate(records(reader)) if record is None}
        named = {
            reject["record"]
            for reject in TRUTH["files"][reader]["rejects"]
            if reject["kind"] in ("truncated_json", "not_json", "invalid_utf8", "not_an_object")
        }
        assert undecodable <= named
        assert len(undecodable) >= 3


@pytest.mark.parametrize("reader", list(sample_paths()))
def test_ids_and_messages_are_those_of_the_truth(reader: str) -> None:
    expected = {key: one["messages"] for key, one in CONVERSATIONS.items() if one["file"] == reader}
    assert {key: len(turns) for key, turns in DIALOGUES[reader].items()} == expected


def test_planted_strings_stand_where_the_truth_says() -> None:
    checked = 0
    for key, one in CONVERSATIONS.items():
        turns = DIALOGUES[one["file"]][key]
        for item in one["pii"]:
            if item["message"] < 0 or "discarded" in item or "call" in item:
                continue
            content = turns[item["message"]]
            assert content is not None
            assert content[item["start"] : item["end"]] == item["text"], (key, item["type"])
            checked += 1
    assert checked > 300


def test_every_type_of_personal_data_is_planted_several_times() -> None:
    kinds = Counter(kind for one in CONVERSATIONS.values() for kind in {item["type"] for item in one["pii"]})
    assert set(kinds) == TYPES
    assert min(kinds.values()) >= 2


def test_check_digits_hold() -> None:
    planted = {(item["type"], item["text"]) for one in CONVERSATIONS.values() for item in one["pii"]}
    cards = [text for kind, text in planted if kind == "CARD"]
    ibans = [text for kind, text in planted if kind == "IBAN"]
    assert len(cards) >= 4 and all(map(checksums.luhn, cards))
    assert len(ibans) >= 8 and all(map(checksums.iban, ibans))
    assert all(checksums.base58check(text) for kind, text in planted if kind == "CRYPTO" and text[0] == "1")


def test_addresses_of_the_network_are_for_documentation() -> None:
    nets = [ipaddress.ip_network(net) for net in ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")]
    nets.append(ipaddress.ip_network("2001:db8::/32"))
    planted = {item["text"] for one in CONVERSATIONS.values() for item in one["pii"] if item["type"] == "IP"}
    logged = set(re.findall(r'"ip": "([^"]+)"', sample_paths()["fastchat"].read_text("utf-8", "replace")))
    assert len(logged) > 20
    for text in planted | logged:
        assert any(ipaddress.ip_address(text) in net for net in nets)


def test_languages_and_topics_have_several_conversations_each() -> None:
    languages = Counter(one["language"] for one in CONVERSATIONS.values())
    assert sum(count >= 4 for count in languages.values()) >= 19
    topics = Counter(one["topic"] for one in CONVERSATIONS.values())
    assert len(topics) >= 12 and min(topics.values()) >= 6
    assert any(len(one["languages"]) > 1 for one in CONVERSATIONS.values())


def test_copies_are_exact_or_near() -> None:
    cross_file = 0
    for group in TRUTH["duplicates"]:
        original = CONVERSATIONS[group["original"]]
        text = DIALOGUES[original["file"]][group["original"]]
        for copy in group["copies"]:
            other = CONVERSATIONS[copy["id"]]
            cross_file += other["file"] != original["file"]
            same = DIALOGUES[other["file"]][copy["id"]] == text
            assert same == (copy["kind"] == "exact")
    assert cross_file >= 15


def test_fastchat_log_has_snapshots_votes_and_battles() -> None:
    kinds = TRUTH["files"]["fastchat"]["kinds"]
    assert set(kinds) == {
        "chat",
        "regenerate",
        "upvote",
        "downvote",
        "flag",
        "leftvote",
        "rightvote",
        "tievote",
        "bothbad_vote",
    }
    snapshots = [one for one in CONVERSATIONS.values() if one["file"] == "fastchat" and len(one["records"]) > 1]
    assert len(snapshots) > 50
    for battle in TRUTH["battles"]:
        left, right = (DIALOGUES["fastchat"][one] for one in battle["ids"])
        assert left[::2] == right[::2]
        assert left[1::2] != right[1::2]


def test_authored_marks_leave_no_trace() -> None:
    for path in sample_paths().values():
        if path.suffix != ".parquet":
            assert not re.search(rb"\[\[[A-Z_]+:", path.read_bytes())
    assert len(read_authored(AUTHORING)) >= 300
