"""People's labels, read back and joined with what a run says of the same messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from chatlog.errors import DataError
from chatlog.models.judgments import Bools, Floats, Ints, Rule
from chatlog.moderation.reading import JudgedRun, JudgedShard
from chatlog.moderation.sample import BINS, Design, bin_of, eligible, parts_of, shard_digest

ROLES: Final = ("user", "assistant", "system", "tool", "other")

_YES: Final = frozenset(["1", "true", "yes", "y", "flagged", "unsafe"])
_NO: Final = frozenset(["0", "false", "no", "n", "ok", "safe"])


@dataclass(frozen=True)
class Label:
    """One line of a labelled file: whether a person would flag the message, and how it was drawn."""

    flagged: bool
    design: Design


@dataclass(frozen=True)
class Line:
    """One line of a sample.

    Attributes:
        number: its place in the file, from 1.
        start, size: where its bytes stand in the file, without its end.
        id: of its message.
        label: None where there is none yet.
    """

    number: int
    start: int
    size: int
    id: str
    label: Label | None


@dataclass(frozen=True)
class Labelled:
    """Labelled messages beside what the run says of them, and of all others.

    Attributes:
        truth: `(n,)`, people's labels.
        flagged: `(n,)`, the run's decision.
        score: `(n,)`, the run's score now.
        bin: `(n,)`, the stratum that each was drawn from.
        role: `(n,)`, places in ROLES.
        sizes: `(BINS,)`, messages of each stratum when the sample was drawn.
        population: `(BINS, len(ROLES), 2)`, messages of the run now by stratum, role and decision; None when the scores
            are not those that the sample was drawn by, as after another guard.
        unlabelled: lines without a label.
        failed: labelled messages without a score now: their judgment failed, was skipped, or kept none.
    """

    truth: Bools
    flagged: Bools
    score: Floats
    bin: Ints
    role: Ints
    sizes: Ints
    population: Ints | None
    unlabelled: int
    failed: int

    @property
    def weights(self) -> Floats:
        """`(n,)`: of how many messages of the run each one tells: one over its inclusion probability."""
        return self.sizes[self.bin] / np.bincount(self.bin, minlength=BINS)[self.bin]


def read_labels(path: Path) -> tuple[dict[str, Label], int]:
    """The labels of a file that `--sample` made, by message id, and how many lines have none yet.

    Raises:
        DataError: the file cannot be read, a line is damaged, or no line has a label.
    """
    lines = list(read_lines(path))
    found = {line.id: line.label for line in lines if line.label is not None}
    if not found:
        raise DataError(f"{path} holds no labels: fill in `label` with true (should be flagged) or false")
    return found, len(lines) - len(found)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a sample, whether they have a label or not.

    Raises:
        DataError: the file cannot be read, or a line is damaged.
    """
    seen: set[str] = set()
    start = 0
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                body = line.rstrip(b"\r\n")
                if body.strip():
                    where = f"{path}, line {number}"
                    id_, label = _label(body, where)
                    if id_ in seen:
                        raise DataError(f"{where}: the id stands twice; give one label a message")
                    seen.add(id_)
                    yield Line(number, start, len(body), id_, label)
                start += len(line)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _label(line: bytes, where: str) -> tuple[str, Label | None]:
    try:
        told = orjson.loads(line)
        id_, value = str(told["id"]), told["label"]
        design = Design.of_token(told["design"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise DataError(
            f"{where}: expected a line of `chatlog moderation --sample`, with id, label and design"
        ) from None
    if value is None or value == "":
        return id_, None
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise DataError(f"{where}: `label` should be true (should be flagged) or false")
    return id_, Label(word in _YES, design)


def labelled(judged: JudgedRun, path: Path, rule: Rule | None = None) -> Labelled:
    """The labels of a file beside a run's decisions, or those that `rule` would make.

    Raises:
        DataError: as read_labels, or the labels are of other logs.
    """
    labels, empty = read_labels(path)
    _one_design(path, labels)
    wanted = _by_shard(labels)
    counts = np.zeros((BINS, len(ROLES), 2), dtype=np.int64)
    hits: list[tuple[Label, bool, float, int, bool]] = []
    for shard in judged.read():
        flagged = shard.judged.flagged if rule is None else rule.decide(shard.judged)[0]
        roles = _roles(shard)
        among = eligible(shard)
        np.add.at(counts, (bin_of(shard.judged.score[among]), roles[among], flagged[among].astype(np.int64)), 1)
        for place, label in _found(judged, shard, wanted.get(shard.number, [])):
            score = float(shard.judged.score[place])
            hits.append((label, bool(flagged[place]), score, int(roles[place]), bool(among[place])))
    if len(hits) < len(labels):
        raise DataError(
            f"{path}: {len(labels) - len(hits)} of {len(labels)} labelled messages are not in {judged.run.root}; give "
            "the run that they were drawn from, or one on the same logs"
        )
    kept = [hit for hit in hits if hit[4]]
    if not kept:
        raise DataError(f"{judged.run.root} has no score for any message that {path} labels; run its pipeline again")
    sizes = np.zeros(BINS, dtype=np.int64)
    for label, *_ in kept:
        sizes[label.design.bin] = label.design.of
    same = all(abs(hit[0].design.score - hit[2]) < 1e-9 for hit in kept)
    drawn = np.flatnonzero(sizes)
    same = same and bool((counts.sum(axis=(1, 2))[drawn] == sizes[drawn]).all())
    return Labelled(
        truth=np.array([hit[0].flagged for hit in kept]),
        flagged=np.array([hit[1] for hit in kept]),
        score=np.array([hit[2] for hit in kept]),
        bin=np.array([hit[0].design.bin for hit in kept]),
        role=np.array([hit[3] for hit in kept]),
        sizes=sizes,
        population=counts if same else None,
        unlabelled=empty,
        failed=len(hits) - len(kept),
    )


def _one_design(path: Path, labels: dict[str, Label]) -> None:
    sizes: dict[int, int] = {}
    for label in labels.values():
        if sizes.setdefault(label.design.bin, label.design.of) != label.design.of:
            raise DataError(f"{path} holds labels of several samples, drawn from different messages; give one sample")


def _by_shard(labels: dict[str, Label]) -> dict[int, list[tuple[str, int, int, Label]]]:
    """The labels by shard, with the digest, row and position that their ids tell."""
    found: dict[int, list[tuple[str, int, int, Label]]] = {}
    for id_, label in labels.items():
        if parts := parts_of(id_):
            digest, row_id, position = parts
            found.setdefault(row_id >> 32, []).append((digest, row_id & 0xFFFFFFFF, position, label))
    return found


def _found(
    judged: JudgedRun, shard: JudgedShard, wanted: list[tuple[str, int, int, Label]]
) -> Iterator[tuple[int, Label]]:
    """The labelled messages of a shard: their places among its judgments."""
    if not wanted:
        return
    digest = shard_digest(judged, shard.number)
    starts = np.searchsorted(shard.judged.row, np.arange(len(shard.given) + 1))
    for told, row, position, label in wanted:
        if told == digest and row < len(shard.given) and position < starts[row + 1] - starts[row]:
            yield int(starts[row]) + position, label


def _roles(shard: JudgedShard) -> Ints:
    found = np.full(len(shard.judged.row), len(ROLES) - 1, dtype=np.int64)
    for place, role in enumerate(ROLES):
        found[shard.said_by(role)] = place
    return found
