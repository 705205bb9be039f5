"""The JSON value of a record's bytes: fast where the bytes are plain, slow and exact where they are not."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

from chatlog.sources.record import Reject
from chatlog.sources.values import Double

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def decode(raw: bytes) -> Any:
    """The JSON value of a record's bytes.

    NaN and the infinities become their names as text, lone surrogates U+FFFD: both are common in
    logs that Python wrote, and neither can be stored. A key that stands twice has its last value.

    Raises:
        Reject: not_json, truncated_json, invalid_utf8 or too_deep.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return decode_exactly(raw)


def decode_exactly(raw: bytes) -> Any:
    """As decode, but numbers that 64 bits do not hold become their digits as text.

    The fast decoder makes floating-point numbers of integers past 64 bits; a reader that meets one
    raises `Rounded`, and the record is decoded by this.

    Raises:
        Reject: as decode.
    """
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Reject("invalid_utf8", f"byte {error.start} of the record is not UTF-8") from None
    try:
        value = _loads(text)
        if _SURROGATE_ESCAPE.search(raw):
            value = _loads(_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
        return value
    except json.JSONDecodeError as error:
        whole = error.pos < len(text.rstrip()) and "Unterminated" not in error.msg
        raise Reject("not_json" if whole else "truncated_json", f"JSON breaks off at character {error.pos}") from None
    except RecursionError:
        raise Reject("too_deep", "arrays and objects nest deeper than 1,000 levels") from None


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=str, parse_int=_integer, parse_float=_double, strict=False)


def _integer(digits: str) -> int | str:
    # Below 19 digits any integer fits. Python refuses to read more than 4,300 digits, with good reason.
    if len(digits) < 19:
        return int(digits)
    return value if len(digits) <= 20 and -(2**63) <= (value := int(digits)) < 2**64 else digits


def _double(digits: str) -> float | str:
    value = Double(digits)
    return value if math.isfinite(value) else digits
