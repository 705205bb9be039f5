"""Every recogniser of personal data over a batch of texts: pattern rules, name cues, the names model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import regex

from chatlog.models.lid import LanguageIdentifier
from chatlog.models.ner import Entity, SpacyNames
from chatlog.models.ner_more import MoreNames, NamesModel
from chatlog.text.detect import find_patterns, placeholders, touches
from chatlog.text.pii_address import find_addresses
from chatlog.text.pii_gazetteer import find_listed_names, is_family, is_given
from chatlog.text.pii_names import find_names, trim_name
from chatlog.text.pii_span import Span, resolve
from chatlog.text.prose import prose
from chatlog.text.view import view
from chatlog.text.windows import sentences, windows

_MODEL_SCORE: Final = 0.75
"""The model's spans lose to cues and titles, whose ends are surer."""

IDENTIFIER: Final = "lid.176.ftz"
"""What tells which texts a model reads; a name for `weights.locate`."""
_SURE: Final = 0.6
_ENOUGH: Final = 12
"""Letters below which a sentence's language cannot be told."""

_NAME_LIKE: Final = regex.compile(r"\p{Lu}")
_LETTERS: Final = regex.compile(r"[\p{L}\p{M}'’]+")
_NEVER: Final = regex.compile(r"[\d@/\\<>{}=_#*|\[\]()]|https?:")


class PiiDetector:
    """Finds personal data in texts; one instance a worker.

    Args:
        names_model: a name for `weights.locate`, or empty for cues and patterns alone.
        surrogates: whether surrogates may stand in the texts, which are left alone then.
        contextual: types of CONTEXTUAL that the model is asked for too.
        more: models of other languages.
    """

    def __init__(
        self,
        names_model: str,
        surrogates: bool = False,
        contextual: Sequence[str] = (),
        more: Sequence[NamesModel] = (),
    ) -> None:
        self._surrogates = surrogates
        self._wide = bool(contextual)
        self._more = [(model, MoreNames(model)) for model in more]
        self._identifier = LanguageIdentifier(IDENTIFIER, second="none")
        self._model = SpacyNames(names_model, ("PERSON", *contextual)) if names_model else None

    def detect(self, texts: Sequence[str], known: dict[str, list[Entity]] | None = None) -> list[list[Span]]:
        """For each text the spans found in it, without overlaps, by position.

        `known` remembers what the names model said of a sentence, from one call to the next; without
        it nothing is remembered.
        """
        found = []
        for text in texts:
            plain = view(text)
            holes = placeholders(text, self._surrogates)
            spans = find_patterns(text, plain, holes)
            for span in (*find_names(plain.text), *find_listed_names(plain.text), *find_addresses(plain.text)):
                start, end = plain.start(span.start), plain.end(span.end)
                if not touches(holes, start, end):
                    spans.append(Span(start, end, span.type, span.score, span.recognizer))
            found.append(spans)
        if self._model is not None:
            self._add_names(self._model, texts, found, {} if known is None else known)
        for settings, more in self._more:
            self._add_more(settings, more, texts, found)
        return [resolve(spans) for spans in found]

    def _add_names(
        self, model: SpacyNames, texts: Sequence[str], found: list[list[Span]], known: dict[str, list[Entity]]
    ) -> None:
        pieces = [
            [(offset, piece) for offset, piece in windows(text, spans, self._wide) if self._is_english(piece)]
            for text, spans in zip(texts, found, strict=True)
        ]
        # Sentences of a length go together: the model pads a batch to its longest.
        fresh = sorted({piece for each in pieces for _, piece in each if piece not in known}, key=_by_length)
        for piece, entities in zip(fresh, model.entities(fresh), strict=True):
            known[piece] = [entity for told in entities if (entity := _trimmed(piece, told)) is not None]
        for text, each, spans in zip(texts, pieces, found, strict=True):
            holes = placeholders(text, self._surrogates)
            for offset, piece in each:
                for start, end, type_, score in known[piece]:
                    at = (offset + start, offset + end)
                    if touches(holes, *at) or (type_ == "PERSON" and _common(text, text[at[0] : at[1]])):
                        continue
                    spans.append(Span(*at, type_, min(score, _MODEL_SCORE), "spacy"))

    def _add_more(self, settings: NamesModel, model: MoreNames, texts: Sequence[str], found: list[list[Span]]) -> None:
        wanted = [at for at, text in enumerate(texts) if not model.languages or self._language(text) in model.languages]
        pieces = {at: list(sentences(texts[at])) for at in wanted}
        fresh = sorted({piece for each in pieces.values() for _, piece in each}, key=_by_length)
        told = dict(zip(fresh, model.entities(fresh), strict=True))
        for at, each in pieces.items():
            holes = placeholders(texts[at], self._surrogates)
            for offset, piece in each:
                for start, end, type_, score in told[piece]:
                    if not _NEVER.search(piece[start:end]) and not touches(holes, offset + start, offset + end):
                        found[at].append(Span(offset + start, offset + end, type_, score, settings.kind))

    def _is_english(self, piece: str) -> bool:
        """Whether a sentence is English as far as can be told: the model takes other languages' words for names."""
        guess = self._identifier.guess(_words(piece))
        return guess.code == "en" or guess.score < _SURE or guess.weight < _ENOUGH

    def _language(self, text: str) -> str:
        return self._identifier.guess(prose(text)).code.partition("-")[0]


def _by_length(piece: str) -> tuple[int, str]:
    return len(piece), piece


def _words(piece: str) -> str:
    return " ".join(_LETTERS.findall(piece))


def _common(text: str, name: str) -> bool:
    """Whether every word of what the model took for a name stands in `text` in lower case too, or is no name alone.

    A heading's capitals (`Dynamic Capabilities`) and a program's classes (`Exception`) fool the model.
    """
    words = [word for word in name.lower().split() if len(word) > 1]
    if any(is_given(word) or is_family(word) for word in words):
        return False
    return all(regex.search(rf"(?<!\w){regex.escape(word)}(?!\w)", text) is not None for word in words)


def _trimmed(piece: str, found: Entity) -> Entity | None:
    """What the model marked, without what is no part of it; None where that is no name."""
    if found.type != "PERSON":
        return found
    value = piece[found.start : found.end]
    if _NEVER.search(value) or not _NAME_LIKE.search(value):
        return None
    bounds = trim_name(piece, found.start, found.end)
    return None if bounds is None else Entity(*bounds, "PERSON", found.score)
