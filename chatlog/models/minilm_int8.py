"""MiniLM in integers of 8 bits (chatlog.models.bert_int8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.bert_int8 import DIMENSIONS, Network, encoded
from chatlog.models.weights import locate

NAME: Final = "minilm-int8"

WEIGHTS: Final = "all-MiniLM-L6-v2"

MOST_TOKENS: Final = 512

_CHARACTERS_PER_TOKEN: Final = 64  # as in chatlog.models.embedders

Vectors = npt.NDArray[np.float32]


class MiniLM:
    """Unit vectors of English texts; a text is cut after `max_tokens`, its special tokens included."""

    def __init__(self, network: Network, tokenizer: Any, max_tokens: int) -> None:
        self.name = NAME
        self.dim = DIMENSIONS
        self.max_tokens = max_tokens
        self._network = network
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of unit length, `(len(texts), 384) float32`, in the order of `texts`."""
        return self.encode_and_tell(texts)[0]

    def encode_and_tell(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """As `encode`; and which texts were cut, `(len(texts),) bool`."""
        distinct = list(dict.fromkeys(texts))
        tokens, cut = self._tokens(distinct)
        vectors = encoded(self._network, tokens)
        place = {text: row for row, text in enumerate(distinct)}
        rows = np.array([place[text] for text in texts], dtype=np.intp)
        return vectors[rows], cut[rows]

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`."""
        return np.array([len(ids) for ids in self._tokens(texts)[0]], dtype=np.int32)

    def _tokens(self, texts: Sequence[str]) -> tuple[list[list[int]], npt.NDArray[np.bool_]]:
        # The tokenizer reads a text to its end before it cuts, and refuses half a pair of surrogates.
        width = self.max_tokens * _CHARACTERS_PER_TOKEN
        prepared = [text[:width].encode("utf-8", "replace").decode("utf-8") for text in texts]
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
