"""Benchmark files: the items of a JSON, JSON Lines or Parquet file, plain or compressed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.errors import ConfigError, DataError
from chatlog.sources.decode import decode
from chatlog.sources.framing import Raw, framing_of, raw_records, start_of
from chatlog.sources.record import Reject
from chatlog.sources.tables import size_of, table_rows
from chatlog.sources.unpack import compression_of, unpack

FIELDS: Final = (
    ("turns",),
    ("question",),
    ("prompt",),
    ("problem",),
    ("instruction", "input"),
    ("query",),
    ("text",),
    ("input",),
    ("messages",),
    ("conversations",),
)
"""Where an item's texts are looked for when no field is named: the first that a record has text in."""

IDS: Final = ("question_id", "uid", "id", "task_id", "item_id", "qid")
"""Where an item's id is looked for, in this order."""

_MAX_BYTES: Final = 1 << 30
"""Bytes of a benchmark at most, decompressed."""

_MAX_ID: Final = 100

_NAME: Final = re.compile(r"(?P<name>[\w.-]+)=(?P<path>.+)", re.DOTALL)
_SUFFIX: Final = re.compile(r"(\.(jsonl?|ndjson|parquet|gz|zst))+$", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One item of a benchmark.

    Attributes:
        id: its own id, or `#` and the number of its record, from 0.
        parts: its texts as they stand in the file; none is empty.
    """

    id: str
    parts: tuple[str, ...]


def name_and_path(text: str) -> tuple[str, str]:
    """The name and path in `NAME=PATH`; a bare path is named like its file, without suffixes."""
    match = _NAME.fullmatch(text)
    if match is not None:
        return match["name"], match["path"]
    return _SUFFIX.sub("", Path(text).name) or Path(text).name, text


def read_items(path: Path, fields: Sequence[str] = ()) -> list[Item]:
    """The items of a benchmark file.

    Args:
        path: the file.
        fields: the fields of a record that hold its texts; by default the first of FIELDS that has any.

    Raises:
        ConfigError: the file cannot be read, a record is not JSON or has no such field, or there is no item.
    """
    try:
        items = list(_items(path, fields))
    except DataError as error:
        raise ConfigError(f"benchmark {error}") from error
    if not items:
        raise ConfigError(f"benchmark {path} holds no item with text")
    return items


def _items(path: Path, fields: Sequence[str]) -> Iterator[Item]:
    seen: set[str] = set()
    for number, record in enumerate(_records(path)):
        parts: tuple[str, ...]
        if isinstance(record, str):
            parts = (record,)
        elif isinstance(record, Mapping):
            parts = tuple(_parts(record, fields, f"benchmark {path}, record {number}"))
        else:
            raise ConfigError(
                f"benchmark {path}, record {number}: expected an object or a text, found {type(record).__name__}"
            )
        id = _id(record, number)
        if id in seen:
            id = f"{id}#{number}"
        seen.add(id)
        if parts := tuple(part for part in parts if part.strip()):
            yield Item(id, parts)


def _parts(record: Mapping[str, Any], fields: Sequence[str], where: str) -> Iterator[str]:
    if fields:
        for name in fields:
            if name not in record:
                raise ConfigError(f"{where} has no field {name!r}; it has {_told(record)}")
            yield from _texts(record[name])
        return
    for names in FIELDS:
        found = [text for name in names for text in _texts(record.get(name)) if text.strip()]
        if found:
            yield from found
            return
    if not any(name in record for names in FIELDS for name in names):
        raise ConfigError(f"{where}: no field is known to hold the item; name one of {_told(record)}")


def _texts(value: Any) -> Iterator[str]:
    """The texts in a field: one, several, or what the user says in messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            if isinstance(entry, str):
                yield entry
            elif isinstance(entry, Mapping) and entry.get("role", entry.get("from", "user")) in ("user", "human"):
                yield from (entry[name] for name in ("content", "value", "text") if isinstance(entry.get(name), str))


def _told(record: Mapping[str, Any]) -> str:
    """The fields of a record, cut short: its keys are as foreign as its values."""
    names = [repr(str(name)[:40]) for name in list(record)[:12]]
    return ", ".join(names) + (", ..." if len(record) > 12 else "") or "none"


def _id(record: Any, number: int) -> str:
    if isinstance(record, Mapping):
        for name in IDS:
            value = record.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                text = "".join(character for character in str(value)[:_MAX_ID] if character.isprintable())
                if text:
                    return text
    return f"#{number}"


def _records(path: Path) -> Iterator[Any]:
    """The decoded records; a compressed file is unpacked into a folder that goes when they are read."""
    with tempfile.TemporaryDirectory(prefix="chatlog-") as folder:
        flat = path
        if compression_of(path) is not None:
            flat = Path(folder) / "benchmark"
            fault = unpack(path, 0, flat, _MAX_BYTES + 1)
            if flat.stat().st_size > _MAX_BYTES:
                raise ConfigError(f"benchmark {path} is larger than {_MAX_BYTES >> 20} MiB when unpacked")
            if fault:
                raise ConfigError(f"benchmark {path}: {fault}")
        if flat.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"benchmark {path} is larger than {_MAX_BYTES >> 20} MiB")
        framing = framing_of(flat)
        if framing == "parquet":
            for _, value in table_rows(flat, 0, size_of(flat)[0]):
                yield decode(value.raw) if isinstance(value, Raw) else value
            return
        for number, raw in enumerate(
            raw_records(flat, framing, start_of(flat, framing), flat.stat().st_size, _MAX_BYTES)
        ):
            try:
                yield decode(raw.raw)
            except Reject as error:
                raise ConfigError(f"benchmark {path}, record {number}: {error.hint}") from None
