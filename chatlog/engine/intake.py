"""Which files a run reads, by which reader, and how they are cut into shards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.engine.identity import of_ingest
from chatlog.engine.inputs import KEPT, STDIN, gathered, keep_stdin, unpacked
from chatlog.engine.store import Run
from chatlog.engine.userkey import user_key
from chatlog.errors import ConfigError, DataError
from chatlog.pipeline import Pipeline, Source
from chatlog.settings import ShardLimits
from chatlog.sources import READERS, reader
from chatlog.sources.chunks import Chunk, cut, state_of
from chatlog.sources.detect import Choice, detect
from chatlog.sources.framing import framing_of
from chatlog.sources.paths import Found, LeftOut, expand
from chatlog.sources.unpack import compression_of, members

VERSION: Final = 2
_PLAN: Final = "ingest.json"
_SHOWN: Final = 5
"""Names of files that were left out, of each reason, that a run folder keeps."""


@dataclass(frozen=True)
class IngestShard:
    """One chunk, and the fingerprint of the shard made of it."""

    chunk: Chunk
    fingerprint: str


@dataclass(frozen=True)
class _Item:
    """A file of a source, or one file of an archive."""

    source: int
    path: Path
    member: int
    label: str
    named: bool
    bytes: int


@dataclass
class _Intake:
    """What has been found so far."""

    chunks: list[Chunk]
    files: list[dict[str, Any]]
    left_out: list[LeftOut]
    labels: Counter[tuple[int, str]]
    paths: list[tuple[int, str, str]]


def plan_ingest(run: Run, pipeline: Pipeline) -> list[IngestShard]:
    """The chunks of the pipeline's sources in shard order, written to the run folder too.

    Chunks that an earlier run planned keep their shard; new files and the grown ends of old ones
    come after them. When a planned chunk is gone, all are numbered anew.

    Raises:
        ConfigError: a path names nothing, or no reader knows the format of a file that was named.
        DataError: a file cannot be read, or the disk is full.
    """
    intake = _Intake([], [], [], Counter(), [])
    for number, source in enumerate(pipeline.sources):
        for item in _items(run, pipeline, number, source, intake):
            try:
                _take(run, pipeline.limits, source, item, intake)
            except OSError as error:
                raise DataError(f"cannot read {item.path}: {error.strerror}") from error
    _refuse_if_nothing_can_be_read(intake)
    chunks = _in_order(run, intake.chunks)
    run.write_json(
        _PLAN,
        {
            "chunks": [chunk.to_json() for chunk in chunks],
            "files": intake.files,
            "left_out": _by_reason(intake.left_out),
            "labels": intake.paths,
        },
    )
    return _identified(run, pipeline, chunks)


def _refuse_if_nothing_can_be_read(intake: _Intake) -> None:
    if any(file["reader"] for file in intake.files):
        return
    for chunk in intake.chunks:
        if chunk.fault is not None:
            reason, hint = chunk.fault
            if reason == "unknown_format":
                raise ConfigError(f"{chunk.label}: {hint}; {_name_a_reader()}")
            raise DataError(f"cannot read {chunk.label}: {hint}")


def _items(run: Run, pipeline: Pipeline, number: int, source: Source, intake: _Intake) -> Iterator[_Item]:
    found, left_out = expand([path for path in source.paths if path != STDIN], pipeline.base)
    intake.left_out += left_out
    if STDIN in source.paths:
        found = [*found, Found(keep_stdin(run), KEPT, True)]
    for file, label in _labelled(run, number, found, intake):
        if compression_of(file.path) != "zip":
            yield _Item(number, file.path, -1, label, file.named, file.path.stat().st_size)
            continue
        logs = 0
        for member in members(file.path, pipeline.limits.max_unpacked_bytes):
            name = _distinct(intake, number, f"{label}/{member.name}")
            item = _Item(number, file.path, member.index, name, False, member.size)
            if member.skip:
                intake.left_out.append(LeftOut(name, member.skip))
            elif member.fault:
                logs += 1
                _fault(intake, item, "unreadable_file", member.fault)
            else:
                logs += 1
                yield item
        if not logs:
            if file.named:
                raise ConfigError(f"{file.path}: the archive holds no log; unpack it and name the files")
            intake.left_out.append(LeftOut(label, "an archive without logs"))


def _labelled(run: Run, number: int, found: Sequence[Found], intake: _Intake) -> list[tuple[Found, str]]:
    """The files of a source with their labels; a file that an earlier run planned keeps the one it had.

    A label is relative to the folder that holds all files, and a file from elsewhere moves that
    folder: the shards that were made would all be made again for another name of their file.
    """
    stored = (run.read_json(_PLAN) or {}).get("labels", [])
    before = {path: label for source, path, label in stored if source == number}
    kept = {str(file.path): before[str(file.path)] for file in found if str(file.path) in before}
    intake.labels.update((number, label) for label in kept.values())
    labelled = [(file, kept.get(str(file.path)) or _distinct(intake, number, file.label)) for file in found]
    intake.paths += [(number, str(file.path), label) for file, label in labelled]
    return labelled


def _take(run: Run, limits: ShardLimits, source: Source, item: _Item, intake: _Intake) -> None:
    """Cuts one file into chunks, or tells why there are none."""
    flat, fault = unpacked(run, item.path, item.member, limits)
    choice = _choose(source, item, flat)
    if choice.reader is None:
        if choice.looked and item.member >= 0:
            intake.left_out.append(LeftOut(item.label, choice.why))
        elif choice.looked or choice.broken:
            if item.named:
                raise ConfigError(f"{item.label}: {choice.why}; {_name_a_reader()}")
            _fault(intake, item, "unknown_format", choice.why)
        else:
            intake.files.append(_told(item, "", "", choice))
            if fault:
                _fault(intake, item, "unreadable_file", fault)
        return
    framing = framing_of(flat)
    flat = gathered(run, item.path, item.member, flat, choice.reader)
    rows = max(1, limits.shard_rows // reader(choice.reader).fanout)
    place = (item.source, str(item.path), item.label, choice.reader)
    state = state_of(item.path)
    records = 0
    for piece in cut(flat, max_records=rows, max_bytes=limits.shard_bytes):
        how, start, end, first, count, digest = piece
        intake.chunks.append(Chunk(*place, how, start, end, first, count, digest, item.member, state))
        records += count
    intake.files.append(_told(item, choice.reader, framing, choice))
    if fault:
        _fault(intake, item, "unreadable_file", fault, flat.stat().st_size, records)


def _choose(source: Source, item: _Item, flat: Path) -> Choice:
    if source.reader == "auto":
        return detect(flat)
    if item.member >= 0 and not source.options:
        # An archive holds files beside the logs, such as the account of who asked for an export.
        choice = detect(flat, [source.reader])
        if choice.looked and choice.reader is None:
            return choice
    return Choice(source.reader, "named in the pipeline")


def _told(item: _Item, name: str, framing: str, choice: Choice) -> dict[str, Any]:
    return {
        "label": item.label,
        "path": str(item.path),
        "reader": name,
        "framing": framing,
        "bytes": item.bytes,
        "why": choice.why,
        "score": choice.score,
    }


def _fault(intake: _Intake, item: _Item, reason: str, hint: str, start: int = 0, record: int = 0) -> None:
    """Adds a chunk that is one reject: a file, or its end, that cannot be read."""
    digest = hashlib.sha256(f"{reason}\0{hint}".encode()).hexdigest()
    place = (item.source, str(item.path), item.label, "", "none", start, start, record, 1, digest)
    intake.chunks.append(Chunk(*place, member=item.member, fault=(reason, hint)))
    if not start and not record:
        intake.files.append(_told(item, "", "", Choice(None, hint)))


def _distinct(intake: _Intake, source: int, label: str) -> str:
    intake.labels[source, label] += 1
    again = intake.labels[source, label]
    return label if again == 1 else f"{label}#{again}"


def _name_a_reader() -> str:
    return "name one of the readers " + ", ".join(item.name for item in READERS)


def _by_reason(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    names: dict[str, list[str]] = {}
    for item in left_out:
        names.setdefault(item.why, []).append(item.label)
    return [{"why": why, "files": len(labels), "names": labels[:_SHOWN]} for why, labels in names.items()]


def stored_shards(run: Run, pipeline: Pipeline) -> list[IngestShard]:
    """The shards as they were last planned; none before the first plan. The sources are not looked at."""
    return _identified(run, pipeline, _stored_chunks(run))


def planned_shards(run: Run) -> int:
    """How many shards the run has, 0 before its first ingest plan."""
    return len(_stored_chunks(run))


def finished_shards(run: Run, stages: Collection[str]) -> tuple[int, ...]:
    """The shards that all of these stages have made."""
    every = range(planned_shards(run))
    return tuple(shard for shard in every if all(run.read_sidecar(stage, shard) for stage in stages))


def planned_files(run: Run) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The source files of the run with the reader of each and why, and what was left out, by reason."""
    plan = run.read_json(_PLAN) or {}
    return plan.get("files", []), plan.get("left_out", [])


def _identified(run: Run, pipeline: Pipeline, chunks: Sequence[Chunk]) -> list[IngestShard]:
    limits = pipeline.limits.of_shards()
    key_id = user_key(run).id
    return [
        IngestShard(chunk, of_ingest(VERSION, chunk, shard, pipeline.sources[chunk.source].options, limits, key_id))
        for shard, chunk in enumerate(chunks)
    ]


def _stored_chunks(run: Run) -> list[Chunk]:
    return [Chunk(**item) for item in (run.read_json(_PLAN) or {"chunks": []})["chunks"]]


def _in_order(run: Run, found: list[Chunk]) -> list[Chunk]:
    before = _stored_chunks(run)
    place = {(chunk.source, chunk.label, chunk.start): chunk for chunk in found}
    keys = [(chunk.source, chunk.label, chunk.start) for chunk in before]
    if not all(key in place for key in keys):
        return found
    known = set(keys)
    return [place[key] for key in keys] + [chunk for key, chunk in place.items() if key not in known]
