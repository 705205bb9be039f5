"""The stage `names`: keys of what is written like a name, so that `fame` can count who wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
from pydantic import Field

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.public import name_key, name_like


class NamesConfig(Config):
    """Settings of `names`."""

    most: int = Field(default=256, ge=1, le=10_000)
    """Names of one conversation that are counted at most, the first ones."""


_READS: Final = pa.schema([pa.field("messages", MESSAGES)])
_WRITES: Final = pa.schema([pa.field("name_keys", pa.list_(pa.int64()))])


@contextmanager
def open_names(config: NamesConfig) -> Iterator[BatchFn]:
    """Yields the batch function; there is nothing to load."""

    def batch(table: pa.Table) -> pa.Table:
        known: dict[str, list[int]] = {}
        rows = []
        for turns in table.column("messages").to_pylist():
            found: dict[int, None] = {}
            for turn in turns or ():
                text = turn["content"] if turn else None
                if text and text not in known:
                    known[text] = [name_key(name) for name in dict.fromkeys(name_like(text))]
                found |= dict.fromkeys(known[text] if text else ())
            rows.append(sorted(list(found)[: config.most]))
        return pa.table([pa.array(rows, pa.list_(pa.int64()))], schema=_WRITES)

    yield batch


NAMES: Final = Stage(name="names", version=1, config=NamesConfig, reads=_READS, writes=_WRITES, open=open_names)
