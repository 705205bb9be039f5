"""What goes into `meta`: JSON values only, not too deep, nothing that says who the user is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from functools import lru_cache
from typing import Any, Final

from chatlog.sources.record import Reject, Rounded
from chatlog.sources.values import LARGEST

_IDENTITY: Final = frozenset(
    "ip ips ipaddress userip clientip remoteip remoteaddr requesteripaddress hashedip sourceip peerip "
    "cfconnectingip xforwardedfor xrealip trueclientip forwarded netpeerip clientaddress "
    "userid userids useremail username enduser enduserid email emailaddress customerid "
    "userapikey userapikeyhash userapikeyalias "
    "userapikeyuserid userapikeyuseremail userapikeyenduserid".split()
)
"""Names of fields that tell who the user is, without case, underscores, hyphens and dots."""

_LONGEST: Final = 40  # longer keys are no names of fields, and must not fill the cache

_PLAIN: Final = frozenset({str, bool, type(None)})

_MOST_NAMES: Final = 40
_CACHED: Final = 4096
"""Sets of names that are remembered: objects whose names are data must not fill the memory."""
_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

MAX_DEPTH: Final = 200
"""How deep `meta` may nest: JSON encoders stop at 254 levels, and the engine wraps it once more."""


@lru_cache(maxsize=4096)
def _suspect(key: str) -> bool:
    name = key.lower().replace("_", "").replace("-", "").replace(".", "")
    return name == "user" or name in _IDENTITY


_harmless_names: dict[tuple[Any, ...], bool] = {}


def _harmless(keys: tuple[Any, ...]) -> bool:
    """Whether all these names are texts and none is suspect: the same few sets of names make up a log."""
    known = _harmless_names.get(keys)
    if known is not None:
        return known
    harmless = all(type(key) is str and (len(key) > _LONGEST or not _suspect(key)) for key in keys)
    if len(keys) <= _MOST_NAMES and all(type(key) is str and len(key) <= _LONGEST for key in keys):
        if len(_harmless_names) >= _CACHED:
            _harmless_names.clear()
        _harmless_names[keys] = harmless
    return harmless


def is_identity(key: str, value: Any) -> bool:
    """Whether a field tells who the user is, and so must not be staged.

    `user` may be a speaker's line or an account: an object and a single word are taken for accounts.
    """
    if len(key) > _LONGEST or not _suspect(key):
        return False
    if key.lower() != "user":
        return True
    return isinstance(value, Mapping) or (isinstance(value, str) and " " not in value)


def clean(meta: dict[str, Any]) -> dict[str, Any]:
    """The same fields as plain JSON values, at any depth without those that tell who the user is.

    Returns `meta` itself when nothing needs to change, which is the common case.

    Raises:
        Reject: too_deep.
        Rounded: a float that may have been an integer.
    """
    if _is_clean(meta):
        return meta
    rebuilt: dict[str, Any] = _rebuilt(meta)
    return rebuilt


def _is_clean(meta: dict[str, Any]) -> bool:
    clean_so_far = True
    level: list[Any] = [meta]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                if not _harmless(tuple(node)):
                    for key, value in node.items():
                        if type(key) is not str or is_identity(key, value):
                            clean_so_far = False
                values: Any = node.values()
            else:
                values = node
            if _PLAIN.issuperset(map(type, values)):
                continue
            for value in values:
                of = type(value)
                if of is str or of is bool or value is None:
                    continue
                if of is float:
                    if not -LARGEST < value < LARGEST:
                        if math.isfinite(value):
                            raise Rounded
                        clean_so_far = False
                    continue
                if of is dict or of is list:
                    below.append(value)
                elif isinstance(value, Mapping):
                    below.append(dict(value))
                    clean_so_far = False
                elif isinstance(value, list | tuple):
                    below.append(list(value))
                    clean_so_far = False
                elif of is not int or not -(2**63) <= value < 2**63:
                    clean_so_far = False
        if not below:
            return clean_so_far
        level = below
    raise Reject("too_deep", f"the fields beside the conversation nest deeper than {MAX_DEPTH} levels")


def _rebuilt(value: Any) -> Any:
    # Recursion is safe: _is_clean has measured the depth.
    if isinstance(value, Mapping):
        return {str(key): _rebuilt(item) for key, item in value.items() if not is_identity(str(key), item)}
    if isinstance(value, list | tuple):
        return [_rebuilt(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float):  # a column of a table may hold what JSON cannot say
        return float(value) if math.isfinite(value) else _NOT_FINITE[str(value)]
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
