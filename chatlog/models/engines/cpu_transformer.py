"""The `cpu` engine with a sequence classifier that transformers runs: one of `train moderator --base`, or any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.engines.contents import open_tokenizer
from chatlog.models.guards import Judgment, Message, Thresholds
from chatlog.models.guards_classifier import SequenceClassifier
from chatlog.models.moderator.finetune import THRESHOLDS, Floats, probabilities
from chatlog.models.moderator.mixture import FLAGGED
from chatlog.models.weights import locate
from chatlog.models.weights_code import refuse_code

BATCH: Final = 32

LONGEST: Final = 512
"""Tokens of a window, where the model does not say how many it reads."""


class TransformerEngine:
    """Reads a message in windows of as many tokens as the model takes; the largest probability of each label counts.

    For labels that stand for harmless the least counts, so that probabilities of one message need not sum to one.
    """

    def __init__(
        self, tokenizer: Any, model: Any, guard: SequenceClassifier, thresholds: Thresholds, limit: int
    ) -> None:
        self._tokenizer = tokenizer
        self._model = model
        self._guard = guard
        self._thresholds = thresholds
        self._limit = limit
        self._labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
        taken = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", LONGEST))
        self._room = taken if 0 < taken <= 8192 else LONGEST

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, of its last message."""
        windows: list[list[int]] = []
        owner: list[int] = []
        cut: list[int] = []
        for number, conversation in enumerate(conversations):
            found, left_out = self._windows(conversation[-1].content)
            windows += found
            owner += [number] * len(found)
            cut.append(left_out)
        if not windows:
            return []
        values = self._probabilities(windows)
        starts = np.unique(owner, return_index=True)[1]
        largest, least = np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)
        harmless = np.array([self._guard.is_safe(label) for label in self._labels])
        rows = np.where(harmless, least, largest).tolist()
        return [
            self._thresholds.decide(
                self._guard.verdict(
                    dict(zip(self._labels, row, strict=True)), {"cut_tokens": left_out} if left_out else None
                )
            )
            for row, left_out in zip(rows, cut, strict=True)
        ]

    def _windows(self, text: str) -> tuple[list[list[int]], int]:
        """The text's tokens in windows, special tokens around each, and how many tokens were left out."""
        # Text of users must not become a special token of the classifier.
        made = self._tokenizer(
            text, truncation=True, max_length=self._room, return_overflowing_tokens=True, split_special_tokens=True
        )["input_ids"]
        around = self._tokenizer.num_special_tokens_to_add()
        return made[: self._limit], sum(len(part) - around for part in made[self._limit :])

    def _probabilities(self, windows: Sequence[list[int]]) -> Floats:
        order = np.argsort([len(window) for window in windows], kind="stable")
        found = np.zeros((len(windows), len(self._labels)))
        for start in range(0, len(windows), BATCH):
            places = order[start : start + BATCH]
            given = self._tokenizer.pad({"input_ids": [windows[place] for place in places]}, return_tensors="pt")
            found[places] = probabilities(self._model, given)
        return found


def open_transformer(
    model: str,
    labels: Mapping[str, str],
    *,
    threshold: float | None,
    thresholds: Mapping[str, float],
    limit: int,
) -> TransformerEngine:
    """The engine with the classifier in a folder, or at the Hub.

    Args:
        model: its name, as everywhere.
        labels: each of its labels with an OpenAI category, `flagged` or `safe`.
        threshold: None takes what training chose, where it says so, else 0.5.
        thresholds: the same by category.
        limit: windows of one message that are read.

    Raises:
        ConfigError: the folder would run code.
        DataError: it holds no classifier.
        MissingExtra: transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification
    except ImportError as error:
        raise MissingExtra("moderate: a sequence classifier on engine 'cpu'", "embed") from error
    folder = locate(model)
    tokenizer = open_tokenizer(model, folder)
    refuse_code(model, folder)
    try:
        made = AutoModelForSequenceClassification.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True, dtype=torch.float32
        ).eval()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"model {model} is no sequence classifier ({type(error).__name__})") from error
    learnt = dict(learnt_thresholds(folder))
    flagged = learnt.pop(FLAGGED, 0.5)
    chosen = Thresholds(flagged if threshold is None else threshold, thresholds, learnt)
    return TransformerEngine(tokenizer, made, SequenceClassifier(labels), chosen, limit)


def learnt_thresholds(folder: Path) -> Mapping[str, float]:
    """What training chose by head; empty for a classifier that is not of `train moderator`.

    Raises:
        DataError: the file is damaged.
    """
    file = folder / THRESHOLDS
    if not file.is_file():
        return {}
    try:
        told = orjson.loads(file.read_bytes())["thresholds"]
        return {str(name): float(value) for name, value in told.items()}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({type(error).__name__}); train the model anew") from error


def own_labels(folder: Path) -> dict[str, str]:
    """The labels of a classifier that names them as we do, each for itself; empty for another one.

    Raises:
        ConfigError: the folder's config.json cannot be read.
    """
    if not (folder / THRESHOLDS).is_file():
        return {}
    try:
        names = orjson.loads((folder / "config.json").read_bytes())["id2label"].values()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder} is no sequence classifier ({type(error).__name__})") from error
    return {str(name): str(name) for name in names}
