"""A sample of messages for people to label, balanced over the guard's scores."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError, DataError
from chatlog.models.judgments import Bools, Floats, Ints
from chatlog.moderation.files import lines, write_private
from chatlog.moderation.reading import JudgedRun, JudgedShard
from chatlog.pipeline import INGEST

BINS: Final = 10
"""Strata of the sample: tenths of the score's range."""

CONTEXT: Final = 4
"""Messages before the labelled one that a person is shown, as many as `moderate` shows a guard by default."""


@dataclass(frozen=True)
class Design:
    """How a message came into a sample; its inclusion probability is `drawn` / `of`.

    Attributes:
        bin: its stratum, from 0.
        of: messages of the run in that stratum.
        drawn: how many of them the sample holds.
        score: the guard's score when it was drawn.
    """

    bin: int
    of: int
    drawn: int
    score: float

    def token(self) -> str:
        """The design as one word that nobody reads by accident: a score in sight would sway whoever labels."""
        return base64.urlsafe_b64encode(orjson.dumps([self.bin, self.of, self.drawn, self.score])).decode()

    @staticmethod
    def of_token(token: object) -> Design:
        """The design in a token.

        Raises:
            ValueError: it is none.
        """
        try:
            bin_, of, drawn, score = orjson.loads(base64.urlsafe_b64decode(str(token)))
            made = Design(int(bin_), int(of), int(drawn), float(score))
        except (binascii.Error, orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ValueError("not a design") from error
        if not (0 <= made.bin < BINS and 0 < made.drawn <= made.of and 0 <= made.score <= 1):
            raise ValueError("not a design")
        return made


@dataclass(frozen=True)
class Sampled:
    """What `sample` wrote.

    Attributes:
        file: where.
        sampled: messages in it.
        population: messages that could be drawn: judged, with a score.
        bins: low, high, messages, sampled of each tenth of the score's range.
    """

    file: Path
    sampled: int
    population: int
    bins: list[dict[str, Any]]


def sample(judged: JudgedRun, count: int, out: Path, seed: int = 0) -> Sampled:
    """Writes `count` messages to label to a JSON Lines file (mode 0600), in an order of no meaning.

    Each tenth of the score's range gives as many, as far as it has them, drawn at random within it.

    Raises:
        ConfigError: the file is there already (it may hold labels), or no message has a score.
        DataError: it cannot be written, or a part file is damaged.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already, and may hold labels; give a new file to --out")
    sizes = np.zeros(BINS, dtype=np.int64)
    for shard in judged.read():
        sizes += np.bincount(bin_of(shard.judged.score[eligible(shard)]), minlength=BINS)
    if not sizes.sum():
        raise ConfigError(f"{judged.run.root} holds no judged message with a score; there is nothing to sample")
    quotas = allocation(sizes, count)
    rng = np.random.default_rng(seed)
    ranks = [np.sort(rng.choice(size, quota, replace=False)) for size, quota in zip(sizes, quotas, strict=True)]
    rows = list(_drawn(judged, ranks, sizes, quotas))
    write_private(out, lines(rows[place] for place in rng.permutation(len(rows))))
    bins = [
        {"low": place / BINS, "high": (place + 1) / BINS, "messages": int(size), "sampled": int(quota)}
        for place, (size, quota) in enumerate(zip(sizes, quotas, strict=True))
    ]
    return Sampled(out, len(rows), int(sizes.sum()), bins)


def allocation(sizes: Ints, count: int) -> Ints:
    """How many to draw of each stratum: equally many, and what a small one lacks from the others."""
    quotas = np.zeros_like(sizes)
    left = min(count, int(sizes.sum()))
    for rank, place in enumerate(np.argsort(sizes, kind="stable")):
        quotas[place] = min(int(sizes[place]), left // (len(sizes) - rank))
        left -= int(quotas[place])
    return quotas


def eligible(shard: JudgedShard) -> Bools:
    """Whether each message can be drawn: judged, with a score, and its text is there."""
    found: Bools = shard.judged.scored & shard.present[shard.judged.row]
    return found


def bin_of(scores: Floats) -> Ints:
    """The stratum of each score; a score of 1 belongs to the last."""
    return np.minimum((np.round(scores, 6) * BINS + 1e-9).astype(np.int64), BINS - 1)


def message_id(digest: str, row_id: int, position: int) -> str:
    """A name of a message that holds as long as its shard of logs is the same."""
    return f"{digest}-{row_id}-{position}"


def parts_of(id_: str) -> tuple[str, int, int] | None:
    """The digest, row_id and position of a message_id; None when it is none."""
    found = re.fullmatch(r"([^-]+)-([0-9]{1,18})-([0-9]{1,18})", id_)
    return found and (found[1], int(found[2]), int(found[3]))


def shard_digest(judged: JudgedRun, shard: int) -> str:
    """What of a shard's logs stands in the ids of its messages.

    Raises:
        DataError: its sidecar is damaged.
    """
    told = (judged.run.read_sidecar(INGEST, shard) or {}).get("sha256")
    if not isinstance(told, str):
        raise DataError(f"{judged.run.sidecar(INGEST, shard)} is missing or damaged; run the pipeline again")
    return told[:12]


def _drawn(
    judged: JudgedRun, ranks: list[npt.NDArray[np.int64]], sizes: Ints, quotas: Ints
) -> Iterator[dict[str, Any]]:
    """The sample's rows in the run's order; a rank counts the messages of a stratum."""
    seen = np.zeros(BINS, dtype=np.int64)
    for shard in judged.read(("language",)):
        places = np.flatnonzero(eligible(shard))
        bins = bin_of(shard.judged.score[places])
        taken: list[int] = []
        for bin_ in range(BINS):
            inside = places[bins == bin_]
            mine = ranks[bin_] - seen[bin_]
            taken += inside[mine[(mine >= 0) & (mine < len(inside))]].tolist()
            seen[bin_] += len(inside)
        yield from _told(judged, shard, np.array(sorted(taken), dtype=np.int64), sizes, quotas)


def _told(judged: JudgedRun, shard: JudgedShard, taken: Ints, sizes: Ints, quotas: Ints) -> Iterator[dict[str, Any]]:
    rows = np.unique(shard.judged.row[taken])
    texts = dict(zip(rows.tolist(), judged.texts(shard.number, rows) if len(rows) else [], strict=True))
    digest = shard_digest(judged, shard.number)
    languages = shard.columns["language"]
    for place in taken.tolist():
        row, position = int(shard.judged.row[place]), int(shard.judged.position[place])
        score = float(shard.judged.score[place])
        bin_ = int(bin_of(shard.judged.score[place : place + 1])[0])
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in texts[row]["messages"]]
        yield {
            "id": message_id(digest, int(shard.row_id[row]), position),
            "label": None,
            "language": languages[row].as_py(),
            "role": turns[position]["role"],
            "message": turns[position]["content"],
            "context": turns[max(0, position - CONTEXT) : position],
            "design": Design(bin_, int(sizes[bin_]), int(quotas[bin_]), score).token(),
        }
