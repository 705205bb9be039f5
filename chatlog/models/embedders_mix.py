"""The default embedder: MiniLM for English beside a multilingual encoder, put together in one vector.

MiniLM-L6 tells the topics of English questions apart better than any other carried model, and groups other languages by
language; the multilingual Universal Sentence Encoder is as fast, and knows 15 languages; multilingual-e5-small knows
some hundred, and takes four times as long. Side by side they do better than each: on ten languages of SIB-200 the
stage `topics` reaches an NMI of 0.46 (without e5, which reads Hindi there, 0.43), and 0.63 on ten of which the USE does
not know four (0.25).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.models.e5_map.mapped import MappedE5
from chatlog.models.embedders_tokens import Embedder, Flags, Vectors, unicode_text
from chatlog.models.embedders_use import LANGUAGES
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.lid_certain import SAMPLE, is_certain
from chatlog.models.minilm_int8 import MiniLM
from chatlog.models.use_int8 import open_integer_use
from chatlog.models.weights import COMPOSED
from chatlog.text.languages import UNKNOWN_CODE, fold_code
from chatlog.text.prose import prose_lines
from chatlog.text.scripts import main_script

NAME: Final = "minilm+use+e5"

WITHOUT_E5: Final = "minilm+use"
"""The same for English and the USE's languages; in all others its vectors tell little, and it is as fast as there."""

_WEIGHT: Final = 2.0
_READ: Final = 10_000
# Past so many characters nothing is looked at: a message may have 50 million.
_LIKELY: Final = 0.5
# e5 does well in every language: to take it by mistake costs time alone.

_NEAR: Final = ("af", "ca", "gl", "id", "ms")
# The USE was not made for these; it finds translations of 67 sentences in each as surely as e5 does (0.99 to 1.00).

_KNOWN: Final = frozenset(fold_code(code) for code in (UNKNOWN_CODE, *LANGUAGES, *_NEAR))
_KNOWN_SCRIPTS: Final = frozenset(("", "Latn", "Cyrl", "Arab", "Hani", "Jpan", "Hang", "Thai"))


class MixedEmbedder(Embedder):
    """Vectors of an English half and a multilingual half.

    An English text has `[2 MiniLM | USE]`, any other `[zeros | USE]`: parts of unit length, the whole divided by
    the square root of five. So vectors of English texts have length 1, those of others 0.45: the length says whether
    the English part is there, and the multilingual parts are comparable between all of them. With equal weights,
    topics of Banking77 reach an NMI of 0.79 in place of 0.81. Where the USE does not know the language, e5 writes its
    part (chatlog.models.e5_map).

    Args:
        name: as in the config.
        english: writes the English half.
        open_foreign: opens what writes the multilingual half of languages that the USE does not know, when the first
            such text comes; None leaves all of them to the USE.
    """

    unit = False

    def __init__(self, name: str, english: MiniLM, open_foreign: Callable[[], MappedE5] | None) -> None:
        self.name = name
        self._english = english
        self._every = open_integer_use()
        self._open_foreign = open_foreign
        self._foreign: MappedE5 | None = None
        self._identifier = LanguageIdentifier(COMPOSED[name][2])
        self.dim = english.dim + self._every.dim
        self.max_tokens = english.max_tokens

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that the English half reads of each text, or would, `(len(texts),) int32`."""
        return self._english.token_counts(texts)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        cut = np.zeros(len(texts), dtype=bool)  # of a text whose one half was cut at least
        width = self._english.dim
        are_english, are_foreign = sorted_out(texts, self._identifier)
        english, foreign = np.flatnonzero(are_english), np.flatnonzero(are_foreign)
        if self._open_foreign is None:
            foreign = foreign[:0]
        every = np.setdiff1d(np.arange(len(texts)), foreign)
        vectors[every, width:], cut[every] = self._every.encode_and_tell([texts[row] for row in every])
        vectors[english, :width], shortened = self._english.encode_and_tell([texts[row] for row in english])
        vectors[english, :width] *= _WEIGHT
        cut[english] |= shortened
        if len(foreign) and self._open_foreign is not None:
            self._foreign = self._foreign or self._open_foreign()
            vectors[foreign, width:], cut[foreign] = self._foreign.encode_and_tell([texts[row] for row in foreign])
        vectors *= np.float32((1 + _WEIGHT**2) ** -0.5)
        return vectors, cut


def sorted_out(
    texts: Sequence[str], identifier: LanguageIdentifier
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which texts go to the English model, and which to e5 in place of the USE, each `(len(texts),) bool`.

    English are those whose language is told to be English, and those whose language is not certain, without a letter
    beyond ASCII: code, sums, and what is too short to tell. To e5 go others, of a language that the USE does not know:
    where the language is more likely than not, or its script is none of the USE's.
    """
    english = np.zeros(len(texts), dtype=bool)
    foreign = np.zeros(len(texts), dtype=bool)
    # The identifier refuses what is no valid UTF-8, such as half a pair of surrogates.
    begun = [unicode_text(text[:_READ]) for text in texts]
    for row, (words, weights) in enumerate(prose_lines(begun, SAMPLE)):
        guess = identifier.guess(words, weights)
        english[row] = guess.code.split("-")[0] == "en"
        if not english[row] and not is_certain(guess):
            # Not isascii(): an emoji or a typographic quote is no letter.
            english[row] = not any(sign.isalpha() for sign in begun[row][:SAMPLE] if not sign.isascii())
        unknown = fold_code(guess.code) not in _KNOWN
        sure = guess.score >= _LIKELY or main_script(weights) not in _KNOWN_SCRIPTS
        foreign[row] = unknown and sure and not english[row]
    return english, foreign
