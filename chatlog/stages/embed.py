"""The stage `embed`: one vector a conversation, by which topics are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

import numpy as np
import pyarrow as pa
from pydantic import Field

from chatlog.errors import ConfigError
from chatlog.models.embedders import DEFAULT, MAX_TOKENS, Embedder, open_embedder
from chatlog.models.embedding_cache import EmbeddingCache, cache_identity, forget
from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING, to_column
from chatlog.models.embedding_once import EmbedsOnce
from chatlog.models.weights import check_name, content_identity
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage

_Which = Literal["first_user", "user", "conversation"]


class EmbedConfig(Config):
    """Settings of `embed`."""

    model: str = DEFAULT
    """`minilm+use+e5` or `minilm+use` (chatlog.models.embedders_mix), `use-multilingual-v3`, or a sentence-transformers
    model: a carried name, a path, or a Hub id with its revision."""

    text: _Which = "first_user"
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

    cache: str = ""
    """A folder where vectors are kept between runs, by model, settings and text, relative to the pipeline's file;
    empty for none. It holds no text, but is as private as a run: vectors tell much of what a text says."""

    def located(self, base: Path) -> Self:
        """With the cache's absolute path."""
        if not self.cache:
            return self
        return self.model_copy(update={"cache": str((base / Path(self.cache).expanduser()).resolve())})

    def identity(self) -> dict[str, Any]:
        """What decides the values: not where they are kept."""
        return {name: value for name, value in super().identity().items() if name != "cache"}


_VERSION: Final = 2
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


class _Embed:
    """The batch function, with what it counted."""

    def __init__(self, config: EmbedConfig, once: EmbedsOnce) -> None:
        self._which = config.text
        self._once = once

    def __call__(self, table: pa.Table) -> pa.Table:
        texts = [text_of(row, self._which) for row in table.column("messages").to_pylist()]
        there = np.array([bool(text) for text in texts], dtype=bool)
        return pa.table([to_column(self._once.encode([text for text in texts if text]), there)], schema=_WRITES)

    def counts(self) -> dict[str, int]:
        """As chatlog.models.embedding_once tells them; see chatlog.stage.Counting."""
        return self._once.counts()


@contextmanager
def open_embed(config: EmbedConfig, secret: bytes = b"") -> Iterator[BatchFn]:
    """Yields the batch function; loads the model once, and where there is a cache when a text is not in it.

    Args:
        config: the settings.
        secret: the run's key, under which texts stand in the cache.

    Raises:
        ConfigError: the model's vectors are longer than the column.
    """
    if not config.cache:
        embedder = _opened(config)
        yield _Embed(config, EmbedsOnce(lambda: embedder))
        return
    with closing(EmbeddingCache(Path(config.cache), _model_identity(config), secret)) as cache:
        yield _Embed(config, EmbedsOnce(lambda: _opened(config), cache))


def _opened(config: EmbedConfig) -> Embedder:
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
    return embedder


def _model_identity(config: EmbedConfig) -> str:
    """What decides a text's vector: every setting but which text is taken, the weights, and this code's version."""
    settings = {name: value for name, value in config.identity().items() if name != "text"}
    return cache_identity({"settings": settings, "weights": content_identity(config.model), "version": _VERSION})


def forget_texts(config: EmbedConfig, conversations: Iterable[list[dict[str, Any]] | None], secret: bytes) -> int:
    """Removes conversations' vectors from the cache, if there is one; returns how many there were.

    Every text that any setting of `text` takes of them is removed, of every model.

    Raises:
        DataError: the cache is in use.
    """
    if not config.cache or not Path(config.cache).is_dir():
        return 0
    texts = {text_of(messages, which) for messages in conversations for which in get_args(_Which)}
    return forget(Path(config.cache), sorted(texts - {""}), secret)


def check_embed(config: EmbedConfig) -> None:
    """Nothing, when the model can be found.

    Raises:
        ConfigError: its name leads nowhere.
        MissingExtra: the package that carries it is not installed.
    """
    check_name(config.model)


EMBED: Final = Stage(
    name="embed",
    version=_VERSION,
    config=EmbedConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_embed,
    keyed=True,  # by the key a cache names its texts; the vectors do not depend on it
    check=check_embed,
    # 2000 texts of 256 tokens are about two minutes of one core.
    checkpoint_rows=2000,
)
