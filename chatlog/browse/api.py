"""What the page can ask: a path and parameters in, an object for JSON out. No HTTP in here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from chatlog.browse import reading
from chatlog.browse.facets import SAME
from chatlog.browse.index import PAGE, SORTS, Filter, Index
from chatlog.browse.labelling import LabelFile
from chatlog.browse.matching import terms_of
from chatlog.browse.search import Searches
from chatlog.engine.intake import finished_shards
from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError
from chatlog.moderation.reading import judged_run
from chatlog.pipeline import INGEST
from chatlog.query import connect
from chatlog.schema import ROLES

PATIENCE: Final = 1.0
"""Seconds that a text search goes on before what it has is told; the page asks again for the rest."""

_TEXT: Final = 2_000
"""Characters of a search at most."""

_VERDICT: Final = ("f_flagged", "f_category", "score")
"""What an item tells of moderation: not while somebody is to label a message of its conversation."""

Params = Mapping[str, list[str]]


class NotFoundError(ConfigError):
    """What was asked for is not there."""


class Api:
    """A run under a page's questions; see open_api.

    Attributes:
        index: the run's conversations.
        labels: the sample to label, when one was given.
    """

    def __init__(
        self, index: Index, searches: Searches, labels: LabelFile | None, about: dict[str, Any], *, released: bool
    ) -> None:
        self.index = index
        self.labels = labels
        self._searches = searches
        self._about = about
        self._released = released

    def get(self, path: str, params: Params) -> dict[str, Any]:
        """The answer to a question.

        Raises:
            NotFoundError: there is no such path, conversation or message.
            ConfigError: a parameter is wrong.
            DataError: the run cannot be read, or a query took too long.
        """
        parts = path.strip("/").split("/")
        if parts == ["run"]:
            return self._about | {"labels": self.labels and self.labels.counts()}
        if parts == ["search"]:
            return self._search(params)
        if parts == ["labels"]:
            return self._sample().item(_number(params, "place", None))
        if len(parts) == 2 and parts[0] == "conversation":
            return self._conversation(_row(parts[1]), params)
        if len(parts) == 3 and parts[0] == "message":
            return self._piece(_row(parts[1]), _row(parts[2]) if parts[2] != "system" else -1, params)
        raise NotFoundError("there is nothing here")

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """The answer to a change: a label given or taken away.

        Raises:
            NotFoundError: there is no such path.
            ConfigError: the body is wrong.
            DataError: the file cannot be written.
        """
        if path.strip("/") != "labels":
            raise NotFoundError("there is nothing here")
        if not isinstance(body, dict) or set(body) != {"id", "label"} or not isinstance(body["id"], str):
            raise ConfigError("expected an object with `id` and `label`")
        if body["label"] is not None and not isinstance(body["label"], bool):
            raise ConfigError("`label` should be true, false or null")
        return self._sample().mark(body["id"], body["label"])

    def _search(self, params: Params) -> dict[str, Any]:
        began = time.monotonic()
        asked, text, role = self._asked(params)
        told: dict[str, Any] = {"searched": self.index.rows, "rows": self.index.rows, "done": True}
        found, search = None, None
        terms = terms_of(text, role)
        if terms.wanted or terms.unwanted:
            search = self._searches.search(terms, PATIENCE)
            found = search.found
            told |= {"searched": search.rows, "done": search.done}
            named = self.index.ids(text.strip())
            if named:
                found = np.union1d(found, np.array(named, dtype=np.int64))
        page = self.index.page(asked, found)
        rows = [item["row_id"] for item in page["items"]]
        places = {} if search is None else self._searches.places(search, rows)
        for item in page["items"]:
            place = places.get(item["row_id"])
            item["place"] = None if place is None else asdict(place)
            if self.labels is not None and self.labels.blind(item["row_id"]):
                item |= {name: None for name in _VERDICT if name in item}
        return told | page | {"page": asked.page, "size": PAGE, "seconds": round(time.monotonic() - began, 3)}

    def _asked(self, params: Params) -> tuple[Filter, str, str]:
        names = {facet.name for facet in self.index.facets}
        unknown = set(params) - names - set(SAME) - {"q", "in", "sort", "page", "since", "until"}
        if unknown:
            raise ConfigError(f"unknown filter {sorted(unknown)[0][:40]!r}; this run has {', '.join(sorted(names))}")
        text = _one(params, "q", "")
        if len(text) > _TEXT:
            raise ConfigError(f"a search takes at most {_TEXT} characters, found {len(text)}")
        asked = Filter(
            chosen={name: tuple(values) for name, values in params.items() if name in names},
            same={name: _one(params, name, "") for name in SAME if name in params},
            since=_day(params, "since"),
            until=_day(params, "until"),
            sort=_one(params, "sort", "log"),
            page=_number(params, "page", 0) or 0,
        )
        return asked, text, _one(params, "in", "")

    def _conversation(self, row_id: int, params: Params) -> dict[str, Any]:
        start = _number(params, "start", None)
        blind = frozenset[int]() if self.labels is None else self.labels.blind(row_id)
        told: dict[str, Any] = {}
        with self.index.cursor() as cursor:
            if start is None:
                found = reading.conversation(cursor, row_id, blind=blind, released=self._released)
                if found is None:
                    raise NotFoundError(f"the run has no row {row_id}")
                told = found
            messages = reading.messages(cursor, row_id, start or 0, blind=blind)
        sampled = {} if self.labels is None else self.labels.places(row_id)
        for message in messages:
            message["sampled"] = sampled.get(message["position"])
        return told | {"start": start or 0, "shown": messages}

    def _piece(self, row_id: int, position: int, params: Params) -> dict[str, Any]:
        start = _number(params, "start", 0) or 0
        size = _number(params, "size", reading.PIECE) or reading.PIECE
        with self.index.cursor() as cursor:
            text = reading.piece(cursor, row_id, position, start, size)
        if text is None:
            raise NotFoundError("there is no such message")
        return {"start": start, "content": text}

    def _sample(self) -> LabelFile:
        if self.labels is None:
            raise NotFoundError("no sample to label was given; start: chatlog browse RUN --labels FILE")
        return self.labels


@contextmanager
def open_api(
    root: str | Path, *, labels: Path | None = None, as_logged: bool = False, memory: str = "2GB"
) -> Iterator[Api]:
    """A run, opened and indexed.

    Args:
        root: the run folder.
        labels: a file of `chatlog moderation --sample` to label.
        as_logged: whether texts are shown as they were logged, before redaction.
        memory: for DuckDB.

    Raises:
        ConfigError: the folder holds no run, or the labels are not of this run.
        DataError: a file is damaged.
    """
    run, pipeline = pipeline_of(root)
    writers = pipeline.writers()
    writer = INGEST if as_logged else writers["messages"]
    done = finished_shards(run, {writer})
    sample = None if labels is None else LabelFile(labels, judged_run(root))
    with connect(root, memory=memory) as connection:
        origin = "stage_ingest" if as_logged else "conversations"
        connection.execute(f"CREATE VIEW shown AS SELECT row_id, system, messages FROM {origin}")
        index = Index(connection, {*writers, *(["reason"] if pipeline.release else [])})
        possible = {"newest": index.dated, "oldest": index.dated, "score": index.scored}
        about = {
            "run": run.root.resolve().name,
            "pipeline": pipeline.name,
            "rows": index.rows,
            "without_text": index.without_text,
            "writer": writer,
            "redacted": writer == "redact",
            "as_logged": as_logged and writers["messages"] != INGEST,
            "facets": [{"name": one.name, "title": one.title, "missing": one.missing} for one in index.facets],
            "sorts": [name for name in SORTS if possible.get(name, True)],
            "dated": index.dated,
            "roles": ROLES,
            "same": list(SAME),
        }
        searches = Searches({shard: run.part(writer, shard) for shard in done})
        yield Api(index, searches, sample, about, released=pipeline.release is not None)


def _one(params: Params, name: str, missing: str) -> str:
    values = params.get(name) or [missing]
    if len(values) > 1:
        raise ConfigError(f"{name} should be given once")
    return values[0]


def _number(params: Params, name: str, missing: int | None) -> int | None:
    text = _one(params, name, "")
    if not text:
        return missing
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ConfigError(f"{name} should be a number from 0")
    return int(text)


def _day(params: Params, name: str) -> date | None:
    text = _one(params, name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{name} should be a day such as 2025-03-04") from None


def _row(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFoundError("there is nothing here")
    return int(text)
