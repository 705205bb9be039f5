"""Names by a named-entity recogniser: spaCy's English model behind Presidio's interfaces."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from chatlog.models.weights import locate

_LANGUAGE: Final = "en"
_BATCH: Final = 256
_LABELS: Final = {
    "PERSON": ("PERSON",),
    "ORGANIZATION": ("ORG",),
    "LOCATION": ("GPE", "LOC", "FAC"),
    "NRP": ("NORP",),
    "DATE_TIME": ("DATE",),
}
"""OntoNotes' labels by type."""
_ONTONOTES: Final = (
    "CARDINAL DATE EVENT FAC GPE LANGUAGE LAW LOC MONEY NORP ORDINAL ORG PERCENT PERSON PRODUCT QUANTITY TIME "
    "WORK_OF_ART"
).split()

_LONGEST: Final = 4000
"""Characters of one text that the model is given; spaCy's memory grows with the longest of a batch."""


class Entity(NamedTuple):
    """One find of a model, in offsets of the text that it was given."""

    start: int
    end: int
    type: str
    score: float


class SpacyNames:
    """The model, loaded once a worker.

    Args:
        model: a name for `weights.locate`: a spaCy pipeline folder with a component `ner`.
        types: what is looked for, of the types of LABELS.
    """

    def __init__(self, model: str, types: Sequence[str] = ("PERSON",)) -> None:
        # Presidio tells of every part it looks at; a run's log is no place for that.
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        # Presidio would import torch to look for a GPU, and results must not depend on one.
        os.environ.setdefault("PRESIDIO_DEVICE", "cpu")
        from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
        from thinc.api import NumpyOps

        wanted = {label: type_ for type_ in types for label in _LABELS[type_]}
        self._types = list(types)
        self._engine: Any = SpacyNlpEngine(
            models=[{"lang_code": _LANGUAGE, "model_name": str(locate(model))}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping=wanted,
                labels_to_ignore=[label for label in _ONTONOTES if label not in wanted],
            ),
        )
        self._artifacts: Any = NlpArtifacts
        self._wanted = wanted
        self._engine.load()
        nlp = self._engine.get_nlp(_LANGUAGE)
        # The recogniser has its own embedding layer, so tagger, parser and lemmatiser only cost time.
        for name in nlp.pipe_names:
            if name != "ner":
                nlp.remove_pipe(name)
        # NumPy's matrix product takes two thirds of the time of thinc's own, for the same result.
        ops = NumpyOps(use_blis=False)
        for node in nlp.get_pipe("ner").model.walk():
            node.ops = ops
        self._recognizer: Any = SpacyRecognizer(supported_entities=self._types)

    def entities(self, texts: Sequence[str]) -> Iterator[list[Entity]]:
        """For each text, in order, what the model found in it."""
        from threadpoolctl import threadpool_limits

        cut = [text[:_LONGEST] for text in texts]
        with threadpool_limits(1, "blas"):  # one core a worker: these products are too small to share
            for doc in self._engine.get_nlp(_LANGUAGE).pipe(cut, batch_size=_BATCH):
                # Presidio's own artifacts walk every token for lemmas that nobody asks for here.
                found = [entity for entity in doc.ents if entity.label_ in self._wanted]
                if not found:
                    yield []
                    continue
                for entity in found:
                    entity.label_ = self._wanted[entity.label_]
                scores = [self._engine.ner_model_configuration.default_score] * len(found)
                artifacts = self._artifacts(found, [], [], [], self._engine, _LANGUAGE, scores)
                results = self._recognizer.analyze(doc.text, self._types, artifacts)
                yield [Entity(result.start, result.end, result.entity_type, result.score) for result in results]
