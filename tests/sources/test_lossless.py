"""Whatever a record of a known format says stands in the row: in a column or in `meta`.

Every object in every fixture gets a field that its reader has never seen, and every text and
number is replaced by one that stands nowhere else; each must be found in what the reader makes of
the record. Left out on purpose, and here: who the user is, branches that are not read, and the
ids that only tie a tree together.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlog.sources import READERS, Reader, Reject
from chatlog.sources.meta import is_identity
from tests.sources.reader_cases import cases, leaves, plain

TEXT = "a text that stands nowhere else"
NUMBER = 987_654_321_987

_BRANCHES = {
    *("the current branch", "no current node", "feedback with a copy of the chat"),
    *("custom instructions, thoughts and a tool", "an OTLP batch"),
}
"""Fixtures that hold branches, or spans of something else, that are counted and not read."""

_TREE = {
    "chatgpt_export": {"id", "parent", "children", "current_node"},
    "openwebui": {"currentId"},
    "oasst": {"message_tree_id"},
}
"""Fields that tie a tree together: the order of the messages says the same."""

_USERS = {"arena": {"judge"}, "litellm": {"api_key"}}
"""Fields that name the user in one format alone."""


_NAMES = ["note", "x-y", "ütf", "answer", "around", "beside", "unshown", "rest", "event_fields", "nodes_elsewhere"]
"""Names of fields that readers do not read, some of which they write into `meta`."""


def whole(reader: Reader) -> list[dict[str, Any]]:
    """The fixtures of which rows are made and nothing is left out on purpose."""
    return [
        case
        for case in cases(reader.name)
        if isinstance(case["expected"], list)
        and not case.get("config", {}).get("branches")
        and case["case"] not in _BRANCHES
    ]


def places(value: Any, reader: Reader) -> list[tuple[Any, ...]]:
    """The keys that lead to every node of a value that is to be kept."""
    hidden = _TREE.get(reader.name, set()) | _USERS.get(reader.name, set())
    found: list[tuple[Any, ...]] = []
    stack: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
    while stack:
        node, way = stack.pop()
        found.append(way)
        inner: Iterator[tuple[Any, Any]] = iter(())
        if isinstance(node, dict):
            inner = ((key, item) for key, item in node.items() if not is_identity(key, item) and key not in hidden)
        elif isinstance(node, list):
            inner = iter(enumerate(node))
        stack.extend((item, (*way, key)) for key, item in inner)
    return found


def at(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value


def told(reader: Reader, case: dict[str, Any], value: Any) -> list[Any] | None:
    """Every text and number of the drafts; None when the record is a reject, which is kept whole."""
    try:
        drafts = reader.parse(value, reader.config.model_validate(case.get("config", {})))
    except Reject:
        return None
    return leaves([plain(draft) for draft in drafts])


def holds(found: list[Any] | None, sentinel: str | int) -> bool:
    if found is None:
        return True
    if isinstance(sentinel, str):
        return any(isinstance(leaf, str) and sentinel in leaf for leaf in found)
    texts = any(isinstance(leaf, str) and str(sentinel) in leaf for leaf in found)
    return texts or any(leaf in (sentinel, sentinel * 1_000, sentinel * 1_000_000) for leaf in found)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_an_unknown_field_is_kept_wherever_it_stands(reader: Reader) -> None:
    tried = 0
    for case in whole(reader):
        for way in places(case["input"], reader):
            value = deepcopy(case["input"])
            holder = at(value, way)
            if isinstance(holder, dict):
                holder["a_new_field"] = TEXT
                tried += 1
                assert holds(told(reader, case, value), TEXT), (case["case"], way)
    assert tried > 0


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_text_and_number_is_kept(reader: Reader) -> None:
    tried = 0
    for case in whole(reader):
        for way in places(case["input"], reader):
            leaf = at(case["input"], way)
            if not way or isinstance(leaf, bool) or not isinstance(leaf, str | int | float):
                continue
            sentinel: str | int = TEXT if isinstance(leaf, str) else NUMBER
            if isinstance(way[-1], str) and is_identity(way[-1], sentinel):
                continue
            value = deepcopy(case["input"])
            at(value, way[:-1])[way[-1]] = sentinel
            tried += 1
            assert holds(told(reader, case, value), sentinel), (case["case"], way)
    assert tried > 2


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_several_unknown_fields_are_kept_together(reader: Reader, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(whole(reader)))
    ways = [way for way in places(case["input"], reader) if isinstance(at(case["input"], way), dict)]
    # One more object in the table of a tree's messages is a message of another branch.
    ways = [way for way in ways if way[-1:] != ("mapping",) and way[-2:] != ("history", "messages")]
    if not ways:
        return
    chosen = data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=4, unique=True))
    value = deepcopy(case["input"])
    for number, way in enumerate(chosen):
        at(value, way)[data.draw(st.sampled_from(_NAMES))] = {"deep": [f"{TEXT} {number}"]}
    found = told(reader, case, value)
    for number in range(len(chosen)):
        assert holds(found, f"{TEXT} {number}")
