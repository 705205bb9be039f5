"""The `cpu` engine: our own classifier on the shared sentence vectors. It reads a message without context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from chatlog.models.guards import Judgment, Message, Thresholds, Verdict
from chatlog.models.moderator.features import EMBEDDER, TOKENS, Encoder, grams, windows
from chatlog.models.moderator.heads import SHIPPED, Heads, load
from chatlog.models.weights import locate

BATCH: Final = 4096
"""Windows whose features are held at once: 4096 x 384 vectors are 6 MB."""


class CpuEngine:
    """Scores every window of a message and keeps the largest probability of each head.

    A message's judgment depends on its own text alone.
    """

    def __init__(self, heads: Heads, encoder: Encoder, thresholds: Thresholds, limit: int, name: str) -> None:
        self._heads = heads
        self._encoder = encoder
        self._thresholds = thresholds
        self._limit = limit
        self._name = name

    @property
    def threshold(self) -> float:
        """The probability from which a message is flagged."""
        return self._thresholds.flagged

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, of its last message."""
        pieces: list[str] = []
        starts: list[int] = []
        cut: list[int] = []
        for conversation in conversations:
            found, left_out = windows(conversation[-1].content, self._limit)
            starts.append(len(pieces))
            pieces += found or [""]
            cut.append(left_out)
        if not pieces:
            return []
        scores = np.concatenate(
            [self._probabilities(pieces[start : start + BATCH]) for start in range(0, len(pieces), BATCH)]
        )
        largest = np.maximum.reduceat(scores, starts)
        return [self._judgment(row, left_out) for row, left_out in zip(largest.tolist(), cut, strict=True)]

    def _probabilities(self, pieces: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return self._heads.probabilities(self._encoder.encode(pieces), grams(pieces))

    def _judgment(self, row: list[float], left_out: int) -> Judgment:
        native: dict[str, object] = {"model": self._name}
        if left_out:
            native["cut_characters"] = left_out
        categories = dict(zip(self._heads.names[1:], row[1:], strict=True))
        return self._thresholds.decide(Verdict(row[0], categories, native))


def open_cpu(
    model: str = "",
    *,
    threshold: float | None = None,
    thresholds: Mapping[str, float] | None = None,
    limit: int = 64,
    encoder: Encoder | None = None,
) -> CpuEngine:
    """The shipped moderator, or the one in the file `model` that `train moderator` wrote.

    Args:
        model: a path; empty for the shipped one.
        threshold: probability from which a message is flagged; None takes the one that training chose.
        thresholds: the same by category.
        limit: windows of one message that are read.
        encoder: None opens the embedder that the heads were made for.

    Raises:
        DataError: the weights are missing or damaged.
        MissingExtra: sentence-transformers is not installed.
    """
    heads = load(locate(model or SHIPPED))
    own = dict(zip(heads.names, heads.thresholds.tolist(), strict=True))
    chosen = Thresholds(
        own[heads.names[0]] if threshold is None else threshold,
        thresholds or {},
        {name: own[name] for name in heads.names[1:]},
    )
    if encoder is None:
        from chatlog.models.embedders import open_embedder

        encoder = open_embedder(EMBEDDER, max_tokens=TOKENS)
    return CpuEngine(heads, encoder, chosen, limit, Path(model or SHIPPED).name)
