"""The stage `embed`: one vector a conversation, by which topics are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa

from chatlog.models.embedding_column import EMBEDDING, to_column
from chatlog.models.embedding_config import EmbedConfig
from chatlog.models.embedding_opening import check_embedder, opened_embedder
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Stage

_READS: Final = pa.schema([pa.field("messages", MESSAGES)])
_WRITES: Final = pa.schema([pa.field("embedding", EMBEDDING)])

_JOINED_LIMIT: Final = 1_000_000
# Characters of a conversation that are put together: far beyond every model's window, short of a memory peak.


def text_of(messages: list[dict[str, Any]] | None, which: str) -> str:
    """The text that stands for a conversation; empty where it has none."""
    parts: list[str] = []
    room = _JOINED_LIMIT
    for message in messages or ():
        if message is None or (which != "conversation" and message["role"] != "user"):
            continue
        content = (message["content"] or "")[:room].strip()
        if not content:
            continue
        parts.append(content)
        room -= len(content)
        if which == "first_user" or room <= 0:
            break
    return "\n\n".join(parts)


@contextmanager
def open_embed(config: EmbedConfig) -> Iterator[BatchFn]:
    """Yields the batch function; loads the model once.

    Raises:
        ConfigError: the model cannot do what the config asks, or its vectors are longer than the column.
        RemoteError: a server gives no vector. It is raised from the batch function too: the column has no place to
            say that a text has none for now, and null would say that there is no text.
    """
    with opened_embedder(config) as embedder:

        def batch(table: pa.Table) -> pa.Table:
            texts = [text_of(row, config.text) for row in table.column("messages").to_pylist()]
            empty = np.array([not text for text in texts], dtype=bool)
            vectors = embedder.encode([text for text in texts if text])
            return pa.table([to_column(vectors, ~empty)], schema=_WRITES)

        yield batch


EMBED: Final = Stage(
    name="embed",
    version=2,
    config=EmbedConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_embed,
    check=check_embedder,
    # 2000 texts of 256 tokens are about two minutes of one core.
    checkpoint_rows=2000,
)
