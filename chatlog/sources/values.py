"""Reading loosely typed JSON values: times, texts, fields left over."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from chatlog.sources.record import Reject

_MAX_MICROS = 253_402_300_799_000_000  # the end of the year 9999


def to_micros(value: Any) -> int | None:
    """Microseconds since the epoch from seconds, milliseconds, ISO 8601 text or a datetime; None for anything else.

    Numbers above 1e11 are taken for milliseconds (seconds would lie in the year 5138), above 1e14
    for microseconds.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, int | float):
        if not math.isfinite(value) or value <= 0:
            return None
        scale = 1 if value > 1e14 else 1_000 if value > 1e11 else 1_000_000
        micros = round(value * scale)
        return micros if micros <= _MAX_MICROS else None
    if isinstance(value, str):
        try:
            return _from_datetime(datetime.fromisoformat(value.strip()))
        except (ValueError, OverflowError):
            return None
    return None


def _from_datetime(value: datetime) -> int:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    seconds = int(aware.replace(microsecond=0).timestamp())
    return seconds * 1_000_000 + aware.microsecond


def text(value: Any) -> str | None:
    """The value when it is a non-empty string, a number's digits, else None."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value itself, once it is known to be a JSON object.

    Raises:
        Reject: not_an_object, told of `what`.
    """
    if not isinstance(value, Mapping):
        raise Reject("not_an_object", f"{what} should be an object, found {type(value).__name__}")
    return value


def rest(value: Mapping[str, Any], read: Collection[str]) -> dict[str, Any]:
    """The fields that were not read, for `meta`."""
    return {key: item for key, item in value.items() if key not in read}
