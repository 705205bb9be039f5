"""Views of the `messages` column that stages share: who said what, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class FlatMessages:
    """The messages of a batch, one after another.

    Attributes:
        row: (n_messages,) int64, the row that each message belongs to.
        position: (n_messages,) int64, its place among the row's messages.
        role: its role; None where the source had none.
        content: its text; None where there is none.
        rows: rows of the batch, those without messages included.
    """

    row: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    role: list[str | None]
    content: list[str | None]
    rows: int


def flat_messages(messages: pa.ChunkedArray | pa.Array) -> FlatMessages:
    """The messages of a `messages` column, in order; null rows have none."""
    array = messages.combine_chunks() if isinstance(messages, pa.ChunkedArray) else messages
    rows = len(array)
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(array)
    starts = np.cumsum(lengths) - lengths
    row = np.repeat(np.arange(rows, dtype=np.int64), lengths)
    return FlatMessages(
        row=row,
        position=np.arange(len(values), dtype=np.int64) - starts[row],
        role=pc.struct_field(values, "role").to_pylist(),
        content=pc.struct_field(values, "content").to_pylist(),
        rows=rows,
    )


def first_user_turns(messages: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """The first user turn with text of each row; None where there is none."""
    flat = flat_messages(messages)
    found: list[str | None] = [None] * flat.rows
    for row, role, content in zip(flat.row.tolist(), flat.role, flat.content, strict=True):
        if role == "user" and content and found[row] is None:
            found[row] = content
    return found
