"""Any sequence classifier as a guard: its labels, mapped to OpenAI categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from chatlog.errors import ConfigError
from chatlog.models.guards import Answer, Message, Question, UnreadableAnswer, Verdict
from chatlog.schema import CATEGORIES

FLAGGED: Final = "flagged"
SAFE: Final = "safe"


def check_labels(labels: Mapping[str, str]) -> None:
    """Nothing, when each label goes to a category, `flagged` or `safe`, and at least one is not `safe`.

    Raises:
        ConfigError: it does not.
    """
    allowed = (*CATEGORIES, FLAGGED, SAFE)
    for label, target in labels.items():
        if target not in allowed:
            raise ConfigError(f"guard classifier: label {label!r} goes to {target!r}; expected one of {allowed}")
    if not any(target != SAFE for target in labels.values()):
        raise ConfigError(
            "guard classifier needs `labels`: each label of the model (its config.json, id2label) with an OpenAI "
            "category, 'flagged' or 'safe', such as {toxic = 'flagged', neutral = 'safe'}"
        )


class SequenceClassifier:
    """A model with a classification head; it sees one message, without context and without a prompt."""

    name = "classifier"
    context = False
    max_tokens = 0

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = dict(labels)

    def ask(self, messages: Sequence[Message]) -> list[Question]:
        """The message as it is: a classifier's tokenizer is told to read no special token in it."""
        return [Question(messages[-1].content, 0)]

    def more(self, messages: Sequence[Message], answers: Sequence[Answer]) -> list[Question]:
        """Nothing."""
        return []

    def read(self, messages: Sequence[Message], answers: Sequence[Answer]) -> Verdict:
        """Never called for a verdict: probabilities come by `verdict`.

        Raises:
            UnreadableAnswer: always.
        """
        raise UnreadableAnswer(self.name)

    def is_safe(self, label: str) -> bool:
        """Whether a label says that nothing is wrong."""
        return self._labels.get(label) == SAFE

    def verdict(self, probabilities: Mapping[str, float], native: Mapping[str, object] | None = None) -> Verdict:
        """The verdict of one message's probabilities by label.

        The score is the largest probability among the labels that are not `safe`; where the only such
        label is the opposite of a `safe` one, that is its own probability.

        Raises:
            ConfigError: the model has a label that the config does not map.
        """
        unknown = sorted(set(probabilities) - set(self._labels))
        if unknown:
            raise ConfigError(f"guard classifier: the model has labels {unknown} that `labels` does not map")
        categories: dict[str, float] = {}
        score = 0.0
        for label, value in probabilities.items():
            target = self._labels[label]
            if target == SAFE:
                continue
            score = max(score, value)
            if target != FLAGGED:
                categories[target] = max(categories.get(target, 0.0), value)
        labels = {label: round(value, 6) for label, value in probabilities.items()}
        return Verdict(score, categories, {"labels": labels, **(native or {})})
