"""The stage `language`: which language each message is in, and the conversation by its user's turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from chatlog.models.lid import NOTHING, Guess, LanguageIdentifier
from chatlog.models.lid_shares import Shares, shares
from chatlog.models.weights import check_name
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.by_script import with_script
from chatlog.text.languages import UNKNOWN_CODE, english_name
from chatlog.text.prose import SAMPLE, is_universal, prose_lines


class LanguageConfig(Config):
    """Settings of `language`."""

    model: str = "lid.176.ftz"
    """The fastText model: a carried name, a path, or a Hub id with its revision (lid.176, GlotLID, NLLB's)."""

    file: str = Field(default="model.bin", min_length=1)
    """The model's file in a Hub repository or a folder; GlotLID's repository holds several versions."""

    second: Literal["eldc", "none"] = "eldc"
    """The identifier that is asked about what the first one is not sure of."""

    min_score: float = Field(default=0.1, ge=0, le=1)
    """Calibrated probability below which a message's language is unknown."""

    min_letters: float = Field(default=2, ge=1)
    """Letters of prose below which a message's language is unknown (a Han character counts as 2.5)."""

    sample: int = Field(default=SAMPLE, ge=50, le=100_000)
    """Characters at a message's beginning that are looked at."""

    vote_cap: float = Field(default=400, ge=1)
    """Letters beyond which a longer message has no more say in the conversation's vote."""


SHARES: Final = pa.list_(pa.struct([pa.field("code", pa.string()), pa.field("share", pa.float32())]))
"""Languages and their shares of the letters, the largest first; empty where no language is known."""

_READS: Final = pa.schema([pa.field("messages", MESSAGES)])
_WRITES: Final = pa.schema(
    [
        pa.field("language", pa.string()),
        pa.field("language_code", pa.string()),
        pa.field("language_score", pa.float32()),
        pa.field("language_tag", pa.string()),
        pa.field("language_shares", SHARES),
        pa.field("answer_language", pa.string()),
        pa.field("answer_language_code", pa.string()),
        pa.field("message_languages", pa.list_(pa.string())),
        pa.field("message_shares", pa.list_(SHARES)),
    ]
)


def _guesses(
    texts: Sequence[str], identifier: LanguageIdentifier, config: LanguageConfig
) -> Iterator[tuple[Guess, Shares]]:
    """One guess a text, in order, and the languages that it mixes."""
    for words, weights in prose_lines(texts, config.sample):
        if not words or is_universal(words):
            yield NOTHING, []
            continue
        guess = identifier.guess(words, weights)
        if guess.score < config.min_score or guess.weight < config.min_letters:
            yield NOTHING, []
            continue
        yield guess, shares(words, weights, guess, identifier)


class _Messages:
    """The messages of a batch, each distinct text guessed at once.

    Attributes:
        codes: the codes that were found; the first one is that of an unknown language.
        code: `(n,) int64`, the place of each message's code among them.
        score: `(n,) float64`.
        weight: `(n,) float64`, the letters of each message that count.
        vote: `(n,) float64`, how much a message says in its conversation's vote.
        shares: the languages that each distinct text mixes.
        which: `(n,) int`, the place of each message's text among them.
    """

    def __init__(self, content: pa.StringArray, identifier: LanguageIdentifier, config: LanguageConfig) -> None:
        # Logs repeat themselves: a chat's every turn logs all of it again.
        encoded = content.dictionary_encode()
        told = [*_guesses(encoded.dictionary.to_pylist(), identifier, config), (NOTHING, [])]
        guesses = [guess for guess, _ in told]
        place = {UNKNOWN_CODE: 0}
        code = np.array([place.setdefault(guess.code, len(place)) for guess in guesses], dtype=np.int64)
        score = np.array([guess.score for guess in guesses], dtype=np.float64)
        weight = np.array([guess.weight for guess in guesses], dtype=np.float64)
        which = encoded.indices.fill_null(len(guesses) - 1).to_numpy()  # a null is nothing too
        self.codes = list(place)
        self.shares = [mixed for _, mixed in told]
        self.which = which
        self.code, self.score = code[which], score[which]
        self.weight = np.minimum(weight, config.vote_cap)[which]
        self.vote = score[which] * self.weight


def _vote(
    messages: _Messages, heard_first: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64], alone: bool = False
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The place of each conversation's code among `messages.codes`, and its score.

    The messages of `heard_first` (the user's) decide, the others only where those say nothing, or not
    at all with `alone`. The code with most votes wins, of equals the one that came first; the score is
    its best one, times its share of the votes.
    """
    row = np.repeat(np.arange(lengths.size), lengths)
    known = messages.code != 0
    heard = np.zeros(lengths.size, dtype=bool)
    heard[row[known & heard_first]] = True
    voters = np.flatnonzero(known & (heard_first if alone else heard_first | ~heard[row]))
    ballots, first, ballot = np.unique(
        row[voters] * len(messages.codes) + messages.code[voters], return_index=True, return_inverse=True
    )
    votes = np.bincount(ballot, weights=messages.vote[voters], minlength=ballots.size)
    best = np.zeros(ballots.size)
    np.maximum.at(best, ballot, messages.score[voters])
    of_row, code = np.divmod(ballots, len(messages.codes))
    # Sums go in the order in which codes came, so that they are the same to the last bit in any batch.
    in_order = np.lexsort((first, of_row))
    totals = np.bincount(of_row[in_order], weights=votes[in_order], minlength=lengths.size)
    winners = np.lexsort((first, -votes, of_row))
    winners = winners[np.unique(of_row[winners], return_index=True)[1]]
    codes, scores = np.zeros(lengths.size, dtype=np.int64), np.zeros(lengths.size)
    codes[of_row[winners]] = code[winners]
    scores[of_row[winners]] = best[winners] * votes[winners] / totals[of_row[winners]]
    return codes, scores


@contextmanager
def open_language(config: LanguageConfig) -> Iterator[BatchFn]:
    """Yields the batch function; loads the identifier's weights once."""
    identifier = LanguageIdentifier(config.model, config.file, config.second)

    def batch(table: pa.Table) -> pa.Table:
        column = table.column("messages").combine_chunks()
        flat = column.flatten()
        messages = _Messages(flat.field("content"), identifier, config)
        of_user, of_assistant = (
            np.asarray(pc.equal(flat.field("role"), role).fill_null(False)) for role in ("user", "assistant")
        )
        lengths = np.asarray(column.value_lengths().fill_null(0), dtype=np.int64)
        code, score = _vote(messages, of_user, lengths)
        answer, _ = _vote(messages, of_assistant, lengths, alone=True)
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32(), mask=np.append(_nulls(column), False))
        each = pa.ListArray.from_arrays(offsets, _texts(messages.code, messages.codes))
        names = [english_name(code) for code in messages.codes]
        mixed = _share_lists(messages.shares).take(pa.array(messages.which))
        return pa.table(
            [
                _texts(code, names),
                _texts(code, messages.codes),
                pa.array(score, pa.float32()),
                _texts(code, [with_script(code) for code in messages.codes]),
                _share_lists(_mixtures(messages, of_user, lengths)),
                _texts(answer, names),
                _texts(answer, messages.codes),
                each,
                pa.ListArray.from_arrays(offsets, mixed),
            ],
            schema=_WRITES,
        )

    yield batch


def _share_lists(told: Sequence[Shares]) -> pa.ListArray:
    offsets = np.append(0, np.cumsum([len(mixed) for mixed in told])).astype(np.int32)
    each = [pair for mixed in told for pair in mixed]
    arrays = [
        pa.array([code for code, _ in each], pa.string()),
        pa.array([share for _, share in each], pa.float32()),
    ]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=list(SHARES.value_type)))


def _mixtures(messages: _Messages, of_user: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]) -> list[Shares]:
    """For each conversation the languages of its user's turns, by their letters; of long turns the first ones."""
    totals: list[dict[str, float]] = [{} for _ in range(lengths.size)]
    row = np.repeat(np.arange(lengths.size), lengths)
    users = np.flatnonzero(of_user)
    for at, place, weight in zip(
        row[users].tolist(), messages.which[users].tolist(), messages.weight[users].tolist(), strict=True
    ):
        total = totals[at]
        for code, share in messages.shares[place]:
            total[code] = total.get(code, 0.0) + share * weight
    return [_by_share(total) for total in totals]


def _by_share(total: dict[str, float]) -> Shares:
    whole = sum(total.values())
    return sorted(((code, weight / whole) for code, weight in total.items()), key=lambda one: (-one[1], one[0]))


def _texts(places: npt.NDArray[np.int64], texts: Sequence[str]) -> pa.StringArray:
    return pa.array(texts, pa.string()).take(pa.array(places))


def _nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null())


def check_language(config: LanguageConfig) -> None:
    """Nothing, when the weights can be found.

    Raises:
        ConfigError: the model's name leads nowhere.
    """
    check_name(config.model)


LANGUAGE: Final = Stage(
    name="language",
    version=3,
    config=LanguageConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_language,
    check=check_language,
)
