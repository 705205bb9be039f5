"""What card and croissant.json tell of a release, gathered once from its files and its run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.errors import ConfigError
from chatlog.models.weights import sha256_file
from chatlog.release.columns import is_flat
from chatlog.settings import ReleaseSpec

_SHARD: Final = re.compile(r"data/(?P<split>\w[\w.-]*?)-\d+-of-\d+\.parquet")

_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
)
"""Size categories as the Hub writes them."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a release: its name in the folder, rows, bytes on disk and as Arrow, SHA-256 in hex."""

    name: str
    rows: int
    size: int
    arrow_bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """One split and its files, in order."""

    name: str
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        """Rows of all its files."""
        return sum(file.rows for file in self.files)

    @property
    def arrow_bytes(self) -> int:
        """Bytes of its rows as Arrow tables: what `datasets` calls num_bytes."""
        return sum(file.arrow_bytes for file in self.files)


@dataclass(frozen=True)
class Language:
    """A language that at least `min_users` people wrote, and the rows of the release in it; code of ISO 639 or None."""

    name: str
    code: str | None
    rows: int


@dataclass(frozen=True)
class Facts:
    """Everything that a description of a release may say.

    Attributes:
        spec: the `[release]` table.
        told: the object of provenance.json.
        schema: columns of the published rows.
        splits: in the order of their files.
        languages: the named ones, the most frequent first.
        other_languages: number of languages that too few people wrote, and the rows in them.
        min_users: people that a group needs to be named.
        flagged: released conversations with a flagged message.
        began, ended: first and last month of the released conversations (YYYY-MM); None where no log tells. A day
            would tell of single conversations.
    """

    spec: ReleaseSpec
    told: Mapping[str, Any]
    schema: pa.Schema
    splits: tuple[Split, ...]
    languages: tuple[Language, ...]
    other_languages: tuple[int, int]
    min_users: int
    flagged: int
    began: str | None
    ended: str | None

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(split.rows for split in self.splits)

    @property
    def without_copies(self) -> bool:
        """Whether duplicates were left out: the release query decides on that, not the stage that finds them."""
        return any(reason.startswith("duplicate") for reason in self.told["counts"]["dropped"])

    @property
    def battles(self) -> bool:
        """Whether a row tells a battle of two conversations."""
        return "conversation_a" in self.schema.names

    @property
    def size_category(self) -> str:
        """As the Hub writes it."""
        return next((name for limit, name in _SIZES if self.rows < limit), "10B<n<100B")

    def stage(self, name: str) -> Mapping[str, Any] | None:
        """A stage of the pipeline, as provenance.json tells it; None where it did not run."""
        return next((stage for stage in self.told["stages"] if stage["stage"] == name), None)

    def models(self, name: str) -> list[str]:
        """Names of a stage's models, without their checksums."""
        stage = self.stage(name)
        told = [part.split(" ")[0] for model in (stage or {}).get("models", ()) for part in model.split(" + ")]
        return list(dict.fromkeys(told))


def gather(connection: duckdb.DuckDBPyConnection, spec: ReleaseSpec, told: Mapping[str, Any], folder: Path) -> Facts:
    """The facts of the release in `folder`, whose data files are there.

    Registers `published` on the connection: the flat columns of all its rows, and the list of those without text.

    Raises:
        ConfigError: a file is not named as `data/SPLIT-NUMBER-of-NUMBER.parquet`.
    """
    files = list(told["files"])
    schema = pq.read_schema(folder / files[0])
    flat = [field.name for field in schema if is_flat(field.type)]
    # The connection may read the run's files only, so that what was written is handed over as Arrow.
    connection.register("published", pa.concat_tables([pq.read_table(folder / name, columns=flat) for name in files]))
    languages, others = _languages(connection, "language" in flat, spec.min_users)
    first = connection.execute(
        "SELECT count(*) FILTER (flagged), "
        "strftime(min(created_at), '%Y-%m'), strftime(max(created_at), '%Y-%m') "
        "FROM conversations JOIN decisions USING (row_id) WHERE reason IS NULL"
    ).fetchone()
    assert first is not None
    return Facts(spec, told, schema, _splits(folder, files), languages, others, spec.min_users, *first)


def _languages(
    connection: duckdb.DuckDBPyConnection, there: bool, min_users: int
) -> tuple[tuple[Language, ...], tuple[int, int]]:
    """Languages of enough people, and how many others there are, with their rows.

    Conversations of which no log tells the user count as those of different people.
    """
    if not there:
        return (), (0, 0)
    rows = connection.execute(
        """WITH people AS (
             SELECT language, any_value(language_code) AS code,
                    count(DISTINCT coalesce(user_key, row_id::VARCHAR)) AS users
             FROM conversations JOIN decisions USING (row_id) WHERE reason IS NULL GROUP BY language
           ), told AS (SELECT language, count(*) AS n FROM published GROUP BY language)
           SELECT language, code, n, coalesce(users, 0) FROM told LEFT JOIN people USING (language)
           WHERE language IS NOT NULL ORDER BY n DESC, language"""
    ).fetchall()
    # `unknown` tells of nobody.
    named = [row for row in rows if row[3] >= min_users or row[0] == "unknown"]
    hidden = [row for row in rows if row not in named]
    languages = tuple(Language(name, None if code == "und" else code, n) for name, code, n, _ in named)
    return languages, (len(hidden), sum(row[2] for row in hidden))


def _splits(folder: Path, files: Sequence[str]) -> tuple[Split, ...]:
    found: dict[str, list[DataFile]] = {}
    for name in files:
        match = _SHARD.fullmatch(name)
        if match is None:
            raise ConfigError(f"{name} is no data file of a release; expected data/SPLIT-NUMBER-of-NUMBER.parquet")
        found.setdefault(match["split"], []).append(_data_file(folder, name))
    return tuple(Split(name, tuple(of)) for name, of in found.items())


def _data_file(folder: Path, name: str) -> DataFile:
    path = folder / name
    with pq.ParquetFile(path) as file:
        size = sum(file.read_row_group(group).nbytes for group in range(file.num_row_groups))
        rows = file.metadata.num_rows
    return DataFile(name, rows, path.stat().st_size, size, sha256_file(path))
