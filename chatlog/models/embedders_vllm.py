"""Vectors from a model in vLLM, in a worker process for each GPU or group of GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError
from chatlog.models.embedders_tokens import (
    Embedder,
    Flags,
    TextTokens,
    Vectors,
    check_fits,
    module_folders,
    position_limit,
    told_number,
)
from chatlog.models.engines.contents import open_tokenizer
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.vllm_worker import Prompt
from chatlog.models.engines.vllm_workers import check_vllm, open_workers
from chatlog.models.engines.watched import Watched
from chatlog.models.weights import locate
from chatlog.models.weights_code import refuse_code

_PROBE: Final = "How do I bake bread?"


class VllmEmbedder(Embedder):
    """Texts are cut and made tokens here, as everywhere: vLLM itself is never given a text to cut.

    vLLM puts together what it works on by its own schedule, so that last bits may differ from one time to another.
    """

    def __init__(self, name: str, workers: Watched, tokens: TextTokens, max_tokens: int, dim: int | None) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self._workers = workers
        self._tokens = tokens
        self._prompt_tokens = 0
        full = len(self._asked(tokens.of([_PROBE])[0])[0])
        check_fits(name, full=full, dim=dim, limit=None, max_tokens=max_tokens)
        self.dim = dim or full

    @property
    def counts(self) -> dict[str, int]:
        """Tokens that were embedded, and restarts of workers."""
        return {"prompt_tokens": self._prompt_tokens, "restarts": self._workers.restarts}

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """As Embedder."""
        return self._tokens.counts(texts)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        tokens, cut = self._tokens.of(texts)
        vectors = [vector[: self.dim] for vector in self._asked(tokens)]
        self._prompt_tokens += sum(map(len, tokens))
        return np.stack(vectors), cut

    def _asked(self, tokens: list[list[int]]) -> list[npt.NDArray[np.float32]]:
        said = self._workers.ask([Prompt(ids) for ids in tokens])
        found = [vector for vector in said if vector is not None and np.isfinite(vector).all()]
        if len(found) < len(tokens):
            # The column has no place for this, and null would say that the conversation has no text.
            raise DataError(
                f"embed: the engine gave no vector for {len(tokens) - len(found)} of {len(tokens)} texts, after "
                "restarts (its own messages stand above). What is finished is kept: mend it and run again"
            )
        return found


@contextmanager
def open_vllm_embedder(
    name: str, settings: VllmWorkers, *, max_tokens: int, prompt: str = "", dim: int | None = None
) -> Iterator[VllmEmbedder]:
    """The sentence-transformers model `name`, with its weights loaded once for every `tensor_parallel` visible GPUs.

    Args:
        name: as in chatlog.models.weights.
        settings: how it is run.
        max_tokens: where a text is cut.
        prompt: put before each text.
        dim: as in open_embedder.

    Raises:
        MissingExtra: vLLM is not installed.
        ConfigError: the model holds pickles or code, or cannot do what is asked of it.
        DataError: it cannot be started.
    """
    check_vllm("embed")
    folder = locate(name)
    module_folders(name, folder)
    refuse_code(name, folder)
    tokenizer = open_tokenizer(name, folder)
    # vLLM takes no more than sentence-transformers would by default, even where the network has more positions.
    usual = told_number(folder, "sentence_bert_config.json", "max_seq_length")
    positions = position_limit(told_number(folder, "config.json", "max_position_embeddings"), tokenizer)
    limit = min((number for number in (usual, positions) if number), default=None)
    check_fits(name, full=0, dim=None, limit=limit, max_tokens=max_tokens)
    with open_workers(folder, "embed", max_tokens, settings) as (workers, _):
        yield VllmEmbedder(name, workers, TextTokens(tokenizer, max_tokens, prompt), max_tokens, dim)
