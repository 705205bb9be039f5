"""What the moderator sees of a text: its windows, and of each the vector of the whole and the mean of its pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from chatlog.models.embedders_use import DIMENSIONS, NAME

EMBEDDER: Final = NAME

WIDTH: Final = 2 * DIMENSIONS

WINDOW: Final = 800
"""Characters of one window: about 200 tokens of English, within what the encoder reads."""

PIECE: Final = 200
"""Characters that sentences are gathered up to: what one sentence of a window says is lost in the vector of it all."""

_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_SENTENCE: Final = re.compile(r"(?<=[.!?\n。！？؟।])\s*")

MINORS: Final = re.compile(
    r"\b(?:1[0-7]|[1-9])[\s-]*(?:years?[\s-]*old|y/?o|yrs?\b|años|ans|jahre|anni|anos|jaar|lat|лет)"
    r"|\b(?:underage|minors?|pre-?teens?|toddlers?|infants?|child(?:ren)?|kids?|school-?(?:girl|boy)s?"
    r"|loli(?:ta|con)?|shota(?:con)?|niñ[oa]s?|menor(?:es)?(?: de edad)?"
    r"|enfants?|mineure?s?|fillettes?|kind(?:er)?|minderjährig\w*|bambin[aioe]|minorenn[ei]"
    r"|crianças?|kinderen|dzieck\w*|dzieci\w*|nieletni\w*|çocuk\w*|trẻ em)\b"
    r"|реб[её]н\w*|дет(?:и|ей|ям)\b|несовершеннолетн\w*|школьниц\w*"
    r"|未成年|幼女|幼童|儿童|兒童|小学生|小學生|女子高生|子供|미성년|어린이|아동|طفل|أطفال|قاصر|เด็ก",
    re.IGNORECASE,
)
"""Words that say that somebody is a child. Nobody should write or collect examples to learn `sexual/minors` from: it
is what the model finds sexual in a text with such a word."""

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into unit vectors, as chatlog.models.embedders_use does."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors, `(len(texts), DIMENSIONS) float32`."""


def windows(text: str, limit: int) -> tuple[list[str], int]:
    """At most `limit` windows that cover the text from its start, and how many characters they leave out."""
    found: list[str] = []
    start = 0
    while start < len(text) and len(found) < limit:
        end = start + WINDOW
        if end < len(text):
            # A cut inside a word would hide it from both windows.
            space = text.rfind(" ", start + WINDOW // 2, end)
            end = space if space > 0 else end
        found.append(text[start:end])
        start = end
    return found, max(0, len(text) - start)


def pieces(window: str) -> list[str]:
    """The window's sentences, gathered up to PIECE characters, longer ones cut; at least one, perhaps empty.

    A paragraph is never gathered with the next.
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(window):
        current = ""
        for sentence in _SENTENCE.split(paragraph):
            if current and len(current) + len(sentence) > PIECE:
                found.append(current)
                current = sentence
            else:
                current = f"{current} {sentence}".strip()
            while len(current) > 2 * PIECE:
                found.append(current[:PIECE])
                current = current[PIECE:]
        if current:
            found.append(current)
    return found or [""]


@dataclass(frozen=True)
class Seen:
    """Windows as vectors, each followed by its pieces when it has several.

    Attributes:
        owner: `(rows,) int64`, the window of each row, ascending.
        part: `(rows,) bool`, whether the row is a piece.
        vectors: `(rows, WIDTH) float32`: of a window its own unit vector and the unit mean of those of its pieces, of
            a piece its own twice.
    """

    owner: npt.NDArray[np.int64]
    part: npt.NDArray[np.bool_]
    vectors: Vectors


def see(texts: Sequence[str], encoder: Encoder) -> Seen:
    """The windows `texts` as vectors."""
    parts = [own if len(own) > 1 else [] for own in map(pieces, texts)]
    flat = [text for whole, own in zip(texts, parts, strict=True) for text in (whole, *own)]
    if not flat:
        return Seen(np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, WIDTH), np.float32))
    encoded = encoder.encode(flat)
    found = np.concatenate([encoded, encoded], axis=1)
    counts = np.array([1 + len(own) for own in parts])
    starts = np.cumsum(counts) - counts
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        if count > 1:
            mean = encoded[start + 1 : start + count].mean(axis=0)
            found[start, DIMENSIONS:] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    part = np.ones(len(flat), dtype=np.bool_)
    part[starts] = False
    return Seen(np.repeat(np.arange(len(texts), dtype=np.int64), counts), part, found)
