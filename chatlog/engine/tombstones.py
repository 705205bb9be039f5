"""Tombstones: who was forgotten, as keyed hashes, so that logs that are read again do not bring them back.

A run folder keeps its own, which every unit of work reads; an operator's file (see shared_file) carries them from run
to run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from chatlog.engine.store import Run, dump_json, write_bytes
from chatlog.engine.userkey import VARIABLE, UserKey, state_folder
from chatlog.errors import ConfigError, DataError

FILE: Final = "tombstones.json"
SHARED: Final = "CHATLOG_TOMBSTONES"
"""Environment variable: the operator's file of tombstones."""

_TOKEN: Final = re.compile(
    rb'(?:"([^"\\\r\n]{1,64})"\s*:\s*)?(?:"((?:[^"\\\r\n]|\\[^u\r\n]|\\u[0-9a-fA-F]{4}){1,256})"|([\w.:@+-]{1,256}))'
)
"""What may be an id in a record that could not be read: a JSON string, or a word of signs that ids and IPs have; with
its key, where it has one."""

_NAMES_IDS: Final = re.compile(rb"id|user|ip|key|hash|name", re.IGNORECASE)
_TELLING: Final = 8
"""Characters from which a word is an id wherever it stands; a shorter one may be a number or a word of the text."""


@dataclass(frozen=True)
class Tombstones:
    """Who was forgotten.

    Attributes:
        key: of the run; the hashes are under it.
        conversations: keyed hashes of conversation ids.
        users: keyed hashes of user keys.
        pending: whether rows of a run may still hold them, as when forgetting was interrupted.
    """

    key: UserKey
    conversations: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    pending: bool = False

    def __bool__(self) -> bool:
        return bool(self.conversations or self.users)

    def hold(self, conversation_id: str | None, user_key: str | None) -> bool:
        """Whether a row of this id and this user was forgotten."""
        if (
            self.conversations
            and conversation_id is not None
            and self.of_conversation(conversation_id) in self.conversations
        ):
            return True
        return bool(self.users) and user_key is not None and self.of_user(user_key) in self.users

    def hold_any_of(self, raw: bytes) -> bool:
        """Whether a record, as it was logged, names one who was forgotten: their conversation's id, or their own."""
        return any(
            self.hold(token, token) or (bool(self.users) and self.hold(None, self.key.of_user(token)))
            for token in _tokens(raw)
        )

    def of_conversation(self, conversation_id: str) -> str:
        """What stands for a conversation here."""
        return self.key.hash(b"forgotten conversation", conversation_id.encode("utf-8", "replace"))

    def of_user(self, user_key: str) -> str:
        """What stands for a user here; apart from `user_key`, so that the list tells nobody's rows."""
        return self.key.hash(b"forgotten user", user_key.encode("utf-8", "replace"))

    def with_more(self, conversations: Iterable[str], users: Iterable[str]) -> Tombstones:
        """These and those of more conversation ids and user keys, to be forgotten yet."""
        more = frozenset(map(self.of_conversation, conversations)), frozenset(map(self.of_user, users))
        return Tombstones(self.key, self.conversations | more[0], self.users | more[1], True)

    def to_json(self) -> dict[str, Any]:
        """What a file of tombstones holds under the name of the key."""
        return {"conversations": sorted(self.conversations), "users": sorted(self.users)}


def _tokens(raw: bytes) -> Iterator[str]:
    """What may be an id in a record: values of keys that sound like one, and anything long enough."""
    for key, string, word in _TOKEN.findall(raw):
        named = bool(key) and _NAMES_IDS.search(key) is not None
        if word:
            if named or len(word) >= _TELLING:
                yield word.decode("utf-8", "replace")
            continue
        try:
            text = str(orjson.loads(b'"' + string + b'"'))
        except orjson.JSONDecodeError:
            text = string.decode("utf-8", "replace")
        if named or len(text) >= _TELLING:
            yield text
        # A string may hold an id among other words, as where a record is a line of text.
        inside = (found.decode("utf-8", "replace") for _, _, found in _TOKEN.findall(string) if found != string)
        yield from (found for found in inside if len(found) >= _TELLING)


def read_tombstones(run: Run, key: UserKey) -> Tombstones:
    """Those of a run folder.

    Raises:
        DataError: the file is damaged.
    """
    told = run.read_json(FILE)
    if told is None:
        return Tombstones(key)
    return _of_key(told, key, run.root / FILE, pending=bool(told.get("pending")))


def keep_tombstones(run: Run, stones: Tombstones) -> None:
    """Writes them into the run folder and into the operator's file, where there is one."""
    told = {"keys": {stones.key.id: stones.to_json()}, "pending": stones.pending}
    write_bytes(run.root / FILE, dump_json(told))
    path = shared_file()
    if path is None or not stones:
        return
    others = _read(path)
    mine = _of_key(others, stones.key, path)
    both = Tombstones(stones.key, stones.conversations | mine.conversations, stones.users | mine.users)
    if both.to_json() != mine.to_json():
        write_bytes(path, dump_json({"keys": {**others.get("keys", {}), stones.key.id: both.to_json()}}))


def with_shared(run: Run, key: UserKey) -> Tombstones:
    """Those of the run folder and of the operator's file; pending where the folder lacks some.

    Raises:
        DataError: a file is damaged.
    """
    stones = read_tombstones(run, key)
    path = shared_file()
    if path is None:
        return stones
    mine = _of_key(_read(path), key, path)
    if mine.conversations <= stones.conversations and mine.users <= stones.users:
        return stones
    return Tombstones(key, stones.conversations | mine.conversations, stones.users | mine.users, True)


def shared_file() -> Path | None:
    """The operator's file: that of CHATLOG_TOMBSTONES, or the one beside the operator's own key.

    None where the key comes from the environment and no file is named.
    """
    given = os.environ.get(SHARED)
    if given:
        return Path(given).expanduser()
    return None if os.environ.get(VARIABLE) is not None else state_folder() / FILE


def _read(path: Path) -> dict[str, Any]:
    try:
        told = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read the tombstones {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise DataError(
            f"the tombstones {path} are damaged; put a copy back: without them the forgotten return"
        ) from error
    return dict(told)


def _of_key(told: dict[str, Any], key: UserKey, path: Path, *, pending: bool = False) -> Tombstones:
    try:
        mine = told.get("keys", {}).get(key.id, {})
        lists: Sequence[list[str]] = mine.get("conversations", []), mine.get("users", [])
        return Tombstones(key, frozenset(lists[0]), frozenset(lists[1]), pending)
    except (AttributeError, TypeError) as error:
        raise DataError(
            f"the tombstones {path} are damaged; put a copy back: without them the forgotten return"
        ) from error
