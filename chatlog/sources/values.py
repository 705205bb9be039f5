"""Reading loosely typed JSON values: times, texts, fields left over."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from chatlog.sources.record import Reject, Rounded

_MAX_MICROS = 253_402_300_799_000_000  # the end of the year 9999
_MAX_NUMBER = 1e18  # above every time; keeps integers of any size out of float arithmetic


LARGEST: Final = 2.0**63
"""From here on a float may be what the fast JSON decoder made of an integer."""


class Double(float):
    """A float that was decoded exactly: never a rounded integer."""


def exact(value: Any) -> Any:
    """The value with every float known to be one, for values that were never JSON text."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return Double(value) if type(value) is float else value


def to_micros(value: Any) -> int | None:
    """Microseconds since the epoch, UTC; None where the value tells no time.

    Reads numbers of seconds or milliseconds, ISO 8601 texts and datetimes. Numbers above 1e11 are
    taken for milliseconds (seconds would lie in the year 5138), above 1e14 for microseconds.
    """
    if type(value) is float and 0 < value < 1e11:  # seconds, as most logs have them
        return round(value * 1_000_000)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        try:
            return _from_datetime(value)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int | float):
        if not 0 < value < _MAX_NUMBER or not math.isfinite(value):
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
    """The value when it is a non-empty string, a number's digits, else None.

    Raises:
        Rounded: a float that may have been an integer.
    """
    if isinstance(value, str):
        return value or None
    if type(value) is float and abs(value) >= LARGEST:
        raise Rounded
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value itself, once it is known to be a JSON object.

    Raises:
        Reject: not_an_object, told of `what`.
    """
    if type(value) is not dict and not isinstance(value, Mapping):  # the first test is the fast one
        raise Reject("not_an_object", f"{what} should be an object, found {kind(value)}")
    return value


def rest(value: Mapping[str, Any], read: Collection[str]) -> dict[str, Any]:
    """The fields that were not read, for `meta`."""
    return {key: item for key, item in value.items() if key not in read}


def decoded(value: Any) -> Any:
    """What a string that holds a JSON object or array says; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def kind(value: Any) -> str:
    """The JSON name of a value's type, for hints."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, list) else type(value).__name__


def digest(value: Any) -> str:
    """32 hex digits, the same for the same JSON value: the key of a pair whose source gives it none.

    Raises:
        Reject: too_deep.
    """
    try:
        encoded = orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        raise Reject("too_deep", "the record nests deeper than 250 levels") from None
    return hashlib.sha256(encoded).hexdigest()[:32]
