"""Vectors kept between runs: by what the model is and how it is asked, and by the text, as a keyed hash.

A cache is a private folder of SQLite files, one a model and its settings. It holds no text, but vectors tell much of
what a text says: treat it as a run folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError, DataError

T = TypeVar("T")
Halves = npt.NDArray[np.float16]

_SUFFIX: Final = ".sqlite"
_PATIENCE: Final = 60.0  # seconds to wait for another process that writes
_ASKED: Final = 500  # keys a query: SQLite takes 999 and more
_CHECK: Final = 4  # bytes of a CRC-32 behind each vector

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_IOERR})
"""What SQLite says of a file that is not what was written; other errors (full, busy, read-only) leave it as it is."""


def cache_identity(told: Mapping[str, Any]) -> str:
    """What stands for a model and its settings: 32 hex digits, other ones where any value of `told` is another."""
    return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def text_key(text: str, identity: str = "", secret: bytes = b"") -> bytes:
    """What stands for a text: 16 bytes of BLAKE2b, under `secret` where there is one.

    Under a secret nobody else can tell whether a text that they guess is in the cache.
    """
    # A run's secret may be longer than BLAKE2b takes, and serves other ends too.
    key = hashlib.blake2b(secret, digest_size=32, person=b"chatlog-vectors").digest() if secret else b""
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16, key=key, salt=bytes.fromhex(identity)).digest()


class EmbeddingCache:
    """The vectors of one model; several processes may read and write it at once.

    What goes wrong with it never stops a run: what is not found is computed.

    Attributes:
        remade: how often the file was found damaged, and begun anew.
        unwritten: vectors that could not be kept, since the disk is full or another process would not yield.
    """

    def __init__(self, folder: Path, identity: str, secret: bytes = b"") -> None:
        """Opens it, or begins it.

        Raises:
            ConfigError: the folder cannot be made or written.
        """
        self._path = folder / (identity + _SUFFIX)
        self._identity = identity
        self._secret = secret
        self._connection: sqlite3.Connection | None = None
        self.remade = 0
        self.unwritten = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"the cache of embeddings cannot be kept in {folder}: {error}") from error

    def key(self, text: str) -> bytes:
        """What stands for `text` here."""
        return text_key(text, self._identity, self._secret)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Halves]:
        """The vectors of those of `keys` that are kept, each `(dim,) float16`."""

        def read(connection: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
            rows: list[tuple[bytes, bytes]] = []
            for start in range(0, len(keys), _ASKED):
                asked = keys[start : start + _ASKED]
                marks = ",".join("?" * len(asked))
                rows += connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", asked).fetchall()
            return rows

        rows = self._attempt(read, list[tuple[bytes, bytes]]())
        found = ((key, _unpacked(key, packed)) for key, packed in rows)
        return {key: vector for key, vector in found if vector is not None}

    def put(self, keys: Sequence[bytes], vectors: Halves) -> None:
        """Keeps `vectors`, `(len(keys), dim) float16`."""

        def write(connection: sqlite3.Connection) -> int:
            rows = [(key, _packed(key, vector)) for key, vector in zip(keys, vectors, strict=True)]
            with _transaction(connection):
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            return len(rows)

        self.unwritten += len(keys) - self._attempt(write, 0)

    def close(self) -> None:
        """Lets go of the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _attempt(self, action: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What `action` gives; `otherwise` where the file fails. A damaged one is begun anew."""
        if self._connection is None:
            return otherwise
        try:
            return action(self._connection)
        except sqlite3.Error as error:
            if _is_damage(error):
                self.close()
                with suppress(OSError, sqlite3.Error):
                    self._open(suspect=True)
            return otherwise

    def _open(self, suspect: bool = False) -> None:
        with _alone(self._path):
            try:
                self._connection = _connected(self._path, suspect)
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                self.remade += 1
                _remove(self._path)
                self._connection = _connected(self._path)


def forget(folder: Path, texts: Iterable[str], secret: bytes = b"") -> int:
    """Removes the vectors of `texts` from every file of a cache; returns how many there were.

    Args:
        folder: the setting `cache` of `embed`.
        texts: as they were embedded (chatlog.stages.embed.text_of).
        secret: the key of the runs that filled it.

    Raises:
        DataError: a file is in use, so that what was removed could still be read from its log.
    """
    removed = 0
    given = list(dict.fromkeys(texts))
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        keys = [(text_key(text, path.stem, secret),) for text in given]
        try:
            with _alone(path), closing(_connected(path)) as connection:
                with _transaction(connection):
                    removed += connection.executemany("DELETE FROM vectors WHERE key = ?", keys).rowcount
                # The log keeps what was deleted until it is written back and cut.
                ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise DataError(f"{path}: {error}; end the runs that use the cache and forget again") from error
            _remove(path)
            busy = 0
        if busy:
            raise DataError(f"{path} is in use; end the runs that use the cache and forget again")
    return removed


def _connected(path: Path, suspect: bool = False) -> sqlite3.Connection:
    """A connection to a file that holds the table; one that is `suspect` is read through.

    Raises:
        sqlite3.Error: the file is damaged, foreign, or cannot be written.
    """
    # SQLite gives its log files the mode of the file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")
        connection.execute("SELECT key, vector FROM vectors LIMIT 1").fetchall()
        if suspect and connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise _DamagedError
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _DamagedError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def _is_damage(error: sqlite3.Error) -> bool:
    # The low byte is the error, what is above tells it more closely.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds off other processes that open, remake or clean the file; those that have it open go on."""
    with open(os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _packed(key: bytes, vector: Halves) -> bytes:
    data = vector.astype("<f2").tobytes()
    return data + zlib.crc32(data, zlib.crc32(key)).to_bytes(_CHECK, "little")


def _unpacked(key: bytes, packed: bytes) -> Halves | None:
    """The vector; None where it is not what was kept under `key`."""
    data = packed[:-_CHECK]
    if len(data) % 2 or packed[-_CHECK:] != zlib.crc32(data, zlib.crc32(key)).to_bytes(_CHECK, "little"):
        return None
    return np.frombuffer(data, dtype="<f2").astype(np.float16)
