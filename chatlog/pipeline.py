"""A pipeline: TOML to frozen objects, and the walk over columns that checks them before any work."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from chatlog.errors import ConfigError
from chatlog.schema import KEY, ROWS
from chatlog.settings import ReleaseSpec, ShardLimits, SourceSpec, like, valid
from chatlog.stage import AnyStage, Config

INGEST = "ingest"


@dataclass(frozen=True)
class Source:
    """Logs of one format: a reader's name, its settings, and paths as they were written."""

    reader: str
    options: Mapping[str, Any]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A stage with its settings, and the boolean column that picks its rows."""

    stage: AnyStage
    config: Config
    where: str | None = None


@dataclass(frozen=True)
class Pipeline:
    """A parsed recipe.

    Attributes:
        name: from the file, or its `name` key; a run folder belongs to one name.
        base: the folder that paths resolve against.
        data: the TOML as parsed, with overrides applied: what a run folder keeps.
    """

    name: str
    base: Path
    sources: tuple[Source, ...]
    limits: ShardLimits
    steps: tuple[Step, ...]
    release: ReleaseSpec | None
    data: Mapping[str, Any]

    def writers(self) -> dict[str, str]:
        """The last writer of every column; not planned, so also where the extras of its stages are missing."""
        return last_writers(step.stage for step in self.steps)


def last_writers(stages: Iterable[AnyStage]) -> dict[str, str]:
    """For every column of ingest and of these stages, in their order, the one that writes it last."""
    writers = dict.fromkeys(ROWS.names, INGEST)
    for stage in stages:
        writers |= dict.fromkeys(stage.writes.names, stage.name)
    return writers


@dataclass(frozen=True)
class PlannedStep:
    """A step, and which stage wrote each column that it reads (`where` included)."""

    step: Step
    inputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.step.stage.name


@dataclass(frozen=True)
class Plan:
    """The steps in order, and the last writer and type of every column at the end."""

    steps: tuple[PlannedStep, ...]
    writers: Mapping[str, str]
    types: Mapping[str, pa.DataType]


def load(path: str | Path, overrides: Iterable[str] = (), inputs: Sequence[str] = ()) -> Pipeline:
    """The pipeline in a TOML file.

    Args:
        path: the file.
        overrides: `stage.key=value` texts; the value is TOML, or else plain text.
        inputs: paths that take the place of the sources' own, relative to the working folder.

    Raises:
        ConfigError: the file is missing or not TOML, or something in it is not known or not valid.
    """
    file = Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the pipeline {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    data.setdefault("name", file.stem)
    _override(data, overrides)
    if inputs:
        _replace_inputs(data, inputs)
    return parse(data, file.resolve().parent)


def parse(data: Mapping[str, Any], base: Path) -> Pipeline:
    """The pipeline in a parsed TOML document.

    Raises:
        ConfigError: as load.
    """
    from chatlog.sources import reader as reader_named
    from chatlog.stages import STAGES

    _only_keys(data, ("name", "source", "ingest", "stage", "release"), "the pipeline")
    sources = []
    for number, table in enumerate(_tables(data, "source"), start=1):
        spec = valid(SourceSpec, table, f"source {number}")
        options = dict(spec.model_extra or {})
        if spec.reader != "auto":
            valid(reader_named(spec.reader).config, options, f"source {number} ({spec.reader})")
        elif options:
            raise ConfigError(f"source {number}: settings {sorted(options)} need a named reader, found 'auto'")
        if not spec.paths:
            raise ConfigError(f"source {number}: paths is empty; name files, folders or globs")
        sources.append(Source(spec.reader, options, spec.paths))
    if sum(source.paths.count("-") for source in sources) > 1:
        raise ConfigError("standard input (the path -) can be read once; it stands in the sources more than once")
    if not sources:
        raise ConfigError("the pipeline has no [[source]]; add one with a reader and paths")
    known = {stage.name: stage for stage in STAGES}
    steps: list[Step] = []
    for table in _tables(data, "stage"):
        settings = dict(table)
        name = settings.pop("use", None)
        where = settings.pop("where", None)
        if not isinstance(name, str):
            raise ConfigError("a [[stage]] has no `use`; name a stage: " + ", ".join(known))
        if name not in known:
            raise ConfigError(f"unknown stage {name!r}{like(name, known)}; there are {', '.join(known)}")
        if name in {step.stage.name for step in steps}:
            raise ConfigError(f"stage {name} stands twice in the pipeline; a stage runs once")
        if where is not None and not isinstance(where, str):
            raise ConfigError(f"stage {name}: `where` is the name of a boolean column, found {type(where).__name__}")
        config = valid(known[name].config, settings, f"stage {name}").located(base)
        steps.append(Step(known[name], config, where))
    return Pipeline(
        name=str(data.get("name", "pipeline")),
        base=base,
        sources=tuple(sources),
        limits=valid(ShardLimits, data.get("ingest", {}), "[ingest]"),
        steps=tuple(steps),
        release=_release(data.get("release"), base),
        data=data,
    )


def plan(pipeline: Pipeline, until: str | None = None) -> Plan:
    """The steps with their inputs, once names, types and optional parts are known to fit.

    Touches no data and loads no weights.

    Raises:
        ConfigError: a column that nobody writes, or of another type; an unknown `until`.
        MissingExtra: a stage needs a package that is not installed.
    """
    writers = dict.fromkeys(ROWS.names, INGEST)
    types: dict[str, pa.DataType] = {field.name: field.type for field in ROWS}
    names = [INGEST, *(step.stage.name for step in pipeline.steps)]
    if until is not None and until not in names:
        raise ConfigError(f"unknown stage {until!r}{like(until, names)}; this pipeline has {', '.join(names)}")
    steps: list[PlannedStep] = []
    for step in pipeline.steps if until != INGEST else ():
        stage = step.stage
        inputs: dict[str, str] = {}
        for field in stage.reads:
            if field.name not in writers:
                raise ConfigError(
                    f"stage {stage.name} reads the column {field.name!r}, which nothing before it writes"
                    f"{_who_writes(field.name)}"
                )
            if types[field.name] != field.type:
                raise ConfigError(
                    f"stage {stage.name} reads {field.name} as {field.type}, "
                    f"{writers[field.name]} writes {types[field.name]}"
                )
            inputs[field.name] = writers[field.name]
        for field in stage.optional:
            if types.get(field.name) == field.type:
                inputs[field.name] = writers[field.name]
        if step.where is not None:
            if types.get(step.where) != pa.bool_():
                found = types.get(step.where, "no such column")
                raise ConfigError(
                    f"stage {stage.name}: where = {step.where!r} needs a boolean column, "
                    f"found {found}{_who_writes(step.where)}"
                )
            inputs[step.where] = writers[step.where]
        stage.check(step.config)
        for field in stage.writes:
            if field.name == KEY.name or not field.nullable:
                raise ConfigError(f"stage {stage.name} declares {field.name}, which must be nullable and not the key")
            writers[field.name] = stage.name
            types[field.name] = field.type
        steps.append(PlannedStep(step, inputs))
        if stage.name == until:
            break
    return Plan(tuple(steps), writers, types)


def _who_writes(column: str) -> str:
    from chatlog.stages import STAGES

    writers = [stage.name for stage in STAGES if column in stage.writes.names]
    return f"; put `{writers[0]}` before it" if writers else ""


def _release(table: Any, base: Path) -> ReleaseSpec | None:
    if table is None:
        return None
    spec = valid(ReleaseSpec, table, "[release]")
    found = {"select": (base / spec.select).resolve(), "card": (base / spec.card).resolve()}
    if spec.license_file is not None:
        found["license_file"] = (base / spec.license_file).resolve()
    for key, file in found.items():
        if not file.is_file():
            raise ConfigError(f"[release] {key}: no such file: {file}")
    if spec.canaries is not None:
        found["canaries"] = (base / spec.canaries).resolve()
    return spec.model_copy(update=found)


def _tables(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    tables = data.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"`{key}` should be an array of tables: [[{key}]]")
    return tables


def _only_keys(data: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {what}{like(key, known)}; there are {', '.join(known)}")


def _override(data: dict[str, Any], overrides: Iterable[str]) -> None:
    for text in overrides:
        target, found, raw = text.partition("=")
        name, dot, key = target.strip().partition(".")
        if not found or not dot or not key:
            raise ConfigError(f"--set {text!r}: expected stage.key=value")
        try:
            value = tomllib.loads(f"value = {raw}")["value"]
        except tomllib.TOMLDecodeError:
            value = raw
        if name in ("ingest", "release"):
            data.setdefault(name, {})[key] = value
            continue
        tables = [table for table in _tables(data, "stage") if table.get("use") == name]
        if not tables:
            names = [str(table.get("use")) for table in _tables(data, "stage")]
            raise ConfigError(
                f"--set {text!r}: no stage {name!r}{like(name, names)}; this pipeline has {', '.join(names)}"
            )
        tables[0][key] = value


def _replace_inputs(data: dict[str, Any], inputs: Sequence[str]) -> None:
    tables = _tables(data, "source")
    # One source keeps its reader and settings; among several, only the records can tell.
    source = dict(tables[0]) if len(tables) == 1 else {"reader": "auto"}
    data["source"] = [
        source | {"paths": [text if text == "-" else str(Path(text).expanduser().absolute()) for text in inputs]}
    ]
