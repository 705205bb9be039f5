"""Takes those who were forgotten out of a run folder: every staged column, rejects, caches, side tables, reports."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.engine.intake import stored_shards
from chatlog.engine.prints import Prints, fingerprints, of_fewer_rows
from chatlog.engine.shard import failed_rows, seal
from chatlog.engine.store import Run, write_table
from chatlog.engine.tombstones import Tombstones, keep_tombstones
from chatlog.engine.userkey import UserKey
from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.pipeline import INGEST, Pipeline, PlannedStep, plan
from chatlog.schema import KEY
from chatlog.stage import GlobalStage, Stage

_WHOLE: Final = ("report.html",)
"""Files at the top of a run folder that quote conversations, and are made anew by a command."""

_LEDGER: Final = "published"
"""What releases of the run hold, by id alone: it tells which published revisions hold somebody still."""

ForgetTexts = Callable[[Sequence[list[dict[str, Any]] | None]], int]
"""Removes the vectors of conversations from a cache; returns how many there were."""


@dataclass
class Removed:
    """What forgetting took out of a run folder.

    Attributes:
        rows: conversations.
        rejects: records that could not be read.
        vectors: of caches.
        shards: shards that were written anew, by stage.
        files: what was deleted whole, relative to the folder.
        row_ids: of the conversations.
    """

    rows: int = 0
    rejects: int = 0
    vectors: int = 0
    shards: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    row_ids: list[int] = field(default_factory=list)


def apply_tombstones(run: Run, pipeline: Pipeline, stones: Tombstones) -> Removed:
    """Removes from the run folder whatever `stones` hold; the caller has locked it.

    Each file is replaced in one step. The tombstones are written first, as pending, and once more at the end: what was
    interrupted between is done by the next run, or by the same command. Rows keep their keys. A shard's ingest part,
    by which the rows are found, is written last.

    Raises:
        DataError: a part is damaged, the disk is full, or a cache is in use.
    """
    keep_tombstones(run, Tombstones(stones.key, stones.conversations, stones.users, True))
    removed = Removed()
    forget_texts = _caches(pipeline, stones.key)
    prints = _Prints(run, pipeline)
    found = {shard: _found(run, shard, stones, removed) for shard in run.shards_of(INGEST)}
    if any(len(gone) for gone in found.values()):
        removed.files += _delete_whole(run, pipeline)
    for shard, gone in found.items():
        if len(gone):
            removed.vectors += _forget_vectors(run, pipeline, shard, gone, forget_texts)
            for stage in _stages(run):
                if stage != INGEST and run.part(stage, shard).exists():
                    _without_rows(run, pipeline, stage, shard, gone, removed)
        rejects = _without_rejects(run, shard, stones)
        if len(gone) or rejects:
            _without_rows(run, pipeline, INGEST, shard, gone, removed, rejects)
            prints.renew(shard)
        removed.rows += len(gone)
        removed.rejects += rejects
        removed.row_ids += gone.tolist()
    keep_tombstones(run, Tombstones(stones.key, stones.conversations, stones.users))
    return removed


class _Prints:
    """What was done before rows were taken out, so that it can count as done afterwards."""

    def __init__(self, run: Run, pipeline: Pipeline) -> None:
        self._run = run
        self._steps: Sequence[PlannedStep] = ()
        with suppress(ConfigError, MissingExtra):  # what cannot be planned here runs again
            self._steps = plan(pipeline).steps
        self._ingest = [shard.fingerprint for shard in stored_shards(run, pipeline)]
        prints: Prints = {INGEST: self._ingest}
        for step in self._steps:
            prints[step.name] = fingerprints(run, step, prints, len(self._ingest))
        self._done = {
            (name, shard)
            for name, each in prints.items()
            for shard, print_ in enumerate(each)
            if run.is_done(name, shard, print_)
        }

    def renew(self, shard: int) -> None:
        """Seals what was done on a shard under the fingerprints that it has without the rows."""
        with suppress(DataError):
            for name, made in of_fewer_rows(
                self._run,
                self._steps,
                shard,
                self._ingest[shard],
                lambda stage: read_part(self._run.part(stage, shard)),
            ):
                sidecar = self._run.read_sidecar(name, shard)
                if sidecar is not None and (name, shard) in self._done:
                    seal(self._run, sidecar | {"fingerprint": made})


def _found(run: Run, shard: int, stones: Tombstones, removed: Removed) -> npt.NDArray[np.int64]:
    """As forgotten_rows; a shard whose rows cannot be read is removed whole, and made again without them."""
    try:
        return forgotten_rows(run, shard, stones)
    except DataError:
        for stage in _stages(run):
            _remove(run, stage, shard, removed)
        run.rejects(shard).unlink(missing_ok=True)
        return np.zeros(0, dtype=np.int64)


def _remove(run: Run, stage: str, shard: int, removed: Removed) -> None:
    run.forget(stage, shard)
    shutil.rmtree(run.root / stage / f"part-{shard:05d}.work", ignore_errors=True)
    if run.part(stage, shard).exists():
        run.part(stage, shard).unlink()
        removed.files.append(run.part(stage, shard).relative_to(run.root).as_posix())


def _stages(run: Run) -> list[str]:
    """The folders that may hold parts, also of stages that the pipeline has no more."""
    return [item.name for item in sorted(run.root.iterdir()) if item.is_dir() and item.name != "rejects"]


def forgotten_rows(run: Run, shard: int, stones: Tombstones) -> npt.NDArray[np.int64]:
    """The keys of a shard's rows that tombstones hold, with those of the same record, in order."""
    if not stones:
        return np.zeros(0, dtype=np.int64)
    table = read_part(run.part(INGEST, shard), [KEY.name, "conversation_id", "user_key", "record"])
    ids, users = table["conversation_id"].to_pylist(), table["user_key"].to_pylist()
    held = np.array([stones.hold(id_, user) for id_, user in zip(ids, users, strict=True)], dtype=bool)
    records = table["record"].to_numpy()
    rows: npt.NDArray[np.int64] = table[KEY.name].to_numpy()[np.isin(records, records[held])]
    return rows


def _without_rows(
    run: Run,
    pipeline: Pipeline,
    name: str,
    shard: int,
    gone: npt.NDArray[np.int64],
    removed: Removed,
    rejects: int = 0,
) -> None:
    """Writes a part without rows, and its sidecar; its fingerprint stays, as a row stage sees each row alone."""
    sidecar = run.read_sidecar(name, shard)
    try:
        table = read_part(run.part(name, shard))
    except DataError:
        _remove(run, name, shard, removed)
        return
    left = table.filter(pc.invert(pc.is_in(table[KEY.name], pa.array(gone, KEY.type)))).combine_chunks()
    stage = next((step.stage for step in pipeline.steps if step.stage.name == name), None)
    run.forget(name, shard)
    shutil.rmtree(run.root / name / f"part-{shard:05d}.work", ignore_errors=True)
    written = write_table(run.part(name, shard), left)
    removed.shards[name] += 1
    if sidecar is None or isinstance(stage, GlobalStage):
        return  # a global stage saw the rows that are gone: it runs again
    sidecar |= written | {"rows": left.num_rows}
    sidecar["nulls"] = {column: left[column].null_count for column in left.column_names if column != KEY.name}
    if isinstance(stage, Stage) and stage.retry:
        sidecar["failed"] = len(failed_rows(left, stage))
    if name == INGEST:
        sidecar["forgotten"] = sidecar.get("forgotten", 0) + len(gone) + rejects
        sidecar["rejects"] -= rejects
        sidecar["reasons"] = dict(Counter(read_part(run.rejects(shard), ["reason"])["reason"].to_pylist()))
    seal(run, sidecar)


def _without_rejects(run: Run, shard: int, stones: Tombstones) -> int:
    """Writes a shard's rejects without those that name one who was forgotten; returns how many there were."""
    path = run.rejects(shard)
    if not stones or not path.exists():
        return 0
    try:
        table = read_part(path)
    except DataError:
        path.unlink()
        run.forget(INGEST, shard)  # the shard is made again, rejects and all
        return 0
    held = [stones.hold_any_of(raw or b"") for raw in table["raw"].to_pylist()]
    if any(held):
        write_table(path, table.filter(pc.invert(pa.array(held, pa.bool_()))).combine_chunks(), vast=["raw"])
    return sum(held)


def _caches(pipeline: Pipeline, key: UserKey) -> ForgetTexts | None:
    """What removes texts from the cache of embeddings; None where the pipeline has none."""
    from chatlog.models.embedding_config import EmbedConfig
    from chatlog.stages.embed import forget_texts

    configs = [step.config for step in pipeline.steps if isinstance(step.config, EmbedConfig) and step.config.cache]
    if not configs:
        return None
    return lambda conversations: sum(forget_texts(config, conversations, key.secret) for config in configs)


def _forget_vectors(
    run: Run, pipeline: Pipeline, shard: int, gone: npt.NDArray[np.int64], forget_texts: ForgetTexts | None
) -> int:
    """Removes the vectors of the rows' messages, as logged and as every stage wrote them."""
    if forget_texts is None:
        return 0
    writers = [INGEST, *(step.stage.name for step in pipeline.steps if "messages" in step.stage.writes.names)]
    conversations: list[list[dict[str, Any]] | None] = []
    for writer in writers:
        with suppress(DataError):
            table = read_part(run.part(writer, shard), [KEY.name, "messages"])
            conversations += table.filter(pc.is_in(table[KEY.name], pa.array(gone, KEY.type)))["messages"].to_pylist()
    return forget_texts(conversations)


def _delete_whole(run: Run, pipeline: Pipeline) -> Iterator[str]:
    """Deletes what may quote a conversation and is made anew, and makes global stages stale: they saw all rows."""
    for step in pipeline.steps:
        if isinstance(step.stage, GlobalStage):
            for shard in run.shards_of(step.stage.name):
                run.forget(step.stage.name, shard)
    folders = [run.root / name for name in _stages(run) if name != _LEDGER]
    every = [path for each in folders for path in sorted(each.glob("*.parquet")) if not path.name.startswith("part-")]
    for path in [*every, *(run.root / name for name in _WHOLE)]:
        with suppress(FileNotFoundError):
            path.unlink()
            yield path.relative_to(run.root).as_posix()
    # Scratch folders of commands that were killed hold parts and releases.
    for folder in (run.root / "spool", run.root / "tmp", *run.root.glob(".replay-*"), *run.root.glob(".verify-*")):
        shutil.rmtree(folder, ignore_errors=True)


def read_part(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file of a run.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: it is missing or damaged; run the pipeline again") from error
