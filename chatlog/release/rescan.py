"""A last look at what is about to be published: no identifier with a valid checksum may be left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from chatlog.errors import ReleaseRefused
from chatlog.text import checksums
from chatlog.text.detect import RULES, find_patterns

CHECKED: Final = frozenset(
    rule.name
    for rule in RULES
    if rule.check is not None and getattr(rule.check, "__module__", "") == checksums.__name__
)
"""The rules whose finds are proved by a checksum: cards, IBANs, national ids, wallets."""

_ONLY: Final = sum(1 << place for place, rule in enumerate(RULES) if rule.name in CHECKED)
"""Their bits, so that no other rule is tried."""

_IDS: Final = frozenset(
    ["conversation_id", "battle_id", "question_id", "judge", "conversation_hash", "hashed_ip", "id"]
)
"""Columns whose numbers are names of the source: one id of ten passes for a card's number by chance."""

_SHOWN: Final = 5
"""Conversations that a refusal names."""


def identifiers(table: pa.Table, owner: str = "conversation_id") -> list[tuple[str, str]]:
    """(value of the column `owner`, type) of every checksum-valid identifier in a published table.

    Every text in every column is looked at, however deep it lies: messages, names, system prompts, columns of a
    query of one's own. They are seen as redaction sees them, in whatever digits they are written.
    """
    owners = table[owner].to_pylist()
    return [
        (owners[row], span.type)
        for row, text in texts_of(table)
        for span in find_patterns(text, only=_ONLY)
        if span.recognizer in CHECKED
    ]


def texts_of(table: pa.Table) -> Iterator[tuple[int, str]]:
    """Every text of a published table with the number of its row, but for ids of the source."""
    for column in table.column_names:
        if column not in _IDS:
            yield from _texts(table[column].combine_chunks(), None)


def _texts(values: pa.Array, rows: pa.Array | None) -> Iterator[tuple[int, str]]:
    """Every text in an array of any type, with its row: that of `rows`, or its own place for None."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        yield from _texts(values.dictionary_decode(), rows)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        owners = range(len(values)) if rows is None else rows.to_pylist()
        yield from ((row, text) for row, text in zip(owners, values.to_pylist(), strict=True) if text)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            # Not `flatten`, which gives a struct's fields without regard to a slice's offset in some versions.
            yield from _texts(pc.struct_field(values, [index]), rows)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        parents = pc.list_parent_indices(values)
        yield from _texts(pc.list_flatten(values), parents if rows is None else rows.take(parents))
    elif pa.types.is_map(kind):
        as_list = values.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
        yield from _texts(as_list, rows)


def refuse_identifiers(table: pa.Table, owner: str = "conversation_id") -> None:
    """Nothing, when no checksum-valid identifier is left.

    Raises:
        ReleaseRefused: one is; the message names types and conversations, never the identifier.
    """
    found = identifiers(table, owner)
    if found:
        raise ReleaseRefused(
            f"checksum-valid identifiers are left, {told(found)}: redact these types, or drop these conversations "
            "in the release query",
            list(dict.fromkeys(owner for owner, _ in found)),
        )


def told(found: Sequence[tuple[str, str]]) -> str:
    """How many identifiers of which types were found, and in which conversations; never the identifiers."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kind for _, kind in found).items()))
    owners = list(dict.fromkeys(str(owner) for owner, _ in found))
    return f"{kinds} in {shown(owners)}"


def shown(ids: Sequence[object]) -> str:
    """Some of the ids, and how many more there are."""
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(str(each) for each in ids[:_SHOWN]) + more
