"""Person names by a named-entity recogniser: spaCy's English model behind Presidio's interfaces."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

from chatlog.models.weights import locate

_LANGUAGE: Final = "en"
_BATCH: Final = 256
_IGNORED: Final = (
    "CARDINAL DATE EVENT FAC GPE LANGUAGE LAW LOC MONEY NORP ORDINAL ORG PERCENT PRODUCT QUANTITY TIME WORK_OF_ART"
).split()

_LONGEST: Final = 4000
"""Characters of one text that the model is given; spaCy's memory grows with the longest of a batch."""


class PersonRecognizer:
    """The model, loaded once a worker.

    Args:
        model: a name for `weights.locate`: a spaCy pipeline folder with a component `ner`.
    """

    def __init__(self, model: str) -> None:
        # Presidio tells of every part it looks at; a run's log is no place for that.
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        # Presidio would import torch to look for a GPU, and results must not depend on one.
        os.environ.setdefault("PRESIDIO_DEVICE", "cpu")
        from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer

        self._engine: Any = SpacyNlpEngine(
            models=[{"lang_code": _LANGUAGE, "model_name": str(locate(model))}],
            ner_model_configuration=NerModelConfiguration(labels_to_ignore=_IGNORED),
        )
        self._artifacts: Any = NlpArtifacts
        self._engine.load()
        nlp = self._engine.get_nlp(_LANGUAGE)
        # The recogniser has its own embedding layer, so tagger, parser and lemmatiser only cost time.
        for name in nlp.pipe_names:
            if name != "ner":
                nlp.remove_pipe(name)
        self._recognizer: Any = SpacyRecognizer(supported_entities=["PERSON"])

    def persons(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int, float]]]:
        """For each text, in order, the `(start, end, score)` of the persons named in it."""
        cut = [text[:_LONGEST] for text in texts]
        for doc in self._engine.get_nlp(_LANGUAGE).pipe(cut, batch_size=_BATCH):
            # Presidio's own artifacts walk every token for lemmas that nobody asks for here.
            scores = [self._engine.ner_model_configuration.default_score] * len(doc.ents)
            artifacts = self._artifacts(doc.ents, [], [], [], self._engine, _LANGUAGE, scores)
            found = self._recognizer.analyze(doc.text, ["PERSON"], artifacts)
            yield [(result.start, result.end, result.score) for result in found]
