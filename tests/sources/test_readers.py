"""What each reader makes of the records in its fixture file, and what holds for all of them."""

from __future__ import annotations

from typing import Any

import pytest

from chatlog.errors import ConfigError
from chatlog.schema import ROLES
from chatlog.sources import READERS, REASONS, Reader, reader
from chatlog.sources.meta import is_identity
from chatlog.stage import Config
from tests.sources.reader_cases import FIXTURES, cases, leaves, outcome, plain

CASES = [(item, case) for item in READERS for case in cases(item.name)]
READ = [(item, case) for item, case in CASES if isinstance(case["expected"], list)]


def _ids(pairs: list[tuple[Reader, dict[str, Any]]]) -> list[str]:
    return [f"{item.name}: {case['case']}" for item, case in pairs]


@pytest.mark.parametrize(("item", "case"), CASES, ids=_ids(CASES))
def test_fixture(item: Reader, case: dict[str, Any]) -> None:
    assert outcome(item, case) == case["expected"]


def test_every_reader_has_fixtures_of_rows_and_of_rejects() -> None:
    assert {path.stem for path in FIXTURES.glob("*.jsonl")} == {item.name for item in READERS}
    for item in READERS:
        expected = [case["expected"] for case in cases(item.name)]
        assert any(isinstance(told, list) for told in expected), item.name
        assert any(isinstance(told, str) for told in expected), item.name
        assert all(told in REASONS for told in expected if isinstance(told, str)), item.name


@pytest.mark.parametrize(("item", "case"), READ, ids=_ids(READ))
def test_the_own_reader_recognises_a_record_best(item: Reader, case: dict[str, Any]) -> None:
    if case.get("config", {}).get("field"):
        pytest.skip("a field that only the setting names cannot be recognised")
    scores = {other.name: other.recognise(case["input"]) for other in READERS}
    best = max(scores.values())
    assert scores[item.name] == best > 0, scores
    assert [name for name, score in scores.items() if score == best] == [item.name], scores


def _identities(value: Any) -> set[str]:
    """Texts under names of fields that tell who the user is, apart from lines in a dialogue."""
    found: set[str] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            for key, item in node.items():
                if is_identity(key, item) and "bot" not in node:
                    found.update(str(leaf) for leaf in leaves(item))
                else:
                    stack.append(item)
    return found


@pytest.mark.parametrize(("item", "case"), READ, ids=_ids(READ))
def test_nothing_is_lost(item: Reader, case: dict[str, Any]) -> None:
    """Every text and number of the input stands in a column or in meta, identities apart."""
    if case.get("config", {}).get("branches") or case["case"] in _LEAVES_OUT:
        pytest.skip("what the reader leaves out on purpose is counted or documented, not kept")
    config = item.config.model_validate(case.get("config", {}))
    drafts = [plain(draft) for draft in item.parse(case["input"], config)]
    kept = leaves(drafts)
    texts = [leaf for leaf in kept if isinstance(leaf, str)]
    numbers = {leaf for leaf in kept if isinstance(leaf, int | float)}
    numbers |= {leaf / 1e6 for leaf in numbers}
    hidden = _identities(case["input"])
    for leaf in leaves(case["input"]):
        if str(leaf) in hidden:
            continue
        if isinstance(leaf, str):
            found = any(leaf in text for text in texts) or _encoded(leaf) or _transcript(leaf, texts)
            assert found or leaf in _IMPLIED or leaf in ROLES, "a text is in no column and not in meta"
        else:
            assert leaf in numbers or str(leaf) in texts, "a number is in no column and not in meta"


_LEAVES_OUT = {
    *("the current branch", "no current node", "feedback with a copy of the chat"),  # other branches
    "custom instructions, thoughts and a tool",  # the node ids of the tree
    "an OTLP batch",  # spans of something else
}

_IMPLIED = {
    *(
        "human",
        "gpt",
        "prompter",
        "ai",
        "USER",
        "ASSISTANT",
        "Human",
        "Assistant",
    ),  # the format's own role names
    "text",  # ChatGPT's type of a message that is one text
    *("arena_user_12", "gpt-4", "pair-v2"),  # judges, who are the users of an arena
}


def _encoded(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")  # JSON in a string; its texts are looked for in other fixtures


def _transcript(text: str, texts: list[str]) -> bool:
    """Whether a text is markers and turns: taking those out leaves nothing."""
    for part in sorted(texts, key=len, reverse=True):
        text = text.replace(part, "") if part else text
    return not text.strip()


@pytest.mark.parametrize(("item", "case"), READ, ids=_ids(READ))
def test_identity_is_in_no_column_but_user_id(item: Reader, case: dict[str, Any]) -> None:
    config = item.config.model_validate(case.get("config", {}))
    hidden = _identities(case["input"])
    for draft in item.parse(case["input"], config):
        told = plain(draft)
        told.pop("user_id", None)
        assert not hidden & {str(leaf) for leaf in leaves(told)}


def test_a_reader_is_found_by_its_name() -> None:
    assert [reader(item.name) for item in READERS] == list(READERS)
    assert len({item.name for item in READERS}) == len(READERS)


@pytest.mark.parametrize(
    ("name", "told"), [("fastcaht", "did you mean 'fastchat'"), ("zzz", "the readers are fastchat")]
)
def test_an_unknown_reader_is_told(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        reader(name)


@pytest.mark.parametrize("item", READERS, ids=lambda item: item.name)
def test_settings(item: Reader) -> None:
    """Defaults are valid, unknown settings are refused, every setting is documented."""
    assert issubclass(item.config, Config)
    assert item.config.model_validate_json(item.config().model_dump_json()) == item.config()
    with pytest.raises(ValueError, match="extra"):
        item.config.model_validate({"no_such_setting": 1})
    assert item.fanout >= 1
