"""What is learned of each topic from its questions: size, keywords, a name, and prompts that stand for it."""

from __future__ import annotations

import heapq
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from chatlog.schema import KEY
from chatlog.stage import Config
from chatlog.text.keywords import TermCounts


class EvidenceConfig(Config):
    """What of a topic's texts is shown."""

    keywords: int = Field(default=10, ge=1, le=50)
    """Keywords a topic, at most."""

    min_documents: int = Field(default=3, ge=2)
    """Conversations of a topic that must hold a word before it is shown: a rarer one may name a person."""

    min_size: int = Field(default=10, ge=1)
    """Conversations below which a topic gets no label, keywords or examples."""

    examples: int = Field(default=3, ge=0, le=20)
    """Prompts that stand for a topic in the table of topics; 0 keeps every text out of it."""

    example_length: int = Field(default=200, ge=20, le=2000)
    """Characters after which such a prompt is cut."""


TOPICS_TABLE: Final = pa.schema(
    [
        pa.field("topic_id", pa.int32()),
        pa.field("label", pa.string()),  # null for a topic of fewer than `min_size` conversations
        pa.field("keywords", pa.list_(pa.string())),
        pa.field("size", pa.int64()),  # conversations
        pa.field("parent", pa.int32()),
        pa.field("medoids", pa.list_(pa.int64())),  # row_id of the conversations nearest to the centre
        pa.field("examples", pa.list_(pa.string())),  # their first questions, cut
    ]
)

_LABEL_WORDS: Final = 3
_MEDOIDS: Final = 5
_TEXT_SAMPLE: Final = 2000

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]


class TopicEvidence:
    """What is learned of each topic while the rows pass by."""

    def __init__(self, config: EvidenceConfig, sample: Rows, k: int) -> None:
        self._config = config
        self._sample = sample
        self._sizes = np.zeros(k, dtype=np.int64)
        self._terms = TermCounts()
        # (-distance, -row_id, text): the farthest of the nearest is on top and falls out first.
        self._nearest: list[list[tuple[float, int, str]]] = [[] for _ in range(k)]

    def see(
        self, table: pa.Table, there: npt.NDArray[np.bool_], topic: npt.NDArray[np.int32], distance: Matrix
    ) -> None:
        """Takes in one shard."""
        self._sizes += np.bincount(topic[there], minlength=len(self._sizes))
        rows = np.asarray(table.column(KEY.name), dtype=np.int64)
        messages = table.column("messages")
        # Only the sample's texts are read: vocabularies grow with the texts, and memory must not.
        for index in np.flatnonzero(there & np.isin(rows, self._sample)).tolist():
            text = question(messages[index].as_py())
            self._terms.add(int(topic[index]), text)
            self._keep(int(topic[index]), (-float(distance[index]), -int(rows[index]), text))

    def _keep(self, topic: int, item: tuple[float, int, str]) -> None:
        nearest = self._nearest[topic]
        # The same question again would stand for nothing new: the nearer of the two stays.
        same = next((old for old in nearest if old[2] == item[2]), None)
        if same is not None:
            if item > same:
                nearest[nearest.index(same)] = item
                heapq.heapify(nearest)
        elif len(nearest) < _MEDOIDS:
            heapq.heappush(nearest, item)
        else:
            heapq.heappushpop(nearest, item)

    def table(self) -> pa.Table:
        """One row a topic, in the order of their numbers."""
        config = self._config
        words = self._terms.keywords(config.keywords, config.min_documents)
        rows: list[dict[str, Any]] = []
        for topic, size in enumerate(self._sizes.tolist()):
            shown = size >= config.min_size
            keywords = words.get(topic, []) if shown else []
            nearest = sorted(self._nearest[topic], reverse=True) if shown else []
            rows.append(
                {
                    "topic_id": topic,
                    "label": ", ".join(keywords[:_LABEL_WORDS]) or None,
                    "keywords": keywords,
                    "size": size,
                    "parent": None,
                    "medoids": [-row for _, row, _ in nearest],
                    "examples": [_cut(text, config.example_length) for _, _, text in nearest[: config.examples]],
                }
            )
        return pa.Table.from_pylist(rows, schema=TOPICS_TABLE)


def question(messages: list[dict[str, Any]] | None) -> str:
    """The user's first turn that has text, its beginning."""
    for message in messages or ():
        if message and message["role"] == "user" and (message["content"] or "").strip():
            return str(message["content"]).strip()[:_TEXT_SAMPLE]
    return ""


def _cut(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
