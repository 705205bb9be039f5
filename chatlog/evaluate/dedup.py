"""`chatlog eval dedup`: near-duplicate clusters of single texts."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import pyarrow as pa

from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.schema import KEY, MESSAGES, ROWS
from chatlog.stage import held
from chatlog.stages.dedup import DEDUP, DedupConfig
from chatlog.stages.fingerprint import FINGERPRINT, FingerprintConfig


def evaluate(path: Path, fingerprint: FingerprintConfig | None = None, dedup: DedupConfig | None = None) -> Evaluation:
    """Pairwise precision, recall, F1 and adjusted Rand index on base, light, medium and singleton texts; heavy apart.

    Raises:
        DataError: the file is not a labelled dedup set.
    """
    rows = read_rows(path, ("id", "text", "cluster", "variant", "strength"))
    begun = time.monotonic()
    found = clusters([row["text"] for row in rows], fingerprint or FingerprintConfig(), dedup or DedupConfig())
    seconds = time.monotonic() - begun
    gold: list[Hashable] = [
        ("one", index) if row["cluster"] is None else row["cluster"] for index, row in enumerate(rows)
    ]
    scored = [index for index, row in enumerate(rows) if row["strength"] != "heavy"]
    metrics: dict[str, Any] = pair_metrics([gold[index] for index in scored], [found[index] for index in scored])
    metrics["recall_by_variant"] = _recall_by_variant(rows, found, heavy=False)
    metrics["heavy"] = {"recall_by_variant": _recall_by_variant(rows, found, heavy=True)}
    return Evaluation("dedup", path.name, len(scored), seconds, metrics)


def clusters(texts: Sequence[str], fingerprint: FingerprintConfig, dedup: DedupConfig) -> list[int]:
    """The cluster that the two stages give each text, each taken as a conversation of one user turn."""
    size = len(texts)
    messages = pa.array([[{"role": "user", "content": text}] for text in texts], MESSAGES)
    narrow = ["conversation_id", "battle_id", "created_at", "truncated"]
    with FINGERPRINT.open(fingerprint) as function:
        hashed = function(pa.table({"messages": messages}))
    columns = {KEY.name: pa.array(range(size), KEY.type)}
    columns |= {name: pa.nulls(size, ROWS.field(name).type) for name in narrow}
    columns |= {name: hashed[name] for name in DEDUP.reads.names if name not in columns}
    table = pa.table(columns)
    (made,) = DEDUP.run(dedup, [held(table)])
    found: list[int] = made["cluster_id"].to_pylist()
    return found


def pair_metrics(gold: Sequence[Hashable], found: Sequence[Hashable]) -> dict[str, Any]:
    """Pairwise precision, recall, F1 and ARI of two clusterings (Hubert and Arabie 1985)."""
    together = sum(comb(n, 2) for n in Counter(zip(gold, found, strict=True)).values())
    in_gold = sum(comb(n, 2) for n in Counter(gold).values())
    in_found = sum(comb(n, 2) for n in Counter(found).values())
    every = comb(len(gold), 2)
    precision = together / in_found if in_found else None
    recall = together / in_gold if in_gold else None
    f1 = 2 * together / (in_gold + in_found) if in_gold + in_found else None
    expected = in_gold * in_found / every if every else 0.0
    spread = (in_gold + in_found) / 2 - expected
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "ari": (together - expected) / spread if spread else 1.0,
    }


def _recall_by_variant(rows: Sequence[dict[str, Any]], found: Sequence[int], *, heavy: bool) -> dict[str, float]:
    """For each kind of change, the share of base-to-variant pairs that are in one cluster."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row["cluster"] is not None:
            members[row["cluster"]].append(index)
    hits: dict[str, list[int]] = defaultdict(list)
    for group in members.values():
        for left, right in combinations(group, 2):
            kinds = {rows[left]["variant"], rows[right]["variant"]}
            if "base" in kinds and len(kinds) == 2:
                (variant,) = kinds - {"base"}
                other = left if rows[left]["variant"] == variant else right
                if (rows[other]["strength"] == "heavy") == heavy:
                    hits[variant].append(int(found[left] == found[right]))
    return {variant: sum(values) / len(values) for variant, values in sorted(hits.items())}
