"""A sample of messages under people's eyes: read, labelled one by one, and written back as a file of labels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from chatlog.engine.store import write_atomically
from chatlog.errors import ConfigError, DataError
from chatlog.moderation.files import private
from chatlog.moderation.labels import read_label
from chatlog.moderation.reading import JudgedRun
from chatlog.moderation.sample import shard_digest

SHOWN: Final = 50_000
"""Code points of a message that a labelling page gets; the conversation's own page has the rest."""

CONTEXT: Final = 4_000
"""Code points of each message before it."""


@dataclass(frozen=True)
class Line:
    """One line of the file: where it stands, its message, and its label (None: none yet)."""

    start: int
    size: int
    id: str
    row_id: int
    position: int
    label: bool | None


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
        self._lines: list[Line] = []
        self._seen: tuple[int, int, int] | None = None
        self._refresh()

    def counts(self) -> dict[str, int]:
        """Messages, those labelled, and those labelled true."""
        with self._lock:
            self._refresh()
            labels = [line.label for line in self._lines]
            return {
                "messages": len(labels),
                "labelled": sum(label is not None for label in labels),
                "flagged": sum(label is True for label in labels),
            }

    def blind(self, row_id: int) -> frozenset[int]:
        """Positions of a conversation's messages that are in the sample and have no label yet."""
        with self._lock:
            return frozenset(line.position for line in self._lines if line.row_id == row_id and line.label is None)

    def places(self, row_id: int) -> dict[int, int]:
        """Positions of a conversation's messages that are in the sample, with their place in the file, from 0."""
        with self._lock:
            return {line.position: place for place, line in enumerate(self._lines) if line.row_id == row_id}

    def item(self, place: int | None) -> dict[str, Any]:
        """A message to label, with what came before it; without a place, the first that has no label, or the first.

        Raises:
            ConfigError: there is no such place.
            DataError: the file cannot be read.
        """
        with self._lock:
            self._refresh()
            free = [index for index, line in enumerate(self._lines) if line.label is None]
            if place is None:
                place = free[0] if free else 0
            if not 0 <= place < len(self._lines):
                raise ConfigError(f"the sample has {len(self._lines)} messages; there is no number {place + 1}")
            line = self._lines[place]
            with self.path.open("rb") as stream:
                stream.seek(line.start)
                told = orjson.loads(stream.read(line.size))
            after = next(
                (index for index in free if index > place), next((index for index in free if index != place), None)
            )
        return {
            "place": place,
            "next": after,
            "id": line.id,
            "row_id": line.row_id,
            "position": line.position,
            "label": line.label,
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
            place = next((index for index, line in enumerate(self._lines) if line.id == id), None)
            if place is None:
                raise ConfigError("the sample holds no such message; load the page again")
            line = self._lines[place]
            if line.label != label:
                self._rewrite(line, label)
            free = [index for index, line in enumerate(self._lines) if line.label is None]
            after = next((index for index in free if index > place), next(iter(free), None))
            return {"place": place, "label": label, "next": after, "counts": self.counts()}

    def _rewrite(self, line: Line, label: bool | None) -> None:
        with self.path.open("rb") as before:
            before.seek(line.start)
            told = orjson.loads(before.read(line.size))
            made = orjson.dumps(told | {"label": label})
            before.seek(0)

            def write(stream: BinaryIO) -> None:
                _copy(before, stream, line.start)
                stream.write(made)
                before.seek(line.start + line.size)
                _copy(before, stream, None)

            with private():
                write_atomically(self.path, write)
        grown = len(made) - line.size
        self._lines = [
            replace(one, label=label, size=len(made))
            if one is line
            else replace(one, start=one.start + grown)
            if one.start > line.start
            else one
            for one in self._lines
        ]
        self._seen = self._stat()

    def _refresh(self) -> None:
        """Reads the file's lines again when it has changed."""
        now = self._stat()
        if now != self._seen:
            self._lines = list(self._read())
            self._seen = now

    def _stat(self) -> tuple[int, int, int]:
        try:
            told = self.path.stat()
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        return told.st_ino, told.st_size, told.st_mtime_ns

    def _read(self) -> Iterator[Line]:
        seen: set[str] = set()
        start = 0
        try:
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    body = line.rstrip(b"\r\n")
                    if body.strip():
                        where = f"{self.path}, line {number}"
                        id_, label = read_label(body, where)
                        if id_ in seen:
                            raise DataError(f"{where}: the id stands twice; give one label a message")
                        seen.add(id_)
                        row_id, position = self._row(id_, where)
                        yield Line(start, len(body), id_, row_id, position, None if label is None else label.flagged)
                    start += len(line)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        if not seen:
            raise ConfigError(
                f"{self.path} holds no messages; draw a sample: chatlog moderation RUN --sample 500 --out FILE"
            )

    def _row(self, id_: str, where: str) -> tuple[int, int]:
        parts = id_.split("-")
        if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal() and len(parts[1]) < 19:
            row_id = int(parts[1])
            if self._digests.get(row_id >> 32) == parts[0]:
                return row_id, int(parts[2])
        raise ConfigError(f"{where}: the message is not of this run; give the sample that was drawn from it")


def _copy(source: BinaryIO, target: BinaryIO, size: int | None) -> None:
    """Copies so many bytes, or all that are left."""
    while size is None or size > 0:
        data = source.read(1 << 20 if size is None else min(size, 1 << 20))
        if not data:
            return
        target.write(data)
        size = None if size is None else size - len(data)


def _turn(turn: Any) -> dict[str, Any]:
    told = turn if isinstance(turn, dict) else {}
    text = told.get("content")
    length = len(text) if isinstance(text, str) else 0
    return {"role": _text(told.get("role"), 100), "content": _text(text, CONTEXT), "length": length}


def _text(value: Any, most: int) -> str | None:
    return value[:most] if isinstance(value, str) else None
