"""Conversations of one run in the topics of another, without the run being changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.engine.intake import finished_shards
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run, read_columns
from chatlog.errors import ConfigError
from chatlog.models.embedding_column import halves
from chatlog.models.topic_evidence import OUTLIERS
from chatlog.models.topic_model import MODEL_FILE, TopicModel, model_folder, read_model, read_names, unlike
from chatlog.models.topic_sample import Selection
from chatlog.pipeline import Pipeline
from chatlog.schema import KEY
from chatlog.stages.topics import TopicsConfig

ASSIGNED: Final = pa.schema(
    [
        KEY,
        pa.field("conversation_id", pa.string()),
        pa.field("topic_id", pa.int32()),  # of the model; -1 an outlier; null without a topic
        pa.field("topic", pa.string()),  # its name; null where too few users asked about it
        pa.field("theme", pa.string()),
        pa.field("topic_distance", pa.float32()),
    ]
)


@dataclass(frozen=True)
class EmbeddedRun:
    """A run whose conversations have embeddings, in whole or in part."""

    run: Run
    pipeline: Pipeline
    writers: dict[str, str]
    shards: tuple[int, ...]

    def table(self, shard: int) -> pa.Table:
        """The key, `conversation_id`, `embedding` and `messages` of a shard."""
        return read_columns(
            self.run, shard, {name: self.writers[name] for name in ("conversation_id", "embedding", "messages")}
        )


def embedded_run(root: Path) -> EmbeddedRun:
    """A run with its embedded shards.

    Raises:
        ConfigError: no run, no `embed` in its pipeline, or no shard embedded yet.
    """
    run, pipeline = pipeline_of(root)
    writers = pipeline.writers()
    if "embedding" not in writers:
        raise ConfigError(f'the pipeline {pipeline.name} has no stage `embed`; add [[stage]] with use = "embed"')
    shards = finished_shards(run, {writers["embedding"], writers["messages"]})
    if not shards:
        raise ConfigError(f"{root} is not embedded yet; run its pipeline again first")
    return EmbeddedRun(run, pipeline, writers, shards)


@dataclass(frozen=True)
class NamedModel:
    """A model of topics, what its topics are called, and how its conversations were selected."""

    model: TopicModel
    names: dict[int, str]
    config: TopicsConfig


def model_of(root: Path) -> NamedModel:
    """The model in a run folder.

    Raises:
        ConfigError: no run, or none with topics yet.
        DataError: a file of it is damaged.
    """
    run, pipeline = pipeline_of(root)
    configs = [step.config for step in pipeline.steps if isinstance(step.config, TopicsConfig)]
    if not configs or not (model_folder(run.root) / MODEL_FILE).exists():
        raise ConfigError(f"{root} has no topics yet; run a pipeline with the stage `topics` in it first")
    told = read_names(run.root).to_pylist()
    names = {row["topic_id"]: row["label"] for row in told if row["label"]}
    return NamedModel(read_model(run.root), names, configs[-1])


def check_alike(run: EmbeddedRun, model: Path) -> None:
    """Nothing, when both runs embed in the same way.

    Raises:
        ConfigError: they do not: vectors of two models cannot be compared.
    """
    settings = []
    for pipeline in (run.pipeline, pipeline_of(model)[1]):
        (step,) = [step for step in pipeline.steps if step.stage.name == pipeline.writers()["embedding"]]
        settings.append((step.stage.version, step.config.identity()))
    if settings[0] != settings[1]:
        raise ConfigError(
            f"{run.run.root} and {model} embed with other settings, so that their vectors cannot be compared; run one "
            "of them again with the settings of `embed` of the other"
        )


def assigned(run: EmbeddedRun, told: NamedModel) -> Iterator[pa.Table]:
    """For each shard in order, ASSIGNED: one row a conversation.

    Raises:
        ConfigError: the embeddings are those of another model.
        DataError: a part file is damaged.
    """
    selection = Selection(told.config, told.model.neutral)
    themes = told.model.parents
    for shard in run.shards:
        table = run.table(shard)
        there, vectors = halves(table.column("embedding"))
        unlike(vectors, told.model)
        selected, codes = selection.of(table, there)
        topic = np.zeros(len(there), dtype=np.int32)
        distance = np.zeros(len(there), dtype=np.float32)
        if len(themes):
            narrow = vectors[selected[there]][:, : told.model.space.width].astype(np.float32)
            placed = told.model.assign(narrow, codes)
            topic[selected], distance[selected] = placed.topic, placed.distance
        else:
            selected[:] = False
        found = [int(number) if some else None for number, some in zip(topic, selected, strict=True)]
        above = [themes[number] if number is not None and number >= 0 else None for number in found]
        yield pa.table(
            [
                table.column(KEY.name),
                table.column("conversation_id"),
                pa.array(topic, mask=~selected),
                pa.array([told.names.get(number) if number is not None else None for number in found], pa.string()),
                pa.array([told.names.get(number) if number is not None else None for number in above], pa.string()),
                pa.array(distance, mask=~selected),
            ],
            schema=ASSIGNED,
        )


def write_assigned(root: Path, model: Path, out: Path) -> dict[str, int]:
    """Writes ASSIGNED of all shards to the Parquet file `out`; what was counted.

    Raises:
        ConfigError: a folder is no run, has no embeddings or no topics, embeds in another way, or `out` is a folder or
            in none.
        DataError: a file is damaged.
    """
    run, told = embedded_run(root), model_of(model)
    check_alike(run, model)
    if out.is_dir() or not out.parent.is_dir():
        raise ConfigError(f"{out} cannot be written: it is a folder, or its folder does not exist")
    counts = Counter(conversations=0, assigned=0, outliers=0)
    part = out.with_name(f".{out.name}.part")  # beside it, so that the renaming is atomic
    try:
        with pq.ParquetWriter(part, ASSIGNED, compression="zstd") as writer:
            for table in assigned(run, told):
                writer.write_table(table)
                topic = table["topic_id"]
                counts["conversations"] += table.num_rows
                outliers = pc.sum(pc.equal(topic, OUTLIERS)).as_py() or 0
                counts["outliers"] += outliers
                counts["assigned"] += table.num_rows - topic.null_count - outliers
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return dict(counts)
