"""Which conversations topics are learned from: those of a fitting length and language, drawn by a hash of their key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from chatlog.models.embedding_column import DIMENSIONS, halves, used_width
from chatlog.models.language_means import UNSURE
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.lid_certain import LANGUAGE_MODEL, certain_languages
from chatlog.models.topic_evidence import question
from chatlog.models.topic_members import tickets
from chatlog.schema import KEY
from chatlog.stage import Config, ReadShard

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]


class SelectionConfig(Config):
    """Which conversations get a topic."""

    min_length: int = Field(default=0, ge=0, le=2000)
    """Characters of the user's first turn below which a conversation gets no topic."""

    max_length: int = Field(default=0, ge=0, le=1999)
    """Characters of it beyond which it gets none; 0 for any number."""

    languages: tuple[str, ...] = ()
    """Codes of the languages of that turn that get a topic ("en"), where they are certain; empty for all."""

    language_neutral: bool = True
    """Take half of the mean of each language with 30 conversations and more out of the embeddings, so that topics are
    not languages."""

    sample: int = Field(default=50_000, ge=100, le=1_000_000)
    """Conversations that the topics are learned from; all are assigned."""

    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Of the sample, of the tree, of k-means and of the map."""


class Selection:
    """The rows of a shard that get a topic, and the language of each."""

    def __init__(self, config: SelectionConfig, neutral: bool) -> None:
        self._config = config
        self._asked = bool(neutral or config.languages)
        self._identifier = LanguageIdentifier(LANGUAGE_MODEL) if self._asked else None

    def of(self, table: pa.Table, there: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], list[str]]:
        """Which of the rows that are `there`, `(n,) bool`, are selected, `(n,) bool`, and the code of each of those.

        Scripts and regions of one language are one; the code is empty where the language is not certain.
        """
        config = self._config
        selected = there.copy()
        rows = np.flatnonzero(there)
        if not (self._asked or config.min_length or config.max_length):
            return selected, [UNSURE] * len(rows)
        messages = table.column("messages")
        questions = [question(messages[index].as_py()) for index in rows.tolist()]
        fits = [config.min_length <= len(text) and not 0 < config.max_length < len(text) for text in questions]
        codes = self._codes(questions)
        if config.languages:
            fits = [fit and code in config.languages for fit, code in zip(fits, codes, strict=True)]
        selected[rows] = fits
        return selected, [code for code, fit in zip(codes, fits, strict=True) if fit]

    def _codes(self, questions: Sequence[str]) -> list[str]:
        if self._identifier is None:
            return [UNSURE] * len(questions)
        return certain_languages(questions, self._identifier)


def draw(config: SelectionConfig, readers: Sequence[ReadShard], selection: Selection) -> tuple[Rows, Matrix, list[str]]:
    """The keys, vectors and languages of the sample, in the order of their keys.

    A row's chance is a hash of its key: the same rows are drawn whatever the shards' order. What fills the vectors up
    to the column's length is left out.
    """
    kept_ticket = np.zeros(0, dtype=np.uint64)
    kept_row = np.zeros(0, dtype=np.int64)
    kept = np.zeros((0, DIMENSIONS), dtype=np.float16)
    codes: dict[int, str] = {}
    for read in readers:
        table = read()
        there, vectors = halves(table.column("embedding"))
        keys = np.asarray(table.column(KEY.name), dtype=np.int64)
        # Only what may enter the sample is read.
        if len(kept_ticket) == config.sample:
            near = np.zeros(len(there), dtype=bool)
            near[there] = tickets(keys[there], config.seed) <= kept_ticket.max()
        else:
            near = there
        selected, found = selection.of(table, near)
        new = keys[selected]
        ticket = np.concatenate([kept_ticket, tickets(new, config.seed)])
        row = np.concatenate([kept_row, new])
        stacked = np.concatenate([kept, vectors[selected[there]]])
        codes |= zip(new.tolist(), found, strict=True)
        best = np.lexsort((row, ticket))[: config.sample]
        kept_ticket, kept_row, kept = ticket[best], row[best], stacked[best]
        codes = {key: codes[key] for key in kept_row.tolist()}
    order = np.argsort(kept_row)
    narrow = kept[order, : max(1, used_width(kept))]
    return kept_row[order], narrow.astype(np.float32), [codes[key] for key in kept_row[order].tolist()]
