"""Labelled rows as training examples: targets with gaps, weights, and the fold that holds each row out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError
from chatlog.models.moderator.heads import FLAGGED, HEADS
from chatlog.schema import CATEGORIES

IMPLIED: Final = {"hatecheck": "hate", "multilingual_hatecheck": "hate", "sg_hatecheck": "hate"}
"""Sets whose flag is one category's label (HateCheck, arXiv 2012.15606: hateful or not), by file name."""

PARENTS: Final = {
    "harassment/threatening": "harassment",
    "hate/threatening": "hate",
    "self-harm/instructions": "self-harm",
    "self-harm/intent": "self-harm",
    "sexual/minors": "sexual",
    "violence/graphic": "violence",
}

FEWEST: Final = 20
"""A language needs so many rows of either class: with one alone, the language itself would be learnt."""

CAP: Final = 2000
"""Rows of one set that are fitted, spread over its languages and labels: a set's size says nothing of chats."""


@dataclass(frozen=True)
class Examples:
    """Rows of labelled sets.

    Attributes:
        texts: one a row.
        languages: of each row.
        sets: which set each row came from, an index into `names`.
        names: the sets' names.
        targets: `(n, len(HEADS)) float32`: 1, 0, or NaN where nobody annotated it.
        weights: `(n,) float32`; 0 where a row is scored and never fitted.
        reference: `(n,) bool`, rows of sets that are labelled by OpenAI category: they hold to the policy
            that the moderator speaks for, where others have their own idea of what is wrong.
    """

    texts: list[str]
    languages: list[str]
    sets: npt.NDArray[np.int64]
    names: list[str]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    reference: npt.NDArray[np.bool_]


def examples(sets: Sequence[tuple[str, list[dict[str, Any]]]]) -> Examples:
    """The rows of `(name, rows)` sets as examples.

    Raises:
        DataError: a row's label is neither 0 nor 1, or its category is unknown.
    """
    texts: list[str] = []
    languages: list[str] = []
    origins: list[int] = []
    targets: list[list[float]] = []
    for index, (name, rows) in enumerate(sets):
        for number, row in enumerate(rows, start=1):
            texts.append(str(row["text"]))
            languages.append(str(row.get("lang") or "und"))
            origins.append(index)
            targets.append(_targets(row, name, f"{name} row {number}"))
    table = np.array(targets, dtype=np.float32).reshape(len(texts), len(HEADS))
    places = np.array(origins, dtype=np.int64)
    weights = _weights(texts, places, languages, table[:, 0])
    labelled = np.array([any(row.get("labels") for row in rows) for _, rows in sets], dtype=bool)
    return Examples(texts, languages, places, [name for name, _ in sets], table, weights, labelled[places])


def folds(texts: Sequence[str], count: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each text, from 0; equal texts always share one, in whatever file they stand."""
    numbers = []
    for text in texts:
        folded = " ".join(text.lower().split())
        digest = hashlib.sha256(f"{seed}\n{folded}".encode("utf-8", "replace")).digest()
        numbers.append(int.from_bytes(digest[:4], "big") % count)
    return np.array(numbers, dtype=np.int64)


def set_name(path: Path) -> str:
    """The name of a labelled set: its file's name without the endings."""
    return path.name.split(".", 1)[0]


def _targets(row: dict[str, Any], name: str, where: str) -> list[float]:
    flagged = _label(row["flagged"], where)
    labels = row.get("labels") or {}
    found = dict.fromkeys(HEADS, float("nan"))
    found[FLAGGED] = flagged
    if not labels and flagged == 0:
        # A text that breaks no rule at all is an example against every category.
        found.update(dict.fromkeys(CATEGORIES, 0.0))
    for category, label in labels.items():
        if category not in CATEGORIES:
            raise DataError(f"{where}: unknown category {category!r}; expected one of {CATEGORIES}")
        found[category] = _label(label, where)
    if name in IMPLIED:
        found[IMPLIED[name]] = flagged
    for child, parent in PARENTS.items():
        if found[child] == 1:
            found[parent] = 1.0
        elif found[parent] == 0 and np.isnan(found[child]):
            found[child] = 0.0
    return [found[head] for head in HEADS]


def _label(value: object, where: str) -> float:
    if value not in (0, 1):
        raise DataError(f"{where}: a label is {type(value).__name__} and neither 0 nor 1")
    return float(bool(value))


def _weights(
    texts: Sequence[str],
    sets: npt.NDArray[np.int64],
    languages: Sequence[str],
    flagged: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    classes = Counter(zip(languages, flagged.tolist(), strict=True))
    groups: dict[tuple[int, str, float], list[int]] = {}
    for row, (origin, language, label) in enumerate(zip(sets.tolist(), languages, flagged.tolist(), strict=True)):
        if min(classes[language, 0.0], classes[language, 1.0]) >= FEWEST:
            groups.setdefault((origin, language, label), []).append(row)
    # A set with one class in a language needs one with the other: requests for harm without ordinary
    # requests beside them would teach that whoever asks in Arabic asks for harm.
    lone: dict[str, set[float]] = {}
    for origin, language, label in groups:
        if (origin, language, 1 - label) not in groups:
            lone.setdefault(language, set()).add(label)
    groups = {
        (origin, language, label): rows
        for (origin, language, label), rows in groups.items()
        if (origin, language, 1 - label) in groups or len(lone[language]) == 2
    }
    quota = {origin: CAP // count for origin, count in Counter(key[0] for key in groups).items()}
    for key, rows in groups.items():
        # By digest: which rows are taken does not depend on the order of the file.
        groups[key] = sorted(rows, key=lambda row: _digest(texts[row]))[: max(FEWEST, quota[key[0]])]
    weights = np.zeros(len(languages), dtype=np.float32)
    for (origin, language, label), rows in groups.items():
        other = len(groups.get((origin, language, 1 - label), ()))
        # Either class of a language weighs the same within a set, or its base rate would be learnt as harm.
        weights[rows] = (len(rows) + other) / (2 * len(rows)) if other else 1.0
    return weights


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
