"""`chatlog forget`: a conversation, or all of a user's, out of a run for good."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chatlog.engine.forgetting import Removed, apply_tombstones, forgotten_rows, read_part
from chatlog.engine.inputs import KEPT
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run, lock
from chatlog.engine.tombstones import Tombstones, with_shared
from chatlog.engine.userkey import user_key
from chatlog.errors import ConfigError, DataError
from chatlog.pipeline import INGEST
from chatlog.release.published import holding
from chatlog.schema import KEY


@dataclass(frozen=True)
class Forgotten:
    """What `chatlog forget` did, or with `dry_run` would do.

    Attributes:
        removed: what was taken out of the run folder.
        unknown: conversation ids and user keys that the run had no row of; they have a tombstone all the same.
        sources: log files that hold the records still, with the number of conversations each; they are not the run's.
        revisions: published revisions that hold a conversation still, as RUN's ledger tells them.
    """

    removed: Removed
    unknown: list[str] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)
    revisions: list[dict[str, Any]] = field(default_factory=list)


def forget(
    root: str | Path,
    conversations: Iterable[str] = (),
    users: Iterable[str] = (),
    user_ids: Iterable[str] = (),
    *,
    dry_run: bool = False,
) -> Forgotten:
    """Takes conversations out of a run folder and leaves a tombstone for each: logs that are read again skip them.

    With a conversation go the other conversations of its record (the other side of a battle, branches of a tree), and
    what repeats it under another id: snapshots of it, and any duplicate of the same user's.

    Args:
        root: the run folder.
        conversations: values of `conversation_id`.
        users: values of `user_key`.
        user_ids: ids or IP addresses of users, as the logs tell them.
        dry_run: look, and change nothing.

    Raises:
        ConfigError: no run, in use, or a user key that is none.
        DataError: a file is damaged, or the disk is full.
    """
    run, pipeline = pipeline_of(root)
    key = user_key(run)
    asked, keys = list(dict.fromkeys(conversations)), list(dict.fromkeys(users))
    for user in keys:
        if not re.fullmatch(r"[0-9a-f]{32}", user):
            raise ConfigError(
                f"a user key is 32 hexadecimal digits, found {len(user)} characters; give ids by --user-ids"
            )
    keys += [key.of_user(user) for user in user_ids]
    with lock(run):
        stones = with_shared(run, key)
        told = _Rows(run)
        unknown = [name for name in (*asked, *keys) if name not in told.ids and name not in told.users]
        stones = stones.with_more([*asked, *told.copies(set(asked))], keys)
        gone = told.held(stones)
        sources = _with_stdin(run, Counter(gone.values()))
        revisions = [
            {"conversations": count, **{name: value for name, value in asdict(entry).items() if value}}
            for entry, count in holding(run.root, told.ids_of(gone))
        ]
        if dry_run:
            return Forgotten(Removed(rows=len(gone), row_ids=sorted(gone)), unknown, sources, revisions)
        removed = apply_tombstones(run, pipeline, stones)
    return Forgotten(removed, unknown, sources, revisions)


class _Rows:
    """Who is in a run: narrow columns of all shards."""

    def __init__(self, run: Run) -> None:
        self._run = run
        texts = [pa.field(name, pa.string()) for name in ("conversation_id", "user_key", "source")]
        self.table = _columns(run, INGEST, pa.schema([KEY, *texts]))
        self.ids = frozenset(self.table["conversation_id"].to_pylist())
        self.users = frozenset(self.table["user_key"].to_pylist())

    def copies(self, ids: set[str]) -> list[str]:
        """The ids of what repeats these conversations under another id."""
        kinds = pa.schema([KEY, pa.field("cluster_id", pa.int64()), pa.field("duplicate_kind", pa.string())])
        found = _columns(self._run, "dedup", kinds)
        if not ids or not len(found):
            return []
        rows = self.table.join(found, KEY.name, join_type="inner")
        mine = rows.filter(pc.is_in(rows["conversation_id"], pa.array(sorted(ids))))
        users: dict[int, set[str | None]] = {}
        for cluster, user in zip(mine["cluster_id"].to_pylist(), mine["user_key"].to_pylist(), strict=True):
            users.setdefault(cluster, set()).add(user)
        near = rows.filter(
            pc.is_in(rows["cluster_id"], pa.array(sorted(key for key in users if key is not None), pa.int64()))
        )
        return [
            row["conversation_id"]
            for row in near.to_pylist()
            if (
                row["user_key"] in users[row["cluster_id"]]
                if row["user_key"] is not None
                else row["duplicate_kind"] == "snapshot" and None in users[row["cluster_id"]]
            )
        ]

    def held(self, stones: Tombstones) -> dict[int, str]:
        """The rows that tombstones hold, with the source of each."""
        rows: list[int] = []
        for shard in self._run.shards_of(INGEST):
            with suppress(DataError):
                rows += forgotten_rows(self._run, shard, stones).tolist()
        found = self.table.filter(pc.is_in(self.table[KEY.name], pa.array(rows, KEY.type)))
        return dict(zip(found[KEY.name].to_pylist(), found["source"].to_pylist(), strict=True))

    def ids_of(self, rows: Iterable[int]) -> list[str]:
        """The conversation ids of rows."""
        wanted = pa.array(sorted(rows), KEY.type)
        return sorted(set(self.table.filter(pc.is_in(self.table[KEY.name], wanted))["conversation_id"].to_pylist()))


def _columns(run: Run, stage: str, columns: pa.Schema) -> pa.Table:
    """Columns of all shards of a stage that can be read."""
    tables = [columns.empty_table()]
    for shard in run.shards_of(stage):
        with suppress(DataError):  # a damaged part is made again, without those who were forgotten
            tables.append(read_part(run.part(stage, shard), columns.names).cast(columns))
    return pa.concat_tables(tables)


def _with_stdin(run: Run, sources: Counter[str]) -> dict[str, int]:
    """The sources; what came on standard input is kept in the run folder, and told by its path there."""
    told = dict(sorted(sources.items()))
    if KEPT in told and (run.root / KEPT).exists():
        told[str(run.root / KEPT)] = told.pop(KEPT)
    return told
