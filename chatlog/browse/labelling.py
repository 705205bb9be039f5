"""A sample of messages under people's eyes: read, labelled one by one, and written back as a file of labels."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from chatlog.errors import ConfigError, DataError
from chatlog.moderation.files import write_private
from chatlog.moderation.labels import Line, read_lines
from chatlog.moderation.reading import JudgedRun
from chatlog.moderation.sample import parts_of, shard_digest

SHOWN: Final = 50_000
"""Code points of a message that a labelling page gets; the conversation's own page has the rest."""

CONTEXT: Final = 4_000
"""Code points of each message before it."""


@dataclass(frozen=True)
class Asked:
    """One message of the file: the line that it stands on, and its place in the run."""

    line: Line
    row_id: int
    position: int

    @property
    def label(self) -> bool | None:
        """Whether it should be flagged; None where nobody has said so yet."""
        return None if self.line.label is None else self.line.label.flagged


class LabelFile:
    """A file of `chatlog moderation --sample`; a label given is on disk when `mark` returns.

    What an editor changes in the file meanwhile is seen: it is read again when it is not as it was.

    Raises:
        ConfigError: there is no such file, or it holds no messages of this run.
        DataError: it cannot be read, or a line is damaged.
    """

    def __init__(self, path: Path, judged: JudgedRun) -> None:
        if not path.is_file():
            raise ConfigError(
                f"there is no file {path}; draw a sample into it with --sample N, or: "
                f"chatlog moderation {judged.run.root} --sample 500 --out {path}"
            )
        self.path = path.resolve()
        self._digests = {shard: shard_digest(judged, shard) for shard in judged.shards}
        self._lock = threading.RLock()
        self._asked: list[Asked] = []
        self._seen: tuple[int, int, int] | None = None
        self._refresh()

    def counts(self) -> dict[str, int]:
        """Messages, those labelled, and those labelled true."""
        with self._lock:
            self._refresh()
            labels = [one.label for one in self._asked]
            return {
                "messages": len(labels),
                "labelled": sum(label is not None for label in labels),
                "flagged": sum(label is True for label in labels),
            }

    def blind(self, row_id: int) -> frozenset[int]:
        """Positions of a conversation's messages that are in the sample and have no label yet."""
        with self._lock:
            return frozenset(one.position for one in self._asked if one.row_id == row_id and one.label is None)

    def places(self, row_id: int) -> dict[int, int]:
        """Positions of a conversation's messages that are in the sample, with their place in the file, from 0."""
        with self._lock:
            return {one.position: place for place, one in enumerate(self._asked) if one.row_id == row_id}

    def item(self, place: int | None) -> dict[str, Any]:
        """A message to label, with what came before it; without a place, the first that has no label, or the first.

        Raises:
            ConfigError: there is no such place.
            DataError: the file cannot be read.
        """
        with self._lock:
            self._refresh()
            if place is None:
                place = self._next(-1) or 0
            if not 0 <= place < len(self._asked):
                raise ConfigError(f"the sample has {len(self._asked)} messages; there is no number {place + 1}")
            one = self._asked[place]
            with self.path.open("rb") as stream:
                stream.seek(one.line.start)
                told = orjson.loads(stream.read(one.line.size))
            return {
                "place": place,
                "next": self._next(place),
                "id": one.line.id,
                "row_id": one.row_id,
                "position": one.position,
                "label": one.label,
                "role": _text(told.get("role"), 100),
                "language": _text(told.get("language"), 100),
                "message": _text(told.get("message"), SHOWN),
                "length": len(told.get("message") or ""),
                "context": [_turn(turn) for turn in told.get("context") or ()],
                "counts": self.counts(),
            }

    def mark(self, id: str, label: bool | None) -> dict[str, Any]:
        """Gives a message a label, or takes it away; returns the counts and the place of the next one without.

        Raises:
            ConfigError: the sample holds no such message.
            DataError: the file cannot be written; it is as it was.
        """
        with self._lock:
            self._refresh()
            place = next((index for index, one in enumerate(self._asked) if one.line.id == id), None)
            if place is None:
                raise ConfigError("the sample holds no such message; load the page again")
            if self._asked[place].label != label:
                self._rewrite(self._asked[place].line, label)
            return {"place": place, "label": label, "next": self._next(place), "counts": self.counts()}

    def _next(self, place: int) -> int | None:
        """The place of the first message without a label after this one, or else before it."""
        free = [index for index, one in enumerate(self._asked) if one.label is None and index != place]
        return next((index for index in free if index > place), next(iter(free), None))

    def _rewrite(self, line: Line, label: bool | None) -> None:
        data = self.path.read_bytes()
        end = line.start + line.size
        told = orjson.loads(data[line.start : end])
        write_private(self.path, data[: line.start] + orjson.dumps(told | {"label": label}) + data[end:])
        self._refresh()

    def _refresh(self) -> None:
        """Reads the file's lines again when it has changed."""
        now = self._stat()
        if now != self._seen:
            asked = [self._of_run(line) for line in read_lines(self.path)]
            if not asked:
                raise ConfigError(
                    f"{self.path} holds no messages; draw a sample: chatlog moderation RUN --sample 500 --out FILE"
                )
            self._asked, self._seen = asked, now

    def _stat(self) -> tuple[int, int, int]:
        try:
            told = self.path.stat()
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        return told.st_ino, told.st_size, told.st_mtime_ns

    def _of_run(self, line: Line) -> Asked:
        parts = parts_of(line.id)
        if parts is None or self._digests.get(parts[1] >> 32) != parts[0]:
            where = f"{self.path}, line {line.number}"
            raise ConfigError(f"{where}: the message is not of this run; give the sample that was drawn from it")
        return Asked(line, *parts[1:])


def _turn(turn: Any) -> dict[str, Any]:
    told = turn if isinstance(turn, dict) else {}
    text = told.get("content")
    length = len(text) if isinstance(text, str) else 0
    return {"role": _text(told.get("role"), 100), "content": _text(text, CONTEXT), "length": length}


def _text(value: Any, most: int) -> str | None:
    return value[:most] if isinstance(value, str) else None
