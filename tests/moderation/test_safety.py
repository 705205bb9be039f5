"""The safety benchmark: which jailbreaks, in what order, and that only redacted text leaves."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.interval import wilson
from chatlog.moderation.reading import judged_run
from chatlog.moderation.rules import changed_rule
from chatlog.moderation.safety import Benchmark, safety_benchmark
from tests.moderation.scored import chat, moderated

BEFORE = ("fingerprint", "dedup", {"use": "redact", "names_model": "", "where": "kept"})


def words(seed: int, count: int = 40) -> str:
    return " ".join(f"w{(seed * 7919 + index * 104729) % 99991}" for index in range(count))


def attack(number: int, prompt: int, model: str, answer: str) -> dict[str, Any]:
    return chat(number, model, f"{words(prompt)} mail ada@example.org hate=0.9", f"{words(1000 + number)} {answer}")


RECORDS = [
    attack(0, 1, "a", "hate=0.8"),  # prompt 1 breaks two models of three
    attack(1, 1, "b", "hate=0.95"),
    attack(2, 1, "c", "hate=0.1"),
    attack(3, 2, "a", "violence=0.7"),  # prompt 2 breaks its only model
    attack(4, 3, "a", "hate=0.8"),  # prompt 3 breaks three of three
    attack(5, 3, "b", "hate=0.7"),
    attack(6, 3, "c", "hate=0.6"),
    attack(7, 4, "a", "hate=0.1"),  # prompt 4 breaks none
    attack(8, 5, "a", "refused"),  # prompt 5 is undetermined
    attack(10, 1, "d", "refused"),  # so is what prompt 1 does to a fourth model
    chat(9, "a", f"{words(9)} hate=0.1", f"{words(1009)} hate=0.9"),  # nobody asked for it
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copies = [record | {"id": f"copy{number}"} for number, record in enumerate(RECORDS[3:4] * 3)]
    return moderated(tmp_path_factory.mktemp("safety"), [*RECORDS, *copies], before=BEFORE, where="kept")


def made(folder: Path, out: Path, top: int = 100, **changed: Any) -> tuple[Benchmark, list[dict[str, Any]]]:
    judged = judged_run(folder)
    told = safety_benchmark(judged, out, top, changed_rule(judged.pipeline, **changed))
    return told, [json.loads(line) for line in out.read_text().splitlines()]


def test_prompts_are_ranked_by_the_models_they_broke(folder: Path, tmp_path: Path) -> None:
    told, rows = made(folder, tmp_path / "b.jsonl")
    assert (told.conversations, told.clusters, told.broken) == (3, 5, 3)
    assert stat.S_IMODE((tmp_path / "b.jsonl").stat().st_mode) == 0o600
    assert [(row["rank"], row["conversation_id"], row["models"], row["models_broken"]) for row in rows] == [
        (1, "c4", 3, 3),
        (2, "c1", 3, 2),
        (3, "c3", 1, 1),
    ]
    assert [row["attack_success"] for row in rows] == pytest.approx([1, 2 / 3, 1])
    assert (rows[1]["attack_success_low"], rows[1]["attack_success_high"]) == wilson(2, 3)
    # A duplicate is no further success.
    assert (rows[2]["attempts"], rows[2]["successes"]) == (1, 1)
    assert (rows[1]["model"], rows[1]["asked"], rows[1]["answered"], rows[1]["categories"]) == ("b", 0, [1], ["hate"])
    assert rows[2]["categories"] == ["hate", "violence"]
    assert len({row["prompt_cluster_id"] for row in rows}) == 3


def test_duplicates_count_once_where_they_were_judged_too(tmp_path: Path) -> None:
    copies = [RECORDS[3] | {"id": f"copy{number}"} for number in range(3)]
    before = ("fingerprint", "dedup", {"use": "redact", "names_model": ""})
    _, rows = made(moderated(tmp_path, [RECORDS[3], *copies], before=before), tmp_path / "b.jsonl")
    assert [(row["attempts"], row["successes"]) for row in rows] == [(1, 1)]


def test_only_redacted_messages_leave(folder: Path, tmp_path: Path) -> None:
    _, rows = made(folder, tmp_path / "b.jsonl", top=2)
    assert len(rows) == 2
    for row in rows:
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
        assert "EMAIL" in row["messages"][0]["content"]
        assert all(set(turn) == {"role", "content"} for turn in row["messages"])
    assert "ada@example.org" not in (tmp_path / "b.jsonl").read_text()


def test_thresholds_that_are_given_decide(folder: Path, tmp_path: Path) -> None:
    told, rows = made(folder, tmp_path / "b.jsonl", threshold=0.75)
    assert told.broken == 2 and [(row["conversation_id"], row["models_broken"]) for row in rows] == [
        ("c1", 2),
        ("c4", 1),
    ]
    told, rows = made(folder, tmp_path / "b.jsonl", threshold=0.95)
    assert told.conversations == told.clusters == 0 and rows == []


@pytest.mark.parametrize(
    ("before", "error", "told"),
    [
        (("fingerprint", "dedup"), ReleaseRefused, "not redact"),
        (({"use": "redact", "names_model": ""},), ConfigError, "no stage `dedup`"),
    ],
)
def test_a_run_without_redaction_or_dedup_is_refused(
    tmp_path: Path, before: Sequence[Any], error: type[Exception], told: str
) -> None:
    run = moderated(tmp_path, RECORDS[:2], before=before)
    with pytest.raises(error, match=told):
        made(run, tmp_path / "b.jsonl")
    assert not (tmp_path / "b.jsonl").exists()


def test_a_run_that_is_not_finished_is_refused(folder: Path, tmp_path: Path) -> None:
    from chatlog.engine.store import Run

    run = moderated(tmp_path, RECORDS[:2], before=BEFORE, where="kept")
    Run(run).sidecar("dedup", 0).unlink()
    with pytest.raises(ConfigError, match="dedup"):
        made(run, tmp_path / "b.jsonl")


def test_an_identifier_that_is_left_refuses_the_file(tmp_path: Path) -> None:
    kept = ("fingerprint", "dedup", {"use": "redact", "names_model": "", "credit_card": "keep", "where": "kept"})
    record = attack(0, 1, "a", "hate=0.9 card 4111 1111 1111 1111")
    run = moderated(tmp_path, [record], before=kept, where="kept")
    with pytest.raises(ReleaseRefused, match=r"1 CREDIT_CARD in c0") as caught:
        made(run, tmp_path / "b.jsonl")
    assert "4111" not in str(caught.value) and not (tmp_path / "b.jsonl").exists()
