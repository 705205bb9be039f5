"""The stage `topics`: what is asked, as topics within themes, each with a name, and a map of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from chatlog.errors import ConfigError
from chatlog.models.clusters import fit_clusters
from chatlog.models.embedding_column import EMBEDDING, halves
from chatlog.models.landmarks import fit_map
from chatlog.models.topic_evidence import TOPICS_TABLE, EvidenceConfig, TopicEvidence, check_evidence
from chatlog.models.topic_model import (
    MODEL_FILE,
    MODEL_TABLE,
    TopicModel,
    keep_names,
    model_folder,
    read_model,
    unlike,
)
from chatlog.models.topic_sample import Matrix, Selection, SelectionConfig, draw
from chatlog.models.topic_space import fit_space, plain_space
from chatlog.models.topic_tree import cut_tree
from chatlog.schema import MESSAGES
from chatlog.stage import GlobalStage, ReadShard, file_digest


class TopicsConfig(SelectionConfig, EvidenceConfig):
    """Settings of `topics`."""

    method: Literal["tree", "kmeans"] = "tree"
    """`tree`: topics within themes, of embeddings less their language that are drawn to their neighbours
    (chatlog.models.topic_space, topic_tree). `kmeans`: k-means on the embeddings as they are, as LMSYS-Chat-1M's
    Figure 3 was made; no themes, no outliers, and `k` must be told."""

    k: int = Field(default=0, ge=0, le=10_000)
    """Number of topics; 0 chooses it by the Bayesian information criterion."""

    max_topics: int = Field(default=256, ge=1, le=512)
    """Most topics that k = 0 may choose."""

    themes: bool = True
    """Put topics in themes, where there are nine topics or more."""

    outliers: float = Field(default=0.01, ge=0, le=0.5)
    """Share of the sample that is in no topic ("none", topic_id -1): what is least like its fifth nearest question.
    Other conversations are measured by the same mark, so that more of them are when much is new. 0 gives every
    question a topic."""

    model: str = ""
    """A run folder, or the folder of its stage `topics`, whose topics are taken as they are; empty to learn new ones.
    Settings of learning then have no effect."""

    model_digest: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    """SHA-256 of that model's file, filled in when a pipeline is read."""

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.method == "kmeans" and not self.k and not self.model:
            raise ValueError("method = 'kmeans' needs k, the number of topics (LMSYS-Chat-1M: 20)")
        if 0 < self.max_length < self.min_length:
            raise ValueError(f"max_length {self.max_length} is less than min_length {self.min_length}")
        return self

    def located(self, base: Path) -> Self:
        """The same settings with the model's place made absolute, and its digest."""
        if not self.model:
            return self
        folder = (base / Path(self.model).expanduser()).resolve()
        digest = self.model_digest or file_digest(model_folder(folder) / MODEL_FILE)
        return self.model_copy(update={"model": str(folder), "model_digest": digest})

    def identity(self) -> dict[str, Any]:
        """A model counts by its content."""
        told = super().identity()
        del told["model"]
        return told


_READS: Final = pa.schema(
    [pa.field("embedding", EMBEDDING), pa.field("messages", MESSAGES), pa.field("user_key", pa.string())]
)
_OPTIONAL: Final = pa.schema([pa.field("redacted", pa.bool_())])
_WRITES: Final = pa.schema(
    [
        pa.field("topic_id", pa.int32()),  # 0 is the largest in the sample; -1 an outlier; null without a vector
        pa.field("topic_distance", pa.float32()),  # Euclidean, to the centre of the nearest topic
        pa.field("topic_x", pa.float32()),  # of the map, -1 to 1
        pa.field("topic_y", pa.float32()),
    ]
)


def run_topics(config: TopicsConfig, readers: Sequence[ReadShard]) -> Generator[pa.Table, None, dict[str, pa.Table]]:
    """Yields one table a shard, in order; returns the table of topics and the model.

    Two passes: one draws the sample, one assigns. What is held is the sample and one shard.

    Raises:
        DataError: the model of another run is damaged.
        MissingExtra: scikit-learn is not installed.
    """
    taken = read_model(Path(config.model)) if config.model else None
    selection = Selection(config, config.language_neutral if taken is None else taken.neutral)
    rows, vectors, codes = draw(config, readers, selection)
    if taken is not None:
        unlike(vectors, taken)
    model = _fit(config, vectors, codes) if taken is None else taken
    # Topics of another run have their names: none is looked for.
    told = config if taken is None else config.model_copy(update={"naming": None, "subjects": False})
    about = TopicEvidence(told, rows, len(model.clusters.centres))
    for read in readers:
        yield _assign(read(), selection, model, about)
    topics = about.table(model.parents)
    if taken is not None:
        topics = keep_names(topics, Path(config.model))
    return {"topics": topics, "topic_model": model.table()}


def _fit(config: TopicsConfig, vectors: Matrix, codes: Sequence[str]) -> TopicModel:
    if config.method == "kmeans":
        space = plain_space(vectors.shape[1])
        clusters = fit_clusters(vectors, config.k, config.seed)
        return TopicModel(space, clusters, None, fit_map(vectors, config.seed), neutral=False)
    space = fit_space(vectors, codes, config.k, config.outliers, config.seed)
    cut = cut_tree(space.moved, space.landmarks, config.k, config.max_topics, config.seed, config.themes)
    return TopicModel(space, cut.clusters, cut.themes, fit_map(space.moved, config.seed), config.language_neutral)


def _assign(table: pa.Table, selection: Selection, model: TopicModel, about: TopicEvidence) -> pa.Table:
    there, vectors = halves(table.column("embedding"))
    selected, codes = selection.of(table, there)
    topic = np.zeros(len(there), dtype=np.int32)
    numbers = np.zeros((len(there), 3), dtype=np.float32)
    if len(model.clusters.centres):
        placed = model.assign(vectors[selected[there]][:, : model.space.width].astype(np.float32), codes)
        topic[selected] = placed.topic
        numbers[selected, 0] = placed.distance
        numbers[selected, 1:] = placed.place
        about.see(table, selected, topic, numbers[:, 0])
    else:
        selected = np.zeros(len(there), dtype=bool)
    columns = [pa.array(topic, mask=~selected)]
    columns += [pa.array(np.ascontiguousarray(numbers[:, i]), mask=~selected) for i in range(3)]
    return pa.table(columns, schema=_WRITES)


def check_topics(config: TopicsConfig) -> None:
    """Nothing, when the model of another run is there and is the one that was meant.

    Raises:
        ConfigError: it is not.
    """
    check_evidence(config)
    if not config.model:
        return
    file = model_folder(Path(config.model)) / MODEL_FILE
    found = file_digest(file)
    if not found:
        raise ConfigError(
            f"topics: model {config.model} holds no {MODEL_FILE}; name a run folder with a stage `topics`"
        )
    if config.model_digest and found != config.model_digest:
        raise ConfigError(f"topics: {file} has SHA-256 {found[:16]}..., the config says {config.model_digest[:16]}...")


TOPICS: Final = GlobalStage(
    name="topics",
    version=8,
    config=TopicsConfig,
    reads=_READS,
    writes=_WRITES,
    optional=_OPTIONAL,
    run=run_topics,
    side=(("topics", TOPICS_TABLE), ("topic_model", MODEL_TABLE)),
    check=check_topics,
)
