"""What a topic's questions are about, by a catalogue of subjects: vectors that say alike in 15 languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra
from chatlog.models.embedders_use import LANGUAGES, NAME, UniversalSentenceEncoder, open_use
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.lid_certain import LANGUAGE_MODEL, certain_languages
from chatlog.models.topic_members import Member
from chatlog.models.weights import check_name
from chatlog.text.languages import english_name
from chatlog.text.subject_titles import About
from chatlog.text.subjects import subjects

_CHARACTERS: Final = 300
"""Of a question; its beginning tells what it is about, and twice as many take twice as long."""

_NEAREST: Final = 3
"""Subjects that a question may be of: the catalogue tells "Soups" from "Cooking"."""

_SUBJECT: Final = 0.5
"""The share of a topic's questions that may be of a subject, from which on it is the topic's."""

_FIELD: Final = 0.35
"""The share whose nearest subject is of one field, from which on the field is the topic's."""

_PART: Final = 0.06
"""The same of a field that a mixed topic is told to hold."""

_KNOWN: Final = 0.5
"""The share of a topic's questions in languages of the encoder, below which it says nothing."""

_MANY: Final = 5
"""Languages from which on they are many, where none is that of enough people."""

_SHARPNESS: Final = 24.0
"""What cosines are multiplied by before their softmax. With 12 to 24 the subjects found hold as many words of the
labels of clinc150 and banking77, within 2 %; also where half of a subject's usual cosine is taken from its cosines."""

Matrix = npt.NDArray[np.float32]


def check_subjects() -> None:
    """Nothing, when subjects can be found.

    Raises:
        MissingExtra: the encoder or what runs it is not installed.
    """
    check_name(NAME)
    for package in ("onnxruntime", "onnxruntime_extensions"):
        if find_spec(package) is None:
            raise MissingExtra("subjects of topics", "embed")


class SubjectFinder:
    """Finds what members are about; loads the encoder where it is first needed.

    Args:
        catalogue: whether subjects are looked for, or languages alone.
        min_users: people whose questions must be of a subject, a field or a language before it is told.
    """

    def __init__(self, catalogue: bool, min_users: int) -> None:
        self._catalogue = catalogue
        self._min_users = min_users
        self._titles = [one.title for one in subjects()]
        self._fields = list(dict.fromkeys(one.field for one in subjects()))
        self._parts = {one.field: one.part for one in subjects()}
        self._field_of = np.array([self._fields.index(one.field) for one in subjects()], dtype=np.intp)

    @cached_property
    def _identifier(self) -> LanguageIdentifier:
        return LanguageIdentifier(LANGUAGE_MODEL)

    @cached_property
    def _encoder(self) -> tuple[UniversalSentenceEncoder, Matrix]:
        """The encoder, and the vectors of the subjects, `(subjects, 512) float32`."""
        encoder = open_use(threads=0, characters=_CHARACTERS)
        return encoder, encoder.encode([one.text for one in subjects()])

    def find(self, groups: Sequence[Sequence[Member]]) -> list[About]:
        """What each group is about; its members must be of different users."""
        texts = sorted({member.text for group in groups for member in group})
        if not texts:
            return [About()] * len(groups)
        codes = dict(zip(texts, certain_languages(texts, self._identifier), strict=True))
        known = [text for text in texts if text and codes[text] in ("", *LANGUAGES)] if self._catalogue else []
        likeness: dict[str, Matrix] = {}
        if known:
            encoder, titles = self._encoder
            likeness = dict(zip(known, encoder.encode(known) @ titles.T, strict=True))
        return [self._about(group, codes, likeness) for group in groups]

    def _about(self, group: Sequence[Member], codes: dict[str, str], likeness: dict[str, Matrix]) -> About:
        spoken = Counter(codes[member.text] for member in group if codes[member.text])
        languages = tuple(english_name(code) for code, count in _ordered(spoken) if count >= self._min_users)
        if not languages and len(spoken) >= _MANY:
            languages = ("many languages",)
        known = [likeness[member.text] for member in group if member.text in likeness]
        if len(known) < max(self._min_users, _KNOWN * len(group)):
            return About(languages=languages)
        cosines: npt.NDArray[np.float64] = np.stack(known).astype(np.float64)
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :_NEAREST]
        held = np.bincount(nearest.ravel(), minlength=len(self._titles))
        weights = np.exp(_SHARPNESS * (cosines - cosines.max(axis=1, keepdims=True)))
        told = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
        ranked = [int(one) for one in np.argsort(-told, kind="stable") if held[one] >= self._min_users]
        fields = Counter(self._fields[one] for one in self._field_of[nearest[:, 0]].tolist())
        parts = [(name, count) for name, count in _ordered(fields) if count >= self._min_users]
        fits = bool(ranked) and held[ranked[0]] >= _SUBJECT * len(known)
        return About(
            tuple(self._titles[one] for one in ranked) if fits else (),
            parts[0][0] if parts and parts[0][1] >= _FIELD * len(known) else "",
            tuple(self._parts[name] for name, count in parts if count >= _PART * len(known)),
            languages,
        )


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
