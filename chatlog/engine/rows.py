"""Drafts to Arrow columns."""

from __future__ import annotations

import base64
from typing import Any, Final

import orjson
import pyarrow as pa

from chatlog.engine.userkey import UserKey
from chatlog.schema import MESSAGE, ROWS, TIMESTAMP
from chatlog.sources.record import Draft, Turn

_GIVEN: Final = tuple(name for name in ROWS.names if name not in ("source", "messages"))
"""The columns that `add` is told one row at a time, in this order."""

_LONGEST_CACHE: Final = 100_000


class RowBuilder:
    """Collects drafts as rows and turns them to columns at the end: a tuple a row costs least."""

    def __init__(self, source: str, key: UserKey) -> None:
        self.source = source
        self.key = key
        self._users: dict[str, str] = {}
        self._clear()

    def _clear(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.turns: list[Turn] = []
        self.offsets = [0]

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, record: int, raw: bytes, part: int, draft: Draft) -> None:
        """Adds one row: the `part`-th conversation that record number `record` told."""
        # Some sources name a battle by a plain hash of what was said, which would tell who knows the text.
        battle = draft.battle_id
        self.rows.append(
            (
                self.id_of(raw, part, draft),
                record,
                draft.model,
                draft.created_at,
                self.user_of(draft),
                draft.system,
                draft.feedback,
                None if battle is None else self.key.hash(b"battle", battle.encode("utf-8", "replace")),
                draft.battle_side,
                draft.winner,
                draft.truncated,
                orjson.dumps(draft.meta, default=_plain, option=orjson.OPT_NON_STR_KEYS) if draft.meta else b"{}",
            )
        )
        self.turns += draft.messages
        self.offsets.append(len(self.turns))

    def id_of(self, raw: bytes, part: int, draft: Draft) -> str:
        """The conversation_id of a draft, the `part`-th that a record told."""
        # A source without ids gets a keyed hash of the record: the same record elsewhere has the same id.
        return draft.conversation_id or self.key.hash(b"record", raw, str(part).encode())

    def user_of(self, draft: Draft) -> str | None:
        """The user_key of a draft."""
        return None if draft.user_id is None else self._user(draft.user_id)

    def _user(self, user: str) -> str:
        found = self._users.get(user)
        if found is None:
            if len(self._users) >= _LONGEST_CACHE:
                self._users.clear()
            found = self._users[user] = self.key.of_user(user)
        return found

    def table(self) -> pa.Table:
        """The rows since the last call, under the ROWS schema."""
        fields = [MESSAGE.field(index) for index in range(MESSAGE.num_fields)]
        turns = zip(*self.turns, strict=True) if self.turns else ((),) * len(fields)
        messages = pa.ListArray.from_arrays(
            pa.array(self.offsets, pa.int32()),
            pa.StructArray.from_arrays(
                [pa.array(values, field.type) for values, field in zip(turns, fields, strict=True)], fields=fields
            ),
        )
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(_GIVEN)
        given = dict(zip(_GIVEN, columns, strict=True))
        made: list[pa.Array] = []
        for field in ROWS:
            if field.name == "source":
                made.append(pa.repeat(pa.scalar(self.source, pa.string()), len(self)))
            elif field.name == "messages":
                made.append(messages.cast(field.type))
            elif field.type == TIMESTAMP:
                made.append(pa.array(given[field.name], pa.int64()).cast(TIMESTAMP))
            else:
                made.append(pa.array(given[field.name], field.type))
        self._clear()
        return pa.table(made, schema=ROWS)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
