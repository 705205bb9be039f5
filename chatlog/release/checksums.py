"""SHA256SUMS: the checksums of a release's files, in the form that `sha256sum -c` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chatlog.engine.store import write_bytes
from chatlog.errors import DataError
from chatlog.models.weights import sha256_file

CHECKSUMS: Final = "SHA256SUMS"


def write_checksums(folder: Path) -> None:
    """Writes SHA256SUMS over every file of the folder."""
    lines = [f"{sha256_file(file)}  {name}\n" for name, file in files_of(folder)]
    write_bytes(folder / CHECKSUMS, "".join(lines).encode())


def read_checksums(folder: Path) -> dict[str, str]:
    """File name to SHA-256.

    Raises:
        DataError: there is no SHA256SUMS, or it is damaged.
    """
    path = folder / CHECKSUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: is {folder} a release?") from error
    return _parsed(lines, str(path))


def parse_checksums(data: bytes) -> dict[str, str]:
    """File name to SHA-256, from the bytes of a SHA256SUMS that may be anything; none where it is damaged."""
    try:
        return _parsed(data.decode().splitlines(), CHECKSUMS)
    except (UnicodeDecodeError, DataError):
        return {}


def _parsed(lines: list[str], path: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(lines, start=1):
        digest, gap, name = line.partition("  ")
        if not gap or len(digest) != 64:
            raise DataError(f"{path} line {number} is not a checksum")
        found[name] = digest
    return found


def files_of(folder: Path) -> list[tuple[str, Path]]:
    """The files of a release, sorted by name, without SHA256SUMS and hidden ones."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    named = [(path.relative_to(folder).as_posix(), path) for path in files]
    return sorted((name, path) for name, path in named if name != CHECKSUMS and not name.startswith("."))
