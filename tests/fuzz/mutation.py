"""Files of damaged records, made from the fixtures of every reader by a source of choices."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any, Protocol

from chatlog.sources import READERS
from tests.sources.reader_cases import cases


class Choices(Protocol):
    """Where decisions come from: a seeded random.Random, or the bytes of a fuzzer."""

    def randint(self, low: int, high: int) -> int:
        """A number from low to high, both included."""


NAMES = [reader.name for reader in READERS]

_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 2**64, 10**400, 0.5, 1e300, float("nan"), float("-inf")),
    *("", " ", "user", "assistant", "system", "tool", "\ud800", "\0", "[", "{}", "[[]]", '{"role": "user"}', "1e999"),
    *(
        "2024-01-01",
        "0000-00-00T99:99",
        "\ufeff",
        "\u2028",
        "### Human: a\n### Assistant: b",
        "\n\nHuman: a\n\nAssistant: ",
    ),
    *([], {}, [[]], [{}], [None], {"": None}, [["USER", "hi"]], {"role": "user", "content": "hi"}, "x" * 5000),
]
_BYTES = [
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\n",
        b"\r\n",
        b'"',
        b"\\",
        b"\\ud800",
        b"\\u0000",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
    ),
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 400,
        b"9" * 5000,
        b"[" * 300,
        b"[" * 100_000,
        b'{"a":' * 600,
        b"\xef\xbb\xbf",
    ),
    *(b"\x0b", b"\x1f", b"//", b"'", b"null", b"  \n\n  "),
]


@cache
def seeds(name: str) -> list[Any]:
    """The inputs of a reader's fixtures."""
    return [case["input"] for case in cases(name)]


@cache
def keys() -> list[str]:
    """Every name of a field that stands in a fixture."""
    found: set[str] = set()
    for name in NAMES:
        for holder, key in places(seeds(name)):
            if isinstance(holder, dict):
                found.add(key)
    return sorted(found)


def places(value: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of every node below a value."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        node = stack.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            found.append((node, key))
            stack.append(node[key])
    return found


def pick(choices: Choices, options: Any) -> Any:
    """One of several."""
    return options[choices.randint(0, len(options) - 1)]


def damaged_file(choices: Choices, name: str, records: int) -> tuple[bytes, int]:
    """A file of records for a reader, most of them damaged, and how many were mutated."""
    how = choices.randint(0, 9)
    made = [damaged(choices, name, indent=how >= 6) for _ in range(records)]
    if how < 6:
        data = pick(choices, [b"\n", b"\n", b"\r\n", b"\n\n \n"]).join(made)
    elif how < 9:
        data = (
            b"["
            + pick(choices, [b",", b",\n", b" , "]).join(made)
            + pick(choices, [b"]", b"]", b"", b"]\n", b",]", b"]]x"])
        )
    else:
        data = b'{\n  "chats": [\n' + b",\n".join(made) + b"\n]}\n"
    return pick(choices, [b"", b"", b"", b"\xef\xbb\xbf", b" \n"]) + data, records


def damaged(choices: Choices, name: str, *, indent: bool) -> bytes:
    """One record: a fixture, changed as a value and then as bytes."""
    value = deepcopy(pick(choices, seeds(name if choices.randint(0, 9) else pick(choices, NAMES))))
    for _ in range(pick(choices, [1, 1, 1, 2, 3])):
        value = _changed(choices, value)
    raw = _encoded(choices, value, indent)
    for _ in range(pick(choices, [0, 0, 0, 0, 0, 0, 0, 1, 1, 3])):
        raw = _scarred(choices, raw)
    return raw


def _encoded(choices: Choices, value: Any, indent: bool) -> bytes:
    style = choices.randint(0, 3)
    text = json.dumps(
        value,
        ensure_ascii=style < 2,
        indent=1 if indent and style == 3 else None,
        separators=(",", ":") if style == 1 else None,
    )
    return text.encode("utf-8", "surrogatepass")


def _changed(choices: Choices, value: Any) -> Any:
    """The value with one node, at any depth, changed."""
    found = places(value)
    if not found:
        return deepcopy(pick(choices, _VALUES))
    holder, key = pick(choices, found)
    what = choices.randint(0, 11)
    if what == 0:
        del holder[key]
    elif what == 1:
        holder[key] = json.dumps(holder[key])
    elif what == 2:
        holder[key] = [deepcopy(holder[key])] * 2
    elif what == 3:
        holder[key] = {pick(choices, keys()): holder[key]}
    elif what == 4 and isinstance(holder, dict):
        holder[pick(choices, keys())] = holder.pop(key)
    elif what == 5:
        other, place = pick(choices, found)
        holder[key] = deepcopy(other[place])  # a copy of another part, which may hold this one
    elif what == 6:
        other = deepcopy(pick(choices, seeds(pick(choices, NAMES))))
        holder[key] = other
    elif what == 7:
        node: Any = holder[key]
        for _ in range(pick(choices, [5, 100, 190, 205, 260, 400])):
            node = [node] if what else {"a": node}
        holder[key] = node
    else:
        holder[key] = deepcopy(pick(choices, _VALUES))
    return value


def _scarred(choices: Choices, raw: bytes) -> bytes:
    """The bytes with one place changed."""
    at = choices.randint(0, len(raw))
    end = min(len(raw), at + choices.randint(0, 40))
    what = choices.randint(0, 6)
    if what == 0:
        return raw[:at]
    if what == 1:
        return raw[:at] + raw[end:]
    if what == 2:
        return raw[:end] + raw[at:]
    if what == 3 and raw:
        at = min(at, len(raw) - 1)
        return raw[:at] + bytes([raw[at] ^ (1 << choices.randint(0, 7))]) + raw[at + 1 :]
    if what == 4:
        return raw[:at] + bytes([choices.randint(0, 255)]) + raw[at:]
    return raw[:at] + pick(choices, _BYTES) + raw[at:]
