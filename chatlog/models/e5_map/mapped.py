"""Vectors of the multilingual Universal Sentence Encoder's space for texts in any language, by way of e5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError
from chatlog.models.embedders_e5 import E5Embedder, open_e5
from chatlog.models.embedders_tokens import Embedder, Flags, Vectors
from chatlog.models.embedders_use import DIMENSIONS
from chatlog.models.moderator.tensors import read_safetensors, safetensors_bytes
from chatlog.models.weights import locate

NAME: Final = "e5-to-use-v1"

_FORMAT: Final = "chatlog-linear-map-1"


@dataclass(frozen=True)
class LinearMap:
    """What a vector of e5 is multiplied by, `(384, 512) float16`, and what is added then, `(512,) float32`."""

    matrix: npt.NDArray[np.float16]
    offset: npt.NDArray[np.float32]

    def __call__(self, vectors: Vectors) -> Vectors:
        """Vectors of unit length, `(n, 512) float32`, of `(n, 384) float32`."""
        mapped = np.zeros((len(vectors), self.matrix.shape[1]), dtype=np.float32)
        matrix = self.matrix.astype(np.float32)
        # One by one: a product of another height may round the last bit otherwise.
        for row, vector in enumerate(vectors):
            mapped[row] = vector @ matrix
        mapped += self.offset
        mapped /= np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), np.float32(1e-12))
        return mapped


def fit_map(vectors: Vectors, targets: Vectors, ridge: float) -> LinearMap:
    """The map by least squares: `(n, 384)` vectors of e5 to `(n, 512)` of the USE, of the same texts.

    Both are centred first: e5's vectors all point one way, with cosines of 0.7 and more between any two.

    Args:
        vectors: of e5.
        targets: of the USE.
        ridge: what the squares of the matrix weigh beside the squared errors, summed over all texts.
    """
    given, wanted = vectors.astype(np.float64), targets.astype(np.float64)
    middle, centre = given.mean(axis=0), wanted.mean(axis=0)
    given -= middle
    inner = given.T @ given + ridge * np.eye(given.shape[1])
    matrix = np.linalg.solve(inner, given.T @ (wanted - centre)).astype(np.float16)
    return LinearMap(matrix, (centre - middle @ matrix.astype(np.float64)).astype(np.float32))


def save(linear: LinearMap, path: Path, about: dict[str, str]) -> None:
    """Nothing; writes the map as safetensors, with `about` in the file's metadata."""
    tensors: dict[str, npt.NDArray[Any]] = {"matrix": linear.matrix, "offset": linear.offset}
    path.write_bytes(safetensors_bytes(tensors, {**about, "format": _FORMAT}))


def load(path: Path) -> LinearMap:
    """The map in a file that `save` wrote.

    Raises:
        DataError: the file is missing, damaged, or of another kind.
    """
    tensors, about = read_safetensors(path)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if about.get("format") != _FORMAT or shapes != {"matrix": (384, DIMENSIONS), "offset": (DIMENSIONS,)}:
        raise DataError(f"{path} is no map from e5 to the multilingual USE")
    return LinearMap(tensors["matrix"], tensors["offset"])


class MappedE5(Embedder):
    """Texts in any language as vectors that stand beside those of `use-multilingual-v3`."""

    def __init__(self, e5: E5Embedder, linear: LinearMap) -> None:
        self.name = NAME
        self.dim = DIMENSIONS
        self.max_tokens = e5.max_tokens
        self._e5 = e5
        self._linear = linear

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that e5 reads of each text, `(len(texts),) int32`."""
        return self._e5.token_counts(texts)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        vectors, cut = self._e5.encode_and_tell(texts)
        return self._linear(vectors), cut


def open_mapped(threads: int = 1) -> MappedE5:
    """The encoder and its map, loaded from where they are carried.

    Args:
        threads: of torch, for the whole process.

    Raises:
        DataError: a file is damaged.
        MissingExtra: torch or the package that carries e5 is not installed.
    """
    return MappedE5(open_e5(threads=threads), load(locate(NAME)))
