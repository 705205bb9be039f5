"""The default embedder: MiniLM for English beside a multilingual encoder, put together in one vector.

MiniLM-L6 tells the topics of English questions apart better than any other carried model, and groups other languages by
language; the multilingual Universal Sentence Encoder knows 15 languages. Side by side they do better than each: on the
English questions of SIB-200 k-means reaches an NMI of 0.52 (MiniLM alone: 0.36), on ten languages 0.41 (0.00).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.models.embedders_use import EMBEDDED_CHARACTERS, open_use
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.minilm_int8 import MiniLM
from chatlog.models.weights import COMPOSED
from chatlog.text.prose import prose_lines

NAME: Final = "minilm+use"

_LANGUAGE_SAMPLE: Final = 500
_READ: Final = 10_000
# Past so many characters nothing is looked at: a message may have 50 million.
_SCORE: Final = 0.8
_LETTERS: Final = 12

Vectors = npt.NDArray[np.float32]


class MixedEmbedder:
    """Vectors of an English half and a multilingual half.

    An English text has `[MiniLM | USE]`, any other `[zeros | USE]`, both halves of unit length and the whole divided by
    the square root of two. So vectors of English texts have length 1, those of others 0.71: the length says whether the
    English half is there, and the multilingual halves are comparable between all of them.
    """

    def __init__(self, english: MiniLM) -> None:
        self.name = NAME
        self._english = english
        self._every = open_use(characters=EMBEDDED_CHARACTERS)
        self._identifier = LanguageIdentifier(COMPOSED[NAME][2])
        self.dim = english.dim + self._every.dim
        self.max_tokens = english.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors, `(len(texts), 896) float32`: of length 1 where a text is English, 0.71 elsewhere."""
        return self.encode_and_tell(texts)[0]

    def encode_and_tell(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """As `encode`; and of which texts a half was cut, `(len(texts),) bool`."""
        distinct = list(dict.fromkeys(texts))
        vectors = np.zeros((len(distinct), self.dim), dtype=np.float32)
        width = self._english.dim
        vectors[:, width:], cut = self._every.encode_and_tell(distinct)
        english = np.flatnonzero(are_english(distinct, self._identifier))
        vectors[english, :width], shortened = self._english.encode_and_tell([distinct[row] for row in english])
        cut[english] |= shortened
        vectors *= np.float32(0.5**0.5)
        place = {text: row for row, text in enumerate(distinct)}
        rows = np.array([place[text] for text in texts], dtype=np.intp)
        return vectors[rows], cut[rows]

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that the English half reads of each text, or would, `(len(texts),) int32`."""
        return self._english.token_counts(texts)


def are_english(texts: Sequence[str], identifier: LanguageIdentifier) -> npt.NDArray[np.bool_]:
    """Which texts go to the English model, `(len(texts),) bool`.

    Those whose language is told to be English, and those whose language is not certain, without a letter beyond ASCII:
    code, sums, and what is too short to tell.
    """
    found = np.zeros(len(texts), dtype=bool)
    # The identifier refuses what is no valid UTF-8, such as half a pair of surrogates.
    begun = [text[:_READ].encode("utf-8", "replace").decode("utf-8") for text in texts]
    for row, (words, weights) in enumerate(prose_lines(begun, _LANGUAGE_SAMPLE)):
        guess = identifier.guess(words, weights)
        found[row] = guess.code.split("-")[0] == "en"
        if not found[row] and not (guess.score >= _SCORE and guess.weight >= _LETTERS):
            # Not isascii(): an emoji or a typographic quote is no letter.
            found[row] = not any(sign.isalpha() for sign in begun[row][:_LANGUAGE_SAMPLE] if not sign.isascii())
    return found
