"""A last look at what is about to be published: no identifier with a valid checksum may be left."""

from __future__ import annotations

from collections import Counter
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

_SHOWN: Final = 5
"""Conversations that a refusal names."""


def identifiers(table: pa.Table) -> list[tuple[str, str]]:
    """(conversation_id, type) of every checksum-valid identifier in the conversations of a published table."""
    found: list[tuple[str, str]] = []
    conversations = table["conversation"].combine_chunks()
    owners = pc.take(table["conversation_id"].combine_chunks(), pc.list_parent_indices(conversations)).to_pylist()
    contents = pc.struct_field(pc.list_flatten(conversations), "content").to_pylist()
    for owner, content in zip(owners, contents, strict=True):
        if content and any(character.isdigit() for character in content):
            found += [(owner, span.type) for span in find_patterns(content) if span.recognizer in CHECKED]
    return found


def refuse_identifiers(table: pa.Table) -> None:
    """Nothing, when no checksum-valid identifier is left.

    Raises:
        ReleaseRefused: one is; the message names types and conversations, never the identifier.
    """
    found = identifiers(table)
    if found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kind for _, kind in found).items()))
        ids = ", ".join(list(dict.fromkeys(owner for owner, _ in found))[:_SHOWN])
        raise ReleaseRefused(
            f"checksum-valid identifiers are left ({kinds}), in {ids}: redact these types, or drop these conversations "
            "in the release query"
        )
