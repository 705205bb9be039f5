"""The conversations that canaries are planted in: a sample of a run's, as `redact` was given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from chatlog.demo.dice import Dice
from chatlog.engine.shard import picked_rows
from chatlog.engine.store import Run, read_columns
from chatlog.errors import DataError
from chatlog.pipeline import PlannedStep
from chatlog.query import connect
from chatlog.schema import KEY
from chatlog.text.view import view

LONGEST: Final = 16_000
"""Characters of a conversation that are copied at most, so that one vast log does not take the whole time."""

MOST: Final = 5_000
"""Conversations of a sample at most; more canaries than that share them."""


@dataclass(frozen=True)
class Host:
    """One conversation, cut where it is very long.

    Attributes:
        columns: what `redact` reads of it, by name.
        language: its language's code without script or country; None where the run does not tell.
        usable: indexes of the messages of users and assistants that hold text.
        plain: its text as `plain` gives it.
    """

    columns: Mapping[str, Any]
    language: str | None
    usable: tuple[int, ...]
    plain: str

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """Its messages in order."""
        found: Sequence[Mapping[str, Any]] = self.columns["messages"]
        return found


def plain(text: str) -> str:
    """The letters and digits of a text, in ASCII digits and without case: what is left when separators go."""
    return "".join(char for char in view(text).text.casefold() if char.isalnum())


def sample(run: Run, step: PlannedStep, count: int, dice: Dice) -> tuple[list[Host], pa.Schema]:
    """Up to `count` conversations drawn without return, and the schema of what `redact` reads.

    Raises:
        DataError: none of the drawn ones holds a text of a user or an assistant.
    """
    where = step.step.where
    places: list[tuple[int, int]] = []
    for shard in run.shards_of("redact"):
        if run.read_sidecar("redact", shard) is None:
            continue
        narrow = read_columns(run, shard, {where: step.inputs[where]} if where else {})
        picked = picked_rows(narrow, where)
        rows = range(narrow.num_rows) if picked is None else picked.to_pylist()
        places += [(shard, row) for row in rows]
    drawn = dice.rng.choice(len(places), size=min(count, MOST, len(places)), replace=False) if places else np.array([])
    chosen: dict[int, list[int]] = {}
    for at in sorted(drawn.tolist()):
        chosen.setdefault(places[at][0], []).append(places[at][1])
    inputs = {name: writer for name, writer in step.inputs.items() if name != where}
    tables = [read_columns(run, shard, inputs).take(pa.array(rows)) for shard, rows in chosen.items()]
    if not tables:
        raise DataError(f"{run.root} has no conversations that were redacted, so that there is nothing to plant in")
    table = pa.concat_tables(tables)
    languages = _languages(run.root, table[KEY.name])
    table = table.drop_columns([KEY.name])
    hosts = [host for row, code in zip(table.to_pylist(), languages, strict=True) if (host := host_of(row, code))]
    if not hosts:
        raise DataError(f"{run.root} has no conversation with a text of a user or an assistant")
    return [hosts[at] for at in dice.rng.permutation(len(hosts)).tolist()], table.schema


def _languages(root: Path, keys: pa.ChunkedArray) -> list[str | None]:
    with connect(root) as connection:
        connection.register("asked", pa.table({KEY.name: keys}))
        rows = connection.execute(
            "SELECT row_id, language_code FROM asked LEFT JOIN conversations USING (row_id)"
        ).fetchall()
    codes = {row: code.split("-")[0] if code and code != "und" else None for row, code in rows}
    return [codes[key] for key in keys.to_pylist()]


def host_of(row: dict[str, Any], language: str | None) -> Host | None:
    """The host of what `redact` reads of a conversation; None where no user or assistant says anything."""
    left = LONGEST
    messages: list[dict[str, Any]] = []
    for turn in row["messages"] or ():
        if turn is None or left <= 0:
            break
        text = turn["content"]
        messages.append(turn | {"content": _cut(text, left) if text else text})
        left -= len(text or "")
    usable = tuple(
        at
        for at, turn in enumerate(messages)
        if turn["role"] in ("user", "assistant") and (turn["content"] or "").strip()
    )
    if not usable:
        return None
    system = row.get("system")
    row = row | {"messages": messages}
    if system is not None:
        row["system"] = _cut(system, LONGEST)
    told = "\n".join(turn["content"] or "" for turn in messages)
    return Host(row, language, usable, plain(told))


def _cut(text: str, size: int) -> str:
    """The beginning of a text, cut between words where it has some."""
    if len(text) <= size:
        return text
    gap = max(text.rfind(" ", 0, size), text.rfind("\n", 0, size))
    return text[: gap if gap > 0 else size]
