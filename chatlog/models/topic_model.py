"""A fitted model of topics: from an embedding to a topic and a place on the map; kept in a file, for other runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.errors import ConfigError, DataError
from chatlog.models.clusters import Clusters
from chatlog.models.embedding_column import Halves, used_width
from chatlog.models.landmarks import Map
from chatlog.models.language_means import LanguageMeans
from chatlog.models.topic_evidence import OUTLIERS, TOPICS_TABLE
from chatlog.models.topic_space import Space

Matrix = npt.NDArray[np.float32]

MODEL_FILE: Final = "topic_model.parquet"
NAMES_FILE: Final = "topics.parquet"
"""What the stage `topics` leaves beside its shards."""

FORMAT: Final = 1
"""Raised when a file of before would be read wrongly."""

MODEL_TABLE: Final = pa.schema(
    [pa.field("name", pa.string()), pa.field("shape", pa.list_(pa.int32())), pa.field("values", pa.list_(pa.float32()))]
)
"""How a model is kept: one row an array; the first one's name is JSON, of what is no array. No pickle."""

_ARRAYS: Final = ("main", "means", "middle", "axes", "landmarks", "moved", "centres", "map_landmarks", "map_places")


@dataclass(frozen=True)
class Placed:
    """Where rows came to.

    Attributes:
        topic: `(n,) int32`, OUTLIERS for an outlier.
        distance: `(n,) float32`, Euclidean, to the centre of the nearest topic.
        place: `(n, 2) float32`, on the map, -1 to 1.
    """

    topic: npt.NDArray[np.int32]
    distance: Matrix
    place: Matrix


@dataclass(frozen=True)
class TopicModel:
    """All that assigning a conversation needs.

    Attributes:
        space: from embeddings to points.
        clusters: the topics' centres there.
        themes: for each topic the number of its theme, from 0; None where there are none.
        plane: the map.
        neutral: whether `space` wants the language of each text.
    """

    space: Space
    clusters: Clusters
    themes: tuple[int, ...] | None
    plane: Map
    neutral: bool

    @property
    def parents(self) -> list[int | None]:
        """For each topic the topic_id of its theme: themes follow the topics."""
        k = len(self.clusters.centres)
        return [None] * k if self.themes is None else [k + theme for theme in self.themes]

    def assign(self, vectors: Matrix, codes: Sequence[str]) -> Placed:
        """The topics of `vectors`, `(n, space.width) float32`, whose languages are `codes`."""
        points, outliers = self.space.place(vectors, codes)
        topic, distance = self.clusters.assign(points)
        topic[outliers] = OUTLIERS
        return Placed(topic, distance, self.plane.place(points))

    def table(self) -> pa.Table:
        """The model as MODEL_TABLE."""
        space = self.space
        codes = sorted(space.means.means)
        told = {
            "format": FORMAT,
            "floor": space.floor,
            "languages": codes,
            "themes": self.themes,
            "neutral": self.neutral,
        }
        means = [space.means.means[code] for code in codes]
        arrays = (
            space.means.main,
            np.stack(means) if means else np.zeros((0, space.width), dtype=np.float32),
            space.middle,
            space.axes,
            space.landmarks,
            space.moved,
            self.clusters.centres,
            self.plane.landmarks,
            self.plane.places,
        )
        rows: list[dict[str, Any]] = [{"name": orjson.dumps(told).decode(), "shape": [], "values": []}]
        rows += [
            {"name": name, "shape": list(array.shape), "values": array.reshape(-1)}
            for name, array in zip(_ARRAYS, arrays, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=MODEL_TABLE)


def model_folder(folder: Path) -> Path:
    """Where a model's files are: in the folder itself, or in that of a run's stage `topics`."""
    inside = folder / "topics"
    return inside if (inside / MODEL_FILE).is_file() else folder


def read_model(folder: Path) -> TopicModel:
    """The model in a run's folder, or in that of its stage `topics`.

    Raises:
        DataError: its file is missing, damaged, or of another format.
    """
    file = model_folder(folder) / MODEL_FILE
    try:
        table = pq.read_table(file, schema=MODEL_TABLE)
        names, shapes = table.column("name").to_pylist(), table.column("shape").to_pylist()
        told = orjson.loads(names[0])
        if told["format"] != FORMAT:
            raise DataError(f"{file} is a model of topics of format {told['format']}, this chatlog reads {FORMAT}")
        if tuple(names[1:]) != _ARRAYS:
            raise DataError(f"{file} is no model of topics: it holds other arrays")
        values = table.column("values").combine_chunks()
        arrays = [
            np.array(values[row].values.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(shapes[row])
            for row in range(1, len(names))
        ]
        main, means, middle, axes, landmarks, moved, centres, map_landmarks, map_places = arrays
        languages = LanguageMeans(dict(zip(told["languages"], means, strict=True)), main)
        space = Space(languages, middle, axes, landmarks, moved, float(told["floor"]))
        themes = None if told["themes"] is None else tuple(int(theme) for theme in told["themes"])
        neutral = bool(told["neutral"])
    except (OSError, pa.ArrowException, orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{file} cannot be read as a model of topics: {type(error).__name__}: {error}") from error
    return TopicModel(space, Clusters(centres), themes, Map(map_landmarks, map_places), neutral)


def read_names(folder: Path) -> pa.Table:
    """The table of topics beside the model in `folder`, in the order of its file.

    Raises:
        DataError: it is missing or damaged.
    """
    file = model_folder(folder) / NAMES_FILE
    try:
        return pq.read_table(file, schema=TOPICS_TABLE)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file} cannot be read as a table of topics: {type(error).__name__}: {error}") from error


def keep_names(topics: pa.Table, folder: Path) -> pa.Table:
    """`topics`, TOPICS_TABLE, with the labels and keywords of the model in `folder`, by which they were assigned.

    Raises:
        DataError: its table of topics is missing or damaged.
    """
    kept = {row["topic_id"]: row for row in read_names(folder).to_pylist()}
    told = []
    for row in topics.to_pylist():
        before = kept.get(row["topic_id"])
        names = {name: before[name] for name in ("label", "named_by", "keywords")} if before else {}
        told.append(row | names)
    return pa.Table.from_pylist(told, schema=TOPICS_TABLE)


def unlike(vectors: Halves | Matrix, model: TopicModel) -> None:
    """Nothing, when embeddings, `(n, dim)`, are as long as those that the model was learned from.

    Raises:
        ConfigError: they are longer, so they are those of another embedder.
    """
    width = used_width(vectors.astype(np.float16))
    if width > model.space.width:
        raise ConfigError(
            f"the topics were learned from embeddings of {model.space.width} dimensions and these have {width}; embed "
            "with the settings of the run that the topics come from"
        )
