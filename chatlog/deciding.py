"""What [release] adds to the query `decide`: values for its variables, and the drawing of a sample.

This stands in the view `decisions`, so that whatever reads a run counts a sample's rows as released.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import duckdb

from chatlog.errors import ConfigError
from chatlog.settings import Parameter, ReleaseSpec, like

_VARIABLE: Final = re.compile(r"getvariable\('(\w+)'\)")


def with_parameters(queries: Sequence[str], spec: ReleaseSpec) -> list[str]:
    """The queries of a release file with each getvariable('NAME') replaced by its value in [release.parameters].

    NULL stands for one that is not given, as DuckDB has it: a query says its defaults with coalesce. Replaced rather
    than set, so that a query is whole wherever it is kept.

    Raises:
        ConfigError: no query reads a parameter.
    """
    known = list(dict.fromkeys(name for query in queries for name in _VARIABLE.findall(query)))
    for name in spec.parameters:
        if name not in known:
            there = ", ".join(known) or "none"
            raise ConfigError(
                f"[release] parameters: {spec.select.name} reads no {name!r}{like(name, known)}; it reads {there}"
            )
    values = {name: _literal(value) for name, value in spec.parameters.items()}
    return [_VARIABLE.sub(lambda found: values.get(found[1], "NULL"), query) for query in queries]


def _literal(value: Parameter) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def sampled(decide: str, spec: ReleaseSpec, columns: Sequence[str]) -> str:
    """The query `decide`, of which a sample leaves rows out with the reason 'not sampled'.

    Strata get what is proportional to their size, by largest remainders, so that each is within one row of it.
    Within a stratum the rows of the lowest SHA-256 of seed and conversation_id are taken: a row keeps its place
    when others are added. The two sides of a battle are drawn as one.

    Args:
        decide: the query, (row_id, reason) and perhaps more columns.
        spec: says which sample.
        columns: those of `conversations`.

    Raises:
        ConfigError: a column of `stratify` is none of them.
    """
    if spec.sample is None:
        return decide
    for column in spec.stratify:
        if column not in columns:
            raise ConfigError(f"[release] stratify: `conversations` has no column {column!r}{like(column, columns)}")
    strata = ", ".join(f"coalesce(c.\"{column}\"::VARCHAR, '')" for column in spec.stratify)
    wanted = str(spec.sample) if isinstance(spec.sample, int) else f"floor({spec.sample!r} * sum(size) + 0.5)"
    return f"""
WITH decided AS MATERIALIZED ({_bare(decide)}),
kept AS (
  SELECT c.row_id, {unit_of(spec)} AS unit, coalesce(c.conversation_id, '') AS id, [{strata}]::VARCHAR[] AS stratum
  FROM decided AS d JOIN conversations AS c ON c.row_id = d.row_id WHERE d.reason IS NULL
),
units AS (
  SELECT unit, min(row_id) AS first, arg_min(stratum, row_id) AS stratum,
         sha256('{spec.seed}:sample:' || arg_min(id, row_id)) AS draw
  FROM kept GROUP BY unit
),
strata AS (SELECT stratum, count(*) AS size FROM units GROUP BY stratum),
wanted AS (SELECT least({wanted}, sum(size))::HUGEINT AS n, sum(size)::HUGEINT AS total FROM strata),
shares AS (SELECT stratum, n, (n * size) // total AS whole, (n * size) % total AS rest FROM strata, wanted),
quotas AS (
  SELECT stratum, whole + (row_number() OVER (ORDER BY rest DESC, stratum) <= n - sum(whole) OVER ())::INT AS quota
  FROM shares
),
places AS (SELECT unit, stratum, row_number() OVER (PARTITION BY stratum ORDER BY draw, first) AS place FROM units),
taken AS (SELECT p.unit FROM places AS p JOIN quotas AS q ON p.stratum = q.stratum WHERE p.place <= q.quota)
SELECT d.* REPLACE (CASE WHEN d.reason IS NULL AND t.unit IS NULL THEN 'not sampled' ELSE d.reason END AS reason)
FROM decided AS d LEFT JOIN kept AS k ON k.row_id = d.row_id LEFT JOIN taken AS t ON t.unit = k.unit
"""


def _bare(query: str) -> str:
    """A statement up to its semicolon, behind which a file has the comments of the next one."""
    text = query.encode()  # tokens are told by bytes
    for place, kind in reversed(duckdb.tokenize(query)):
        if kind == duckdb.token_type.operator and text[place : place + 1] == b";":
            return text[:place].decode()
    return f"{query}\n"  # its last line may be a comment


def unit_of(spec: ReleaseSpec) -> str:
    """SQL of what is drawn as one, over `conversations AS c`: the battle, or else the row; as text."""
    return f'coalesce(c."{spec.unit}", c.row_id::VARCHAR)' if spec.unit else "c.row_id::VARCHAR"
