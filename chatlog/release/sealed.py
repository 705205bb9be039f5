"""A release that passed `verify` and does not change while it is sent; what a push is, wherever it goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatlog.errors import DataError, ReleaseRefused
from chatlog.release.checksums import CHECKSUMS, files_of, read_checksums
from chatlog.release.provenance import PROVENANCE
from chatlog.release.verify import verify

State = Literal["new", "changed", "copied", "unchanged", "not compared", "deleted", "kept"]
"""What becomes of a file there. `copied`: by the store itself, from its latest release. `kept`: it is none of this
release's, and nobody asked to delete it."""

Tell = Callable[[str], None]
"""Takes one line about the progress of a push."""


@dataclass(frozen=True)
class File:
    """One file of a release.

    Attributes:
        name: relative to the folder, with `/`.
        path: where it lies.
        size: bytes.
        sha256: its checksum as SHA256SUMS tells it (that of SHA256SUMS itself, as it was read).
    """

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class Item:
    """What a push does, or would do, with one file.

    Attributes:
        name: relative to the release.
        size: bytes.
        state: what becomes of it.
    """

    name: str
    size: int
    state: State


@dataclass(frozen=True)
class Push:
    """What was sent, or would be.

    Attributes:
        target: `ORG/NAME`, or a URL.
        release: name of the release there, a tag or a folder: `release-` and 12 hex digits of `digest`.
        digest: SHA-256 of SHA256SUMS, which stands for every byte of the release.
        provenance: SHA-256 of provenance.json.
        items: files of the release, and those that lie there besides.
        executed: whether it was sent.
        revision: the branch on the Hub, empty elsewhere.
        commit: the commit on the Hub, empty elsewhere and before.
        url: where to look at it.
        note: why files were not compared, or what else the reader of the list should know.
    """

    target: str
    release: str
    digest: str
    provenance: str
    items: list[Item]
    executed: bool
    revision: str = ""
    commit: str = ""
    url: str = ""
    note: str = ""

    @property
    def bytes_to_send(self) -> int:
        """Bytes of the files that are not there yet."""
        return sum(item.size for item in self.items if item.state in ("new", "changed", "not compared"))


@dataclass(frozen=True)
class Sealed:
    """A verified release, with what tells whether a file was touched since.

    Attributes:
        folder: where it lies.
        files: data first and SHA256SUMS last, the order in which they are sent.
        digest: SHA-256 of SHA256SUMS.
        stamps: name to inode, size and time of change, from before it was verified.
    """

    folder: Path
    files: tuple[File, ...]
    digest: str
    stamps: dict[str, tuple[int, int, int]]

    @property
    def name(self) -> str:
        """The same for the same bytes, wherever they are sent: a tag on the Hub, a folder elsewhere."""
        return f"release-{self.digest[:12]}"

    @property
    def provenance(self) -> str:
        """SHA-256 of provenance.json."""
        return next(file.sha256 for file in self.files if file.name == PROVENANCE)

    def unchanged(self, only: File | None = None) -> None:
        """Returns when no file, or not this one, was touched since the release was verified.

        Raises:
            DataError: one was, or one came or went.
        """
        if only is not None and only.path.is_file() and _stamp(only.path) == self.stamps.get(only.name):
            return
        now = _stamps(self.folder)
        if touched := sorted(name for name in now.keys() | self.stamps if now.get(name) != self.stamps.get(name)):
            raise DataError(changed(touched, self.folder))


def changed(names: Iterable[str], folder: Path) -> str:
    """What is told when files are others than those that were verified."""
    return (
        f"{', '.join(names)} in {folder} changed after the release was verified; the release that is published did not "
        "change. Wait until nothing writes there and push again"
    )


def is_data(name: str) -> bool:
    """Whether a file of a release is one of its data files; lineage.parquet beside them is none."""
    return name.endswith(".parquet") and "/" in name


def seal(folder: str | Path) -> Sealed:
    """A release that is what it says it is.

    Raises:
        DataError: the folder is no release, or changed meanwhile.
        ReleaseRefused: a check of `verify` fails.
    """
    root = Path(folder)
    # From before: a change between a check and its file's sending must not go unseen.
    stamps = _stamps(root)
    if failed := [check for check in verify(root) if not check.ok]:
        told = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise ReleaseRefused(
            f"{root} is not sent, it does not verify ({told}); export it again, then: chatlog verify {root}"
        )
    sums = read_checksums(root)
    files = [File(name, path, path.stat().st_size, sums[name]) for name, path in files_of(root)]
    # Who reads in the midst of a push to a plain store must not find a card or checksums of data that is not there.
    files.sort(key=lambda file: (not is_data(file.name), file.name))
    own = (root / CHECKSUMS).read_bytes()
    digest = hashlib.sha256(own).hexdigest()
    sealed = Sealed(root, (*files, File(CHECKSUMS, root / CHECKSUMS, len(own), digest)), digest, stamps)
    sealed.unchanged()
    return sealed


def git_oid(file: File) -> str:
    """The SHA-1 by which git, and so the Hub, knows a file that is not in its large file storage."""
    hashed = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with file.path.open("rb") as stream:
        while block := stream.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def content_of(file: File, folder: Path) -> bytes:
    """The bytes of a small file, which are those that were verified.

    Raises:
        DataError: they are others.
    """
    data = file.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise DataError(changed([file.name], folder))
    return data


def _stamps(root: Path) -> dict[str, tuple[int, int, int]]:
    return {name: _stamp(path) for name, path in [*files_of(root), *_own(root)]}


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _own(root: Path) -> list[tuple[str, Path]]:
    return [(CHECKSUMS, root / CHECKSUMS)] if (root / CHECKSUMS).is_file() else []
