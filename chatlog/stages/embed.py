"""The stage `embed`: one vector a conversation, by which topics are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from chatlog.errors import ConfigError
from chatlog.models.embedders import DEFAULT, MAX_TOKENS, open_embedder
from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING, to_column
from chatlog.models.weights import check_name
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage


class EmbedConfig(Config):
    """Settings of `embed`."""

    model: str = DEFAULT
    """`minilm+use` (chatlog.models.embedders_mix), `use-multilingual-v3`, or a sentence-transformers model: a carried
    name, a path, or a Hub id with its revision."""

    text: Literal["first_user", "user", "conversation"] = "first_user"
    """What is embedded: the user's first turn that has text (a follow-up such as "shorter, please" has no
    topic of its own); all of the user's turns; or every turn."""

    max_tokens: int = Field(default=MAX_TOKENS, ge=8, le=32_768)
    """Tokens after which the text is cut."""

    prompt: str = Field(default="", max_length=1000)
    """Put before each text, for models that were trained with an instruction ("query: ")."""

    dimensions: int | None = Field(default=None, ge=1, le=DIMENSIONS)
    """Keep only so many leading dimensions, for models trained for it (Matryoshka); null keeps all."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model runs. A GPU gives other last bits than a CPU, so it is never chosen silently."""


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
        ConfigError: the model's vectors are longer than the column.
    """
    embedder = open_embedder(
        config.model,
        max_tokens=config.max_tokens,
        prompt=config.prompt,
        dim=config.dimensions,
        device=config.device,
    )
    if embedder.dim > DIMENSIONS:
        raise ConfigError(
            f"embed: model {config.model} gives {embedder.dim} dimensions, the column holds {DIMENSIONS}; "
            f"set dimensions = {DIMENSIONS} if the model was trained to be cut (Matryoshka)"
        )

    def batch(table: pa.Table) -> pa.Table:
        texts = [text_of(row, config.text) for row in table.column("messages").to_pylist()]
        empty = np.array([not text for text in texts], dtype=bool)
        vectors = embedder.encode([text for text in texts if text])
        return pa.table([to_column(vectors, ~empty)], schema=_WRITES)

    yield batch


def check_embed(config: EmbedConfig) -> None:
    """Nothing, when the model can be found.

    Raises:
        ConfigError: its name leads nowhere.
        MissingExtra: the package that carries it is not installed.
    """
    check_name(config.model)


EMBED: Final = Stage(
    name="embed",
    version=2,
    config=EmbedConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_embed,
    check=check_embed,
    # 2000 texts of 256 tokens are about two minutes of one core.
    checkpoint_rows=2000,
)
