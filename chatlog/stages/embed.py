"""The stage `embed`: one vector a conversation, by which topics are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pyarrow as pa

from chatlog.models.embedding_cache import EmbeddingCache, cache_identity, forget
from chatlog.models.embedding_column import EMBEDDING, to_column
from chatlog.models.embedding_config import EmbedConfig, Which
from chatlog.models.embedding_once import EmbedsOnce
from chatlog.models.embedding_opening import check_embedder, opened_embedder
from chatlog.models.weights import content_identity
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Stage

_VERSION: Final = 3
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
        ConfigError: the model cannot do what the config asks, or its vectors are longer than the column.
        RemoteError: a server gives no vector. It is raised from the batch function too: the column has no place to
            say that a text has none for now, and null would say that there is no text.
    """
    with ExitStack() as stack:
        if not config.cache:
            embedder = stack.enter_context(opened_embedder(config))
            yield _Embed(config, EmbedsOnce(lambda: embedder))
            return
        cache = stack.enter_context(closing(EmbeddingCache(Path(config.cache), _model_identity(config), secret)))
        yield _Embed(config, EmbedsOnce(lambda: stack.enter_context(opened_embedder(config)), cache))


def _model_identity(config: EmbedConfig) -> str:
    """What decides a text's vector: every setting but which text is taken, the weights, and this code's version."""
    settings = {name: value for name, value in config.identity().items() if name != "text"}
    # Servers may give one name to different models.
    told = {"settings": settings, "weights": content_identity(config.model), "servers": sorted(config.urls)}
    return cache_identity(told | {"version": _VERSION})


def forget_texts(config: EmbedConfig, conversations: Iterable[list[dict[str, Any]] | None], secret: bytes) -> int:
    """Removes conversations' vectors from the cache, if there is one; returns how many there were.

    Every text that any setting of `text` takes of them is removed, of every model.

    Raises:
        DataError: the cache is in use.
    """
    if not config.cache or not Path(config.cache).is_dir():
        return 0
    texts = {text_of(messages, which) for messages in conversations for which in get_args(Which)}
    return forget(Path(config.cache), sorted(texts - {""}), secret)


EMBED: Final = Stage(
    name="embed",
    version=_VERSION,
    config=EmbedConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_embed,
    keyed=True,  # by the key a cache names its texts; the vectors do not depend on it
    check=check_embedder,
    # 2000 first turns are 10 to 20 seconds of one core; 2000 texts of 256 tokens in floats are two minutes.
    checkpoint_rows=2000,
)
