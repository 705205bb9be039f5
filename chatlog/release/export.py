"""From a finished run to a release folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from chatlog.engine.intake import planned_shards
from chatlog.engine.run import pipeline_of
from chatlog.engine.status import stage_status
from chatlog.engine.store import Run, dump_json, write_bytes
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.pipeline import Pipeline, Plan, load, plan
from chatlog.query import connect, first_line
from chatlog.release.checksums import write_checksums
from chatlog.release.data import Split, write_data
from chatlog.release.describe import describe
from chatlog.release.formats import FORMATS
from chatlog.release.lineage import write_lineage
from chatlog.release.provenance import PROVENANCE, provenance
from chatlog.release.refusals import canaries_of, count_topics, refuse_forgotten, refuse_small_groups
from chatlog.release.rescan import refuse_identifiers, shown
from chatlog.release.splits import placed_query
from chatlog.release.views import write_views
from chatlog.settings import ReleaseSpec


@dataclass(frozen=True)
class Release:
    """What was exported.

    Attributes:
        folder: where it lies.
        released: conversations in it.
        dropped: conversations left out, by reason.
        splits: their names, Parquet files (relative to the folder) and rows.
    """

    folder: Path
    released: int
    dropped: dict[str, int]
    splits: Sequence[Split]

    @property
    def files(self) -> list[str]:
        """The Parquet files of all splits."""
        return [file for split in self.splits for file in split.files]


@dataclass(frozen=True)
class Finished:
    """A run that can be released.

    Attributes:
        run: its folder.
        pipeline: its pipeline, with the [release] that is asked for.
        spec: that.
        plan: its steps.
    """

    run: Run
    pipeline: Pipeline
    spec: ReleaseSpec
    plan: Plan


def export(
    root: str | Path, out: str | Path, recipe: str | Path | None = None, overrides: Sequence[str] = ()
) -> Release:
    """Writes the release of a finished run to the folder `out`, whole or not at all.

    A release that lies there already is replaced.

    Args:
        root: the run folder.
        out: the release's folder.
        recipe: a pipeline file whose [release] takes the place of the run's own; nothing is run again.
        overrides: `release.key=value` texts for the recipe.

    Raises:
        ConfigError: no run, no [release] in its pipeline, stages left to run, `out` is something else,
            the run lacks a stage that the recipe's release reads, or the release query fails.
        ReleaseRefused: `messages` was last written by something other than `redact`, the accounts do not balance, an
            identifier with a valid checksum or a canary is left, a published group is of too few users, or somebody
            who was forgotten is in it.
    """
    ready = finished(root, recipe, overrides)
    run, pipeline, spec = ready.run, ready.pipeline, ready.spec
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()) and not (folder / PROVENANCE).exists():
        raise ConfigError(f"{folder} exists and is not a release; give a folder that is empty or new")
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    try:
        with connect(root, release=spec) as connection:
            dropped = decide(connection)
            released = dropped.pop("", 0)
            refuse_forgotten(run, connection)
            splits = write_checked(connection, ready, partial, released)
            files = [file for split in splits for file in split.files]
            write_lineage(run, pipeline, connection, files, partial, FORMATS[spec.format], planned_shards(run))
            told = provenance(run, pipeline, ready.plan, connection, released, dropped, files)
            told["splits"] = {
                split.name: {"files": list(split.files), "rows": split.rows} for split in splits if split.files
            }
            write_bytes(partial / PROVENANCE, dump_json(told))
            write_views(partial, spec.format)
            describe(connection, spec, told, partial)
        write_checksums(partial)
        _put_in_place(partial, folder)
    except duckdb.Error as error:
        raise ConfigError(f"the release query {spec.select.name} failed: {first_line(error)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Release(folder, released, dropped, splits)


def finished(root: str | Path, recipe: str | Path | None = None, overrides: Sequence[str] = ()) -> Finished:
    """The run in a folder, once every stage is done and `messages` was last written by `redact`; raises as export."""
    run, pipeline = pipeline_of(root)
    if recipe is not None:
        pipeline = replace(pipeline, release=_release_of(recipe, pipeline, overrides))
    elif overrides:
        raise ConfigError("settings are given for a recipe; name one, or change the run's own pipeline")
    spec = pipeline.release
    if spec is None:
        raise ConfigError(f"the pipeline {pipeline.name} has no [release]; add one that names `select` and `card`")
    planned = plan(pipeline)
    if planned.writers["messages"] != "redact":
        raise ReleaseRefused(
            f"the last stage that wrote `messages` is {planned.writers['messages']}, not redact: put redact last among "
            "those that write it"
        )
    left = {item.stage: item.left for item in stage_status(run, pipeline, planned.steps) if item.left}
    if left or not planned_shards(run):
        missing = ", ".join(f"{stage} ({count} shards)" for stage, count in left.items()) or "ingest"
        raise ConfigError(f"{run.root} is not finished: {missing} left; run the pipeline again first")
    return Finished(run, pipeline, spec, planned)


def _release_of(recipe: str | Path, pipeline: Pipeline, overrides: Sequence[str]) -> ReleaseSpec:
    """The [release] of another recipe, once the run has the stages that its query reads."""
    other = load(recipe, overrides)
    if other.release is None:
        raise ConfigError(f"the recipe {recipe} has no [release]; add one that names `select` and `card`")
    ran = {step.stage.name for step in pipeline.steps}
    words = set(re.findall(r"\w+", re.sub(r"--.*", "", other.release.select.read_text(encoding="utf-8"))))
    for step in other.steps:
        read = sorted(words & set(step.stage.writes.names)) if step.stage.name not in ran else []
        if read:
            raise ConfigError(
                f"the run lacks the stage {step.stage.name}, whose columns {', '.join(read)} "
                f"{other.release.select.name} reads: add it to the run's pipeline and run it again"
            )
    return other.release


def decide(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Conversations by the reason of their dropping, '' for the released ones, once all are accounted for."""
    columns = [name for name, *_ in connection.execute("DESCRIBE decisions").fetchall()]
    told_by = "coalesce(told_by, row_id)" if "told_by" in columns else "row_id"
    connection.execute(f"CREATE TEMP TABLE decided AS SELECT row_id, reason, {told_by} AS told_by FROM decisions")
    rows = _number(connection, "SELECT count(*) FROM conversations")
    decided = _number(connection, "SELECT count(*) FROM decided")
    known = _number(connection, "SELECT count(DISTINCT row_id) FROM decided JOIN conversations USING (row_id)")
    if not rows == decided == known:
        wrong = connection.execute(
            "SELECT row_id FROM conversations FULL JOIN (SELECT row_id, count(*) AS n FROM decided GROUP BY 1) AS d "
            "USING (row_id) WHERE n IS DISTINCT FROM 1 OR source IS NULL ORDER BY row_id"
        ).fetchall()
        ids = [row for (row,) in wrong]
        raise ReleaseRefused(
            f"the release query decides on {decided} rows, {known} of them distinct ones of the run, which has "
            f"{rows}: `decide` should return each row_id once; rows {shown(ids)}",
            ids,
        )
    reasons = connection.execute(
        "SELECT coalesce(reason, ''), count(*) FROM decided GROUP BY 1 ORDER BY count(*) DESC, 1"
    ).fetchall()
    return {reason: int(count) for reason, count in reasons}


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def write_checked(connection: duckdb.DuckDBPyConnection, ready: Finished, folder: Path, released: int) -> list[Split]:
    """Writes the data files of the `decided` rows to FOLDER/data, each looked through before it is written.

    Raises:
        ConfigError: the release query, `sort` or the canaries do not fit.
        ReleaseRefused: an identifier or a canary is left, or a published group is of too few users.
    """
    run, spec = ready.run, ready.spec
    _place(connection, spec, "dedup" in {step.name for step in ready.plan.steps})
    count_topics(connection, spec)
    canaries = canaries_of(run, spec)
    known = FORMATS[spec.format]

    def check(table: pa.Table) -> None:
        refuse_identifiers(table, known.id)
        canaries.refuse(table, known.id)

    splits = write_data(connection, spec, planned_shards(run), released, folder, check)
    refuse_small_groups(connection, [folder / file for split in splits for file in split.files], spec)
    return splits


def _place(connection: duckdb.DuckDBPyConnection, spec: ReleaseSpec, clustered: bool) -> None:
    """The table `placed`: which split each released row goes to, once the rows that are told together are complete."""
    columns = [name for name, *_ in connection.execute("DESCRIBE conversations").fetchall()]
    connection.execute(f"CREATE TEMP TABLE placed AS {placed_query(spec, columns, clustered)}")
    together = FORMATS[spec.format].conversations_a_row
    found = connection.execute(
        f"SELECT row_id FROM placed QUALIFY count(*) OVER (PARTITION BY unit) <> {together} ORDER BY row_id"
    ).fetchall()
    if odd := [row for (row,) in found]:
        raise ReleaseRefused(
            f"a row of {spec.format} tells {together} conversations, but {len(odd)} are released with more or fewer "
            f"than that: rows {shown(odd)}; `decide` should drop or release them together",
            odd,
        )


def _put_in_place(partial: Path, folder: Path) -> None:
    old = folder.parent / f".{folder.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
