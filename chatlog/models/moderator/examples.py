"""Labelled rows as training examples: targets with gaps, weights, and the fold that holds each row out."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError
from chatlog.models.moderator.mixture import DOMAINS, FLAGGED, HATE, POLICY, REQUEST, SOCIAL
from chatlog.models.moderator.templates import OWN
from chatlog.schema import CATEGORIES

HEADS: Final = (FLAGGED, *CATEGORIES)
"""The columns of the targets."""

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

DOMAIN_OF: Final = {
    "openai": POLICY,
    "xstest": REQUEST,
    "harmful_requests": REQUEST,
    "multijail": REQUEST,
    "oasst_benign": REQUEST,
    "hatecheck": HATE,
    "multilingual_hatecheck": HATE,
    "sg_hatecheck": HATE,
    "cold_zh": SOCIAL,
    "davidson": SOCIAL,
    "mlma": SOCIAL,
}
"""The kind of text of the public sets; of another set, `policy`, or what its rows say under `domain`."""

ANY: Final = -1
"""The domain of rows that are harmless whatever kind of text they are taken for."""

FEWEST: Final = 10
"""A language needs so many rows of either class within a kind of text: with one alone, the language itself would be
learnt, as of MultiJail, which holds requests for harm in ten languages and no others."""

CAP: Final = 1500
"""Rows of one set and class that are fitted, spread over its languages."""

HEAVIEST: Final = 800.0
"""The most that a set weighs; one of n rows weighs 20 times the root of n: its size says nothing of chats."""

REFERENCE: Final = 1.4
"""What the sets that are labelled by OpenAI category weigh more than others."""

LONE: Final = {1.0: 0.65, 0.0: 1.2}
"""What sets weigh that hold harmful rows alone, and harmless ones alone."""


@dataclass(frozen=True)
class Examples:
    """Rows of labelled sets.

    Attributes:
        texts: one a row.
        languages: of each row.
        sets: which set each row came from, an index into `names`.
        names: the sets' names.
        domains: `(n,) int64`, the kind of text, an index into DOMAINS, or ANY.
        targets: `(n, len(HEADS)) float32`: 1, 0, or NaN where nobody annotated it.
        weights: `(n,) float64`; 0 where a row is left out.
        reference: `(n,) bool`, rows of sets that are labelled by OpenAI category: they hold to the policy
            that the moderator speaks for, where others have their own idea of what is wrong.
    """

    texts: list[str]
    languages: list[str]
    sets: npt.NDArray[np.int64]
    names: list[str]
    domains: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]
    reference: npt.NDArray[np.bool_]

    def chosen(self, rows: npt.NDArray[Any]) -> Examples:
        """The rows at the places `rows`, with the same names of sets."""
        return Examples(
            [self.texts[row] for row in rows],
            [self.languages[row] for row in rows],
            self.sets[rows],
            self.names,
            self.domains[rows],
            self.targets[rows],
            self.weights[rows],
            self.reference[rows],
        )


def examples(sets: Sequence[tuple[str, list[dict[str, Any]]]]) -> Examples:
    """The rows of `(name, rows)` sets as examples.

    Raises:
        DataError: a row's label is neither 0 nor 1, or its category or domain is unknown.
    """
    texts: list[str] = []
    languages: list[str] = []
    origins: list[int] = []
    domains: list[int] = []
    targets: list[list[float]] = []
    for index, (name, rows) in enumerate(sets):
        for number, row in enumerate(rows, start=1):
            where = f"{name} row {number}"
            texts.append(str(row["text"]))
            languages.append(str(row.get("lang") or "und"))
            origins.append(index)
            domains.append(_domain(row, name, where))
            targets.append(_targets(row, name, where))
    table = np.array(targets, dtype=np.float32).reshape(len(texts), len(HEADS))
    places = np.array(origins, dtype=np.int64)
    kinds = np.array(domains, dtype=np.int64)
    labelled = np.array([any(row.get("labels") for row in rows) and name not in OWN for name, rows in sets], dtype=bool)
    weights = _weights(texts, places, kinds, languages, table[:, 0], [name for name, _ in sets], labelled)
    reference = labelled[places] if len(sets) else np.zeros(0, dtype=bool)
    return Examples(texts, languages, places, [name for name, _ in sets], kinds, table, weights, reference)


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


def _domain(row: dict[str, Any], name: str, where: str) -> int:
    domain = row.get("domain") or DOMAIN_OF.get(name, POLICY)
    if domain == "any":
        return ANY
    if domain not in DOMAINS:
        raise DataError(f"{where}: unknown domain {domain!r}; expected one of {', '.join(DOMAINS)}")
    return DOMAINS.index(domain)


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
    domains: npt.NDArray[np.int64],
    languages: Sequence[str],
    flagged: npt.NDArray[np.float32],
    names: Sequence[str],
    labelled: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    classes = Counter(zip(domains.tolist(), languages, flagged.tolist(), strict=True))
    groups: dict[tuple[int, float], dict[str, list[int]]] = {}
    for row, (origin, kind, language, label) in enumerate(
        zip(sets.tolist(), domains.tolist(), languages, flagged.tolist(), strict=True)
    ):
        other = classes[kind, language, 1 - label]
        if names[origin] in OWN or min(classes[kind, language, label], other) >= FEWEST:
            groups.setdefault((origin, label), {}).setdefault(language, []).append(row)
    weights = np.zeros(len(texts), dtype=np.float64)
    for (origin, label), by_language in groups.items():
        quota = CAP if names[origin] in OWN else max(FEWEST, CAP // len(by_language))
        # By digest: which rows are taken does not depend on the order of the file.
        rows = [row for own in by_language.values() for row in sorted(own, key=lambda row: _digest(texts[row]))[:quota]]
        budget = OWN.get(names[origin], min(HEAVIEST, 20 * math.sqrt(int((sets == origin).sum()))))
        # Either class of a set weighs the same, or its base rate would be learnt as harm.
        both = (origin, 1 - label) in groups
        budget *= 0.5 if both else LONE[label] if names[origin] not in OWN else 1
        weights[rows] = budget * (REFERENCE if labelled[origin] else 1) / len(rows)
    return weights


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
