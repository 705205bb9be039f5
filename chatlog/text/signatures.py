"""MinHash signatures and shingle sets of a batch of texts, in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlog.text.shingles import (
    Counts,
    Hashes,
    Shingles,
    bound,
    characters,
    mixed,
    sampled_sets,
    windows,
    words,
)

_CHUNK: Final = 500_000
"""Characters that are hashed at a time: few enough for the processor's cache, which makes it several times faster."""

_TAG: Final = np.uint64(0xD6E8FEB86659FD93)  # makes a tagged shingle another one in signatures

_MOST: Final = np.iinfo(np.uint64).max

Tagged = Sequence[tuple[str, ...]]
"""A row's texts; the first one's shingles have no tag, those of the others have one."""


@dataclass(frozen=True)
class Scheme:
    """How texts are compared.

    Attributes:
        unit: `characters` or `words`, of which a shingle is made.
        width: units of a shingle.
        permutations: values of a signature.
        bands: bands that it is cut into.
        limit: distinct shingles that are kept of a row.
        seed: of the permutations.
    """

    unit: str
    width: int
    permutations: int
    bands: int
    limit: int
    seed: int


@dataclass(frozen=True)
class Signatures:
    """What a batch of rows is compared by.

    Attributes:
        bands: list<uint64>, one hash a band; null where a row has no text.
        bits: binary, the lowest byte of each value of the untagged shingles' signature (b-bit minwise hashing, Li and
            König 2010); null where there are none.
        tagged_bits: the same of the tagged shingles.
        shingles: list<int32>, sorted; the lowest bit is the tag.
        levels: int8, how often the set was thinned.
    """

    bands: pa.Array
    bits: pa.Array
    tagged_bits: pa.Array
    shingles: pa.Array
    levels: pa.Array


def signatures(rows: Tagged, scheme: Scheme) -> Signatures:
    """The signatures and sets of the rows, each of which is one or two texts (two: an untagged and a tagged one)."""
    parts = [_hashed(chunk, scheme) for chunk in _chunks(rows)] or [_nothing(scheme)]
    untagged, tagged, values, sizes, levels = (np.concatenate(part) for part in zip(*parts, strict=True))
    without = sizes == 0
    signature = np.minimum(untagged, tagged)  # of all shingles together
    bands = mixed(signature.reshape(len(rows), scheme.bands, scheme.permutations // scheme.bands))
    return Signatures(
        bands=lists(bands.ravel(), np.full(len(rows), scheme.bands), without),
        bits=_bytes(untagged, np.array([not row[0] for row in rows], dtype=bool)),
        tagged_bits=_bytes(tagged, np.array([not "".join(row[1:]) for row in rows], dtype=bool)),
        shingles=lists(values, sizes, without),
        levels=pa.array(levels, mask=without),
    )


def lists(values: npt.NDArray[np.generic], sizes: Counts, null: npt.NDArray[np.bool_]) -> pa.Array:
    """A list array of so many of the values each, null where it is said."""
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=pa.array(null))


def _bytes(signature: Hashes, null: npt.NDArray[np.bool_]) -> pa.Array:
    rows, width = signature.shape
    present = np.packbits(~null, bitorder="little")
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    lowest = (signature & np.uint64(0xFF)).astype(np.uint8)
    buffers = [pa.py_buffer(part.tobytes()) for part in (present, offsets, lowest)]
    return pa.Array.from_buffers(pa.binary(), rows, buffers)


def _chunks(rows: Tagged) -> Iterator[Tagged]:
    start = 0
    while start < len(rows):
        stop, size = start, 0
        while stop < len(rows) and (stop == start or size + sum(map(len, rows[stop])) <= _CHUNK):
            size += sum(map(len, rows[stop]))
            stop += 1
        yield rows[start:stop]
        start = stop


Hashed = tuple[Hashes, Hashes, Shingles, Counts, npt.NDArray[np.int8]]
"""Signatures of the untagged and of the tagged shingles, sets, their sizes and levels."""


def _nothing(scheme: Scheme) -> Hashed:
    none = np.empty((0, scheme.permutations), np.uint64)
    return none, none, np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int8)


def _hashed(rows: Tagged, scheme: Scheme) -> Hashed:
    if len(rows) == 1 and sum(map(len, rows[0])) > _CHUNK:
        return _long(rows[0], scheme)
    kinds = max(map(len, rows))
    texts = [text for row in rows for text in row]
    symbols, counts = characters(texts) if scheme.unit == "characters" else words(texts)
    hashes, held = windows(symbols, counts, scheme.width)
    tags = np.repeat(np.arange(len(texts)) % kinds > 0, held)
    held = held.reshape(len(rows), kinds)
    values, sizes, levels = sampled_sets(hashes, tags, held.sum(axis=1), scheme.limit)
    untagged = _signature(hashes[~tags], held[:, 0], scheme)
    # The tag makes another shingle of it: what a user says is not what an answer repeats.
    tagged = _signature(hashes[tags] ^ _TAG, held[:, 1:].sum(axis=1), scheme)
    return untagged, tagged, values, sizes, levels


def _signature(hashes: Hashes, counts: Counts, scheme: Scheme) -> Hashes:
    from rensa import RMinHash

    if not hashes.size:
        return np.full((counts.size, scheme.permutations), _MOST, dtype=np.uint64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, scheme.permutations, scheme.seed)
    return np.array(matrix.to_rows(), dtype=np.uint64).reshape(counts.size, scheme.permutations)


def _long(row: tuple[str, ...], scheme: Scheme) -> Hashed:
    """As _hashed for one row of any length, a piece at a time; pieces overlap so that no shingle is lost."""
    untagged = tagged = np.full((1, scheme.permutations), _MOST, dtype=np.uint64)
    values, level = np.empty(0, dtype=np.int32), 0
    overlap = scheme.width - 1 if scheme.unit == "characters" else 0  # a cut between words costs a few shingles
    whole = replace(scheme, limit=1 << 30)
    for place, text in enumerate(row):
        for start in range(0, len(text), _CHUNK - overlap):
            piece = text[start : start + _CHUNK]
            if start and len(piece) <= overlap:
                continue  # the piece before holds it
            one, other, more, _, _ = _hashed([("", piece) if place else (piece,)], whole)
            untagged, tagged = np.minimum(untagged, one), np.minimum(tagged, other)
            values = np.union1d(values, more[: np.searchsorted(more, bound(level))])
            while values.size > scheme.limit:
                level += 1
                values = values[: np.searchsorted(values, bound(level))]
    return untagged, tagged, values, np.array([values.size]), np.array([level], dtype=np.int8)
