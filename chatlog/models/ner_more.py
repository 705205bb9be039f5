"""Names in other languages than English: models of one's own, through Presidio's interfaces.

spaCy pipelines run in a `SpacyNlpEngine`, token classifiers of the Hugging Face Hub in a
`HuggingFaceNerRecognizer`, and GLiNER's models in a `GLiNERRecognizer`. Nothing of them is carried.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from chatlog.errors import MissingExtra
from chatlog.models.ner import Entity
from chatlog.models.weights import check_name, locate
from chatlog.models.weights_code import refuse_code, refuse_pickles
from chatlog.stage import Config

_PERSON: Final = {"PER": "PERSON", "PERSON": "PERSON", "PS": "PERSON", "person": "PERSON", "name": "PERSON"}
"""What models call persons."""
_NEEDS: Final = {
    "spacy": (("spacy", "pii"),),
    "transformers": (("transformers", "embed"), ("torch", "embed")),
    "gliner": (("gliner", "gliner"),),
}
"""By kind the packages that run it, and the extra that installs each."""


class NamesModel(Config):
    """A model that finds persons' names."""

    kind: Literal["spacy", "transformers", "gliner"]
    """What runs it: a spaCy pipeline with a component `ner`, a token classifier, or GLiNER."""

    model: str = Field(min_length=1)
    """A folder, or a Hub id with its revision (org/name@40 hex digits)."""

    languages: tuple[str, ...] = ()
    """BCP 47 codes of the texts that it reads, such as `de`; all languages when empty."""

    min_score: float = Field(default=0.5, ge=0, le=1)
    """Confidence below which its finds are left alone."""


def check_model(model: NamesModel) -> None:
    """Nothing, when the model can be found and what runs it is installed.

    Raises:
        ConfigError: its name leads nowhere.
        MissingExtra: a package is absent.
    """
    for package, extra in (("presidio_analyzer", "pii"), *_NEEDS[model.kind]):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"redact's names model of kind {model.kind!r}", extra)
    check_name(model.model)


class MoreNames:
    """One such model, loaded once a worker.

    Args:
        model: its settings.

    Raises:
        ConfigError: its folder holds pickled weights or code.
    """

    def __init__(self, model: NamesModel) -> None:
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        os.environ.setdefault("PRESIDIO_DEVICE", "cpu")
        self.languages = frozenset(model.languages)
        self._min_score = model.min_score
        self._nlp: Any = None
        folder = locate(model.model)
        if model.kind != "spacy":
            refuse_pickles(model.model, [folder])
            refuse_code(model.model, folder)
        path = str(folder)
        if model.kind == "spacy":
            from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
            from presidio_analyzer.predefined_recognizers import SpacyRecognizer

            ner = NerModelConfiguration(model_to_presidio_entity_mapping=_PERSON, labels_to_ignore=[])
            self._nlp = SpacyNlpEngine(models=[{"lang_code": "xx", "model_name": path}], ner_model_configuration=ner)
            self._nlp.load()
            self._recognizer: Any = SpacyRecognizer(supported_entities=["PERSON"], supported_language="xx")
        elif model.kind == "transformers":
            from presidio_analyzer.predefined_recognizers import HuggingFaceNerRecognizer

            self._recognizer = HuggingFaceNerRecognizer(
                supported_entities=["PERSON"],
                label_mapping=_PERSON,
                model_name=path,
                device=os.environ["PRESIDIO_DEVICE"],
            )
        else:
            from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

            self._recognizer = GLiNERRecognizer(
                entity_mapping={"person": "PERSON"}, model_name=path, map_location=os.environ["PRESIDIO_DEVICE"]
            )

    def entities(self, texts: Sequence[str]) -> Iterator[list[Entity]]:
        """For each text, in order, the persons that the model found in it."""
        batch = (
            self._nlp.process_batch(list(texts), language="xx") if self._nlp is not None else ((t, None) for t in texts)
        )
        for text, artifacts in batch:
            yield [
                Entity(found.start, found.end, "PERSON", float(found.score))
                for found in self._recognizer.analyze(text, ["PERSON"], artifacts)
                if found.entity_type == "PERSON" and found.score >= self._min_score
            ]
