"""Which split each released row goes to: by SHA-256, so that it is the same on every machine and for ever."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Final

from chatlog.deciding import unit_of
from chatlog.errors import ConfigError
from chatlog.settings import ReleaseSpec, like

_BITS: Final = 48
"""Of a SHA-256, read as a fraction of 1."""


def placed_query(spec: ReleaseSpec, columns: Sequence[str], clustered: bool) -> str:
    """SQL over `decided` (row_id, reason, told_by): (row_id, told_by, unit, split) of each released row.

    `unit` is the lowest row_id of what one published row tells. `split` is the place of its split in `spec.splits`.
    A row goes where the hash of seed and key falls. The key is the value of `split_by`; for prompt_cluster_id it is
    the conversation_id of the cluster's first row, as row_ids change when logs are added before others.

    Args:
        spec: says which splits.
        columns: those of `conversations`.
        clustered: whether the run has prompt clusters.

    Raises:
        ConfigError: `split_by` is none of the columns, or needs `dedup`.
    """
    by = spec.split_by or ("prompt_cluster_id" if clustered else "conversation_id")
    if by not in columns:
        raise ConfigError(f"[release] split_by: `conversations` has no column {by!r}{like(by, columns)}")
    if by == "prompt_cluster_id" and not clustered:
        raise ConfigError("[release] split_by: prompt_cluster_id is written by `dedup`, which this run does not have")
    own = "coalesce(c.conversation_id, '')"
    named = (
        f"coalesce(r.conversation_id, {own})" if by == "prompt_cluster_id" else f'coalesce(c."{by}"::VARCHAR, {own})'
    )
    first = "LEFT JOIN conversations AS r ON r.row_id = c.prompt_cluster_id" if by == "prompt_cluster_id" else ""
    return f"""
SELECT row_id, told_by, unit, {_choice(list(spec.splits.values()))} AS split
FROM (
  SELECT row_id, told_by, unit, ('0x' || left(sha256('{spec.seed}:split:' || key), {_BITS // 4}))::BIGINT AS draw
  FROM (
    SELECT row_id, told_by, min(row_id) OVER one AS unit, arg_min(key, row_id) OVER one AS key
    FROM (
      SELECT c.row_id, d.told_by, {unit_of(spec)} AS unit_name, {named} AS key
      FROM decided AS d JOIN conversations AS c ON c.row_id = d.row_id {first}
      WHERE d.reason IS NULL
    )
    WINDOW one AS (PARTITION BY unit_name)
  )
)
"""


def _choice(shares: Sequence[float]) -> str:
    ends = [int(end * (1 << _BITS)) for end in accumulate(Fraction(str(share)) for share in shares)]
    cases = " ".join(f"WHEN draw < {end} THEN {place}" for place, end in enumerate(ends[:-1]))
    return f"CASE {cases} ELSE {len(shares) - 1} END" if cases else "0"
