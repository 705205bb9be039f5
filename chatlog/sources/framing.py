"""Records in a file: lines, elements of a JSON array, one document, or rows of a Parquet table.

Framing is found from the bytes and not from the file's name. Everything here works on byte
positions, so that a large file can be cut into ranges that are read apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import DataError
from chatlog.sources.record import Reject

BLOCK: Final = 8 << 20
"""Bytes read at a time."""

_SPACE: Final = b" \t\r\n"
_HEAD: Final = 1 << 20
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Positions = npt.NDArray[np.int64]


class Raw(NamedTuple):
    """One record as it lies in the file."""

    offset: int  # bytes from the start of the (decompressed) file
    raw: bytes


def framing_of(path: Path) -> str:
    """How records lie in an uncompressed file: `lines`, `array`, `document` or `parquet`."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head[:4] == b"PAR1":
        return "parquet"
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
    if body[:1] == b"[":
        # A line may itself be an array (a log of pairs); a document's first line is not whole JSON.
        first = body.split(b"\n", 1)
        return "lines" if len(first) > 1 and first[1].strip(_SPACE) and _whole(first[0]) else "array"
    lines = [line for line in body.split(b"\n")[:50] if line.strip(_SPACE)]
    if len(lines) < 2 or any(_whole(line) for line in lines):
        return "lines"
    if lines[0].rstrip(_SPACE) == b"{" or lines[1][:1] in (b" ", b"\t"):
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
            open_line = (open_line + block).lstrip(_SPACE)[:1]
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
            keep[index] = bool((lead + block[max(int(starts[index]), 0) : int(ends[index])]).strip(_SPACE))
        if open_line:
            keep[0] = True
        yield starts[keep] + offset, ends[keep] + offset
        start = offset + int(ends[-1]) + 1
        open_line = block[int(ends[-1]) + 1 :].lstrip(_SPACE)[:1]
        offset += len(block)
    if open_line:
        yield np.array([start], dtype=np.int64), np.array([offset], dtype=np.int64)


class _ArrayScanner:
    """Finds the elements of one JSON array in a stream of blocks, without parsing them."""

    def __init__(self, depth: int, offset: int) -> None:
        self.depth = depth
        self.offset = offset
        self.in_string = False
        self.backslashes = 0  # that end the last block
        self.start = offset if depth else -1

    def feed(self, block: bytes) -> tuple[Positions, Positions]:
        data = np.frombuffer(block, dtype=np.uint8)
        quotes = self._real_quotes(data)
        marks = np.flatnonzero((data == 44) | (data == 91) | (data == 93) | (data == 123) | (data == 125))
        inside = (np.searchsorted(quotes, marks) + self.in_string) & 1
        marks = marks[inside == 0]
        kind = data[marks]
        step = np.where((kind == 91) | (kind == 123), 1, np.where(kind == 44, 0, -1))
        depth = np.cumsum(step) + self.depth
        opens = np.flatnonzero((depth == 1) & (step == 1))
        cuts = np.flatnonzero(((depth == 1) & (step == 0)) | ((depth == 0) & (step == -1)))
        starts, ends = [], []
        begin = self.start
        if begin < 0 and opens.size:
            begin = self.offset + int(marks[opens[0]]) + 1
        for cut in cuts:
            end = self.offset + int(marks[cut])
            if begin >= 0:
                starts.append(begin)
                ends.append(end)
            begin = end + 1
        self.start = begin
        if depth.size:
            self.depth = int(depth[-1])
        self.in_string = bool((quotes.size + self.in_string) & 1)
        self.offset += len(block)
        return np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)

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


def array_spans(blocks: Iterable[bytes], *, depth: int = 0, offset: int = 0) -> Iterator[tuple[Positions, Positions]]:
    """Starts and ends of the elements of a JSON array, a pair of (n,) int64 arrays a block.

    With `depth=1` the first byte lies inside the array already. What follows the last whole
    element (a file cut off, text after the array) comes as one more span. White space around an
    element belongs to its span; a span may be blank.
    """
    scanner = _ArrayScanner(depth, offset)
    for block in blocks:
        yield scanner.feed(block)
    if 0 <= scanner.start < scanner.offset:
        yield np.array([scanner.start], dtype=np.int64), np.array([scanner.offset], dtype=np.int64)


def array_start(path: Path) -> int:
    """The position after the bracket that opens a file's JSON array."""
    with path.open("rb") as stream:
        return stream.read(_HEAD).index(b"[") + 1


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


def raw_records(path: Path, framing: str, start: int, end: int) -> Iterator[Raw]:
    """The records of a byte range of an uncompressed file, blank ones left out.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as spans_in, path.open("rb") as stream:
            spans_in.seek(start)
            blocks = blocks_of(spans_in, end - start)
            if framing == "document":
                yield Raw(start, b"".join(blocks))
                return
            spans = line_spans(blocks, start) if framing == "lines" else array_spans(blocks, depth=1, offset=start)
            for starts, ends in spans:
                if not starts.size:
                    continue
                first = int(starts[0])
                stream.seek(first)
                window = stream.read(int(ends[-1]) - first)
                for begin, stop in zip(starts.tolist(), ends.tolist(), strict=True):
                    raw = window[begin - first : stop - first].strip(_SPACE)
                    if raw:
                        yield Raw(begin, raw)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def decode(raw: bytes) -> Any:
    """The JSON value of a record's bytes.

    NaN and the infinities become their names as text, lone surrogates U+FFFD: both are common in
    logs that Python wrote, and neither can be stored.

    Raises:
        Reject: not_json, truncated_json, invalid_utf8 or too_deep.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _decode_slowly(raw.removeprefix(b"\xef\xbb\xbf"))


def _decode_slowly(raw: bytes) -> Any:
    import json

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Reject("invalid_utf8", f"byte {error.start} of the record is not UTF-8") from None
    if _deeper_than(raw, 1000):
        raise Reject("too_deep", "arrays and objects nest deeper than 1,000 levels")
    try:
        value = json.loads(text, parse_constant=str, strict=False)
    except json.JSONDecodeError as error:
        whole = error.pos < len(text.rstrip()) and "Unterminated" not in error.msg
        raise Reject("not_json" if whole else "truncated_json", f"JSON breaks off at character {error.pos}") from None
    except (ValueError, RecursionError) as error:
        raise Reject("not_json", f"JSON cannot be read: {type(error).__name__}") from None
    return orjson.loads(_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))


def _deeper_than(raw: bytes, limit: int) -> bool:
    data = np.frombuffer(raw, dtype=np.uint8)
    up = ((data == 91) | (data == 123)).astype(np.int8)
    down = ((data == 93) | (data == 125)).astype(np.int8)
    return bool(np.cumsum(up - down, dtype=np.int64).max(initial=0) > limit)
