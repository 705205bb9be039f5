"""The stage `topics`: clusters of the embeddings, each with a name, and a map of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from chatlog.models.clusters import Clusters, fit_clusters
from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING, halves, used_width
from chatlog.models.landmarks import Map, fit_map
from chatlog.models.language_means import UNSURE, LanguageMeans, fit_language_means
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.topic_evidence import TOPICS_TABLE, EvidenceConfig, TopicEvidence, check_evidence, question
from chatlog.schema import KEY, MESSAGES
from chatlog.stage import GlobalStage, ReadShard
from chatlog.text.prose import prose_lines


class TopicsConfig(EvidenceConfig):
    """Settings of `topics`."""

    k: int = Field(default=0, ge=0, le=10_000)
    """Number of topics; 0 chooses it by the Bayesian information criterion (chatlog.models.clusters)."""

    max_topics: int = Field(default=256, ge=1, le=512)
    """Most topics that k = 0 may choose."""

    sample: int = Field(default=50_000, ge=100, le=1_000_000)
    """Conversations that the topics are learned from, drawn by a hash of their key; all are assigned."""

    language_neutral: bool = True
    """Take the mean of each language with 30 conversations and more out of the embeddings, so that topics are
    not languages. An embedder that was trained on many languages may need it less."""

    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Of the sample, of k-means and of the map."""


_READS: Final = pa.schema(
    [pa.field("embedding", EMBEDDING), pa.field("messages", MESSAGES), pa.field("user_key", pa.string())]
)
_OPTIONAL: Final = pa.schema([pa.field("redacted", pa.bool_())])
_WRITES: Final = pa.schema(
    [
        pa.field("topic_id", pa.int32()),  # 0 is the largest in the sample
        pa.field("topic_distance", pa.float32()),  # Euclidean, to the topic's centre, less the language
        pa.field("topic_x", pa.float32()),  # of the map, -1 to 1
        pa.field("topic_y", pa.float32()),
    ]
)

LANGUAGE_MODEL: Final = "lid.176.ftz"
"""By which the language of a question is told; carried by a package, as in the stage `language`."""

_LANGUAGE_SAMPLE: Final = 500
_LANGUAGE_SCORE: Final = 0.8
_LANGUAGE_LETTERS: Final = 12

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]


def run_topics(config: TopicsConfig, readers: Sequence[ReadShard]) -> Generator[pa.Table, None, dict[str, pa.Table]]:
    """Yields one table a shard, in order; returns the table of topics.

    Two passes: one draws the sample, one assigns. What is held is the sample and one shard.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    codes_of = _Languages(config)
    rows, vectors, codes = _draw(config, readers, codes_of)
    means = fit_language_means(vectors, codes)
    vectors = means.remove(vectors, codes)
    clusters = fit_clusters(vectors, config.k, config.max_topics, config.seed)
    plane = fit_map(vectors, config.seed)
    about = TopicEvidence(config, rows, len(clusters.centres))
    for read in readers:
        yield _assign(read(), codes_of, means, clusters, plane, about)
    return {"topics": about.table()}


class _Languages:
    """The language of each question, by its own text alone; one code for all where the config says so."""

    def __init__(self, config: TopicsConfig) -> None:
        self._identifier = LanguageIdentifier(LANGUAGE_MODEL) if config.language_neutral else None

    def of(self, messages: pa.ChunkedArray, indices: Sequence[int]) -> list[str]:
        """The codes of the rows at `indices`; scripts and regions of one language are one."""
        if self._identifier is None:
            return [UNSURE] * len(indices)
        found = []
        questions = [question(messages[index].as_py()) for index in indices]
        for words, weights in prose_lines(questions, _LANGUAGE_SAMPLE):
            guess = self._identifier.guess(words, weights)
            sure = guess.score >= _LANGUAGE_SCORE and guess.weight >= _LANGUAGE_LETTERS
            found.append(guess.code.split("-")[0] if sure else UNSURE)
        return found


def _vectors(column: pa.ChunkedArray, width: int) -> tuple[npt.NDArray[np.bool_], Matrix]:
    """Which rows have a vector, `(n,) bool`, and of those the first dimensions, `(m, width) float32`."""
    there, found = halves(column)
    return there, found[:, :width].astype(np.float32)


def _draw(config: TopicsConfig, readers: Sequence[ReadShard], codes_of: _Languages) -> tuple[Rows, Matrix, list[str]]:
    """The keys, vectors and languages of the sample, in the order of their keys.

    A row's chance is a hash of its key: the same rows are drawn whatever the shards' order.
    """
    kept_ticket = np.zeros(0, dtype=np.uint64)
    kept_row = np.zeros(0, dtype=np.int64)
    kept = np.zeros((0, DIMENSIONS), dtype=np.float16)
    codes: dict[int, str] = {}
    for read in readers:
        table = read()
        there, vectors = halves(table.column("embedding"))
        keys = np.asarray(table.column(KEY.name), dtype=np.int64)
        ticket = np.concatenate([kept_ticket, _tickets(keys[there], config.seed)])
        row = np.concatenate([kept_row, keys[there]])
        stacked = np.concatenate([kept, vectors])
        best = np.lexsort((row, ticket))[: config.sample]
        # Only what enters the sample is read.
        new = np.flatnonzero(there)[best[best >= len(kept_row)] - len(kept_row)]
        kept_ticket, kept_row, kept = ticket[best], row[best], stacked[best]
        codes |= zip(keys[new].tolist(), codes_of.of(table.column("messages"), new.tolist()), strict=True)
        codes = {key: codes[key] for key in kept_row.tolist()}
    order = np.argsort(kept_row)
    narrow = kept[order, : max(1, used_width(kept))]  # what fills vectors up to the column's length costs time
    return kept_row[order], narrow.astype(np.float32), [codes[key] for key in kept_row[order].tolist()]


def _tickets(rows: Rows, seed: int) -> npt.NDArray[np.uint64]:
    """A well-mixed number for each key: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    x = rows.astype(np.uint64) + np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _assign(
    table: pa.Table, codes_of: _Languages, means: LanguageMeans, clusters: Clusters, plane: Map, about: TopicEvidence
) -> pa.Table:
    there, vectors = _vectors(table.column("embedding"), clusters.centres.shape[1])
    vectors = means.remove(vectors, codes_of.of(table.column("messages"), np.flatnonzero(there).tolist()))
    nearest, distance = clusters.assign(vectors) if len(clusters.centres) else (None, None)
    topic = np.zeros(len(there), dtype=np.int32)
    numbers = np.zeros((len(there), 3), dtype=np.float32)
    if nearest is not None and distance is not None:
        topic[there] = nearest
        numbers[there, 0] = distance
        numbers[there, 1:] = plane.place(vectors)
        about.see(table, there, topic, numbers[:, 0])
    missing = ~there
    columns = [pa.array(topic, mask=missing)]
    columns += [pa.array(np.ascontiguousarray(numbers[:, i]), mask=missing) for i in range(3)]
    return pa.table(columns, schema=_WRITES)


TOPICS: Final = GlobalStage(
    name="topics",
    version=5,
    config=TopicsConfig,
    reads=_READS,
    writes=_WRITES,
    optional=_OPTIONAL,
    run=run_topics,
    side=(("topics", TOPICS_TABLE),),
    check=check_evidence,
)
