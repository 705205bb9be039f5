"""Reads the multilingual Universal Sentence Encoder out of the ONNX file in which a package carries it.

Of the file (protocol buffers, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) only the tensors of its graph are
read, and the SentencePiece model of the node that cuts texts into tokens; the graph itself is written in
chatlog.models.use_int8.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError

# Numbers of fields of ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, and SentencePiece's ModelProto.
_GRAPH: Final = 7
_NODE: Final = 1
_INITIALIZER: Final = 5
_ATTRIBUTE: Final = 5
_ATTRIBUTE_NAME: Final = 1
_ATTRIBUTE_STRING: Final = 4
_DIMS: Final = 1
_FLOATS: Final = 4
_INTEGERS: Final = 5
_NAME: Final = 8
_RAW: Final = 9
_KIND: Final = 2
_PIECE: Final = 1
_NORMALIZER: Final = 3
_CHARACTERS: Final = 2

_KINDS: Final = {1: "<f4", 2: "u1", 3: "i1"}
_PLAIN: Final = 1
_PREFIX: Final = "StatefulPartitionedCall/EncoderDNN/"

SHARDS: Final = 17
"""Tables that the vectors of pieces are dealt to: piece i stands in table i mod 17, in row i // 17."""


@dataclass(frozen=True)
class UseFile:
    """What the file holds.

    Attributes:
        pieces: vectors of the tokenizer's pieces, `(pieces, 512) int8`.
        piece_scales: what they are multiplied by, `(17,) float32`, by id mod 17.
        tensors: weights as `int8` and all else as `float32`, by their names in the graph without what all begin with.
        vocabulary: each piece with its score, and whether it is one that text may hold, by id.
        characters: SentencePiece's compiled map of characters.
    """

    pieces: npt.NDArray[np.int8]
    piece_scales: npt.NDArray[np.float32]
    tensors: dict[str, npt.NDArray[Any]]
    vocabulary: list[tuple[str, float, bool]]
    characters: bytes


def read_use(path: Path) -> UseFile:
    """What `path` holds.

    Raises:
        DataError: it is not that file.
    """
    try:
        with path.open("rb") as stream:
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        tensors: dict[str, npt.NDArray[Any]] = {}
        tokenizer = b""
        for graph in _all(data, _GRAPH):
            tensors |= dict(_tensor(part) for part in _all(graph, _INITIALIZER))
            for node in _all(graph, _NODE):
                for attribute in _all(node, _ATTRIBUTE):
                    if bytes(_first(attribute, _ATTRIBUTE_NAME)) == b"model":
                        tokenizer = bytes(_first(attribute, _ATTRIBUTE_STRING))
        pieces, scales = _pieces(tensors)
        model = memoryview(tokenizer)
        return UseFile(
            pieces=pieces,
            piece_scales=scales,
            tensors={name.removeprefix(_PREFIX): part for name, part in tensors.items() if name.startswith(_PREFIX)},
            vocabulary=[_piece(part) for part in _all(model, _PIECE)],
            characters=bytes(_first(_first(model, _NORMALIZER), _CHARACTERS)),
        )
    except (OSError, ValueError, IndexError, KeyError, struct.error) as error:
        raise DataError(f"{path} does not hold the encoder that it should: {type(error).__name__}") from error


def _pieces(tensors: dict[str, npt.NDArray[Any]]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    names = [f"Func/StatefulPartitionedCall/input/_{number}:0" for number in range(1, SHARDS + 1)]
    tables = [tensors[f"{name}_quantized"] for name in names]
    pieces = np.zeros((sum(map(len, tables)), tables[0].shape[1]), dtype=np.int8)
    for shard, (name, table) in enumerate(zip(names, tables, strict=True)):
        centred = table.astype(np.int16) - int(tensors[f"{name}_zero_point"].reshape(-1)[0])
        pieces[shard::SHARDS] = centred.clip(-127, 127)
    return pieces, np.array([tensors[f"{name}_scale"].reshape(-1)[0] for name in names], dtype=np.float32)


def _piece(data: memoryview) -> tuple[str, float, bool]:
    told = dict(_fields(data))
    (score,) = struct.unpack("<f", told.get(2, bytes(4)))
    return bytes(told[1]).decode("utf-8"), score, told.get(3, _PLAIN) == _PLAIN


def _tensor(data: memoryview) -> tuple[str, npt.NDArray[Any]]:
    dims: list[int] = []
    told: dict[int, Any] = {}
    for number, value in _fields(data):
        if number == _DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
        else:
            told[number] = value
    name = bytes(told[_NAME]).decode("utf-8")
    if _RAW in told and told[_KIND] in _KINDS:
        return name, np.frombuffer(told[_RAW], _KINDS[told[_KIND]]).reshape(dims)
    if _FLOATS in told:
        return name, np.frombuffer(told[_FLOATS], "<f4")
    integers = told.get(_INTEGERS, 0)
    return name, np.array([integers] if isinstance(integers, int) else _varints(integers), dtype=np.int64)


def _all(data: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for number, value in _fields(data) if number == wanted)


def _first(data: memoryview, wanted: int) -> memoryview:
    return next(_all(data, wanted), memoryview(b""))


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a message: of each its number, and an integer or the bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            length, at = _varint(data, at)
        if length < 0 or at + length > len(data):
            raise ValueError("no protocol buffer")
        yield key >> 3, data[at : at + length]
        at += length


def _varints(data: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
