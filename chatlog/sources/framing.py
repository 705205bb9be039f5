"""Records in a file: lines, elements of a JSON array, one document, or rows of a Parquet table.

Framing is found from the bytes and not from the file's name. Everything here works on byte
positions, so that a large file can be cut into ranges that are read apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import DataError

BLOCK: Final = 8 << 20
"""Bytes read at a time."""

WHOLE: Final = 128 << 20
"""Bytes of a record that are read, unless it is larger: of such a one, only its first megabyte is."""

SPACE: Final = b" \t\r\n"
"""What JSON takes for white space."""

_HEAD: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"

Positions = npt.NDArray[np.int64]


class Raw(NamedTuple):
    """One record as it lies in the file."""

    offset: int  # bytes from the start of the (decompressed) file
    raw: bytes
    left_out: int = 0  # bytes at its end that were not read, since the record is larger than memory should hold

    @property
    def size(self) -> int:
        """Bytes of the record in the file."""
        return len(self.raw) + self.left_out


def framing_of(path: Path) -> str:
    """How records lie in an uncompressed file: `lines`, `array`, `document` or `parquet`."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head[:4] == b"PAR1":
        return "parquet"
    body = head.removeprefix(_MARK).lstrip(SPACE)
    if body[:1] == b"[":
        # A line may itself be an array (a log of pairs); a document's first line is not whole JSON.
        first = body.split(b"\n", 1)
        return "lines" if len(first) > 1 and first[1].strip(SPACE) and _whole(first[0]) else "array"
    lines = [line for line in body.split(b"\n")[:50] if line.strip(SPACE)]
    if len(lines) < 2 or any(_whole(line) for line in lines):
        return "lines"
    if lines[0].rstrip(SPACE) == b"{" or lines[1][:1] in (b" ", b"\t"):
        return "document"
    return "lines"


def _whole(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict | list)
    except orjson.JSONDecodeError:
        return False


def line_spans(blocks: Iterable[bytes], offset: int = 0) -> Iterator[tuple[Positions, Positions]]:
    """Starts and ends of the lines that are not blank, a pair of (n,) int64 arrays a block.

    `offset` is the position of the first byte. An end excludes the newline.
    """
    start = offset  # of the line that is still open
    open_line = b""  # its first bytes, enough to tell whether it is blank so far
    for block in blocks:
        data = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(data == 10).astype(np.int64)
        if not ends.size:
            open_line = (open_line + block).lstrip(SPACE)[:1]
            offset += len(block)
            continue
        starts = np.empty_like(ends)
        starts[0] = start - offset
        starts[1:] = ends[:-1] + 1
        first = data[np.maximum(starts, 0)]
        # Only a line that begins with white space, or is empty, needs a look of its own.
        suspect = np.flatnonzero((first == 32) | (first == 9) | (first == 13) | (first == 10))
        keep = np.ones(ends.size, dtype=bool)
        for index in suspect:
            lead = open_line if index == 0 else b""
            keep[index] = bool((lead + block[max(int(starts[index]), 0) : int(ends[index])]).strip(SPACE))
        if open_line:
            keep[0] = True
        yield starts[keep] + offset, ends[keep] + offset
        start = offset + int(ends[-1]) + 1
        open_line = block[int(ends[-1]) + 1 :].lstrip(SPACE)[:1]
        offset += len(block)
    if open_line:
        yield np.array([start], dtype=np.int64), np.array([offset], dtype=np.int64)


class _ArrayScanner:
    """Finds the elements of one JSON array in a stream of blocks, without parsing them.

    It starts inside of the array and never leaves it: a bracket that closes more than was opened
    ends an element. So what it finds after an element depends on nothing before that, and a file
    that is no JSON is cut in the same way however it is read.
    """

    def __init__(self, offset: int) -> None:
        self.depth = 1
        self.offset = offset
        self.in_string = False
        self.backslashes = 0  # that end the last block
        self.start = offset

    def feed(self, block: bytes) -> tuple[Positions, Positions]:
        data = np.frombuffer(block, dtype=np.uint8)
        quotes = self._real_quotes(data)
        marks = np.flatnonzero((data == 44) | (data == 91) | (data == 93) | (data == 123) | (data == 125))
        inside = (np.searchsorted(quotes, marks) + self.in_string) & 1
        marks = marks[inside == 0]
        kind = data[marks]
        step = np.where((kind == 91) | (kind == 123), 1, np.where(kind == 44, 0, -1))
        level = np.cumsum(step) + self.depth
        lowest = np.minimum.accumulate(np.minimum(level, 1))
        depth = level + 1 - lowest  # one at least, whatever is closed
        before = np.concatenate(([self.depth], depth[:-1]))
        ends = marks[(depth == 1) & ((step == 0) | ((step == -1) & (before == 1)))].astype(np.int64) + self.offset
        starts = np.concatenate(([self.start], ends[:-1] + 1)) if ends.size else ends
        if ends.size:
            self.start = int(ends[-1]) + 1
        if depth.size:
            self.depth = int(depth[-1])
        self.in_string = bool((quotes.size + self.in_string) & 1)
        self.offset += len(block)
        return starts, ends

    def _real_quotes(self, data: npt.NDArray[np.uint8]) -> Positions:
        """Positions of the quotes that an odd run of backslashes does not escape."""
        slash = data == 92
        index = np.arange(data.size, dtype=np.int64)
        last_other = np.maximum.accumulate(np.where(slash, -1 - self.backslashes, index))
        quotes = np.flatnonzero(data == 34).astype(np.int64)
        before = np.where(quotes > 0, last_other[np.maximum(quotes - 1, 0)], -1 - self.backslashes)
        run = quotes - 1 - before
        if data.size:
            self.backslashes = int(index[-1] - last_other[-1])
        real: Positions = quotes[(run & 1) == 0]
        return real


def array_spans(blocks: Iterable[bytes], offset: int = 0) -> Iterator[tuple[Positions, Positions]]:
    """Starts and ends of the elements of a JSON array, a pair of (n,) int64 arrays a block.

    The first byte, at `offset`, lies inside of the array already. What follows the last whole
    element (a file cut off, text after the array) comes as one more span. White space around an
    element belongs to its span; a span may be blank.
    """
    scanner = _ArrayScanner(offset)
    for block in blocks:
        yield scanner.feed(block)
    if scanner.start < scanner.offset:
        yield np.array([scanner.start], dtype=np.int64), np.array([scanner.offset], dtype=np.int64)


def start_of(path: Path, framing: str) -> int:
    """The position of the first record: after the byte order mark, and after the bracket that opens an array."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    return head.index(b"[") + 1 if framing == "array" else len(_MARK) if head.startswith(_MARK) else 0


def blocks_of(stream: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """The stream's bytes in blocks, up to `length` of them."""
    left = length
    while left is None or left > 0:
        block = stream.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def raw_records(path: Path, framing: str, start: int, end: int, whole: int = WHOLE) -> Iterator[Raw]:
    """The records of a byte range of an uncompressed file, blank ones left out.

    A record of more than `whole` bytes comes with its first megabyte alone.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as spans_in, path.open("rb") as stream:
            spans_in.seek(start)
            blocks = blocks_of(spans_in, end - start)
            if framing == "document":
                yield from _large(stream, start, min(end, path.stat().st_size), whole)
                return
            spans = line_spans(blocks, start) if framing == "lines" else array_spans(blocks, start)
            for starts, ends in spans:
                # Only the first span of a block may have begun in a block before it.
                at = int(starts.size > 0 and ends[0] - starts[0] > BLOCK)
                if at:
                    yield from _large(stream, int(starts[0]), int(ends[0]), whole)
                if at == starts.size:
                    continue
                first = int(starts[at])
                stream.seek(first)
                window = stream.read(int(ends[-1]) - first)
                for begin, stop in zip(starts[at:].tolist(), ends[at:].tolist(), strict=True):
                    raw = window[begin - first : stop - first].strip(SPACE)
                    if raw:
                        yield Raw(begin, raw)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _large(stream: BinaryIO, begin: int, end: int, whole: int) -> Iterator[Raw]:
    """The record of a span that may be larger than memory should hold; none where the span is blank."""
    begin = after_space(stream, begin, end)
    if begin == end:
        return
    size = end - begin
    stream.seek(begin)
    raw = stream.read(size if size <= whole else _HEAD)
    yield Raw(begin, raw.rstrip(SPACE) if size <= whole else raw, max(size - len(raw), 0))


def after_space(stream: BinaryIO, begin: int, end: int) -> int:
    """The first position of a range that holds no white space, `end` where all of it is blank."""
    stream.seek(begin)
    step = 64
    while begin < end:
        block = stream.read(min(step, end - begin))
        step = min(8 * step, BLOCK)
        if not block:
            return end
        if filled := block.lstrip(SPACE):
            return begin + len(block) - len(filled)
        begin += len(block)
    return end
