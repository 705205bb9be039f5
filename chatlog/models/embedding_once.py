"""Each text to the model once: what this worker has embedded lately, and what a cache holds, is not computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.models.embedders_tokens import Embedder
from chatlog.models.embedding_cache import EmbeddingCache, text_key

Halves = npt.NDArray[np.float16]

_REMEMBERED: Final = 20_000
# Vectors that a worker holds: at most 40 MB. Repeated texts of a log mostly stand near one another.


class EmbedsOnce:
    """Gives vectors as a column keeps them, and counts what they cost.

    Args:
        opened: opens the model; called when the first text needs it, and once.
        cache: where vectors of former runs are, or None.
    """

    def __init__(self, opened: Callable[[], Embedder], cache: EmbeddingCache | None = None) -> None:
        self._opened = opened
        self._embedder: Embedder | None = None
        self._cache = cache
        self._lately: dict[bytes, Halves] = {}
        self._counts: Counter[str] = Counter()

    def encode(self, texts: Sequence[str]) -> Halves:
        """The vectors, `(len(texts), dim) float16`, in the order of `texts`; `dim` is 0 where there is no text."""
        keys = [self._cache.key(text) if self._cache else text_key(text) for text in texts]
        first = {key: text for key, text in zip(reversed(keys), reversed(texts), strict=True)}
        found = {key: self._lately[key] for key in first if key in self._lately}
        repeated = len(texts) - len(first) + len(found)
        new = [key for key in dict.fromkeys(keys) if key not in found]
        cached = self._cache.get(new) if self._cache else {}
        missing = [key for key in new if key not in cached]
        made = self._made(missing, [first[key] for key in missing])
        found |= cached | made
        self._remember(cached | made)
        self._counts.update(texts=len(texts), embedded=len(made), repeated=repeated, cached=len(cached))
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float16)

    def counts(self) -> dict[str, int]:
        """What was counted since it was opened; see chatlog.stage.Counting.

        `texts` are those `embedded`, those `repeated` that this worker had before, and those `cached`; of those
        embedded so many were `cut`, where the model tells it. Engines add what they count themselves.
        """
        counts = dict(self._counts) | (self._embedder.counts if self._embedder else {})
        if self._cache:
            counts |= {"caches_remade": self._cache.remade, "not_cached": self._cache.unwritten}
        return counts

    def _made(self, keys: Sequence[bytes], texts: Sequence[str]) -> dict[bytes, Halves]:
        if not texts:
            return {}
        if self._embedder is None:
            self._embedder = self._opened()
        vectors, cut = self._embedder.encode_and_tell(texts)
        self._counts["cut"] += int(cut.sum())
        halves = vectors.astype(np.float16)
        if self._cache:
            self._cache.put(keys, halves)
        return dict(zip(keys, halves, strict=True))

    def _remember(self, vectors: dict[bytes, Halves]) -> None:
        # Copies: a row of a batch would hold the whole of it.
        self._lately |= {key: vector.copy() for key, vector in vectors.items()}
        for key in list(self._lately)[: max(0, len(self._lately) - _REMEMBERED)]:
            del self._lately[key]
