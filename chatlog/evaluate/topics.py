"""How well topics agree with gold labels, through the stages `embed` and `topics` themselves."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pyarrow as pa

from chatlog.errors import MissingExtra
from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.models.embedding_config import EmbedConfig
from chatlog.schema import KEY, MESSAGES
from chatlog.stage import held
from chatlog.stages.embed import open_embed
from chatlog.stages.topics import TopicsConfig, run_topics


def evaluate(
    path: Path,
    k: int | None = None,
    embed: EmbedConfig | None = None,
    topics: TopicsConfig | None = None,
) -> Evaluation:
    """NMI, ARI and V-measure of the topics found in `path` against its field `label`.

    Args:
        path: JSON Lines with `text` and `label`; each text is taken as a conversation of one turn.
        k: number of topics; None takes the number of gold labels, 0 lets the stage choose.
        embed: settings of `embed`.
        topics: settings of `topics`, except k.

    Raises:
        DataError: the file is unreadable or lacks a field.
        MissingExtra: scikit-learn or sentence-transformers is not installed.
    """
    try:
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, v_measure_score
    except ImportError as error:
        raise MissingExtra("evaluating topics", "embed") from error
    rows = [row for row in read_rows(path, ("text", "label")) if row["label"] is not None]
    gold = [str(row["label"]) for row in rows]
    wanted = len(set(gold)) if k is None else k
    messages = [[_turn(str(row["text"]))] for row in rows]
    table = pa.table({"messages": pa.array(messages, MESSAGES)})
    with open_embed(embed or EmbedConfig()) as batch:
        began = time.perf_counter()
        table = table.append_column("embedding", batch(table).column("embedding"))
    table = table.append_column(KEY, pa.array(np.arange(len(rows), dtype=np.int64)))
    found = _first(run_topics((topics or TopicsConfig()).model_copy(update={"k": wanted}), [held(table)]))
    # A text without a topic is its own answer, not a row to leave out.
    label = [-1 if topic is None else topic for topic in found.column("topic_id").to_pylist()]
    seconds = time.perf_counter() - began
    return Evaluation(
        task="topics",
        file=path.name,
        n=len(rows),
        seconds=seconds,
        metrics={
            "nmi": float(normalized_mutual_info_score(gold, label)),
            "ari": float(adjusted_rand_score(gold, label)),
            "v_measure": float(v_measure_score(gold, label)),
            "k": len(set(label)),
            "gold_labels": len(set(gold)),
        },
    )


def _first(shards: Generator[pa.Table, None, dict[str, pa.Table]]) -> pa.Table:
    (table,) = list(shards)
    return table


def _turn(text: str) -> dict[str, str | None]:
    return {"role": "user", "content": text, "name": None, "created_at": None}
