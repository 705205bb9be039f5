"""The stage `language`: which language each message is in, and the conversation by its user's turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from chatlog.models.lid import NOTHING, Guess, LanguageIdentifier
from chatlog.models.weights import check_name
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.languages import UNKNOWN_CODE, english_name
from chatlog.text.prose import SAMPLE, is_universal, prose


class LanguageConfig(Config):
    """Settings of `language`."""

    model: str = "lid.176.ftz"
    """The identifier's weights: a carried name, or the path of a fastText model with lid.176's labels."""

    min_score: float = Field(default=0.1, ge=0, le=1)
    """Probability below which a message's language is unknown."""

    min_letters: float = Field(default=2, ge=1)
    """Letters of prose below which a message's language is unknown (a Han character counts as 2.5)."""

    sample: int = Field(default=SAMPLE, ge=50, le=100_000)
    """Characters at a message's beginning that are looked at."""

    vote_cap: float = Field(default=400, ge=1)
    """Letters beyond which a longer message has no more say in the conversation's vote."""


_READS: Final = pa.schema([pa.field("messages", MESSAGES)])
_WRITES: Final = pa.schema(
    [
        pa.field("language", pa.string()),
        pa.field("language_code", pa.string()),
        pa.field("language_score", pa.float32()),
        pa.field("message_languages", pa.list_(pa.string())),
    ]
)


def _guess_all(texts: Sequence[str | None], identifier: LanguageIdentifier, config: LanguageConfig) -> list[Guess]:
    """One guess a text, in order; each distinct text is looked at once."""
    known: dict[str | None, Guess] = {None: NOTHING}
    guesses = []
    for text in texts:
        guess = known.get(text)
        if guess is None:
            assert text is not None
            guess = known[text] = _guess(text, identifier, config)
        guesses.append(guess)
    return guesses


def _guess(text: str, identifier: LanguageIdentifier, config: LanguageConfig) -> Guess:
    words = prose(text, config.sample)
    if not words or is_universal(words):
        return NOTHING
    guess = identifier.guess(words)
    if guess.score < config.min_score or guess.weight < config.min_letters:
        return NOTHING
    return guess


def _vote(guesses: Sequence[Guess], roles: Sequence[str | None], cap: float) -> tuple[str, float]:
    """The conversation's code and score: the user's turns decide, the others only where those say nothing."""
    for wanted in (True, False):
        votes: dict[str, float] = {}
        scores: dict[str, float] = {}
        for guess, role in zip(guesses, roles, strict=True):
            if guess.code == UNKNOWN_CODE or (role == "user") is not wanted:
                continue
            vote = guess.score * min(guess.weight, cap)
            votes[guess.code] = votes.get(guess.code, 0.0) + vote
            scores[guess.code] = max(scores.get(guess.code, 0.0), guess.score)
        if votes:
            # The earlier code wins a tie: dicts keep the order in which turns came.
            code = max(votes, key=votes.__getitem__)
            return code, scores[code] * votes[code] / sum(votes.values())
    return UNKNOWN_CODE, 0.0


@contextmanager
def open_language(config: LanguageConfig) -> Iterator[BatchFn]:
    """Yields the batch function; loads the identifier's weights once."""
    identifier = LanguageIdentifier(config.model)

    def batch(table: pa.Table) -> pa.Table:
        column = table.column("messages").combine_chunks()
        flat = column.flatten()
        texts = flat.field("content").to_pylist()
        roles = flat.field("role").to_pylist()
        guesses = _guess_all(texts, identifier, config)
        lengths = np.asarray(column.value_lengths().fill_null(0), dtype=np.int64)
        ends = np.cumsum(lengths)
        valid = column.is_valid().to_pylist()
        names: list[str] = []
        codes: list[str] = []
        scores: list[float] = []
        each: list[list[str] | None] = []
        for end, length, present in zip(ends.tolist(), lengths.tolist(), valid, strict=True):
            mine = slice(end - length, end)
            code, score = _vote(guesses[mine], roles[mine], config.vote_cap)
            names.append(english_name(code))
            codes.append(code)
            scores.append(score)
            each.append([guess.code for guess in guesses[mine]] if present else None)
        return pa.table(
            [names, codes, pa.array(scores, pa.float32()), pa.array(each, pa.list_(pa.string()))],
            schema=_WRITES,
        )

    yield batch


def check_language(config: LanguageConfig) -> None:
    """Nothing, when the weights can be found.

    Raises:
        ConfigError: the model's name leads nowhere.
    """
    check_name(config.model)


LANGUAGE: Final = Stage(
    name="language",
    version=1,
    config=LanguageConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_language,
    check=check_language,
)
