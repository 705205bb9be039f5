"""Deduplication of input made to be slow: time at one size and at ten times the size. `make bench-dedup-degenerate`.

Equal rows, rows without text, one giant cluster of near-duplicates, and rows whose bands collide though nothing else
is alike. Linear cost is a ratio near 10.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from chatlog.schema import KEY, MESSAGES, ROWS
from chatlog.stage import held
from chatlog.stages.dedup import DEDUP, DedupConfig
from chatlog.stages.fingerprint import FINGERPRINT, FingerprintConfig

SHARD = 20_000
WORDS = "amber basil cedar delta ember fjord gravel harbor indigo jungle kettle lantern meadow nectar orchid".split()


def talk(seed: int) -> list[dict[str, str]]:
    """A conversation of some 500 characters."""
    rng = random.Random(seed)
    said = [" ".join(rng.choice(WORDS) + str(rng.randint(0, 99)) for _ in range(35)) for _ in range(2)]
    return [{"role": "user", "content": said[0]}, {"role": "assistant", "content": said[1]}]


def fingerprinted(rows: list[list[dict[str, str]]]) -> pa.Table:
    """What `dedup` reads of the conversations, all of different ids."""
    with FINGERPRINT.open(FingerprintConfig()) as function:
        made = function(pa.table({"messages": pa.array(rows, MESSAGES)}))
    ids = pa.array([f"c{number}" for number in range(len(rows))])
    narrow = {name: pa.nulls(len(rows), ROWS.field(name).type) for name in DEDUP.reads.names if name in ROWS.names}
    narrow |= {name: made[name] for name in DEDUP.reads.names if name in made.column_names}
    return pa.table(narrow | {"conversation_id": ids}).select(DEDUP.reads.names)


def repeated(table: pa.Table, size: int) -> pa.Table:
    """The table's rows over and over, each with an id of its own."""
    whole = table.take(pa.array(np.arange(size) % table.num_rows))
    ids = pa.array(np.arange(size)).cast(pa.string())
    return whole.set_column(whole.schema.get_field_index("conversation_id"), "conversation_id", ids)


def equal_rows(size: int) -> pa.Table:
    """One conversation over and over."""
    return repeated(fingerprinted([talk(1)]), size)


def no_text(size: int) -> pa.Table:
    """Empty texts and rows without messages."""
    return repeated(fingerprinted([[{"role": "user", "content": ""}], []]), size)


def giant_cluster(size: int) -> pa.Table:
    """Copies of one conversation, of which each has another end."""
    rows = []
    for number in range(size):
        asked, answered = talk(1)
        rows.append([asked, {"role": "assistant", "content": f"{answered['content']} {number:x}"}])
    return fingerprinted(rows)


def colliding_bands(size: int) -> pa.Table:
    """Unlike conversations whose bands and signatures are all those of the first."""
    table = fingerprinted([talk(number) for number in range(size)])
    for name in ("minhash_bands", "asked_bits", "answered_bits", "prompt_bands", "prompt_bits"):
        same = table[name].combine_chunks().take(pa.array(np.zeros(size, dtype=np.int64)))
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), same)
    return table


def seconds(make: Callable[[int], pa.Table], size: int) -> tuple[float, int]:
    """How long `dedup` takes, and how many rows it keeps."""
    table = make(size).add_column(0, KEY, pa.array(range(size), KEY.type))
    shards = [held(table.slice(at, SHARD)) for at in range(0, size, SHARD)]
    begun = time.perf_counter()
    made = list(DEDUP.run(DedupConfig(), shards))
    return time.perf_counter() - begun, sum(part["kept"].to_numpy().sum() for part in made)


def main() -> None:
    """Prints a line for each kind of input, and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    found = []
    for make in (equal_rows, no_text, giant_cluster, colliding_bands):
        seconds(make, 1_000)  # imports
        (once, _), (tenfold, kept) = seconds(make, rows), seconds(make, 10 * rows)
        told = {"input": make.__name__, "rows": 10 * rows, "kept": int(kept), "seconds": round(tenfold, 2)}
        found.append(told | {"seconds_at_a_tenth": round(once, 2), "ratio": round(tenfold / once, 1)})
        print(found[-1])
    print(json.dumps({"benchmark": "dedup-degenerate", "results": found}))


if __name__ == "__main__":
    main()
