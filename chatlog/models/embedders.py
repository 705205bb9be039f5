"""Sentence embedders: texts in, vectors out, the same bytes whatever stands beside a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models import embedders_mix, embedders_use, minilm_int8, use_int8
from chatlog.models.e5_map.mapped import open_mapped
from chatlog.models.embedders_tokens import (
    Embedder,
    Flags,
    TextTokens,
    Vectors,
    by_length,
    check_fits,
    module_folders,
    position_limit,
)
from chatlog.models.weights import locate

MINILM: Final = "all-MiniLM-L6-v2"
"""English; 384 dimensions, 22.7 M parameters, Apache-2.0; carried by a package, so that no network is needed."""

DEFAULT: Final = embedders_mix.NAME
"""MiniLM and the multilingual Universal Sentence Encoder in one vector, with e5 for languages that the latter does not
know; all are carried by packages."""

COMPOSED_HERE: Final = (embedders_mix.NAME, embedders_mix.WITHOUT_E5, embedders_use.NAME, minilm_int8.NAME)
"""Names that are no sentence-transformers model, and run on engine `torch` alone."""

MAX_TOKENS: Final = 128
"""Tokens of a text that stand for its topic: about 550 characters of English. Of 1,392 English first turns, 9 % of them
longer, MiniLM's clusters agree with those by 256 tokens as two seeds do (NMI 0.62, benchmarks/embed_windows.py)."""


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
    if name in COMPOSED_HERE:
        _refuse_settings(name, prompt, dim, device)
        if name == embedders_use.NAME:
            return use_int8.open_integer_use(threads=threads)
        english = minilm_int8.open_minilm(max_tokens, threads)
        if name == minilm_int8.NAME:
            return english
        open_foreign = partial(open_mapped, threads) if name == embedders_mix.NAME else None
        return embedders_mix.MixedEmbedder(name, english, open_foreign)
    folder = locate(name)
    module_folders(name, folder)
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


class _SentenceTransformer(Embedder):
    def __init__(self, name: str, model: Any, max_tokens: int, prompt: str, dim: int | None) -> None:
        full = int(model.get_embedding_dimension())
        network = getattr(model.transformers_model, "config", None)
        limit = position_limit(getattr(network, "max_position_embeddings", None), model.tokenizer)
        check_fits(name, full=full, dim=dim, limit=limit, max_tokens=max_tokens)
        self.name = name
        self.dim = dim or full
        self.max_tokens = max_tokens
        self._model = model
        self._tokens = TextTokens(model.tokenizer, max_tokens, prompt)

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`."""
        return self._tokens.counts(texts)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        tokens, cut = self._tokens.of(texts)
        return by_length(tokens, self.dim, self._run), cut

    def _run(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
        import torch

        with torch.inference_mode():
            ids = torch.from_numpy(tokens).to(self._model.device)
            made = self._model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["sentence_embedding"]
            found: npt.NDArray[np.floating] = made.float().cpu().numpy()
            return found
