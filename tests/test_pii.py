"""Rates of personal data over a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatlog import run
from chatlog.errors import ConfigError
from chatlog.pii import account, acted_on
from chatlog.stages.redact import RedactConfig
from chatlog.text.pii_span import LABELS
from tests.conftest import conversation, recipe, write_jsonl


def record(number: int, model: str, messages: list[tuple[str, str]]) -> dict[str, Any]:
    told = [{"role": role, "content": text} for role, text in messages]
    return {"id": f"c{number}", "model": model, "created": 1_700_000_000 + number, "messages": told}


RECORDS = [
    record(
        1,
        "a",
        [
            ("system", "Answer as ops@example.org would."),
            ("user", "My name is Ada Novak, mail ada@example.org or call +44 20 7946 0958."),
            ("assistant", "Noted."),
        ],
    ),
    record(2, "a", [("user", "Take 4111 1111 1111 1111 and 5500 0055 5555 5559."), ("assistant", "I cannot.")]),
    record(3, "b", [("user", "How deep is the lake?"), ("assistant", "Write to lake@example.org.")]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pii")
    logs = write_jsonl(root / "a.jsonl", RECORDS)
    run(recipe([logs], [{"use": "redact", "names_model": "", "credit_card": "keep"}]), root / "run", workers=1)
    return root / "run"


def test_the_totals_and_the_types(folder: Path) -> None:
    told = account(folder)
    assert told.totals == {
        "conversations": 3,
        "messages": 7,
        "spans": 7,
        "replaced": 5,
        "kept": 2,
        "touched": 3,
    }
    types = {row["type"]: row for row in told.by_type}
    assert types["EMAIL_ADDRESS"] == {
        "type": "EMAIL_ADDRESS",
        "spans": 3,
        "replaced": 3,
        "kept": 0,
        "touched": 2,
        "per_1000": pytest.approx(3000 / 7),
    }
    assert types["CREDIT_CARD"]["replaced"] == 0 and types["CREDIT_CARD"]["kept"] == 2
    assert {name: row["spans"] for name, row in types.items()} == {
        "EMAIL_ADDRESS": 3,
        "CREDIT_CARD": 2,
        "PERSON": 1,
        "PHONE_NUMBER": 1,
    }


def test_roles_models_and_languages_tell_names_apart(folder: Path) -> None:
    told = account(folder)
    roles = {row["role"]: row for row in told.by_role}
    assert roles["system"] == {
        "role": "system",
        "conversations": 1,
        "touched": 1,
        "messages": 1,
        "spans": 1,
        "replaced": 1,
        "kept": 0,
        "names_per_1000": 0.0,
        "others_per_1000": 1000.0,
    }
    assert roles["user"]["spans"] == 5 and roles["user"]["messages"] == 3
    assert roles["user"]["names_per_1000"] == pytest.approx(1000 / 3)
    assert roles["user"]["others_per_1000"] == pytest.approx(4000 / 3)
    assert {row["model"]: (row["messages"], row["spans"], row["kept"]) for row in told.by_model} == {
        "a": (5, 6, 2),
        "b": (2, 1, 0),
    }
    assert [row["language"] for row in told.by_language] == ["unknown"]
    for rows in (told.by_type, told.by_language, told.by_model, told.by_role, told.by_recognizer):
        assert sum(row["spans"] for row in rows) == 7
    assert {(row["recognizer"], row["type"], row["spans"]) for row in told.by_recognizer} >= {
        ("email", "EMAIL_ADDRESS", 3),
        ("card", "CREDIT_CARD", 2),
    }


def test_only_conversations_that_were_redacted_count(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", [RECORDS[0], {**RECORDS[0], "id": "copy"}, conversation(7)])
    stages: list[Any] = ["fingerprint", "dedup", {"use": "redact", "names_model": "", "where": "kept"}]
    run(recipe([logs], stages), tmp_path / "run", workers=1)
    assert account(tmp_path / "run").totals["conversations"] == 2


def test_a_run_that_was_not_redacted_is_told(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", RECORDS)
    run(recipe([logs], ["fingerprint"]), tmp_path / "plain", workers=1)
    with pytest.raises(ConfigError, match="no stage `redact`"):
        account(tmp_path / "plain")
    run(recipe([logs], ["fingerprint", {"use": "redact", "names_model": ""}]), tmp_path / "part", until="fingerprint")
    with pytest.raises(ConfigError, match="not redacted yet"):
        account(tmp_path / "part")


def test_what_a_policy_acts_on() -> None:
    assert acted_on(RedactConfig(url="keep", person="keep")) == acted_on(RedactConfig()) - {"URL", "PERSON"}
    assert {"URL", "PERSON", "SECRET"} <= acted_on(RedactConfig()) <= set(LABELS)
