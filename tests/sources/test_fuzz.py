"""Whatever a record looks like, a reader makes drafts or a reject of it, and nothing else."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlog.schema import ROLES
from chatlog.sources import READERS, REASONS, Draft, Reader, Reject
from tests.sources.reader_cases import cases

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["user", "assistant", "system", "[", "{}", "[[]]", "2024-01-01", "NaN", "\u0000"])
)
_NAMES = (
    "messages content role from value text parts type id parentId parent state states turns choices message "
    "replies mapping history chat input output attributes events key stringValue chosen rejected ip name"
)
_KEYS = st.text(max_size=4) | st.sampled_from(_NAMES.split())
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


def check(reader: Reader, value: Any) -> list[Draft]:
    """The drafts, after every promise that a reader makes about them has been checked."""
    before = deepcopy(value)
    score = reader.recognise(value)
    assert 0 <= score <= 1
    if reader.group is not None:
        assert reader.group(value) is None or isinstance(reader.group(value), str)
    try:
        drafts = reader.parse(value, reader.config())
    except Reject as reject:
        assert reject.reason in REASONS
        assert isinstance(reject.hint, str) and len(reject.hint) < 200
        drafts = []
    assert value == before, "a reader must not change its input"
    for draft in drafts:
        assert draft.messages
        for role, content, name, created_at in draft.messages:
            assert role in ROLES
            assert content is None or isinstance(content, str)
            assert name is None or isinstance(name, str)
            assert_time(created_at)
        assert draft.messages[0].role != "system", "a leading system prompt belongs into the column"
        assert_time(draft.created_at)
        for column in ("conversation_id", "model", "user_id", "system", "feedback", "battle_id"):
            assert getattr(draft, column) is None or isinstance(getattr(draft, column), str), column
        assert draft.battle_side in (None, "a", "b")
        assert draft.winner in (None, "model_a", "model_b", "tie", "tie (bothbad)")
        assert isinstance(draft.truncated, bool)
        assert isinstance(orjson.loads(orjson.dumps(draft.meta)), dict)
    return drafts


def assert_time(value: Any) -> None:
    """A time is whole microseconds that fit Arrow's timestamp."""
    assert value is None or (type(value) is int and abs(value) < 2**62)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=_JSON)
def test_any_value(reader: Reader, value: Any) -> None:
    check(reader, value)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_record(reader: Reader, data: st.DataObject) -> None:
    value = deepcopy(data.draw(st.sampled_from(cases(reader.name)))["input"])
    for _ in range(data.draw(st.integers(1, 3))):
        value = _damaged(value, data)
    check(reader, value)


def _damaged(value: Any, data: st.DataObject) -> Any:
    """The value with one node, at any depth, removed, doubled or replaced."""
    places: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        node = stack.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            stack.append(node[key])
    if not places:
        return data.draw(_JSON)
    holder, key = data.draw(st.sampled_from(places))
    what = data.draw(st.sampled_from(["replace", "remove", "encode", "wrap"]))
    if what == "remove":
        del holder[key]
    elif what == "encode":
        holder[key] = orjson.dumps(holder[key]).decode()
    elif what == "wrap":
        holder[key] = [holder[key], holder[key]]
    else:
        holder[key] = data.draw(_JSON)
    return value


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.parametrize("levels", [190, 260, 1000])
def test_a_deep_field_beside_the_conversation(reader: Reader, levels: int) -> None:
    deep: Any = "end"
    for _ in range(levels):
        deep = [deep]
    value = cases(reader.name)[0]["input"]
    holder = value[0] if isinstance(value, list) else value
    record = {**holder, "extra": deep}
    reader.recognise(record)
    try:
        drafts = reader.parse(record, reader.config())
    except Reject as reject:
        assert levels > 200
        assert reject.reason == "too_deep"
    else:
        for draft in drafts:
            orjson.dumps({"as a column": draft.meta})
