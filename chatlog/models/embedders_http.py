"""Vectors from a server: any that speaks the embeddings endpoint of OpenAI's API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, RemoteError
from chatlog.models.embedders_tokens import Embedder, Flags, Vectors, unicode_text
from chatlog.models.engines.http_calls import CallFailed
from chatlog.models.engines.http_connected import connected, wait_for
from chatlog.models.engines.http_embeddings import EmbeddingCalls
from chatlog.models.engines.http_settings import HttpSettings

_PROBE: Final = "How do I bake bread?"

_HINTS: Final = {
    "status 401": "the key in the variable that `api_key_variable` names is not taken",
    "status 403": "the key in the variable that `api_key_variable` names may not do this",
    "status 404": "`urls` are to end where `/embeddings` follows (http://gpu1:8000/v1), and `model` is its name there",
    "status 400": "it takes no such request: is `model` an embedding model, and does it know `dimensions`?",
    "no server": "no call succeeded for `give_up_s`",
    "prompt too long": "not even its first characters fit",
}


class HttpEmbedder(Embedder):
    """Texts are cut by characters, since only the server knows its tokens.

    Its vectors are what the server says: a server may give other last bits each time.
    """

    def __init__(
        self, calls: EmbeddingCalls, loop: asyncio.AbstractEventLoop, settings: HttpSettings, limit: int, prompt: str
    ) -> None:
        self.name = settings.model
        self.max_tokens = limit
        self._calls = calls
        self._loop = loop
        self._prompt = prompt
        # Asked before any work: a wrong key, name or length is told at once.
        self.dim = self._made([_PROBE])[0].shape[1]
        calls.prompt_tokens = 0

    @property
    def counts(self) -> dict[str, int]:
        """Tokens that were embedded, as the servers count them; 0 where they do not tell."""
        return {"prompt_tokens": self._calls.prompt_tokens}

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Characters that are sent of each text, `(len(texts),) int32`, unless they are too many for the server."""
        return np.array([min(len(self._prompt + text), self.max_tokens) for text in texts], dtype=np.int32)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        sent = [unicode_text(self._prompt + text) for text in texts]
        try:
            found = wait_for(self._loop, self._calls.vectors(sent))
        except CallFailed as error:
            hint = f": {_HINTS[error.code]}" if error.code in _HINTS else ""
            raise RemoteError(
                f"embed: the servers of `urls` gave no vector ({error.code}){hint}. What is finished is kept: mend it "
                "and run again"
            ) from None
        return np.stack([vector for vector, _ in found]), np.array([cut > 0 for _, cut in found])


@contextmanager
def open_http_embedder(
    settings: HttpSettings, *, max_characters: int, prompt: str = "", dim: int | None = None
) -> Iterator[HttpEmbedder]:
    """The embedder, with connections that are kept alive until the block ends; asks for one vector.

    Args:
        settings: servers and limits.
        max_characters: of a text that are sent, its prompt included.
        prompt: put before each text.
        dim: asked for; a longer vector is cut to it and scaled to unit length. None for all.

    Raises:
        ConfigError: a key that the settings name is not there, or vectors are shorter than `dim`.
        RemoteError: no server answers.
    """
    with connected(settings) as (caller, loop):
        made = HttpEmbedder(EmbeddingCalls(caller, dim, max_characters), loop, settings, max_characters, prompt)
        if dim is not None and made.dim < dim:
            raise ConfigError(f"embed: model {settings.model} gives {made.dim} dimensions, the config asks for {dim}")
        yield made
