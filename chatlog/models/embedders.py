"""Sentence embedders: texts in, vectors out, the same bytes whatever stands beside a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models import embedders_mix, embedders_use, minilm_int8
from chatlog.models.e5_map.mapped import open_mapped
from chatlog.models.weights import locate
from chatlog.models.weights_code import refuse_pickles

MINILM: Final = "all-MiniLM-L6-v2"
"""English; 384 dimensions, 22.7 M parameters, Apache-2.0; carried by a package, so that no network is needed."""

DEFAULT: Final = embedders_mix.NAME
"""MiniLM and the multilingual Universal Sentence Encoder in one vector, with e5 for languages that the latter does not
know; all are carried by packages."""

MAX_TOKENS: Final = 256
"""The length that all-MiniLM-L6-v2 was made for (`max_seq_length` of its card); its positions end at 512."""

_CHARACTERS_PER_TOKEN: Final = 64
# A tokenizer reads a text to its end before it cuts, so that a message of 50 MB would cost minutes. Ordinary
# text has 1 to 6 characters a token: what is cut here lies behind the token limit.

_TOKENS_PER_BATCH: Final = 8192
# Activations of one layer then stay near the size of a CPU's last cache; larger batches are slower there.

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """A model that turns texts into vectors.

    Attributes:
        name: as in the config.
        dim: length of a vector.
        max_tokens: a text is read up to so many tokens, its special tokens included.
    """

    name: str
    dim: int
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors, `(len(texts), dim) float32`, in the order of `texts`.

        They have unit length, except those of `minilm+use+e5` and `minilm+use`, whose length says which of its halves
        are there; compare them by cosine or Euclidean distance as they are.
        """

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`; `max_tokens` where it was cut."""


def open_embedder(
    name: str = DEFAULT,
    *,
    max_tokens: int = MAX_TOKENS,
    prompt: str = "",
    dim: int | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Embedder:
    """The model `name`, loaded from this machine alone.

    Args:
        name: `minilm+use+e5`, `minilm+use`, `minilm-int8`, `use-multilingual-v3`, or a sentence-transformers model:
            as in chatlog.models.weights a carried name, a path, or a Hub id with its revision.
        max_tokens: where a text is cut.
        prompt: put before each text, for models that were trained with one ("query: ").
        dim: keep only so many leading dimensions and scale to unit length again, for models that were
            trained for it (Matryoshka); None keeps all.
        device: cpu or cuda.
        threads: of torch, for the whole process. Sums are split by thread, so another number gives other
            last bits; at 1 the bytes are the same in one worker or in many.

    Raises:
        ConfigError: the model holds pickles or code, or `max_tokens` or `dim` is past what it can do.
        DataError: its files are damaged.
        MissingExtra: sentence-transformers is not installed.
    """
    if name in (embedders_mix.NAME, embedders_mix.WITHOUT_E5, embedders_use.NAME, minilm_int8.NAME):
        _refuse_settings(name, prompt, dim, device)
        if name == embedders_use.NAME:
            return embedders_use.open_use(characters=embedders_use.EMBEDDED_CHARACTERS)
        english = minilm_int8.open_minilm(max_tokens, threads)
        if name == minilm_int8.NAME:
            return english
        open_foreign = partial(open_mapped, threads) if name == embedders_mix.NAME else None
        return embedders_mix.MixedEmbedder(name, english, open_foreign)
    folder = locate(name)
    _refuse_code(name, folder)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtra(f"model {name}", "embed") from error
    torch.set_num_threads(threads)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"model {name}: device is {device!r}, and torch sees no GPU; set device = 'cpu'")
    transformers_logging.disable_progress_bar()
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"model {name} cannot be opened from {folder}: {type(error).__name__}: {error}") from error
    return _SentenceTransformer(name, model.eval(), max_tokens, prompt, dim)


def _refuse_settings(name: str, prompt: str, dim: int | None, device: str) -> None:
    """Nothing, when no setting is made that the carried CPU models cannot follow."""
    for setting, value, made in (("prompt", "", prompt), ("dimensions", "null", dim), ("device", "cpu", device)):
        if made and made != value:
            raise ConfigError(f"model {name}: it has no {setting}; leave {setting} = {value!r}, or take another model")


class _SentenceTransformer:
    """Batches hold texts of one token length only.

    No text is padded then, and its vector does not depend on its neighbours: what is left is the last bit
    that a matrix product may round otherwise in a batch of another height, about 1e-7, a thousandth of
    what float16 can tell apart.
    """

    def __init__(self, name: str, model: Any, max_tokens: int, prompt: str, dim: int | None) -> None:
        full = int(model.get_embedding_dimension())
        if dim is not None and dim > full:
            raise ConfigError(f"model {name} gives {full} dimensions, the config asks for {dim}")
        limit = _position_limit(model)
        if limit is not None and max_tokens > limit:
            raise ConfigError(f"model {name} reads {limit} tokens at most, the config asks for {max_tokens}")
        self.name = name
        self.dim = dim or full
        self.max_tokens = max_tokens
        self._model = model
        self._prompt = prompt
        self._tokenizer = model.tokenizer

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of unit length, `(len(texts), dim) float32`."""
        import torch

        distinct = list(dict.fromkeys(texts))
        vectors = np.zeros((len(distinct), self.dim), dtype=np.float32)
        tokens = self._tokens(distinct)
        with torch.inference_mode():
            for batch in _batches([len(ids) for ids in tokens]):
                ids = torch.tensor([tokens[i] for i in batch], device=self._model.device)
                features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
                out = self._model(features)["sentence_embedding"]
                vectors[batch] = out[:, : self.dim].float().cpu().numpy()
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(norms == 0, 1, norms)
        row = {text: i for i, text in enumerate(distinct)}
        return vectors[[row[text] for text in texts]] if texts else vectors

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`."""
        return np.array([len(ids) for ids in self._tokens(list(texts))], dtype=np.int32)

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        width = self.max_tokens * _CHARACTERS_PER_TOKEN
        prepared = [(self._prompt + text)[:width] for text in texts]
        # A lone surrogate is a valid str and no valid UTF-8; the tokenizer would refuse the whole batch.
        prepared = [text.encode("utf-8", "replace").decode("utf-8") for text in prepared]
        # Text is data: "[SEP]" in a message is five characters, not a separator; hence split_special_tokens.
        encoded = self._tokenizer(prepared, truncation=True, max_length=self.max_tokens, split_special_tokens=True)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices, grouped by equal length, at most `_TOKENS_PER_BATCH` tokens a group; long texts first."""
    by_length: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        by_length.setdefault(length, []).append(index)
    for length in sorted(by_length, reverse=True):
        indices = by_length[length]
        size = max(1, _TOKENS_PER_BATCH // max(1, length))
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def _position_limit(model: Any) -> int | None:
    """The longest input in tokens, or None where neither the tokenizer nor the network tells one."""
    config = getattr(model.transformers_model, "config", None)
    told = (getattr(config, "max_position_embeddings", None), model.tokenizer.model_max_length)
    # Tokenizers without a limit tell 1e30.
    known = [int(n) for n in told if n is not None and 0 < n < 1_000_000]
    return min(known, default=None)


def _refuse_code(name: str, folder: Path) -> None:
    """Nothing, when the folder holds neither pickled weights nor classes of its own.

    sentence-transformers would run a class that `modules.json` names from a local folder, and unpickle a
    module that has no safetensors file.
    """
    if not folder.is_dir():
        raise ConfigError(f"model {name}: {folder.name} is a file; a sentence-transformers model is a folder")
    try:
        modules = orjson.loads((folder / "modules.json").read_bytes())
        classes = [str(module["type"]) for module in modules]
        folders = [folder / str(module["path"]) for module in modules]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"model {name}: {folder} holds no readable modules.json; it is no sentence-transformers model"
        ) from error
    foreign = [kind for kind in classes if not kind.startswith("sentence_transformers.")]
    if foreign:
        raise ConfigError(f"model {name} brings code of its own ({foreign[0]}), which is never run")
    refuse_pickles(name, {folder, *folders})
