"""What is learned of each topic from its questions: size, keywords, a name, and prompts that stand for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from chatlog.errors import MissingExtra
from chatlog.models.topic_members import Member, Members, Told, drawn
from chatlog.models.topic_naming import NamingConfig, check_naming
from chatlog.models.topic_renaming import name_by_model
from chatlog.models.topic_subjects import SubjectFinder, check_subjects
from chatlog.schema import KEY
from chatlog.stage import Config
from chatlog.text.corpus import Corpus
from chatlog.text.keywords import best_terms
from chatlog.text.subject_titles import title
from chatlog.text.term_choice import Term

MIN_USERS: Final = 10
"""Users below whom nothing is told of what they asked about."""

OUTLIERS: Final = -1
"""The number of conversations that are in no topic."""

NONE: Final = "none"
"""What those are called."""


class EvidenceConfig(Config):
    """What of a topic's texts is shown."""

    keywords: int = Field(default=10, ge=1, le=50)
    """Keywords a topic, at most."""

    min_documents: int = Field(default=3, ge=2)
    """Users whose questions must hold a word, within the topic, before it is shown: a rarer one may name a person."""

    min_users: int = Field(default=MIN_USERS, ge=1)
    """Users below whom a topic or theme gets no label, keywords or examples. A conversation without a user key counts
    as a user of its own."""

    examples: int = Field(default=3, ge=0, le=20)
    """Prompts that stand for a topic in the table of topics, each of another user; 0 keeps every text out of it. There
    are none where `redact` does not stand before `topics`."""

    example_length: int = Field(default=200, ge=20, le=2000)
    """Characters after which such a prompt is cut."""

    subjects: bool = True
    """Name topics by a catalogue of subjects that people ask about ("Cooking and recipes"), in front of their keywords;
    by questions in the 15 languages of the multilingual encoder. False: by keywords alone."""

    naming: NamingConfig | None = None
    """An instruct model that names topics; without it, and where its answer will not do, subjects and keywords do."""

    def identity(self) -> dict[str, Any]:
        """What of the settings decides the values; of `naming` not where and how fast it runs."""
        return {**super().identity(), "naming": None if self.naming is None else self.naming.identity()}


TOPICS_TABLE: Final = pa.schema(
    [
        pa.field("topic_id", pa.int32()),  # themes follow the topics; -1 stands for conversations without a topic
        pa.field("label", pa.string()),  # unique; null for a topic of fewer than `min_users` users
        pa.field("named_by", pa.string()),  # llm, subjects or keywords; null where none said anything
        pa.field("keywords", pa.list_(pa.string())),
        pa.field("size", pa.int64()),  # conversations
        pa.field("parent", pa.int32()),  # the theme
        pa.field("medoids", pa.list_(pa.int64())),  # row_id of the conversations nearest to the centre
        pa.field("examples", pa.list_(pa.string())),  # their first questions, redacted and cut
    ]
)

_MEDOIDS: Final = 5
_RANDOM: Final = 10
_ASKED: Final = 25
"""Random members that tell a topic's subject; the nearest do too."""
_MOST_ASKED: Final = 200
"""Members that tell a theme's."""
_TEXT_SAMPLE: Final = 2000
_TEXTS: Final = 50_000
"""Questions that words are counted of, at most: those of the sample whose tickets are the smallest."""

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]


def check_evidence(config: EvidenceConfig) -> None:
    """Nothing, when keywords and subjects can be found and the model that names topics can be asked.

    Raises:
        ConfigError: a setting of `naming` is missing or wrong.
        MissingExtra: icu4py is not installed, or the encoder of subjects or vLLM where it is needed.
    """
    if find_spec("icu4py") is None:
        raise MissingExtra("keywords of topics", "embed")
    if config.subjects:
        check_subjects()
    if config.naming is not None:
        check_naming(config.naming)


class TopicEvidence:
    """What is learned of each topic while the rows pass by.

    What is held does not grow with the rows: words are counted on the sample alone, a few texts are kept for each
    topic, and of its users as many as tell that they are enough.
    """

    def __init__(self, config: EvidenceConfig, sample: Rows, k: int) -> None:
        self._config = config
        self._k = k
        self._sample = drawn(sample, _TEXTS)
        self._sizes = np.zeros(k + 1, dtype=np.int64)  # the last one: of outliers
        self._users: list[set[object]] = [set() for _ in range(k)]
        self._numbers: dict[str, int] = {}
        self._corpus = Corpus()
        self._members = [Members(_MEDOIDS, _ASKED) for _ in range(k)]

    def see(
        self, table: pa.Table, there: npt.NDArray[np.bool_], topic: npt.NDArray[np.int32], distance: Matrix
    ) -> None:
        """Takes in one shard.

        Args:
            table: the key, `messages`, and `user_key` and `redacted` where they are known.
            there: `(n,) bool`, the rows that have a topic or are outliers.
            topic: `(n,) int32`, 0 to k - 1, or -1 for an outlier.
            distance: `(n,) float32`, to the topic's centre.
        """
        self._sizes += np.bincount(np.where(topic[there] < 0, self._k, topic[there]), minlength=self._k + 1)
        rows = np.asarray(table.column(KEY.name), dtype=np.int64)
        users = _column(table, "user_key")
        self._count_users(rows, there, topic, users)
        messages = table.column("messages")
        redacted = _column(table, "redacted")
        # Only the sample's texts are read: vocabularies grow with the texts, and memory must not.
        for index in np.flatnonzero(there & np.isin(rows, self._sample)).tolist():
            number, row = int(topic[index]), int(rows[index])
            text = question(messages[index].as_py())
            who = self._who(users[index].as_py() if users is not None else None, row)
            self._corpus.add(number, who, text)
            if number >= 0:
                safe = redacted is not None and redacted[index].is_valid
                self._members[number].add(Member(float(distance[index]), row, who, text, safe))

    def table(self, parents: Sequence[int | None] | None = None) -> pa.Table:
        """One row a topic, in the order of their numbers, then the themes', then one for outliers where there are any.

        Args:
            parents: for each topic the number of its theme, k or more; None for one without.
        """
        told = self.told(parents)
        length = self._config.example_length
        rows: list[dict[str, Any]] = [
            {
                "topic_id": one.topic_id,
                "label": one.label,
                "named_by": one.named_by,
                "keywords": [term.surface for term in one.terms],
                "size": one.size,
                "parent": one.parent,
                "medoids": [member.row for member in one.nearest],
                "examples": [cut(m.text, length) for m in one.nearest if m.redacted][: self._config.examples],
            }
            for one in told
        ]
        outliers = int(self._sizes[self._k])
        if outliers:
            nothing: dict[str, Any] = {"keywords": [], "medoids": [], "examples": []}
            rows.append({"topic_id": OUTLIERS, "label": NONE, "size": outliers, **nothing})
        return pa.Table.from_pylist(rows, schema=TOPICS_TABLE)

    def told(self, parents: Sequence[int | None] | None = None) -> list[Told]:
        """Topics and then themes, with their names."""
        above = list(parents) if parents is not None else [None] * self._k
        topics = [self._about(topic, [topic], above[topic]) for topic in range(self._k)]
        numbers = sorted({theme for theme in above if theme is not None})
        themes = [self._about(theme, [t for t in range(self._k) if above[t] == theme], None) for theme in numbers]
        taken = {NONE}
        shown = [one for one in (*topics, *themes) if one.shown]
        finder = SubjectFinder(self._config.subjects, self._config.min_documents)
        abouts = finder.find([self._asked(one) for one in shown])
        found: list[list[Term]] = []
        for group in (topics, themes):
            sets = [one.topics for one in group if one.shown]
            found += best_terms(self._corpus, sets, self._config.keywords, self._config.min_documents)
        for one, about, terms in zip(shown, abouts, found, strict=True):
            one.terms = terms
            one.label, one.named_by = title(about, terms, taken, theme=one.topic_id >= self._k)
        if self._config.naming is not None:
            name_by_model(shown, self._config.naming, self._corpus, self._config.min_documents, taken)
        return [*topics, *themes]

    def _about(self, number: int, topics: Sequence[int], parent: int | None) -> Told:
        size = int(sum(self._sizes[topic] for topic in topics))
        shown = len(set().union(*(self._users[topic] for topic in topics))) >= self._config.min_users
        one = Told(number, topics, size, shown, parent)
        if shown:
            # The nearest of a theme are its topics' nearest in turn, the largest topic's first; not those of one that
            # is too small to be told itself.
            large = [topic for topic in topics if len(self._users[topic]) >= self._config.min_users]
            by_size = sorted(large, key=lambda topic: (-int(self._sizes[topic]), topic))
            one.nearest = _in_turn([self._members[topic].nearest() for topic in by_size], _MEDOIDS)
            one.random = _in_turn([self._members[topic].random()[:_RANDOM] for topic in by_size], _RANDOM)
        return one

    def _asked(self, one: Told) -> list[Member]:
        """Members that tell what a topic or theme is about: of each topic as many, of each user one."""
        lists = [[*self._members[topic].nearest(), *self._members[topic].random()] for topic in one.topics]
        found: dict[int, Member] = {}
        for member in _in_turn(lists, _MOST_ASKED):
            found.setdefault(member.who, member)
        return list(found.values())

    def _count_users(
        self, rows: Rows, there: npt.NDArray[np.bool_], topic: npt.NDArray[np.int32], users: pa.ChunkedArray | None
    ) -> None:
        enough = self._config.min_users
        missing = [number for number, who in enumerate(self._users) if len(who) < enough]
        for index in np.flatnonzero(there & np.isin(topic, missing)).tolist():
            who = self._users[int(topic[index])]
            if len(who) < enough:
                key = users[index].as_py() if users is not None else None
                who.add(int(rows[index]) if key is None else key)

    def _who(self, key: str | None, row: int) -> int:
        """A number for a user; below zero for a conversation without a key."""
        return -1 - row if key is None else self._numbers.setdefault(key, len(self._numbers))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    return table.column(name) if name in table.column_names else None


def _in_turn(lists: Iterable[Sequence[Member]], most: int) -> list[Member]:
    given = [list(one) for one in lists]
    found: list[Member] = []
    for place in range(max(map(len, given), default=0)):
        found += [one[place] for one in given if place < len(one)]
    return found[:most]


def question(messages: list[dict[str, Any]] | None) -> str:
    """The user's first turn that has text, its beginning."""
    for message in messages or ():
        if message and message["role"] == "user" and (message["content"] or "").strip():
            return str(message["content"]).strip()[:_TEXT_SAMPLE]
    return ""


def cut(text: str, length: int) -> str:
    """The text on one line, with an ellipsis for what goes beyond `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
