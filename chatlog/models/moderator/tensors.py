"""Named arrays in a safetensors file, written and read with numpy alone: no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import DataError

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


def safetensors_bytes(tensors: dict[str, npt.NDArray[Any]], about: dict[str, str]) -> bytes:
    """The file of the tensors and of `about`, its metadata."""
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
