"""Taking a record's fields one by one, and knowing what is left for `meta`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chatlog.sources.meta import clean
from chatlog.sources.values import mapping, text, to_micros


class Fields:
    """The fields of one record.

    A field leaves the rest when a column holds exactly its value under the format's own name for
    it. A field that was read under another name, or that the column holds in another spelling (a
    number as text, a time as text), stays, so that the record can be rebuilt.
    """

    __slots__ = ("_left", "record")

    def __init__(self, value: Any, what: str) -> None:
        """Start on the record `value`; `what` names it in hints.

        Raises:
            Reject: not_an_object.
        """
        self.record: Mapping[str, Any] = mapping(value, what)
        self._left: dict[str, Any] = dict(self.record)

    def take(self, key: str) -> Any:
        """The field's value or None; it will not be in `meta`."""
        return self._left.pop(key, None)

    def string(self, key: str) -> str | None:
        """The field when it is a text that is not empty, which then leaves the rest."""
        value = self.record.get(key)
        if isinstance(value, str) and value:
            self._left.pop(key, None)
            return value
        return None

    def text(self, *keys: str) -> str | None:
        """The first of these fields that is a text or a number; only `keys[0]` leaves the rest."""
        for key in keys:
            value = self.record.get(key)
            found = text(value)
            if found is not None:
                if key == keys[0] and found is value:
                    self._left.pop(key, None)
                return found
        return None

    def time(self, *keys: str) -> int | None:
        """The first of these fields that is a time, in microseconds; an exact `keys[0]` leaves the rest."""
        for key in keys:
            value = self.record.get(key)
            found = to_micros(value)
            if found is not None:
                exact = isinstance(value, datetime) or (isinstance(value, int | float) and found / 1_000_000 == value)
                if key == keys[0] and exact:
                    self._left.pop(key, None)
                return found
        return None

    def user(self, *keys: str) -> str | None:
        """The first of these fields that names the user; none of them stays in the rest."""
        for key in keys:
            self._left.pop(key, None)
        return next((found for key in keys if (found := text(self.record.get(key))) is not None), None)

    def meta(self, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What is left, with `more` added, as plain JSON values without identity fields.

        Raises:
            Reject: too_deep.
        """
        if not more:
            return clean(dict(self._left))
        # A field of the record that has the name of one that the reader adds stays, in a place of its own.
        twice = {key: self._left[key] for key in more if key in self._left and self._left[key] != more[key]}
        return clean({**self._left, **more, **({"record": twice} if twice else {})})
