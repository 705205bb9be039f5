"""The interfaces of a stage: what it reads, what it writes, and how it is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from chatlog.schema import KEY

BatchFn = Callable[[pa.Table], pa.Table]
"""Pure: the same rows in the same order come back, without the key."""


@runtime_checkable
class Counting(Protocol):
    """A BatchFn that counts what its work cost, such as the tokens that a model computed.

    Counts stand in the sidecar and not in the columns: they differ when a run was interrupted.
    """

    def __call__(self, batch: pa.Table, /) -> pa.Table:
        """As BatchFn."""
        ...

    def counts(self) -> dict[str, int]:
        """Totals since it was opened."""
        ...


class ReadShard(Protocol):
    """Reads one shard, when called."""

    def __call__(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The key and these of the declared columns; all of them for None, and those optional ones that are there."""
        ...


def held(table: pa.Table) -> ReadShard:
    """Reads a shard that is in memory already."""
    return lambda columns=None: table if columns is None else table.select([KEY.name, *columns])


class Config(BaseModel):
    """A stage's settings. Unknown keys are refused; `identity` is part of the stage's fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def located(self, base: Path) -> Self:
        """The same settings with their paths made absolute from `base`, the pipeline's folder.

        Must not fail where a file is missing: a run is read without the files that it was made from.
        """
        return self

    def identity(self) -> dict[str, Any]:
        """What of the settings decides the values: a file counts by its content, not by its place."""
        return self.model_dump(mode="json")


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex; empty where it cannot be read: `check` tells that."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def located_file(base: Path, path: str, pinned: str) -> tuple[str, str]:
    """The absolute path of a file that a setting names, and its digest, or the one that it is pinned to."""
    found = (base / Path(path).expanduser()).resolve()
    return str(found), pinned or file_digest(found)


def ready(_: Any) -> None:
    """Nothing to check before work begins."""


@dataclass(frozen=True)
class Stage:
    """Adds or replaces columns, row by row.

    Attributes:
        name: what a pipeline calls it, and its folder in the run.
        version: raised when the same config would give other values.
        config: its settings' class; `config()` is valid.
        reads: the columns that it needs, with their types.
        writes: the columns that it adds or replaces, all nullable; never depends on the config.
        open: called once a worker with the config; imports and loads weights, yields the batch function.
        optional: columns that it is given where a stage before it writes them.
        keyed: whether `open` takes the run's secret key as a second argument.
        gpus: GPUs that one worker holds.
        check: called at plan time with the config; raises ConfigError or MissingExtra, loads nothing.
        checkpoint_rows: a shard is kept in pieces of so many rows while it is in work, so that
            an interruption costs one piece; None where a shard takes seconds.
        retry: a column that it writes, and the value there that says of a row: this failed, and may succeed
            another time. Such rows are counted, and `--retry-errors` gives them to the stage once more.
    """

    name: str
    version: int
    config: type[Config]
    reads: pa.Schema
    writes: pa.Schema
    open: Callable[..., AbstractContextManager[BatchFn]]
    optional: pa.Schema = pa.schema([])  # noqa: RUF009 - a schema is immutable
    keyed: bool = False
    gpus: float = 0
    check: Callable[[Any], None] = ready
    checkpoint_rows: int | None = None
    retry: tuple[str, str] | None = None


@dataclass(frozen=True)
class GlobalStage:
    """Adds or replaces columns with sight of every shard.

    Attributes:
        run: called once with the config and one reader a shard; yields one table a shard, in order.
            A generator may return `{name: table}`: tables about the whole run (the topics'
            labels, say), kept beside the shards as `<name>.parquet`.
        side: the schemas of those tables.

    The other attributes are as in Stage.
    """

    name: str
    version: int
    config: type[Config]
    reads: pa.Schema
    writes: pa.Schema
    run: Callable[[Any, Sequence[ReadShard]], Iterator[pa.Table]]
    optional: pa.Schema = pa.schema([])  # noqa: RUF009 - a schema is immutable
    side: tuple[tuple[str, pa.Schema], ...] = ()
    check: Callable[[Any], None] = ready


AnyStage = Stage | GlobalStage
