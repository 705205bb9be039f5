"""Compressed files and zip archives: what they hold, written out within bounds.

Nothing is ever written under a name that an archive tells. What of a file cannot be unpacked is
told, and what stands before it is kept.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa

from chatlog.errors import DataError
from chatlog.sources.paths import is_log

ROOM: Final = 1 << 30
"""Bytes that unpacking leaves free on the disk, since others write to it too."""

_SMALL: Final = 64 << 20
"""Bytes that may be unpacked without looking at the disk: it is not this that fills it."""

_BLOCK: Final = 1 << 20
_STEP: Final = 1 << 10
_DIRECTORY: Final = 64 << 20
"""Bytes of an archive's table of contents at most, which is some 500,000 files."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
"""LZMA is left out: a few bytes of it can ask for gigabytes of memory."""

_BROKEN: Final = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, pa.ArrowException)

Open = Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Member:
    """One file in a zip archive.

    Attributes:
        name: safe to print, and told by no other member of the archive.
        index: its place in the table of contents, which is what it is read by.
        size: bytes when unpacked, by the table's account; no more are ever read.
        skip: why it is no log; empty when it is one.
        fault: why it cannot be read; empty when it can.
    """

    name: str
    index: int
    size: int
    skip: str = ""
    fault: str = ""


def compression_of(path: Path) -> str | None:
    """`gzip`, `zstd`, `zip` or None, from the file's first bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return {b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}.get(magic)


def members(path: Path, limit: int) -> list[Member]:
    """The files in a zip archive in the order of its table of contents, folders left out.

    Args:
        path: the archive.
        limit: bytes that its files may have together when unpacked; those past it are faults.

    Raises:
        DataError: it is no whole archive, or made to fill the disk.
    """
    try:
        if _directory_size(path) > _DIRECTORY:
            raise DataError(f"{path}: its table of contents is larger than {_DIRECTORY >> 20} MiB")
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except _BROKEN as error:
        raise DataError(f"cannot read the archive {path}: it is damaged or cut off") from error
    _refuse_overlaps(path, infos)
    names: dict[str, int] = {}
    found: list[Member] = []
    total = 0
    for index, info in enumerate(infos):
        if info.is_dir():
            continue
        name = _printable(info.filename)
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            name = f"{name}#{names[name]}"
        skip, fault = _skip(info), ""
        if not skip:
            total += info.file_size
            fault = _fault(info)
            if not fault and total > limit:
                fault = f"the archive unpacks to more than {limit} bytes; the limit is ingest.max_unpacked_bytes"
        found.append(Member(name, index, info.file_size, skip, fault))
    return found


def _skip(info: zipfile.ZipInfo) -> str:
    name = info.filename.replace("\\", "/").rsplit("/", 1)[-1]
    if "__MACOSX/" in info.filename or not is_log(name):
        return "no log by its name"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    return "an archive in an archive" if name.lower().endswith(".zip") else ""


def _fault(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 0x1:
        return "it is encrypted; unpack the archive and name the files"
    return (
        "" if info.compress_type in _METHODS else f"it is compressed by method {info.compress_type}, which is not read"
    )


def _refuse_overlaps(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise DataError(f"{path}: files in it lie in one another, as in archives that are made to fill a disk")
        end = info.header_offset + 30 + info.compress_size


def _directory_size(path: Path) -> int:
    """Bytes of the table of contents, by the record at the archive's end."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - (22 + 65_535 + 76)))
        tail = stream.read()
    wide = tail.rfind(b"PK\x06\x06")
    if wide >= 0 and len(tail) >= wide + 48:
        return int(struct.unpack_from("<Q", tail, wide + 40)[0])
    at = tail.rfind(b"PK\x05\x06")
    return int(struct.unpack_from("<L", tail, at + 12)[0]) if at >= 0 and len(tail) >= at + 16 else 0


def _printable(name: str) -> str:
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= 200 else f"{text[:100]}…{text[-99:]}"


def unpack(path: Path, member: int, flat: Path, limit: int) -> str:
    """Writes what a compressed file, or one member of an archive, holds to `flat`; why not all of it, or "".

    Args:
        path: the file or the archive.
        member: index of the member; ignored for gzip and zstd.
        flat: where the bytes go, up to the place where the file is damaged or the limit is reached.
        limit: bytes to unpack at most.

    Raises:
        DataError: the disk is full, or will soon be.
    """
    kind = compression_of(path)

    @contextmanager
    def member_stream() -> Iterator[Any]:
        with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[member]) as opened:
            yield opened

    def stream() -> Any:
        return pa.input_stream(str(path), compression=kind)

    partial = flat.with_name(f"{flat.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as out:
            fault = _pour(member_stream if kind == "zip" else stream, Roomy(out, flat.parent), limit)
        partial.replace(flat)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(f"cannot unpack {path} into {flat.parent}: {error.strerror}") from error
        raise
    return fault


class Roomy:
    """A file that takes no byte when the disk is nearly full."""

    def __init__(self, out: BinaryIO, folder: Path) -> None:
        self.out = out
        self.folder = folder
        self.written = 0

    def write(self, block: bytes) -> None:
        """Writes a block.

        Raises:
            DataError: the disk would have less than ROOM left.
        """
        self.written += len(block)
        if self.written > _SMALL and shutil.disk_usage(self.folder).free < ROOM + len(block):
            raise DataError(
                f"the disk of {self.folder} is nearly full: {self.written >> 20} MiB of one file were unpacked, and "
                f"less than {ROOM >> 20} MiB are left. Make room, or lower ingest.max_unpacked_bytes"
            )
        self.out.write(block)


def _pour(opened: Open, out: Roomy, limit: int) -> str:
    block = b""
    done = 0
    try:
        with opened() as stream:
            while block := stream.read(_BLOCK):
                if done + len(block) > limit:
                    out.write(block[: limit - done])
                    return f"it unpacks to more than {limit} bytes; the limit is ingest.max_unpacked_bytes"
                out.write(block)
                done += len(block)
        return ""
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk is full, or the file is gone: no fault of its bytes
    for step in (_STEP, 1):  # a read that fails gives nothing, so the last bytes are asked for one by one
        done += _salvage(opened, done, step, out, limit - done)
    return f"it is damaged or cut off: {done} bytes could be unpacked"


def _salvage(opened: Open, done: int, step: int, out: Roomy, left: int) -> int:
    """Writes what can be read between `done` and the place where the stream breaks; how many bytes."""
    saved = 0
    try:
        with opened() as stream:
            while done > 0:
                done -= len(stream.read(min(done, _BLOCK)))
            while saved < left and (piece := stream.read(min(step, left - saved))):
                out.write(piece)
                saved += len(piece)
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
    return saved
