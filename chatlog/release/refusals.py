"""What a release is refused for, beside its accounts and identifiers: who was forgotten, canaries, groups too small."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import ahocorasick
import duckdb
import pyarrow as pa

from chatlog.engine.forgetting import forgotten_rows
from chatlog.engine.store import Run
from chatlog.engine.tombstones import with_shared
from chatlog.engine.userkey import user_key
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.release.formats import FORMATS
from chatlog.release.rescan import shown, texts_of
from chatlog.release.row_groups import row_groups
from chatlog.settings import ReleaseSpec

CANARIES: Final = "canaries.txt"
"""In the run folder: texts that must never be published, one a line, beside those of [release] `canaries`."""

_SHORTEST: Final = 6
"""Characters of a canary at least: shorter ones stand in words."""


def refuse_forgotten(run: Run, connection: duckdb.DuckDBPyConnection) -> None:
    """Nothing, when nobody who was forgotten is among the rows that `decided` releases.

    Raises:
        ReleaseRefused: somebody is, or forgetting was interrupted.
    """
    stones = with_shared(run, user_key(run))
    if not stones:
        return
    released = {row for (row,) in connection.execute("SELECT row_id FROM decided WHERE reason IS NULL").fetchall()}
    found = [row for shard in run.shards_of("ingest") for row in forgotten_rows(run, shard, stones).tolist()]
    left = [row for row in found if row in released]
    if left:
        raise ReleaseRefused(
            f"{len(left):,} rows are of those who were forgotten: rows {shown(left)}. Take them out: "
            f"chatlog forget {run.root}, then run the pipeline again",
            left,
        )
    if stones.pending:
        raise ReleaseRefused(f"forgetting is not finished: chatlog forget {run.root}, then run the pipeline again")


class Canaries:
    """Texts that must not be in a release, found in whatever case and width they are written."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Takes the texts.

        Raises:
            ConfigError: one is too short to be told from a word.
        """
        folded = sorted({_folded(text.strip()) for text in texts} - {""})
        if short := [text for text in folded if len(text) < _SHORTEST]:
            raise ConfigError(
                f"{len(short)} canaries have fewer than {_SHORTEST} characters: they would be found in words"
            )
        self._found = ahocorasick.Automaton()
        for text in folded:
            self._found.add_word(text, text)
        if folded:
            self._found.make_automaton()
        self.count = len(folded)

    def refuse(self, table: pa.Table, id_column: str) -> None:
        """Nothing, when no canary is in any text of a published table.

        Raises:
            ReleaseRefused: one is; the message names the rows, never the canary.
        """
        if not self.count:
            return
        ids = table[id_column].to_pylist()
        left = list(dict.fromkeys(ids[row] for row, text in texts_of(table) if any(self._found.iter(_folded(text)))))
        if left:
            raise ReleaseRefused(
                f"planted canaries are left in {len(left):,} rows: {shown(left)}. Redaction misses what they stand "
                "for: mend it, or drop these rows in the release query",
                left,
            )


def canaries_of(run: Run, spec: ReleaseSpec) -> Canaries:
    """Those of the run folder and of the release's settings.

    Raises:
        ConfigError: a file cannot be read, or holds one that is too short.
    """
    paths = [path for path in (run.root / CANARIES, spec.canaries) if path is not None]
    return Canaries([line for path in paths for line in _lines(path, needed=path == spec.canaries)])


def _lines(path: Path, *, needed: bool) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        if not needed:
            return []
        raise ConfigError(f"[release] canaries: no such file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[release] canaries: cannot read {path} as UTF-8 text") from error


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def count_topics(connection: duckdb.DuckDBPyConnection, spec: ReleaseSpec) -> None:
    """Makes `told_topics` (topic_id): the topics that enough users of the released rows asked about, for `publish`."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE told_topics AS
        SELECT topic_id FROM conversations JOIN decided USING (row_id)
        WHERE decided.reason IS NULL AND topic_id >= 0 GROUP BY topic_id
        HAVING count(DISTINCT coalesce(user_key, 'row ' || row_id)) >= {int(spec.min_users)}
        """
    )


def refuse_small_groups(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], spec: ReleaseSpec) -> None:
    """Nothing, when every value of the published group columns is shared by `min_users` users or more.

    A conversation without a user counts as one of its own.

    Raises:
        ReleaseRefused: a topic, or another group, is of fewer users; the message names column and rows.
    """
    known = FORMATS[spec.format]
    columns = [name for name in spec.groups if name in _columns(files)]
    if not columns or spec.min_users < 2:
        return
    connection.execute("CREATE OR REPLACE TEMP TABLE grouped (id VARCHAR, column_name VARCHAR, value VARCHAR)")
    for table in (group for path in files for group in row_groups(path, [known.id, *columns])):
        connection.register("given", table)
        for name in columns:
            connection.execute(
                f'INSERT INTO grouped SELECT "{known.id}", \'{name}\', "{name}"::VARCHAR FROM given '
                f'WHERE "{name}" IS NOT NULL'
            )
        connection.unregister("given")
    small = connection.execute(
        f"""
        SELECT column_name, list(DISTINCT id ORDER BY id) FROM (
          SELECT g.*, who FROM grouped AS g JOIN (
            SELECT {known.run_id} AS id, coalesce(user_key, 'row ' || row_id) AS who
            FROM conversations JOIN decided USING (row_id) WHERE decided.reason IS NULL
          ) AS c ON c.id = g.id
        ) GROUP BY column_name, value HAVING count(DISTINCT who) < {int(spec.min_users)} ORDER BY 1, 2
        """
    ).fetchall()
    if small:
        names = ", ".join(dict.fromkeys(name for name, _ in small))
        rows = [row for _, each in small for row in each]
        raise ReleaseRefused(
            f"{len(small):,} groups of {names} are of fewer than {spec.min_users} users, and may tell who somebody is: "
            f"rows {shown(rows)}. Publish no name for them, or set [release] min_users",
            rows,
        )


def _columns(files: Sequence[Path]) -> list[str]:
    import pyarrow.parquet as pq

    return pq.read_schema(files[0]).names if files else []
