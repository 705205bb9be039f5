"""multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT), some 100 languages, from weights of four bits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, MissingExtra
from chatlog.models.bert_int8 import Network, encoded
from chatlog.models.e5_file import E5File, dequantised, read_e5
from chatlog.models.embedders_tokens import Embedder, Flags, Vectors, unicode_text
from chatlog.models.weights import locate

if TYPE_CHECKING:
    import torch

NAME: Final = "multilingual-e5-small-q4"

MAX_TOKENS: Final = 128
"""Where a text is cut; the model reads 512, and its time grows with them."""

_PROMPT: Final = "query: "
# Of the two that it was trained with, the one for texts that are compared with their like.

_CHARACTERS_PER_TOKEN: Final = 64
_PARTS: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "aln": "attention.output.LayerNorm",
    "oln": "output.LayerNorm",
}
_TABLES: Final = {
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
}
_EMBEDDINGS: Final = {
    **_TABLES,
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


class E5Embedder(Embedder):
    """Unit vectors of texts in any language; a text is cut after `max_tokens`, its special tokens included."""

    def __init__(self, file: E5File, max_tokens: int) -> None:
        if not 3 <= max_tokens <= file.positions:
            raise ConfigError(f"model {NAME} reads 3 to {file.positions} tokens, the config asks for {max_tokens}")
        self.name = NAME
        self.dim = file.width
        self.max_tokens = max_tokens
        self._tokenizer = Tokenizer(file)
        self._network = _network(file)

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`; `max_tokens` where it was cut."""
        return np.array([len(ids) for ids in self._tokens(texts)[0]], dtype=np.int32)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        tokens, cut = self._tokens(texts)
        return encoded(self._network, tokens), cut

    def _tokens(self, texts: Sequence[str]) -> tuple[list[list[int]], Flags]:
        width, most = self.max_tokens * _CHARACTERS_PER_TOKEN, self.max_tokens
        found = self._tokenizer.ids([_PROMPT + text[:width] for text in texts])
        cut = [len(ids) > most or len(text) > width for ids, text in zip(found, texts, strict=True)]
        return [ids if len(ids) <= most else [*ids[: most - 1], ids[-1]] for ids in found], np.array(cut, dtype=bool)


class Tokenizer:
    """The SentencePiece unigram model of XLM-R: its characters are folded, and cut into the likeliest pieces."""

    def __init__(self, file: E5File) -> None:
        from tokenizers import Tokenizer as Pipeline
        from tokenizers import models, pre_tokenizers

        # Text is data: "</s>" in a message is four characters. Folded texts have no NUL, so that none holds these.
        pieces = [(f"\0{piece}" if piece in _SPECIAL else piece, score) for piece, score in file.pieces]
        self._pipeline = Pipeline(models.Unigram(pieces, unk_id=file.unknown, byte_fallback=False))
        self._pipeline.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        self._folded = {0: "", **file.folded}
        self._begin = file.begin
        self._end = file.end

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, with those that begin and end it."""
        return [[self._begin, *self._pipeline.encode(self._fold(text)).ids, self._end] for text in texts]

    def _fold(self, text: str) -> str:
        # The file's map takes one character each; a letter and its mark are put together as XLM-R has them.
        text = unicodedata.normalize("NFC", unicode_text(text).translate(self._folded))
        while "  " in text:
            text = text.replace("  ", " ")
        return text


def _network(file: E5File) -> Network:
    """The encoder in integers; the table of words, three quarters of the model, stays in the file."""
    import torch

    table = file.blocks("emb.word", file.width)

    def words(ids: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(dequantised(table[ids.numpy().reshape(-1)])).view(*ids.shape, file.width)

    return Network(_Weights(file), words)


class _Weights(Mapping[str, "torch.Tensor"]):
    """The file's tensors by the names of Hugging Face's `BertModel`; each is made when it is asked for."""

    def __init__(self, file: E5File) -> None:
        self._file = file
        self._names = dict(_EMBEDDINGS)
        for layer in range(file.layers):
            for part, name in _PARTS.items():
                for kind, ending in (("w", "weight"), ("b", "bias")):
                    self._names[f"encoder.layer.{layer}.{name}.{ending}"] = f"l{layer}.{part}.{kind}"

    def __getitem__(self, name: str) -> torch.Tensor:
        import torch

        kept = self._names[name]
        if name in _TABLES:
            return torch.from_numpy(self._file.floats(kept)).view(-1, self._file.width)
        if kept.endswith(".b") or "ln." in kept:
            return torch.from_numpy(self._file.floats(kept))
        columns = self._file.inner if ".fo." in kept else self._file.width
        return torch.from_numpy(dequantised(self._file.blocks(kept, columns)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def open_e5(max_tokens: int = MAX_TOKENS, threads: int = 1) -> E5Embedder:
    """The model, loaded from the package that carries it.

    Args:
        max_tokens: where a text is cut.
        threads: of torch, for the whole process.

    Raises:
        ConfigError: `max_tokens` is past what it can do.
        DataError: its file is damaged.
        MissingExtra: torch or the package is not installed.
    """
    path = locate(NAME)
    try:
        import tokenizers  # noqa: F401
        import torch
    except ImportError as error:
        raise MissingExtra(f"model {NAME}", "embed") from error
    torch.set_num_threads(threads)
    return E5Embedder(read_e5(path), max_tokens)
