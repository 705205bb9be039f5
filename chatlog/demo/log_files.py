"""Files of raw logs as services leave them: rotated, with a broken line here and there, beside their truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.demo.dice import Dice

Truth = dict[str, Any]
"""One row of the truth, without the file and the record's number, which are known once it is written."""

BREAKAGES: Final = ("truncated_json", "not_json", "no_messages", "messages_wrong_type", "invalid_utf8")
"""What can be wrong with a line."""

_BLANKS: Final = 0.3  # blank lines for each broken one
_BATCH: Final = 2_000  # rows of a Parquet row group


class TruthFile:
    """Writes ``truth.jsonl`` and counts as it goes."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb", buffering=1 << 20)
        self.rows: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.pii: Counter[str] = Counter()

    def row(self, file: str, record: int, truth: Truth) -> None:
        """Tell of one conversation row."""
        truth["file"] = file
        truth["record"] = record
        self._stream.write(orjson.dumps(truth, option=orjson.OPT_APPEND_NEWLINE))
        self.rows[file] += 1
        self.kinds[truth["kind"] or "original"] += 1
        self.languages[truth["language"]] += 1
        for span in truth["pii"]:
            self.pii[span["type"]] += 1

    def broken_record(self, file: str, record: int, breakage: str) -> None:
        """Tell of a record that holds no conversation."""
        truth = {"broken": True, "breakage": breakage, "conversation_id": None, "file": file, "record": record}
        self._stream.write(orjson.dumps(truth, option=orjson.OPT_APPEND_NEWLINE))
        self.broken[file] += 1

    def close(self) -> None:
        """Flush and close."""
        self._stream.close()


def broken_line(dice: Dice, line: bytes, breakage: str) -> bytes:
    """A line that no conversation can be read from, made after a good one."""
    if breakage == "truncated_json":
        return line[: 20 + dice.below(max(len(line) - 40, 1))]
    if breakage == "not_json":
        return dice.pick((b"Traceback (most recent call last):", b"-- log rotated --", b"502 Bad Gateway"))
    if breakage == "no_messages":
        return b'{"tstamp":%d,"type":"chat","model":"larch-13b"}' % dice.below(1 << 30)
    if breakage == "messages_wrong_type":
        number = dice.below(1 << 30)
        return b'{"tstamp":%d,"type":"chat","messages":7,"state":{"messages":"USER: hi"}}' % number
    return line.replace(b'"model":"', b'"model":"\xff\xfe', 1).replace(b'"messages":[', b'"messages":["\xc3\x28",', 1)


class LogFile:
    """A series of files of one format; a new one begins after ``limit`` records."""

    def __init__(self, out: Path, pattern: str, limit: int, truth: TruthFile, dice: Dice, broken: float) -> None:
        self._out, self._pattern, self._limit = out, pattern, limit
        self._truth, self._dice, self._broken = truth, dice, broken
        self._stream: BinaryIO | None = None
        self.name, self.record, self.blank_lines = "", 0, 0
        self.paths: list[Path] = []

    def _begin(self, name: str) -> BinaryIO:
        self.close()
        self.name, self.record = name, 0
        self.paths.append(self._out / name)
        self._stream = self.paths[-1].open("wb", buffering=1 << 20)
        return self._stream

    def _next_stream(self, name: str | None) -> BinaryIO:
        if name is not None and name != self.name:
            return self._begin(name)
        if self._stream is None or (name is None and self.record >= self._limit):
            return self._begin(name or self._pattern.format(len(self.paths)))
        return self._stream

    def write(self, line: bytes, rows: Sequence[Truth], name: str | None = None) -> None:
        """Write one record and its truth, and now and then a broken line after it.

        Args:
            line: the record's bytes.
            rows: one row of truth for each conversation in it.
            name: the file it goes to, where the format has files of its own naming.
        """
        stream = self._next_stream(name)
        self._put(stream, line)
        for row in rows:
            self._truth.row(self.name, self.record, row)
        self.record += 1
        if self._dice.chance(self._broken):
            breakage = self._dice.pick(BREAKAGES)
            self._put_broken(stream, line, breakage)
            self._truth.broken_record(self.name, self.record, breakage)
            self.record += 1

    def _put(self, stream: BinaryIO, line: bytes) -> None:
        stream.write(line + b"\n")

    def _put_broken(self, stream: BinaryIO, line: bytes, breakage: str) -> None:
        self._put(stream, broken_line(self._dice, line, breakage))
        if self._dice.chance(_BLANKS):
            stream.write(b"\n")
            self.blank_lines += 1

    def close(self) -> None:
        """Finish the file that is open."""
        if self._stream is not None:
            self._finish(self._stream)
            self._stream.close()
            self._stream = None

    def _finish(self, stream: BinaryIO) -> None:
        pass


class ArrayFile(LogFile):
    """Files that hold one JSON array each; entries may be of the wrong type, the JSON never breaks."""

    def _put(self, stream: BinaryIO, line: bytes) -> None:
        stream.write((b",\n" if stream.tell() else b"[\n") + line)

    def _put_broken(self, stream: BinaryIO, line: bytes, breakage: str) -> None:
        wrong = {
            "truncated_json": b"null",
            "not_json": b'"a stray string"',
            "no_messages": b'{"id":"0badc0d_0"}',
            "messages_wrong_type": b'{"id":"0badc0e_0","conversations":17}',
            "invalid_utf8": b"42",
        }
        self._put(stream, wrong[breakage])

    def _finish(self, stream: BinaryIO) -> None:
        stream.write(b"\n]\n")


class ParquetFile:
    """A series of Parquet files; a broken record is a row without a conversation."""

    def __init__(
        self, out: Path, pattern: str, limit: int, truth: TruthFile, dice: Dice, broken: float, schema: pa.Schema
    ) -> None:
        self._out, self._pattern, self._limit, self._schema = out, pattern, limit, schema
        self._truth, self._dice, self._broken = truth, dice, broken
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self.name, self.record, self.blank_lines = "", 0, 0
        self.paths: list[Path] = []

    def write(self, row: dict[str, Any], truth: Truth) -> None:
        """Write one row and its truth, and now and then a row without a conversation after it."""
        if self._writer is None or self.record >= self._limit:
            self.close()
            self.name, self.record = self._pattern.format(len(self.paths)), 0
            self.paths.append(self._out / self.name)
            self._writer = pq.ParquetWriter(self.paths[-1], self._schema, compression="zstd")
        self._rows.append(row)
        self._truth.row(self.name, self.record, truth)
        self.record += 1
        if self._dice.chance(self._broken):
            self._rows.append({**row, "conversation": None})
            self._truth.broken_record(self.name, self.record, "no_messages")
            self.record += 1
        if len(self._rows) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows and self._writer is not None:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []

    def close(self) -> None:
        """Finish the file that is open."""
        if self._writer is not None:
            self._flush()
            self._writer.close()
            self._writer = None
