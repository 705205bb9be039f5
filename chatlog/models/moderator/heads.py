"""The moderator's weights on disk and its scores: numpy alone, no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import DataError
from chatlog.models.moderator.features import BUCKETS, DIMENSIONS, VECTOR_SCALE, Grams, Vectors
from chatlog.models.weights import locate
from chatlog.schema import CATEGORIES

FLAGGED: Final = "flagged"
"""The head that says whether anything is wrong at all; not one of the 11 categories."""

HEADS: Final = (FLAGGED, *CATEGORIES)

SHIPPED: Final = "moderator-v1"
"""The name of the shipped heads; new weights get a new one."""

_FORMAT: Final = "chatlog-moderator/1"


@dataclass(frozen=True)
class Heads:
    """One linear head a name; each gives a calibrated log-odds.

    Attributes:
        names: a subset of HEADS, `flagged` first.
        vector: `(heads, DIMENSIONS) float32`, for the sentence vector.
        grams: `(heads, BUCKETS) float32`, for the hashed n-grams.
        bias: `(heads,) float32`.
        thresholds: `(heads,) float32`, probabilities from which a head says yes.
    """

    names: tuple[str, ...]
    vector: npt.NDArray[np.float32]
    grams: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    thresholds: npt.NDArray[np.float32]

    def probabilities(self, vectors: Vectors, texts: Grams) -> npt.NDArray[np.float64]:
        """Probabilities, `(n, heads) float64`."""
        return 1 / (1 + np.exp(-self.logits(vectors, texts)))

    def logits(self, vectors: Vectors, texts: Grams) -> npt.NDArray[np.float64]:
        """Log-odds, `(n, heads) float64`."""
        logits = VECTOR_SCALE * vectors.astype(np.float64) @ self.vector.T.astype(np.float64) + self.bias
        for row, (start, end) in enumerate(zip(texts.starts[:-1], texts.starts[1:], strict=True)):
            # Row by row, so that a text's sum never depends on its neighbours.
            columns = self.grams[:, texts.buckets[start:end]].astype(np.float64)
            logits[row] += columns @ texts.weights[start:end]
        return np.clip(logits, -30, 30)


def load(path: Path | None = None) -> Heads:
    """The heads in a file that `train moderator` wrote; the shipped ones without a path.

    Raises:
        DataError: the file is missing, damaged, or made for other features.
    """
    file = locate(SHIPPED) if path is None else path
    tensors, about = read_safetensors(file)
    if about.get("format") != _FORMAT:
        found_format = about.get("format")
        raise DataError(f"{file} is no moderator of this version: format {found_format!r}, not {_FORMAT!r}")
    try:
        names = tuple(orjson.loads(about["names"]))
        heads = Heads(
            names=names,
            vector=tensors["vector"].astype(np.float32),
            grams=tensors["grams"].astype(np.float32),
            bias=tensors["bias"].astype(np.float32),
            thresholds=tensors["thresholds"].astype(np.float32),
        )
    except (KeyError, orjson.JSONDecodeError) as error:
        raise DataError(f"{file} is no moderator: {error} is missing or damaged") from error
    shapes = {"vector": (DIMENSIONS,), "grams": (BUCKETS,), "bias": (), "thresholds": ()}
    for name, rest in shapes.items():
        shape = (len(names), *rest)
        found = getattr(heads, name).shape
        if found != shape:
            raise DataError(f"{file}: {name} has shape {found}, expected {shape}")
    if not names or names[0] != FLAGGED or not set(names) <= set(HEADS):
        raise DataError(f"{file}: heads {names}, expected {FLAGGED!r} first and OpenAI categories after")
    return heads


def save(heads: Heads, path: Path, about: dict[str, str]) -> None:
    """Nothing; writes the heads as safetensors, with `about` in the file's metadata."""
    tensors: dict[str, npt.NDArray[Any]] = {
        "vector": heads.vector.astype(np.float16),
        "grams": heads.grams.astype(np.float16),  # halves the file; changes a log-odds by less than 0.001
        "bias": heads.bias.astype(np.float32),
        "thresholds": heads.thresholds.astype(np.float32),
    }
    metadata = {**about, "format": _FORMAT, "names": orjson.dumps(heads.names).decode()}
    path.write_bytes(_safetensors(tensors, metadata))


_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}


def read_safetensors(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The tensors and the metadata of a safetensors file (its specification: length, JSON header, bytes).

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = orjson.loads(raw[8 : 8 + length])
        about = header.pop("__metadata__", {})
        data = memoryview(raw)[8 + length :]
        tensors: dict[str, npt.NDArray[Any]] = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[start:end], dtype=_DTYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a readable safetensors file: {type(error).__name__}") from error
    return tensors, about


def _safetensors(tensors: dict[str, npt.NDArray[Any]], about: dict[str, str]) -> bytes:
    # Written here, sorted and aligned, so that the same weights give the same bytes with any library version.
    names = {dtype: name for name, dtype in _DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(sorted(about.items()))}
    chunks: Sequence[bytes] = [np.ascontiguousarray(tensors[name]).tobytes() for name in sorted(tensors)]
    start = 0
    for name, chunk in zip(sorted(tensors), chunks, strict=True):
        tensor = tensors[name]
        header[name] = {
            "dtype": names[tensor.dtype.newbyteorder("<")],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + len(chunk)],
        }
        start += len(chunk)
    encoded = orjson.dumps(header)
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + b"".join(chunks)
