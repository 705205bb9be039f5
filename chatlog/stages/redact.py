"""The stage `redact`: personal data out of messages, numbered placeholders in its place."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import Field

from chatlog.errors import MissingExtra
from chatlog.models.pii import Bounds, PiiDetector
from chatlog.models.weights import check_name
from chatlog.schema import MESSAGES, PII_SPAN
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.detect import placeholders, touches
from chatlog.text.mentions import find_mentions
from chatlog.text.pii_span import Span, join_names, resolve
from chatlog.text.placeholders import Numbering
from chatlog.text.rewrite import Rewrite

Action = Literal["replace", "keep"]
"""`replace` puts a placeholder in; `keep` leaves the text and only records the span, without a placeholder."""

SYSTEM: Final = -1
"""The message index of a span in the system prompt."""

_ROUNDS: Final = 16
"""Rounds of detection; texts settle in two or three, so this only bounds a hostile one."""


class RedactConfig(Config):
    """Settings of `redact`: what happens to each type, and how sure a find must be."""

    names_model: str = "en_core_web_sm"
    """The model that finds person names: a carried name or a spaCy folder; empty for cues and patterns alone."""

    min_score: float = Field(default=0.5, ge=0, le=1)
    """Confidence below which a find is left alone."""

    person: Action = "replace"
    """Names of persons."""

    email_address: Action = "replace"
    """E-mail addresses."""

    phone_number: Action = "replace"
    """Telephone and fax numbers."""

    street_address: Action = "replace"
    """Streets with house numbers, postal addresses."""

    date_of_birth: Action = "replace"
    """Dates said to be somebody's birth."""

    username: Action = "replace"
    """User names and handles."""

    url: Action = "replace"
    """Pages of persons."""

    ip_address: Action = "replace"
    """IPv4 and IPv6 addresses."""

    mac_address: Action = "replace"
    """Hardware addresses."""

    credit_card: Action = "replace"
    """Payment card numbers."""

    iban_code: Action = "replace"
    """International bank account numbers."""

    bank_account: Action = "replace"
    """Bank account numbers beside a word that says so."""

    crypto: Action = "replace"
    """Wallet addresses."""

    national_id: Action = "replace"
    """Numbers that states give to persons."""

    passport: Action = "replace"
    """Passport numbers."""

    driver_license: Action = "replace"
    """Driving licence numbers."""

    record_id: Action = "replace"
    """Numbers of patients, employees, members and insured."""

    secret: Action = "replace"
    """Keys, tokens, passwords."""


_READS: Final = pa.schema([pa.field("messages", MESSAGES), pa.field("system", pa.string())])
_WRITES: Final = pa.schema(
    [
        pa.field("messages", MESSAGES),
        pa.field("system", pa.string()),
        pa.field("redacted", pa.bool_()),
        pa.field("pii", pa.list_(PII_SPAN)),
    ]
)


@dataclass
class _Conversation:
    """The texts of one row under redaction, and which message each is."""

    rewrites: list[Rewrite]
    messages: list[int]
    numbering: Numbering
    changed: bool = False


class Redactor:
    """Redacts conversations; one instance a worker.

    Args:
        config: the stage's settings.
        detector: the recognisers.
    """

    def __init__(self, config: RedactConfig, detector: PiiDetector) -> None:
        self._config = config
        self._detector = detector
        self._replaced = {name.upper() for name in type(config).model_fields if getattr(config, name) == "replace"}

    def redact(self, conversations: Sequence[_Conversation]) -> None:
        """Redacts in place until detection finds nothing more, which is what makes redaction idempotent."""
        active = list(conversations)
        found: dict[str, list[Span]] = {}
        persons: dict[str, list[Bounds]] = {}
        for _ in range(_ROUNDS):
            texts = dict.fromkeys(rewrite.text for c in active for rewrite in c.rewrites)
            fresh = [text for text in texts if text not in found]
            found.update(zip(fresh, self._detector.detect(fresh, persons), strict=True))
            active = [c for c in active if self._apply(c, [found[r.text] for r in c.rewrites])]
            if not active:
                break

    def _apply(self, conversation: _Conversation, found: list[list[Span]]) -> bool:
        texts = [rewrite.text for rewrite in conversation.rewrites]
        wanted = [[span for span in spans if span.score >= self._config.min_score] for spans in found]
        if "PERSON" in self._replaced:
            names = {
                text[span.start : span.end]
                for text, spans in zip(texts, wanted, strict=True)
                for span in spans
                if span.type == "PERSON"
            }
            if names:
                for text, spans, mentions in zip(texts, wanted, find_mentions(texts, sorted(names)), strict=True):
                    holes = placeholders(text)
                    spans += [span for span in mentions if not touches(holes, span.start, span.end)]
        changed = False
        for rewrite, spans in zip(conversation.rewrites, wanted, strict=True):
            if spans:
                changed |= rewrite.replace(
                    join_names(rewrite.text, resolve(spans)),
                    lambda span, value: (
                        conversation.numbering.placeholder(span.type, value) if span.type in self._replaced else None
                    ),
                )
        conversation.changed |= changed
        return changed


def _open_rows(table: pa.Table) -> tuple[list[Any], list[str | None], list[_Conversation]]:
    messages = table.column("messages").to_pylist()
    systems = table.column("system").to_pylist()
    conversations = []
    for turns, system in zip(messages, systems, strict=True):
        texts = [
            (SYSTEM, system),
            *((i, turn["content"] if turn else None) for i, turn in enumerate(turns or ())),
        ]
        present = [(index, text) for index, text in texts if text]
        conversations.append(
            _Conversation(
                [Rewrite(text) for _, text in present],
                [index for index, _ in present],
                Numbering(text for _, text in present),
            )
        )
    return messages, systems, conversations


def _close_rows(messages: list[Any], systems: list[str | None], conversations: Sequence[_Conversation]) -> pa.Table:
    pii = []
    for row, conversation in enumerate(conversations):
        spans = []
        for index, rewrite in zip(conversation.messages, conversation.rewrites, strict=True):
            if index == SYSTEM:
                systems[row] = rewrite.text
            else:
                messages[row][index]["content"] = rewrite.text
            ordered = sorted(zip(rewrite.spans, rewrite.placeholders, strict=True), key=lambda pair: pair[0].start)
            spans += [
                {
                    "message": index,
                    "start": span.start,
                    "end": span.end,
                    "type": span.type,
                    "score": span.score,
                    "recognizer": span.recognizer,
                    "placeholder": name,
                }
                for span, name in ordered
            ]
        pii.append(spans)
    return pa.table(
        [
            pa.array(messages, MESSAGES),
            pa.array(systems, pa.string()),
            pa.array([c.changed for c in conversations], pa.bool_()),
            pa.array(pii, pa.list_(PII_SPAN)),
        ],
        schema=_WRITES,
    )


@contextmanager
def open_redact(config: RedactConfig) -> Iterator[BatchFn]:
    """Yields the batch function; loads the names model once."""
    redactor = Redactor(config, PiiDetector(config.names_model))

    def batch(table: pa.Table) -> pa.Table:
        messages, systems, conversations = _open_rows(table)
        redactor.redact(conversations)
        return _close_rows(messages, systems, conversations)

    yield batch


def check_redact(config: RedactConfig) -> None:
    """Nothing, when the names model and what runs it are installed.

    Raises:
        ConfigError: the model's name leads nowhere.
        MissingExtra: Presidio, spaCy or the model's package is absent.
    """
    if not config.names_model:
        return
    for package in ("presidio_analyzer", "spacy"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"redact's names_model {config.names_model!r}", "pii")
    check_name(config.names_model)


REDACT: Final = Stage(
    name="redact",
    version=1,
    config=RedactConfig,
    reads=_READS,
    writes=_WRITES,
    open=open_redact,
    check=check_redact,
)
