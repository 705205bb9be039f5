"""The stage `overlap`: which conversations hold items of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from chatlog.errors import ConfigError
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage, file_digest
from chatlog.text.contamination import Hit, Part, Parts, Widths
from chatlog.text.normalise import fold
from chatlog.text.turns import flat_messages


class OverlapConfig(Config):
    """Settings of `overlap`."""

    benchmarks: tuple[str, ...] = ()
    """Files of items, as PATH or NAME=PATH, relative to the pipeline's file; with none, nothing is compared."""
    digests: tuple[str, ...] = ()
    """SHA-256 of each benchmark, in their order; filled in from the files. One that is given pins its file."""
    fields: tuple[str, ...] = ()
    """Fields of a record that hold the item's texts; by default the first usual one that has any."""
    words: int = Field(13, ge=2, le=100)
    """Words of an n-gram: 13 in GPT-3's analysis (Brown et al. 2020, appendix C)."""
    characters: int = Field(20, ge=2, le=200)
    """Characters of an n-gram of an item in a script that writes no spaces (13 Chinese words have some 20)."""
    contained_words: int = Field(8, ge=1, le=100)
    """Words of the shortest text that is looked for inside of messages; a shorter one must be a whole message.

    8 is the shortest n-gram of GPT-3's analysis.
    """
    contained_characters: int = Field(12, ge=1, le=200)
    """The same, in characters, for scripts that write no spaces."""
    common: int = Field(10, ge=1, le=1_000_000)
    """Texts of one benchmark that may share an n-gram; one that more share is a template's and not counted."""
    min_share: float = Field(0.5, gt=0, le=1)
    """Share of an item's n-grams from which on a conversation is contaminated; lesser ones are told all the same."""

    def located(self, base: Path) -> Self:
        """With absolute paths, and the digest of every file that is there; empty for one that is not."""
        found = [_named(text) for text in self.benchmarks]
        paths = [str((base / Path(path).expanduser()).resolve()) for _, path in found]
        benchmarks = tuple(f"{name}={path}" for (name, _), path in zip(found, paths, strict=True))
        digests = self.digests or tuple(file_digest(Path(path)) for path in paths)
        return self.model_copy(update={"benchmarks": benchmarks, "digests": digests})

    def identity(self) -> dict[str, Any]:
        """Names and digests stand for the files."""
        names = [_named(text)[0] for text in self.benchmarks]
        return super().identity() | {"benchmarks": names}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [_named(text)[0] for text in self.benchmarks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two benchmarks are named {twice[0]!r}; write NAME=PATH")
        if self.digests and len(self.digests) != len(names):
            raise ValueError(f"digests should be {len(names)}, one a benchmark; found {len(self.digests)}")
        for short, long in (("contained_words", "words"), ("contained_characters", "characters")):
            if getattr(self, short) > getattr(self, long):
                raise ValueError(f"{short} should be at most {long}")
        return self


def _named(text: str) -> tuple[str, str]:
    from chatlog.sources.benchmark import name_and_path

    return name_and_path(text)


class _Benchmarks:
    """The items of all benchmarks, flat: each part with the item and benchmark that it is of."""

    def __init__(self, config: OverlapConfig) -> None:
        """Read the files.

        Raises:
            ConfigError: one is missing, is another than its digest says, or is no benchmark.
        """
        from chatlog.sources.benchmark import read_items

        self.names: list[str] = []
        self.items: list[tuple[int, str]] = []  # the benchmark, the item's id
        self.parts: list[Part] = []
        self.place: list[tuple[int, int]] = []  # of each part: its item, its number in the item
        for number, (text, pinned) in enumerate(zip(config.benchmarks, config.digests, strict=True)):
            name, path = _named(text)
            found = file_digest(Path(path))
            if not found:
                raise ConfigError(f"stage overlap: no such benchmark file, or it cannot be read: {path}")
            if found != pinned:
                raise ConfigError(
                    f"stage overlap: {path} has SHA-256 {found[:16]}..., expected {pinned[:16] or 'none'}...: it was "
                    "changed; run again, or mend `digests`"
                )
            self.names.append(name)
            known: set[str] = set()
            for item in read_items(Path(path), config.fields):
                self.items.append((number, item.id))
                for part, told in enumerate(map(fold, item.parts)):
                    # A text that stands in a benchmark twice is told as the first item that has it.
                    if told and told not in known:
                        known.add(told)
                        self.parts.append(Part(told, number))
                        self.place.append((len(self.items) - 1, part))


@contextmanager
def _open(config: OverlapConfig) -> Iterator[BatchFn]:
    if not config.benchmarks:
        yield lambda batch: pa.table([pa.nulls(batch.num_rows, field.type) for field in _WRITES], schema=_WRITES)
        return
    config = config if config.digests else config.located(Path())
    benchmarks = _Benchmarks(config)
    widths = Widths(
        (config.words, config.characters), (config.contained_words, config.contained_characters), config.common
    )
    parts = Parts(benchmarks.parts, widths)
    yield lambda batch: _overlap(batch, benchmarks, parts, config.min_share)


def _overlap(batch: pa.Table, benchmarks: _Benchmarks, parts: Parts, min_share: float) -> pa.Table:
    flat = flat_messages(batch["messages"])
    # Each distinct text once: logs repeat themselves.
    distinct: dict[str, int] = {}
    numbers = [distinct.setdefault(text, len(distinct)) if text else -1 for text in flat.content]
    folded: dict[str, int] = {}
    number_of = [folded.setdefault(fold(text), len(folded)) for text in distinct]
    found = [_best(hits, benchmarks) if hits else [] for hits in parts.find(list(folded))]
    columns: dict[str, list[Any]] = {field.name: [] for field in _OVERLAP}
    counts = np.zeros(flat.rows, dtype=np.int64)
    contaminated = np.zeros(flat.rows, dtype=bool)
    for row, message, role, number in zip(flat.row.tolist(), flat.position.tolist(), flat.role, numbers, strict=True):
        hits = found[number_of[number]] if number >= 0 else ()
        for hit in hits:
            item, part = benchmarks.place[hit.part]
            benchmark, id = benchmarks.items[item]
            values = (
                benchmarks.names[benchmark], id, part, message, role, "exact" if hit.exact else "ngram", hit.share
            )  # fmt: skip
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
            contaminated[row] |= hit.exact or hit.share >= min_share
        counts[row] += len(hits)
    absent = batch["messages"].is_null().to_numpy()
    structs = pa.StructArray.from_arrays(
        [pa.array(columns[field.name], field.type) for field in _OVERLAP], fields=list(_OVERLAP)
    )
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, structs, mask=pa.array(absent))
    return pa.table(
        [lists.cast(_WRITES.field("contamination").type), pa.array(contaminated, mask=absent)], schema=_WRITES
    )


def _best(hits: Sequence[Hit], benchmarks: _Benchmarks) -> list[Hit]:
    """The best hit of each item, in the benchmarks' order."""
    best: dict[int, Hit] = {}
    for hit in hits:
        item = benchmarks.place[hit.part][0]
        if item not in best or (hit.exact, hit.share) > (best[item].exact, best[item].share):
            best[item] = hit
    return [best[item] for item in sorted(best)]


def check_overlap(config: OverlapConfig) -> None:
    """Nothing, when every benchmark can be read.

    Raises:
        ConfigError: one is missing, is another than its digest says, or is no benchmark.
    """
    _Benchmarks(config if config.digests else config.located(Path()))


_OVERLAP: Final = pa.struct(
    [
        pa.field("benchmark", pa.string()),
        pa.field("item", pa.string()),  # its id in the file, or # and the record's number
        pa.field("part", pa.int32()),  # which of the item's texts, from 0
        pa.field("message", pa.int32()),  # index into messages
        pa.field("role", pa.string()),  # that message's
        pa.field("kind", pa.string()),  # exact: the whole text, after folding; ngram: some of its n-grams
        pa.field("share", pa.float32()),  # of the text's countable n-grams, 0 to 1; 1 for exact
    ]
)
_WRITES: Final = pa.schema([pa.field("contamination", pa.list_(_OVERLAP)), pa.field("contaminated", pa.bool_())])

OVERLAP: Final = Stage(
    name="overlap",
    version=1,
    config=OverlapConfig,
    reads=pa.schema([pa.field("messages", MESSAGES)]),
    writes=_WRITES,
    open=_open,
    check=check_overlap,
)
