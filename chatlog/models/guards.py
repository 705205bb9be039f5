"""What a moderator says of one message, and the interface of the guard models that say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

import orjson
from pydantic import AfterValidator

from chatlog.schema import CATEGORIES


@dataclass(frozen=True)
class Message:
    """One message of a conversation; `content` is untrusted."""

    role: str
    content: str


@dataclass(frozen=True)
class Verdict:
    """What a model found in one message, before any threshold.

    Attributes:
        score: the probability that it breaks the policy at all.
        categories: probabilities by OpenAI category; one that the model cannot tell is absent.
        native: the model's own labels, for the `native` column.
    """

    score: float
    categories: Mapping[str, float] = field(default_factory=dict)
    native: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgment:
    """One element of the `moderation` column.

    Attributes:
        status: ok, error or skipped; all else is null unless it is ok.
        flagged: whether the message breaks the policy.
        score: the probability of that.
        categories: yes or no by OpenAI category; null where the model cannot tell.
        category_scores: probabilities, likewise.
        native: the model's own labels and what was cut, JSON.
    """

    status: str
    flagged: bool | None = None
    score: float | None = None
    categories: Mapping[str, bool] = field(default_factory=dict)
    category_scores: Mapping[str, float] = field(default_factory=dict)
    native: str | None = None


SKIPPED: Final = Judgment("skipped")
"""A message without content: there is nothing to judge."""


def failed(reason: str) -> Judgment:
    """A judgment of status `error`; `reason` is a short code and never text of the message or the model."""
    return Judgment("error", native=orjson.dumps({"error": reason}).decode())


def _known(thresholds: dict[str, float]) -> dict[str, float]:
    for name, threshold in thresholds.items():
        if name not in CATEGORIES:
            raise ValueError(f"unknown category {name!r}; expected one of {', '.join(CATEGORIES)}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"the threshold of {name} is {threshold}, expected 0 to 1")
    return thresholds


CategoryThresholds = Annotated[dict[str, float], AfterValidator(_known)]
"""As a setting: probabilities by OpenAI category."""


@dataclass(frozen=True)
class Thresholds:
    """Probabilities from which a message is flagged, and from which a category is true.

    Attributes:
        flagged: for the message.
        categories: what a user set for a category: it flags the message, whatever the message's own score is.
        learnt: what training found for a category: it says which rule a flagged message breaks, and flags
            none by itself. Several weak classifiers, each free to flag, would flag most of what is harmless.
    """

    flagged: float
    categories: Mapping[str, float] = field(default_factory=dict)
    learnt: Mapping[str, float] = field(default_factory=dict)

    def decide(self, verdict: Verdict) -> Judgment:
        """The judgment of a verdict; a true category always makes the message flagged."""
        # Rounded before it is compared, so that a last bit never decides.
        scores = {name: round(verdict.categories[name], 6) for name in CATEGORIES if name in verdict.categories}
        score = round(verdict.score, 6)
        over = score >= self.flagged
        flags = {
            name: value >= self.categories[name]
            if name in self.categories
            else over and value >= self.learnt.get(name, self.flagged)
            for name, value in scores.items()
        }
        return Judgment(
            status="ok",
            flagged=over or any(flags.values()),
            score=score,
            categories=flags,
            category_scores=scores,
            native=orjson.dumps({"score": score, **verdict.native}).decode(),
        )


class UnreadableAnswer(ValueError):
    """A guard model answered something else than its format allows."""


@dataclass(frozen=True)
class Answer:
    """What a generating model said to one prompt.

    Attributes:
        text: the answer.
        tokens: for each token of the answer, in order, the log-probabilities of the likeliest tokens there.
    """

    text: str
    tokens: Sequence[Mapping[str, float]] = ()


Chat = list[dict[str, str]]
"""Messages for a model whose own template renders them."""


@dataclass(frozen=True)
class Question:
    """One prompt to a generating model.

    Attributes:
        prompt: rendered, special tokens and all, or messages for the model's own template.
        max_tokens: the longest answer.
        choices: the only answers allowed, for engines that can hold a model to them; empty for free text.
        schema: a JSON schema that the answer must fit, likewise; its log-probabilities are not asked for.
    """

    prompt: str | Chat
    max_tokens: int
    choices: tuple[str, ...] = ()
    schema: str = ""


class Guard(Protocol):
    """How one family of guard models is asked and understood.

    Attributes:
        name: what a config calls it.
        context: whether messages before the judged one are shown.
        max_tokens: the room beside its first questions, in tokens: for an answer, and for what a further
            question is longer.
    """

    name: str
    context: bool
    max_tokens: int

    def ask(self, messages: Sequence[Message]) -> list[Question]:
        """The questions about the last message; the others are its context, oldest first."""

    def more(self, messages: Sequence[Message], answers: Sequence[Answer]) -> list[Question]:
        """What is left to ask after the answers to `ask`; empty for most messages.

        It begins with the same tokens as the first question where that can be, so that an engine with a
        prefix cache computes little for it.

        Raises:
            UnreadableAnswer: an answer breaks the guard's format.
        """

    def read(self, messages: Sequence[Message], answers: Sequence[Answer]) -> Verdict:
        """The verdict in the answers to `ask` and to `more`, in that order.

        Raises:
            UnreadableAnswer: an answer breaks the guard's format.
        """
