"""The run folder: part files, sidecars, atomic writes, the lock."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.errors import ConfigError, ContractError, DataError
from chatlog.schema import KEY

ROW_GROUP: Final = 5_000
"""Rows of a row group in part files: what a reader holds in memory at least."""

ZSTD_LEVEL: Final = 3

_TEMPORARY: Final = re.compile(r"\.tmp-\d+-")


@dataclass(frozen=True)
class Run:
    """A run folder."""

    root: Path

    def part(self, stage: str, shard: int) -> Path:
        """The Parquet file of one stage on one shard."""
        return self.root / stage / f"part-{shard:05d}.parquet"

    def sidecar(self, stage: str, shard: int) -> Path:
        """The JSON file whose presence, with the right fingerprint, means that the shard is done."""
        return self.root / stage / f"part-{shard:05d}.json"

    def rejects(self, shard: int) -> Path:
        """The rejects of one ingest shard."""
        return self.root / "rejects" / f"part-{shard:05d}.parquet"

    def side(self, stage: str, table: str) -> Path:
        """A table about the whole run that a global stage left."""
        return self.root / stage / f"{table}.parquet"

    def read_sidecar(self, stage: str, shard: int) -> dict[str, Any] | None:
        """The sidecar's object; None when it is absent or damaged (the shard is then made again)."""
        try:
            value = orjson.loads(self.sidecar(stage, shard).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    def is_done(self, stage: str, shard: int, fingerprint: str) -> bool:
        """Whether the part file was made by this very work."""
        found = self.read_sidecar(stage, shard)
        if found is None or found.get("fingerprint") != fingerprint:
            return False
        try:
            return self.part(stage, shard).stat().st_size == found.get("bytes")
        except OSError:
            return False

    def shards_of(self, stage: str) -> list[int]:
        """The shards that a stage has part files or sidecars of, sorted."""
        folder = self.root / stage
        if not folder.is_dir():
            return []
        found = {match[1] for item in folder.iterdir() if (match := re.fullmatch(r"part-(\d{5,})\.\w+", item.name))}
        return sorted(int(number) for number in found)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A JSON object at the top of the run folder, None when absent.

        Raises:
            DataError: it is damaged.
        """
        path = self.root / name
        try:
            value = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            raise DataError(f"cannot read {path}: it is damaged or not readable") from error
        return value if isinstance(value, dict) else None

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Writes a JSON object, keys sorted, whole or not at all."""
        write_bytes(self.root / name, dump_json(value))

    def forget(self, stage: str, shard: int) -> None:
        """Removes the sidecar: from here on the shard counts as not done."""
        self.sidecar(stage, shard).unlink(missing_ok=True)

    def remove_shards_from(self, stages: Sequence[str], count: int) -> None:
        """Removes what stages hold of shards past `count`, left by larger inputs."""
        for stage in (*stages, "rejects"):
            for shard in self.shards_of(stage):
                if shard >= count:
                    self.sidecar(stage, shard).unlink(missing_ok=True)
                    self.part(stage, shard).unlink(missing_ok=True)


def open_run(root: Path) -> Run:
    """An existing run folder.

    Raises:
        ConfigError: the folder is missing or holds no run.
    """
    run = Run(root)
    if not (root / "run.json").is_file():
        raise ConfigError(
            f"{root} is not a run folder (it has no run.json); make one with: chatlog run PIPELINE --out {root}"
        )
    return run


@contextmanager
def lock(run: Run) -> Iterator[None]:
    """Makes the folder (mode 0700) and holds it for one process at a time; files made meanwhile are the owner's alone.

    Raises:
        ConfigError: another process works on the folder, or it cannot be made.
    """
    try:
        run.root.mkdir(parents=True, exist_ok=True)
        run.root.chmod(0o700)
        handle = (run.root / ".lock").open("a+b")
    except OSError as error:
        raise ConfigError(f"cannot use {run.root} as a run folder: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another process works on {run.root}; wait for it, or give another --out") from None
        for leftover in run.root.glob("*/.tmp-*"):
            if leftover.is_file() and _TEMPORARY.match(leftover.name):
                leftover.unlink(missing_ok=True)
        with private():
            yield


@contextmanager
def private() -> Iterator[None]:
    """Files and folders that are made in the block are their owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def dump_json(value: Any) -> bytes:
    """Indented JSON with sorted keys and a final newline."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Lets `write` fill a temporary file, then puts it in place of `path` in one step.

    Raises:
        DataError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    temporary = path.parent / f".tmp-{os.getpid()}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or type(error).__name__
        raise DataError(
            f"cannot write {path}: {reason}. What is done is kept: mend this and run the same command again"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a small file, whole or not at all."""
    write_atomically(path, lambda stream: _write_all(stream, data))


def _write_all(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)


def write_table(path: Path, table: pa.Table, *, vast: Sequence[str] = ()) -> dict[str, Any]:
    """Writes a Parquet file, whole or not at all; its size and SHA-256 for the sidecar.

    The columns of `vast` may hold values of a hundred megabytes: neither dictionaries nor statistics
    are made of them, which would hold several copies of each.
    """
    measured: bool | list[str] = [name for name in table.column_names if name not in vast] if vast else True
    plain, hashes = _leaves(table.schema)

    def write(stream: BinaryIO) -> None:
        pq.write_table(
            table.replace_schema_metadata(None),
            stream,
            compression=dict.fromkeys(plain, "zstd") | dict.fromkeys(hashes, "none"),
            compression_level=dict.fromkeys(plain, ZSTD_LEVEL),
            use_dictionary=[leaf for leaf in plain if leaf not in vast],
            row_group_size=ROW_GROUP,
            write_statistics=measured,
        )

    write_atomically(path, write)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _leaves(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """The paths of a schema's leaves: those worth compressing, and hashes and shingles, which are not.

    Vectors are: what fills them up to the column's length is zeros.
    """

    def walk(kind: pa.DataType, path: str, listed: bool) -> Iterator[tuple[str, bool]]:
        if pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                yield from walk(kind.field(index).type, f"{path}.{kind.field(index).name}", False)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from walk(kind.value_type, f"{path}.list.element", pa.types.is_list(kind))
        else:
            yield path, pa.types.is_fixed_size_binary(kind) or (listed and pa.types.is_primitive(kind))

    found = [leaf for field in schema for leaf in walk(field.type, field.name, False)]
    return [path for path, hashed in found if not hashed], [path for path, hashed in found if hashed]


def read_columns(run: Run, shard: int, inputs: Mapping[str, str]) -> pa.Table:
    """The key and the given columns of one shard, each from the stage that wrote it last.

    Raises:
        DataError: a part file is missing or damaged.
        ContractError: the stages do not hold the same rows in the same order.
    """
    by_stage: dict[str, list[str]] = {}
    for column, stage in inputs.items():
        by_stage.setdefault(stage, []).append(column)
    key: pa.ChunkedArray | None = None
    columns: dict[str, pa.ChunkedArray] = {}
    for stage, names in (by_stage or {"ingest": []}).items():
        path = run.part(stage, shard)
        try:
            with pq.ParquetFile(path) as file:  # read_table would import pyarrow.dataset, and pandas with it
                table = file.read([KEY.name, *names])
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {path}: it is missing or damaged; remove it and run again") from error
        if key is None:
            key = table[KEY.name]
        elif not key.equals(table[KEY.name]):
            raise ContractError(f"{path} does not hold the rows of the stages before it; remove {stage}/ and run again")
        columns.update((name, table[name]) for name in names)
    assert key is not None
    arrays = [key, *(columns[name] for name in inputs)]
    return pa.table(arrays, schema=pa.schema([KEY, *(pa.field(name, columns[name].type) for name in inputs)]))
