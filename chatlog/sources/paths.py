"""The files that paths, globs and folders name, and what of a folder is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.errors import ConfigError, DataError

SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".log", ".zip")
"""Ends of the names of logs; a file that is named itself may have any name."""

COMPRESSED: Final = (".gz", ".zst", ".zstd")


@dataclass(frozen=True)
class Found:
    """A file of a source.

    Attributes:
        path: absolute.
        label: what rows call it: the path relative to the deepest folder that holds them all.
        named: whether the file's own path was given, and not a folder or a glob.
    """

    path: Path
    label: str
    named: bool


@dataclass(frozen=True)
class LeftOut:
    """A file that was found and is not read, and why not."""

    label: str
    why: str


def is_log(name: str) -> bool:
    """Whether a file's name is that of a log, compressed or not."""
    path = Path(name.lower())
    suffixes = path.suffixes
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes = suffixes[:-1]
    return not path.name.startswith(".") and bool(suffixes) and suffixes[-1] in SUFFIXES


def expand(paths: Sequence[str], base: Path) -> tuple[list[Found], list[LeftOut]]:
    """The files that paths, globs and folders name, sorted, and what was left out of folders.

    Links to files are followed, links to folders inside of a folder are not: they may lead
    anywhere, and round in circles. Hidden files and run folders are no logs.

    Raises:
        ConfigError: a path or a glob names nothing.
        DataError: a file or folder cannot be read.
    """
    found: dict[Path, bool] = {}
    left: list[LeftOut] = []
    for text in paths:
        path = Path(os.path.normpath(base / Path(text).expanduser()))
        named = False
        if path.is_dir():
            matches = sorted(_walk(path, left))
        elif not path.exists() and any(mark in text for mark in "*?["):
            anchor = Path(path.anchor)
            matches = sorted(item for item in anchor.glob(str(path.relative_to(anchor))) if _is_file(item, left))
        else:
            matches, named = [path] if path.exists() else [], True
        if not matches:
            why = f"; left out: {left[0].label} ({left[0].why})" if left else ""
            raise ConfigError(
                f"no such file: {path}{why}. Source paths resolve against the pipeline's folder, --input against yours"
            )
        for match in matches:
            found[match] = named or found.get(match, False)
    for file in found:
        if not file.is_file():
            raise DataError(f"cannot read {file}: it is not a regular file; pipe it into the command and name it -")
        if not os.access(file, os.R_OK):
            raise DataError(f"cannot read {file}: permission denied")
    files = list(found)
    if not files:
        return [], left
    root = files[0].parent if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))
    return [Found(file, file.relative_to(root).as_posix(), named) for file, named in found.items()], left


def _walk(folder: Path, left: list[LeftOut]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"cannot read the folder {error.filename}: {error.strerror}")

    for where, folders, files in os.walk(folder, onerror=refuse):
        here = Path(where)
        inside = here.relative_to(folder)
        for name in list(folders):
            path = here / name
            if name.startswith("."):
                folders.remove(name)
            elif path.is_symlink():
                folders.remove(name)
                left.append(LeftOut(str(inside / name), "a link to a folder"))
            elif (path / "run.json").is_file() and (path / ".lock").is_file():
                folders.remove(name)
                left.append(LeftOut(str(inside / name), "a run folder"))
        for name in sorted(files):
            if name.startswith("."):
                continue
            if not is_log(name):
                left.append(LeftOut(str(inside / name), "no log by its name"))
            elif _is_file(here / name, left):
                yield here / name


def _is_file(path: Path, left: list[LeftOut]) -> bool:
    if path.is_file():
        return True
    if path.is_symlink() and not path.exists():
        left.append(LeftOut(str(path), "a link that leads nowhere"))
    elif not path.is_dir():
        left.append(LeftOut(str(path), "no regular file"))
    return False
