"""The `cpu` engine: our own classifier on multilingual sentence vectors. It reads a message without context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from chatlog.models.guards import Judgment, Message, Thresholds, Verdict
from chatlog.models.moderator.features import MINORS, Encoder, see, windows
from chatlog.models.moderator.mixture import FLAGGED, SHIPPED, Floats, Mixture, load
from chatlog.models.weights import locate

BATCH: Final = 1024
"""Windows whose vectors are held at once: 1024 x 1024 floats are 4 MB."""


class CpuEngine:
    """Scores every window of a message and keeps the largest probability of each head.

    A message's judgment depends on its own text alone.
    """

    def __init__(self, mixture: Mixture, encoder: Encoder, thresholds: Thresholds, limit: int, name: str) -> None:
        self._mixture = mixture
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
        owner: list[int] = []
        cut: list[int] = []
        for number, conversation in enumerate(conversations):
            found, left_out = windows(conversation[-1].content, self._limit)
            owner += [number] * max(1, len(found))
            pieces += found or [""]
            cut.append(left_out)
        if not pieces:
            return []
        windowed = np.concatenate(
            [self._logits(pieces[start : start + BATCH]) for start in range(0, len(pieces), BATCH)]
        )
        starts = np.unique(owner, return_index=True)[1]
        largest = self._mixture.calibrated(np.maximum.reduceat(windowed, starts))
        return [
            self._judgment(row, conversation[-1].content, left_out)
            for row, conversation, left_out in zip(largest.tolist(), conversations, cut, strict=True)
        ]

    def _logits(self, pieces: Sequence[str]) -> Floats:
        seen = see(pieces, self._encoder)
        return self._mixture.largest(seen, seen.owner)

    def _judgment(self, row: list[float], content: str, left_out: int) -> Judgment:
        native: dict[str, object] = {"model": self._name}
        if left_out:
            native["cut_characters"] = left_out
        categories = dict(zip(self._mixture.categories, row[1:], strict=True))
        if "sexual" in categories and "sexual/minors" not in categories:
            read = content[: len(content) - left_out]
            categories["sexual/minors"] = categories["sexual"] if MINORS.search(read) else 0.0
        return self._thresholds.decide(Verdict(row[0], categories, native))


def open_cpu(
    model: str = "",
    *,
    threshold: float | None = None,
    thresholds: Mapping[str, float] | None = None,
    limit: int = 64,
    threads: int = 1,
    encoder: Encoder | None = None,
) -> CpuEngine:
    """The shipped moderator, or the one in the file `model` that `train moderator` wrote.

    Args:
        model: a path; empty for the shipped one.
        threshold: probability from which a message is flagged; None takes the one that training chose.
        thresholds: the same by category.
        limit: windows of one message that are read.
        threads: texts that are encoded at once; 0 for one a core. The scores are the same.
        encoder: None opens the one that the weights were made for.

    Raises:
        DataError: the weights are missing or damaged.
        MissingExtra: onnxruntime is not installed.
    """
    mixture = load(locate(model or SHIPPED))
    learnt = mixture.learnt
    flagged = learnt.pop(FLAGGED)
    chosen = Thresholds(flagged if threshold is None else threshold, thresholds or {}, learnt)
    if encoder is None:
        from chatlog.models.embedders_use import open_use

        encoder = open_use(threads)
    return CpuEngine(mixture, encoder, chosen, limit, Path(model or SHIPPED).name)
