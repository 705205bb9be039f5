"""What is written where personal data stood: a placeholder, a mask, a keyed hash, a surrogate, or the text itself."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import regex
import xxhash

from chatlog.text.name_forms import parts, same
from chatlog.text.pii_span import LABELS, Span
from chatlog.text.placeholders import Numbering, canonical
from chatlog.text.surrogates import surrogate

Action = Literal["replace", "keep", "mask", "hash", "surrogate"]
"""What happens to a find of one type.

`replace` puts a placeholder in (`NAME_1`), the same one for one entity through a conversation; `mask`
a star for each letter and digit; `hash` a keyed hash (`EMAIL_3f5a...`), the same one in all
conversations; `surrogate` a made-up value; `keep` leaves the text and only records the span.
"""

HASH_LENGTH: Final = 16
"""Hex digits of a keyed hash: 64 bits."""

_SHOWING: Final = regex.compile(r"[\p{L}\p{M}\p{N}]")


@dataclass
class Writer:
    """Writes for the finds of one conversation.

    Attributes:
        actions: by type; what is missing is kept.
        secret: the key of hashes.
        numbering: the conversation's entities.
        shift: where the conversation's surrogates begin.
    """

    actions: Mapping[str, Action]
    secret: bytes = b""
    numbering: Numbering = field(default_factory=Numbering)
    shift: int = 0
    _hashes: dict[tuple[str, int], str] = field(default_factory=dict)

    def seed(self, text: str) -> None:
        """Takes the conversation's first text for what its surrogates depend on."""
        self.shift = xxhash.xxh32_intdigest(text.encode("utf-8", "surrogatepass")) % 3_000

    def write(self, span: Span, value: str) -> str | None:
        """What stands for `value` from now on; None where it stays."""
        action = self.actions.get(span.type, "keep")
        if action == "keep":
            return None
        if action == "mask":
            return _SHOWING.sub("*", value)
        number = self.numbering.number(span.type, value)
        if action == "replace":
            return f"{LABELS[span.type]}_{number}"
        if action == "hash":
            return self._hash(span.type, number, value)
        return surrogate(span.type, number, self.shift, self._place(number, value) if span.type == "PERSON" else None)

    def _hash(self, type_: str, number: int, value: str) -> str:
        # One entity has one hash in a conversation, that of the form in which it was met first.
        found = self._hashes.get((type_, number))
        if found is None:
            plain = " ".join(part.exact for part in parts(value)) if type_ == "PERSON" else canonical(type_, value)
            message = f"{type_}\0{plain or value}".encode("utf-8", "surrogatepass")
            digest = hmac.digest(self.secret, message, "sha256").hex()[:HASH_LENGTH]
            found = self._hashes[type_, number] = f"{LABELS[type_]}_{digest}"
        return found

    def _place(self, number: int, value: str) -> int | None:
        mine, whole = parts(value), self.numbering.whole_name(number)
        if len(mine) != 1:
            return None
        return 1 if len(whole) > 1 and same(mine[0], whole[-1]) else 0
