"""MiniLM in integers of 8 bits (chatlog.models.bert_int8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.bert_int8 import DIMENSIONS, Network, encoded
from chatlog.models.embedders_tokens import Embedder, Flags, unicode_text
from chatlog.models.weights import locate

NAME: Final = "minilm-int8"

WEIGHTS: Final = "all-MiniLM-L6-v2"

MOST_TOKENS: Final = 512

_CHARACTERS_PER_TOKEN: Final = 64  # as in chatlog.models.embedders

Vectors = npt.NDArray[np.float32]


class MiniLM(Embedder):
    """Unit vectors of English texts; a text is cut after `max_tokens`, its special tokens included."""

    def __init__(self, network: Network, tokenizer: Any, max_tokens: int) -> None:
        self.name = NAME
        self.dim = DIMENSIONS
        self.max_tokens = max_tokens
        self._network = network
        self._tokenizer = tokenizer

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`."""
        return np.array([len(ids) for ids in self._tokens(texts)[0]], dtype=np.int32)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        tokens, cut = self._tokens(texts)
        return encoded(self._network, tokens), cut

    def _tokens(self, texts: Sequence[str]) -> tuple[list[list[int]], Flags]:
        # The tokenizer reads a text to its end before it cuts, and refuses half a pair of surrogates.
        width = self.max_tokens * _CHARACTERS_PER_TOKEN
        prepared = [unicode_text(text[:width]) for text in texts]
        found = self._tokenizer.encode_batch(prepared)
        return [one.ids for one in found], np.array([bool(one.overflowing) for one in found], dtype=bool)


def open_minilm(max_tokens: int, threads: int = 1) -> MiniLM:
    """The model in integers, made from the carried weights.

    Args:
        max_tokens: where a text is cut, at most 512.
        threads: of torch, for the whole process.

    Raises:
        ConfigError: `max_tokens` is past what the model can do.
        DataError: its files are damaged.
        MissingExtra: torch or the package that carries the weights is not installed.
    """
    if max_tokens > MOST_TOKENS:
        raise ConfigError(f"model {NAME} reads {MOST_TOKENS} tokens at most, the config asks for {max_tokens}")
    folder = Path(locate(WEIGHTS))
    try:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra(f"model {NAME}", "embed") from error
    torch.set_num_threads(threads)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = {name: part.float() for name, part in load_file(folder / "model.safetensors").items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"model {NAME} cannot be opened from {folder}: {type(error).__name__}") from error
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    # Text is data: "[SEP]" in a message is five characters, not a separator.
    tokenizer.encode_special_tokens = True
    words = weights["embeddings.word_embeddings.weight"]
    return MiniLM(Network(weights, lambda ids: words[ids]), tokenizer, max_tokens)
