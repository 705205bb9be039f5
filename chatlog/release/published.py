"""RUN/published.json: the ledger of what was published from a run, and which conversations each release holds.

It is private, as the run is: to forget a person, one must know which published revisions still hold them.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.engine.store import Run, open_run, write_table
from chatlog.errors import ConfigError, DataError
from chatlog.pipeline import INGEST
from chatlog.release.formats import FORMATS
from chatlog.release.provenance import read_provenance

LEDGER: Final = "published.json"
FOLDER: Final = "published"
"""Beside the ledger: one table of ids for each release."""

_ROWS: Final = (
    "SELECT DISTINCT conversation_id AS id FROM read_parquet(?) WHERE {id} IN (SELECT id FROM named) ORDER BY id"
)


@dataclass(frozen=True, order=True)
class Published:
    """One place where a release was published.

    Attributes:
        kind: `hub` or `url`.
        target: `ORG/NAME`, or the URL of the release's own folder.
        endpoint: of the Hub, empty elsewhere.
        revision: the branch, empty elsewhere.
        commit: the Hub's commit, empty elsewhere.
        release: the tag, or the folder's name.
        digest: SHA-256 of the release's SHA256SUMS.
        provenance: SHA-256 of its provenance.json.
    """

    kind: str
    target: str
    endpoint: str
    revision: str
    commit: str
    release: str
    digest: str
    provenance: str


def ids_in(run: str | Path, folder: str | Path) -> pa.ChunkedArray:
    """The `conversation_id`, in the run, of every conversation in a release of it that the run still has.

    Raises:
        ConfigError: `run` is no run folder, or the release is of another one.
        DataError: one of the two cannot be read.
    """
    found, root = open_run(Path(run)), Path(folder)
    told = read_provenance(root)
    known = FORMATS[told["format"]]
    parts = [str(found.part(INGEST, shard)) for shard in found.shards_of(INGEST)]
    try:
        tables = [pq.read_table(root / name, columns=[known.id]).rename_columns(["id"]) for name in told["files"]]
        named = pa.concat_tables([pa.table({"id": pa.array([], pa.string())}), *tables])
        with duckdb.connect() as connection:
            connection.register("named", named)
            held: pa.Table = connection.sql(_ROWS.format(id=known.run_id), params=[parts]).to_arrow_table()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise DataError(f"cannot compare {root} with {found.root}: {type(error).__name__}") from error
    if len(named) and not len(held):
        raise ConfigError(f"{root} is no release of {found.root}: the run has none of its conversations")
    return held["id"]


def record_published(run: str | Path, folder: str | Path, entry: Published) -> None:
    """Adds to a run's ledger that the release in `folder` was published; the same entry twice stands once.

    Raises:
        ConfigError: `run` is no run folder.
        DataError: the ledger is damaged or cannot be written.
    """
    found = open_run(Path(run))
    with _locked(found):
        write_table(found.root / FOLDER / f"{entry.digest}.parquet", pa.table({"id": ids_in(run, folder)}))
        entries = sorted({*_read(found), entry})
        found.write_json(LEDGER, {"published": [asdict(known) for known in entries]})


def withdraw(run: str | Path, targets: Collection[str]) -> None:
    """Takes URLs from the ledger that hold nothing any more.

    Raises:
        ConfigError: `run` is no run folder.
        DataError: the ledger is damaged or cannot be written.
    """
    found = open_run(Path(run))
    with _locked(found):
        entries = [entry for entry in _read(found) if entry.kind != "url" or entry.target not in targets]
        found.write_json(LEDGER, {"published": [asdict(known) for known in entries]})


def published(run: str | Path) -> list[Published]:
    """Every place where a release of the run was published, sorted.

    Raises:
        ConfigError: `run` is no run folder.
        DataError: the ledger is damaged.
    """
    return _read(open_run(Path(run)))


def holding(run: str | Path, ids: Collection[str]) -> list[tuple[Published, int]]:
    """The published releases that hold any of these conversations, and how many of them.

    A release whose table of ids is gone may hold all of them, and is told so.

    Args:
        run: the run folder.
        ids: values of `conversation_id` in the run, also of rows that are not in it any more.

    Raises:
        ConfigError: `run` is no run folder.
        DataError: the ledger or a table is damaged.
    """
    found = open_run(Path(run))
    wanted = pa.array(sorted(ids), pa.string())
    counts: dict[str, int] = {}
    for digest in {entry.digest for entry in _read(found)}:
        path = found.root / FOLDER / f"{digest}.parquet"
        try:
            held = pq.read_table(path)["id"]
            counts[digest] = pc.sum(pc.is_in(wanted, value_set=held.combine_chunks())).as_py() or 0
        except FileNotFoundError:
            counts[digest] = len(wanted)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {path}: it is damaged or not readable") from error
    return [(entry, counts[entry.digest]) for entry in _read(found) if counts[entry.digest]]


def _read(run: Run) -> list[Published]:
    told: Any = (run.read_json(LEDGER) or {"published": []}).get("published")
    names = {field.name for field in fields(Published)}
    try:
        return sorted(Published(**{name: str(entry[name]) for name in names}) for entry in told)
    except (KeyError, TypeError) as error:
        raise DataError(f"{run.root / LEDGER} is damaged: {type(error).__name__}") from error


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    """Holds the ledger: of two pushes at once both must be told. Not the run's own lock: a run may be at work."""
    try:
        (run.root / FOLDER).mkdir(mode=0o700, exist_ok=True)
        handle = (run.root / FOLDER / ".lock").open("a+b")
    except OSError as error:
        raise DataError(f"cannot write {run.root / FOLDER}: {error.strerror}") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
