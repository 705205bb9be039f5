"""`chatlog replay`: makes one data file of a release again, from the logs, and tells whether the bytes are the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.engine.intake import stored_shards
from chatlog.engine.local import perform
from chatlog.engine.prints import Prints, fingerprints
from chatlog.engine.run import ingest_work, unit_of
from chatlog.engine.shard import Opened
from chatlog.engine.store import Run, write_bytes
from chatlog.engine.tombstones import FILE
from chatlog.errors import ConfigError
from chatlog.models.weights import sha256_file
from chatlog.pipeline import INGEST, PlannedStep
from chatlog.query import connect
from chatlog.release.checksums import read_checksums
from chatlog.release.export import Finished, decide, finished, write_checked
from chatlog.release.lineage import LINEAGE
from chatlog.release.provenance import read_provenance, release_told
from chatlog.release.row_groups import row_groups
from chatlog.stage import GlobalStage

ELSEWHERE: Final = frozenset({"http", "vllm"})
"""Engines whose numbers may differ from one call to the next: what they made is taken from the run."""

_SETTLED: Final = ("ingest.json", "run.json", "user.key", FILE)
"""What a unit of work reads of a run folder beside parts."""


@dataclass(frozen=True)
class Replayed:
    """A data file that was made again.

    Attributes:
        file: its name in the release.
        shards: the run's shards that its rows come from.
        made: stages that were run again on them, in order.
        taken: stages whose parts were taken from the run: global ones, which need all shards, and those of `skip`.
        differs: (stage, shard) of each part that came out other than in the run, the first stage first.
        same: whether the file has the bytes that the release has.
    """

    file: str
    shards: list[int]
    made: list[str]
    taken: list[str]
    differs: list[tuple[str, int]]
    same: bool

    @property
    def ok(self) -> bool:
        """Whether all came out the same."""
        return self.same and not self.differs


def replay(
    release: str | Path,
    number: int,
    root: str | Path,
    *,
    recipe: str | Path | None = None,
    out: Path | None = None,
    skip: Collection[str] | None = None,
) -> Replayed:
    """Makes data file `number` of a release again.

    Every row stage is run again, from the logs, on the shards of the run that the file's rows come from, and each part
    is compared with the run's; then the rows are published again, and compared with the release.

    Args:
        release: the folder of the release.
        number: of the data file, from 0, in the order of provenance.json.
        root: the run folder; its logs must be where they were.
        recipe: the pipeline file whose [release] it was exported by, where that is not the run's own.
        out: a file to write what was made to.
        skip: stages to take from the run; by default those that ask servers or vLLM.

    Raises:
        ConfigError: no such file or stage, the run is not finished, or its [release] is another one.
        DataError: logs or parts are missing.
        ReleaseRefused: the run would not be released as it is now.
    """
    folder = Path(release)
    told = read_provenance(folder)
    files: list[str] = told["files"]
    if not 0 <= number < len(files):
        raise ConfigError(f"{folder} has the data files 0 to {len(files) - 1}, found {number}")
    ready = finished(root, recipe)
    if release_told(ready.pipeline) != told["release"]:
        raise ConfigError(
            f"{folder} was exported by another [release] than the run has; name its recipe: --recipe PIPELINE"
        )
    taken = _taken(ready.plan.steps, skip)
    shards = _shards_of(folder, number)
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=ready.run.root) as scratch:
        copy = Run(Path(scratch))
        differs = [
            (stage, shard)
            for stage, shard in _remade(ready, copy, shards, taken)
            if sha256_file(copy.part(stage, shard)) != sha256_file(ready.run.part(stage, shard))
        ]
        (copy.root / "release" / "data").mkdir(parents=True)
        # Each part is the run's, or differs and is told: what the run publishes is what they would.
        with connect(root, release=ready.spec) as connection:
            released = decide(connection).get("", 0)
            splits = write_checked(connection, ready, copy.root / "release", released)
        again = [copy.root / "release" / file for split in splits for file in split.files]
        made = again[number] if number < len(again) else None
        if out is not None and made is not None:
            write_bytes(out, made.read_bytes())
        same = made is not None and sha256_file(made) == read_checksums(folder).get(files[number])
    steps = [step.name for step in ready.plan.steps]
    return Replayed(
        files[number],
        shards,
        [INGEST, *(name for name in steps if name not in taken)],
        [name for name in steps if name in taken],
        differs,
        same,
    )


def _taken(steps: Sequence[PlannedStep], skip: Collection[str] | None) -> set[str]:
    """The stages whose parts are taken from the run."""
    names = [step.name for step in steps]
    if skip is None:
        skip = [step.name for step in steps if getattr(step.step.config, "engine", "") in ELSEWHERE]
    for name in skip:
        if name not in names:
            raise ConfigError(f"unknown stage {name!r}; the run has {', '.join(names)}")
    return {*skip, *(step.name for step in steps if isinstance(step.step.stage, GlobalStage))}


def _shards_of(folder: Path, number: int) -> list[int]:
    """The run's shards that hold rows of a data file."""
    found: set[int] = set()
    for table in row_groups(folder / LINEAGE, ["shard", "file"]):
        found |= {
            shard
            for shard, file in zip(table["shard"].to_pylist(), table["file"].to_pylist(), strict=True)
            if file == number
        }
    return sorted(found)


def _remade(ready: Finished, copy: Run, shards: Sequence[int], taken: Collection[str]) -> Iterator[tuple[str, int]]:
    """Makes each stage of the shards in the folder `copy`, or takes it from the run; gives (stage, shard) as made."""
    run = ready.run
    for name in _SETTLED:
        with suppress(FileNotFoundError):
            write_bytes(copy.root / name, (run.root / name).read_bytes())
    planned = stored_shards(run, ready.pipeline)
    prints: Prints = {INGEST: [shard.fingerprint for shard in planned]}
    opened = Opened()
    try:
        for unit, extra in ingest_work(copy, ready.pipeline, planned, list(shards)):
            perform(unit, extra, opened)
            yield INGEST, unit.shard
        for step in ready.plan.steps:
            prints[step.name] = fingerprints(run, step, prints, len(planned))
            for shard in shards:
                if step.name in taken:
                    copy.part(step.name, shard).parent.mkdir(exist_ok=True)
                    shutil.copyfile(run.part(step.name, shard), copy.part(step.name, shard))
                    continue
                perform(unit_of(copy, step, shard, prints[step.name][shard]), {}, opened)
                yield step.name, shard
    finally:
        opened.close()
        shutil.rmtree(copy.root / "spool", ignore_errors=True)
