"""Finds benchmark items in a run that is there, and counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.engine.events import Listener, silent
from chatlog.engine.run import pipeline_of, run_stage
from chatlog.pipeline import parse
from chatlog.query import connect, rows_of

_STAGE: Final = "overlap"
_TOP: Final = 5


@dataclass(frozen=True)
class BenchmarkOverlap:
    """What of one benchmark stands in a run; counts are of conversations unless they say otherwise.

    Attributes:
        benchmark: its name.
        items: items of the file.
        found: items that some conversation holds, exactly or from `min_share` of its n-grams on.
        exact: conversations that hold an item whole.
        ngram: others that hold `min_share` of an item's n-grams or more.
        below: others that hold some n-grams of an item, but less.
        top: the items that most conversations hold: item, exact, ngram.
    """

    benchmark: str
    items: int
    found: int
    exact: int
    ngram: int
    below: int
    top: list[dict[str, Any]]


@dataclass(frozen=True)
class OverlapSummary:
    """What `overlap` did.

    Attributes:
        conversations: rows of the run.
        contaminated: those of them that hold an item.
        made: shards that were made now; 0 where all was done before.
        benchmarks: by benchmark, in the order in which they were given.
    """

    conversations: int
    contaminated: int
    made: int
    benchmarks: list[BenchmarkOverlap]


def overlap(
    root: str | Path,
    benchmarks: Sequence[str | Path],
    *,
    fields: Sequence[str] = (),
    workers: int | None = None,
    listener: Listener = silent,
) -> OverlapSummary:
    """Puts the stage `overlap` into a run's pipeline, makes its columns alone, and counts what it found.

    The stage comes first, so that it reads messages as they were logged; where the pipeline has it
    already, it stays where it is, with its other settings.

    Args:
        root: the run folder.
        benchmarks: PATH or NAME=PATH of each benchmark, relative to the working folder.
        fields: the fields that hold an item's texts.
        workers: processes; by default one a core, fewer for little work.
        listener: told of progress.

    Raises:
        ConfigError: the folder holds no run or is in use, ingest is not done, or a file is no benchmark.
    """
    from chatlog.sources.benchmark import name_and_path

    folder, before = pipeline_of(root)
    named = [name_and_path(str(benchmark)) for benchmark in benchmarks]
    files = [f"{name}={Path(path).expanduser().absolute()}" for name, path in named]
    table: dict[str, Any] = {"use": _STAGE, "benchmarks": files}
    if fields:
        table["fields"] = list(fields)
    tables = [dict(each) for each in before.data.get("stage", ())]
    there = [at for at, each in enumerate(tables) if each["use"] == _STAGE]
    if there:
        kept = {key: value for key, value in tables[there[0]].items() if key not in ("digests", "fields")}
        tables[there[0]] = kept | table
    else:
        tables.insert(0, table)
    pipeline = parse({**before.data, "stage": tables}, before.base)
    made = run_stage(folder, pipeline, _STAGE, workers=workers, listener=listener)
    (config,) = (step.config for step in pipeline.steps if step.stage.name == _STAGE)
    return _counted(root, config, made)


def _counted(root: str | Path, config: Any, made: int) -> OverlapSummary:
    from chatlog.sources.benchmark import name_and_path, read_items

    share = float(config.min_share)
    # One row a conversation and item: its best hit.
    pairs = (
        "SELECT row_id, benchmark, item, bool_or(kind = 'exact') AS exact, max(share) AS share "
        "FROM contamination GROUP BY ALL"
    )
    per_row = (
        f"SELECT row_id, benchmark, bool_or(exact) AS exact, max(share) >= {share} AS enough "
        f"FROM ({pairs}) GROUP BY ALL"
    )
    found: list[BenchmarkOverlap] = []
    with connect(root) as connection:
        rows, contaminated = (
            int(number)
            for number in rows_of(
                connection, "SELECT count(*) AS rows, count(*) FILTER (contaminated) AS hit FROM conversations"
            )[0].values()
        )
        counts = {
            row.pop("benchmark"): row
            for row in rows_of(
                connection,
                "SELECT benchmark, count(*) FILTER (exact) AS exact, count(*) FILTER (NOT exact AND enough) AS ngram, "
                f"count(*) FILTER (NOT exact AND NOT enough) AS below FROM ({per_row}) GROUP BY benchmark",
            )
        }
        items: dict[str, list[dict[str, Any]]] = {}
        for row in rows_of(
            connection,
            f"SELECT benchmark, item, count(*) FILTER (exact) AS exact, count(*) FILTER (NOT exact) AS ngram "
            f"FROM ({pairs}) WHERE exact OR share >= {share} GROUP BY ALL ORDER BY count(*) DESC, item",
        ):
            items.setdefault(row.pop("benchmark"), []).append(row)
    for text in config.benchmarks:
        name, path = name_and_path(text)
        mine = items.get(name, [])
        told = counts.get(name, {"exact": 0, "ngram": 0, "below": 0})
        total = len(read_items(Path(path), config.fields))
        found.append(BenchmarkOverlap(name, total, len(mine), **told, top=mine[:_TOP]))
    return OverlapSummary(rows, contaminated, made, found)
