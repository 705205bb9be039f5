"""Made-up questions of topics, and the evidence of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from chatlog.models.topic_evidence import EvidenceConfig, TopicEvidence
from chatlog.schema import MESSAGES

Row = tuple[int, str, str | None]  # topic, question, user


def shard(rows: list[Row], first: int = 0, *, redacted: bool | None = True) -> pa.Table:
    messages = [[{"role": "user", "content": text, "name": None, "created_at": None}] for _, text, _ in rows]
    table = pa.table(
        {
            "row_id": pa.array(range(first, first + len(rows)), pa.int64()),
            "messages": pa.array(messages, MESSAGES),
            "user_key": pa.array([user for _, _, user in rows], pa.string()),
        }
    )
    if redacted is None:
        return table
    return table.append_column("redacted", pa.array([redacted or None] * len(rows), pa.bool_()))


def evidence(rows: list[Row], k: int, *shards: pa.Table, subjects: bool = False, **settings: Any) -> TopicEvidence:
    """Evidence of the rows, each as near to its centre as its place is early; named by keywords unless told."""
    tables = shards or (shard(rows),)
    ids = np.concatenate([np.asarray(table.column("row_id"), dtype=np.int64) for table in tables])
    about = TopicEvidence(EvidenceConfig(subjects=subjects, **settings), ids, k)
    topics = np.array([topic for topic, _, _ in rows], dtype=np.int32)
    at = 0
    for table in tables:
        here = slice(at, at + table.num_rows)
        distance = np.arange(at, at + table.num_rows, dtype=np.float32)
        about.see(table, np.ones(table.num_rows, dtype=np.bool_), topics[here], distance)
        at += table.num_rows
    return about


def bread(count: int, topic: int = 0, user: str | None = None) -> list[Row]:
    return [(topic, f"how do I bake bread {n}", user or f"baker {n}") for n in range(count)]


def python(count: int, topic: int = 1) -> list[Row]:
    return [(topic, f"fix a Python traceback {n}", f"coder {n}") for n in range(count)]
