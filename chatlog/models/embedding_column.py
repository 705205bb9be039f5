"""The column `embedding`: how vectors are kept in it, and how they are read without what fills them up."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

DIMENSIONS: Final = 1024
"""Length of the column `embedding`, the same for every model: shorter vectors are filled up with zeros at their end.
The open embedders of usual size have 384 to 1,024 dimensions, longer ones were trained to be cut."""

EMBEDDING: Final = pa.list_(pa.float16(), DIMENSIONS)
"""The type of the column `embedding`; null where a conversation has no text."""

Vectors = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]


def to_column(vectors: npt.NDArray[np.floating], there: npt.NDArray[np.bool_]) -> pa.FixedSizeListArray:
    """The column of `len(there)` rows: `vectors`, `(there.sum(), dim)`, where `there` is true, nulls elsewhere."""
    full = np.zeros((len(there), DIMENSIONS), dtype=np.float16)
    full[there, : vectors.shape[1]] = vectors
    return pa.FixedSizeListArray.from_arrays(pa.array(full.reshape(-1)), type=EMBEDDING, mask=pa.array(~there))


def halves(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.bool_], Halves]:
    """Which rows have a vector, `(n,) bool`, and those as they are kept, `(m, DIMENSIONS) float16`."""
    # A chunked array of no chunks cannot be combined.
    chunk = column.combine_chunks() if column.num_chunks else pa.array([], EMBEDDING)
    there = np.asarray(chunk.is_valid())
    # flatten() leaves out what stands under a null.
    flat = chunk.flatten().to_numpy(zero_copy_only=False)
    return there, flat.reshape(-1, DIMENSIONS)


def used_width(vectors: Halves) -> int:
    """How many leading dimensions of `vectors`, `(n, dim) float16`, are not zero in all of them.

    Sums and distances over so many are those over all; a model's vectors are filled up to the column's length with
    zeros, which would cost time and memory.
    """
    # Of their bits, without the sign: as numbers, half floats are slow.
    bits = np.bitwise_or.reduce(vectors.view(np.uint16), axis=0) if len(vectors) else np.zeros(0, np.uint16)
    some = np.flatnonzero(bits & np.uint16(0x7FFF))
    return int(some[-1]) + 1 if some.size else 0
