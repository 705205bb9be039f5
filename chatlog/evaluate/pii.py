"""`chatlog eval pii`: what the stage `redact` finds, against labelled spans."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.schema import MESSAGES
from chatlog.stages.redact import REDACT, RedactConfig

OTHER: Final = "OTHER"
"""The gold type of what is annotated but need not be redacted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A typed stretch `[start, end)` of a text, gold or found."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class Document:
    """One labelled text: its length, its language, what is in it and what was found."""

    length: int
    language: str
    gold: Sequence[Mark]
    found: Sequence[Mark]


def _cover(marks: Sequence[Mark], length: int) -> bytearray:
    covered = bytearray(length)
    for mark in marks:
        covered[mark.start : mark.end] = b"\x01" * (min(mark.end, length) - mark.start)
    return covered


def f_beta(precision: float | None, recall: float | None, beta: float = 2.0) -> float | None:
    """The weighted harmonic mean; None where either is undefined, 0 where both are 0."""
    if precision is None or recall is None:
        return None
    weight = beta * beta
    return (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def measure(documents: Sequence[Document]) -> dict[str, Any]:
    """The task's metrics.

    A gold entity of a target type is found when every one of its characters is covered by some
    prediction; `typed_recall` asks that predictions of its own type cover it. A prediction that
    touches an `OTHER` span is ignored for precision; any other is a hit when at least half of its
    characters lie in target spans. `leak_rate` is over documents with an entity; `over_redaction`
    is over the characters outside all gold spans.
    """
    tally: dict[str, int] = defaultdict(int)
    by_type: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_language: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for document in documents:
        targets = [mark for mark in document.gold if mark.type != OTHER]
        covered = _cover(document.found, document.length)
        by_kind = {
            mark.type: _cover([f for f in document.found if f.type == mark.type], document.length) for mark in targets
        }
        missed = 0
        for mark in targets:
            hit = all(covered[mark.start : mark.end])
            missed += not hit
            tally["typed"] += all(by_kind[mark.type][mark.start : mark.end])
            for group in (by_type[mark.type], by_language[document.language]):
                group[0] += hit
                group[1] += 1
        tally["gold"] += len(targets)
        tally["found"] += len(targets) - missed
        tally["with_entity"] += bool(targets)
        tally["leaking"] += bool(missed)
        inside = _cover(targets, document.length)
        others = _cover([mark for mark in document.gold if mark.type == OTHER], document.length)
        for mark in document.found:
            if any(others[mark.start : mark.end]):
                continue
            tally["predicted"] += 1
            tally["right"] += 2 * sum(inside[mark.start : mark.end]) >= mark.end - mark.start
        outside = [not (a or b) for a, b in zip(inside, others, strict=True)]
        tally["outside"] += sum(outside)
        tally["over"] += sum(bool(c) and o for c, o in zip(covered, outside, strict=True))
    recall = _share(tally["found"], tally["gold"])
    precision = _share(tally["right"], tally["predicted"])
    return {
        "recall": recall,
        "precision": precision,
        "f2": f_beta(precision, recall),
        "typed_recall": _share(tally["typed"], tally["gold"]),
        "leak_rate": _share(tally["leaking"], tally["with_entity"]),
        "over_redaction": _share(tally["over"], tally["outside"]),
        "by_type": {name: {"recall": hit / n, "n": n} for name, (hit, n) in sorted(by_type.items())},
        "by_language": {name: {"recall": hit / n, "n": n} for name, (hit, n) in sorted(by_language.items())},
    }


def evaluate(path: Path, config: RedactConfig | None = None) -> Evaluation:
    """The metrics of `redact` on a labelled file of `{id, text, lang, spans}` rows.

    Each text is the one user turn of a conversation and goes through the stage's own batch function.

    Raises:
        DataError: the file is missing or not in the format.
        MissingExtra: the names model is not installed.
    """
    rows = read_rows(path, ("text", "spans"))
    settings = config or RedactConfig()
    REDACT.check(settings)
    messages = [[{"role": "user", "content": row["text"], "name": None, "created_at": None}] for row in rows]
    table = pa.table([pa.array(messages, MESSAGES), pa.nulls(len(rows), pa.string())], schema=REDACT.reads)
    with REDACT.open(settings) as batch:
        started = time.perf_counter()
        found = batch(table).column("pii").to_pylist()
        seconds = time.perf_counter() - started
    documents = [
        Document(
            len(row["text"]),
            str(row.get("lang", "")),
            [Mark(span["start"], span["end"], span["type"]) for span in row["spans"]],
            [Mark(span["start"], span["end"], span["type"]) for span in spans if span["placeholder"] is not None],
        )
        for row, spans in zip(rows, found, strict=True)
    ]
    return Evaluation("pii", path.name, len(rows), seconds, measure(documents))
