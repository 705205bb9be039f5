"""`chatlog diff A B`: what changed between two releases, and which stage changed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from chatlog.errors import ConfigError
from chatlog.pipeline import INGEST
from chatlog.release.lineage import LINEAGE, STAGE
from chatlog.release.provenance import read_provenance

QUERY: Final = "release query"
"""What changed a row that every stage left as it was: the SQL of the release, its settings, or a sample."""

NEW: Final = "new record"
GONE: Final = "record gone"
"""Of a row that one of the runs does not have: its logs, or that somebody was forgotten."""


@dataclass(frozen=True)
class Setting:
    """A setting that is another one.

    Attributes:
        stage: of which stage; `release` for the [release] table, `code` for chatlog and the packages it ran with.
        name: the setting.
        before: its value in A.
        after: in B.
    """

    stage: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """What changed from A to B.

    Attributes:
        settings: settings, versions and models that are others.
        first: the first stage of which some part is another; None when all are the same.
        shards: the shards of the run on which parts of that stage are others.
        counts: of provenance.json, those that are others: name to (A, B).
        rows: how many rows were added, removed, changed and stayed the same.
        causes: (kind, stage, reason) to rows: kind is added, removed or changed; the reason is that of the side on
            which the row is left out.
        columns: published columns to the rows of both releases whose values there are others.
        ids: some published ids of each kind.
    """

    settings: list[Setting]
    first: str | None
    shards: list[int]
    counts: dict[str, tuple[int, int]]
    rows: dict[str, int]
    causes: list[dict[str, Any]]
    columns: dict[str, int]
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the two hold the same rows with the same values."""
        return not any(self.rows[kind] for kind in ("added", "removed", "changed"))


def diff(before: str | Path, after: str | Path, *, ids: int = 5) -> Difference:
    """What changed between two releases of one operator.

    Args:
        before: the folder of release A.
        after: of release B.
        ids: published ids that are told of each kind, at most.

    Raises:
        ConfigError: they were made under two user keys, so that rows cannot be matched, or in two formats.
        DataError: one is no release, or damaged.
    """
    roots = Path(before), Path(after)
    told = read_provenance(roots[0]), read_provenance(roots[1])
    if told[0].get("key") != told[1].get("key"):
        raise ConfigError("the two releases were made under different user keys: their rows cannot be matched")
    if told[0]["format"] != told[1]["format"]:
        raise ConfigError(f"{roots[0]} is in the format {told[0]['format']}, {roots[1]} in {told[1]['format']}")
    first, shards = _first_difference(told[0], told[1])
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'")
        for name, root in zip(("a", "b"), roots, strict=True):
            _view(connection, name, [root / LINEAGE])
        stages = _shared_stages(connection, [stage["stage"] for stage in told[1]["stages"]])
        connection.execute(_matched(stages))
        rows = {kind: count for kind, count in connection.execute(_KINDS).fetchall()}
        causes = connection.execute(
            "SELECT kind, stage, reason, count(*) AS n FROM matched WHERE kind <> 'same' GROUP BY ALL "
            "ORDER BY kind, n DESC, stage, reason"
        ).fetchall()
        some = {
            kind: [
                row[0]
                for row in connection.execute(
                    "SELECT id FROM matched WHERE kind = ? AND id IS NOT NULL ORDER BY id LIMIT ?", [kind, ids]
                ).fetchall()
            ]
            for kind in ("added", "removed", "changed")
        }
        columns = _columns(connection, roots, told) if rows.get("changed") else {}
    return Difference(
        settings=list(_settings(told[0], told[1])),
        first=first,
        shards=shards,
        counts=_counts(told[0]["counts"], told[1]["counts"]),
        rows={kind: rows.get(kind, 0) for kind in ("added", "removed", "changed", "same")},
        causes=[dict(zip(("kind", "stage", "reason", "n"), cause, strict=True)) for cause in causes],
        columns=columns,
        ids=some,
    )


def _first_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str | None, list[int]]:
    """The first stage, in B's order, of which a part is another, and the shards where it is."""
    known = {stage["stage"]: stage for stage in before["stages"]}
    inputs = [each["hash"] for each in before["inputs"]], [each["hash"] for each in after["inputs"]]
    if differing := _unequal(*inputs):
        return INGEST, differing
    for stage in after["stages"]:
        other = known.get(stage["stage"])
        if other is None:
            return stage["stage"], list(range(stage["shards"]))
        if differing := _unequal(other["parts"], stage["parts"]):
            return stage["stage"], differing
    gone = [name for name in known if name not in {stage["stage"] for stage in after["stages"]}]
    return (gone[0], list(range(known[gone[0]]["shards"]))) if gone else (None, [])


def _unequal(left: Sequence[str], right: Sequence[str]) -> list[int]:
    most = max(len(left), len(right))
    padded = [*left, *[""] * (most - len(left))], [*right, *[""] * (most - len(right))]
    return [place for place in range(most) if padded[0][place] != padded[1][place]]


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Setting]:
    known = {stage["stage"]: stage for stage in before["stages"]}
    for stage in after["stages"]:
        other = known.pop(stage["stage"], None)
        if other is None:
            yield Setting(stage["stage"], "stage", None, f"version {stage['version']}")
            continue
        for name in ("version", "where", "models"):
            if other[name] != stage[name]:
                yield Setting(stage["stage"], name, other[name], stage[name])
        yield from _of_table(stage["stage"], other["config"], stage["config"])
    for name, stage in known.items():
        yield Setting(name, "stage", f"version {stage['version']}", None)
    yield from _of_table("release", before["release"], after["release"])
    code = [{f"made by {number}": each for number, each in enumerate(told["made_by"])} for told in (before, after)]
    yield from _of_table("code", code[0], code[1])


def _of_table(stage: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Setting]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Setting(stage, name, before.get(name), after.get(name))


def _counts(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    flat = [
        {name: value for name, value in told.items() if isinstance(value, int)}
        | {f"dropped: {reason}": count for reason, count in told["dropped"].items()}
        for told in (before, after)
    ]
    names = sorted({*flat[0], *flat[1]})
    pairs = {name: (flat[0].get(name, 0), flat[1].get(name, 0)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _view(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> None:
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([{files}])")
    except duckdb.Error as error:
        raise ConfigError(f"cannot read {paths[0]}: it was exported by an older chatlog, or is damaged") from error


def _shared_stages(connection: duckdb.DuckDBPyConnection, order: Sequence[str]) -> list[str]:
    """The stages that both releases tell the rows' hashes of, in the pipeline's order."""
    columns = [
        {row[0] for row in connection.execute(f"SELECT column_name FROM (DESCRIBE {name})").fetchall()} for name in "ab"
    ]
    return [stage for stage in order if STAGE + stage in columns[0] & columns[1]]


_KINDS: Final = "SELECT kind, count(*) FROM matched GROUP BY kind"


def _matched(stages: Sequence[str]) -> str:
    """SQL: one row for each row of either release that one of them publishes, with what became of it and why."""
    cause = " ".join(
        f'WHEN a."{STAGE}{stage}" IS DISTINCT FROM b."{STAGE}{stage}" THEN \'{stage}\'' for stage in stages
    )
    cause = f"CASE WHEN a.row IS NULL THEN '{NEW}' WHEN b.row IS NULL THEN '{GONE}' {cause} ELSE '{QUERY}' END"
    return f"""
    CREATE TABLE matched AS SELECT * FROM (
      SELECT coalesce(b.id, a.id) AS id, coalesce(a.reason, b.reason) AS reason, {cause} AS stage,
             CASE WHEN a.id IS NULL AND b.id IS NULL THEN NULL
                  WHEN a.id IS NULL THEN 'added'
                  WHEN b.id IS NULL THEN 'removed'
                  WHEN a.published IS DISTINCT FROM b.published OR a.id <> b.id THEN 'changed' ELSE 'same' END AS kind
      FROM a FULL JOIN b ON a.row = b.row AND a.copy = b.copy
    ) WHERE kind IS NOT NULL
    """


def _columns(
    connection: duckdb.DuckDBPyConnection, roots: Sequence[Path], told: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """How many rows of both releases have another value in each column, those with any."""
    for name, root, each in zip(("data_a", "data_b"), roots, told, strict=True):
        _view(connection, name, [root / file for file in each["files"]])
    columns = [
        [row[0] for row in connection.execute(f"SELECT column_name FROM (DESCRIBE {name})").fetchall()]
        for name in ("data_a", "data_b")
    ]
    key, shared = columns[0][0], [name for name in columns[0] if name in columns[1]]
    counts = ", ".join(f'count(*) FILTER (a."{name}" IS DISTINCT FROM b."{name}")' for name in shared)
    found = connection.execute(
        f'SELECT {counts} FROM data_a AS a JOIN data_b AS b ON a."{key}" = b."{key}" '
        f"WHERE a.\"{key}\" IN (SELECT id FROM matched WHERE kind = 'changed')"
    ).fetchone()
    assert found is not None
    return {name: count for name, count in zip(shared, found, strict=True) if count}
