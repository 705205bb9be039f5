"""The stage `redact`: personal data out of messages, numbered placeholders in its place."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
from pydantic import Field

from chatlog.errors import ConfigError, MissingExtra
from chatlog.models.ner_more import NamesModel, check_model
from chatlog.models.pii import PiiDetector
from chatlog.models.redaction import Conversation, Policy, Redactor, Turn
from chatlog.models.weights import check_name
from chatlog.schema import MESSAGES, PII_SPAN
from chatlog.settings import valid
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.actions import Action
from chatlog.text.pii_span import CONTEXTUAL, LABELS
from chatlog.text.public import folded
from chatlog.text.rewrite import Rewrite

PUBLIC_NAMES: Final = "public_names"
"""The column of `fame`: keys of the names in a conversation that many users wrote."""

SYSTEM: Final = -1
"""The message index of a span in the system prompt."""


class RedactConfig(Config):
    """Settings of `redact`: what happens to each type, and how sure a find must be."""

    policy: str = ""
    """A TOML file of these settings, relative to the pipeline's file; those of the pipeline itself win."""

    names_model: str = "en_core_web_sm"
    """The model that finds person names: a carried name or a spaCy folder; empty for cues and patterns alone."""

    models: tuple[NamesModel, ...] = ()
    """Models that find names in other languages: spaCy pipelines, token classifiers of the Hub, GLiNER."""

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

    coordinates: Action = "replace"
    """Places told to some ten metres."""

    license_plate: Action = "replace"
    """Number plates of vehicles."""

    secret: Action = "replace"
    """Keys, tokens, passwords."""

    organization: Action = "keep"
    """Companies and institutions; looked for by the names model alone, in English."""

    location: Action = "keep"
    """Cities, countries and other places; looked for by the names model alone, in English."""

    nrp: Action = "keep"
    """Nationalities, religious and political groups; looked for by the names model alone, in English."""

    date_time: Action = "keep"
    """Dates; looked for by the names model alone, in English."""

    allow: tuple[str, ...] = ()
    """Names that stay wherever they stand, whatever their case and accents."""

    known_figures: bool = True
    """Whether public and fictional figures that everybody knows stay (chatlog/text/public_figures.txt)."""

    public_names: bool = True
    """Whether names that many unrelated users wrote stay, where the stage `fame` has told them."""

    def located(self, base: Path) -> Self:
        """With the policy file's settings where the pipeline has none of its own.

        Raises:
            ConfigError: the file is not TOML, or holds what is no setting.
        """
        if not self.policy:
            return self
        path = (base / Path(self.policy).expanduser()).resolve()
        own = {name: getattr(self, name) for name in self.model_fields_set} | {"policy": str(path)}
        if not path.is_file():  # `check` tells; a run is read without the files that it was made from
            return self.model_copy(update={"policy": str(path)})
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot read the policy {path}: {error}") from error
        if "policy" in told:
            raise ConfigError(f"{path}: a policy cannot name another policy")
        return valid(type(self), told | own, str(path))

    def identity(self) -> dict[str, Any]:
        """The policy file counts by its settings, not by its place."""
        return {name: value for name, value in super().identity().items() if name != "policy"}

    def actions(self) -> dict[str, Action]:
        """What happens to each type of LABELS."""
        return {type_: getattr(self, type_.lower()) for type_ in LABELS}


_READS: Final = pa.schema([pa.field("messages", MESSAGES), pa.field("system", pa.string())])
_WRITES: Final = pa.schema(
    [
        pa.field("messages", MESSAGES),
        pa.field("system", pa.string()),
        pa.field("redacted", pa.bool_()),
        pa.field("pii", pa.list_(PII_SPAN)),
    ]
)


def _open_rows(
    table: pa.Table, redactor: Redactor, config: RedactConfig
) -> tuple[list[Any], list[Any], list[Conversation]]:
    messages = table.column("messages").to_pylist()
    systems = table.column("system").to_pylist()
    known = PUBLIC_NAMES in table.column_names and config.public_names
    public = table.column(PUBLIC_NAMES).to_pylist() if known else [None] * table.num_rows
    conversations = []
    for turns, system, names in zip(messages, systems, public, strict=True):
        listed = [Turn(SYSTEM, "system", Rewrite(system))] if system else []
        listed += [
            Turn(place, turn["role"] or "", Rewrite(turn["content"] or ""), turn["name"])
            for place, turn in enumerate(turns or ())
            if turn and (turn["content"] or turn["name"])
        ]
        conversations.append(redactor.open(listed, names or ()))
    return messages, systems, conversations


def _close_rows(messages: list[Any], systems: list[Any], conversations: Sequence[Conversation]) -> pa.Table:
    pii = []
    for row, conversation in enumerate(conversations):
        spans = []
        for turn in conversation.turns:
            if turn.place == SYSTEM:
                systems[row] = turn.text
            else:
                message = messages[row][turn.place]
                message["name"] = turn.speaker
                if message["content"]:
                    message["content"] = turn.text
            rewrite = turn.rewrite
            ordered = sorted(zip(rewrite.spans, rewrite.placeholders, strict=True), key=lambda pair: pair[0].start)
            spans += [
                {
                    "message": turn.place,
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
def open_redact(config: RedactConfig, secret: bytes = b"") -> Iterator[BatchFn]:
    """Yields the batch function; loads the names model once.

    Raises:
        ConfigError: a type is to be hashed and there is no key.
    """
    actions = config.actions()
    if "hash" in actions.values() and not secret:
        raise ConfigError("redact hashes a type, which needs the run's key; give CHATLOG_USER_KEY")
    policy = Policy(actions, config.min_score, frozenset(map(folded, config.allow)), config.known_figures, secret)
    wanted = tuple(type_ for type_ in CONTEXTUAL if actions[type_] != "keep")
    redactor = Redactor(policy, PiiDetector(config.names_model, policy.surrogates, wanted, config.models))

    def batch(table: pa.Table) -> pa.Table:
        messages, systems, conversations = _open_rows(table, redactor, config)
        redactor.redact(conversations)
        return _close_rows(messages, systems, conversations)

    yield batch


def check_redact(config: RedactConfig) -> None:
    """Nothing, when the names model and what runs it are installed.

    Raises:
        ConfigError: the model's name leads nowhere, or there is no such policy file.
        MissingExtra: Presidio, spaCy or the model's package is absent.
    """
    if config.policy and not Path(config.policy).is_file():
        raise ConfigError(f"redact: there is no policy file {config.policy}")
    for model in config.models:
        check_model(model)
    acted = [type_.lower() for type_ in CONTEXTUAL if config.actions()[type_] != "keep"]
    if not config.names_model:
        if acted:
            raise ConfigError(f"redact: {', '.join(acted)} can be found by a names_model alone, and there is none")
        return
    for package in ("presidio_analyzer", "spacy"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"redact's names_model {config.names_model!r}", "pii")
    check_name(config.names_model)


REDACT: Final = Stage(
    name="redact",
    version=2,
    config=RedactConfig,
    reads=_READS,
    writes=_WRITES,
    optional=pa.schema([pa.field(PUBLIC_NAMES, pa.list_(pa.int64()))]),
    open=open_redact,
    keyed=True,
    check=check_redact,
)
