"""`fingerprint`: narrow columns that tell whether two conversations are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.normalise import fold
from chatlog.text.shingles import mixed, sampled_set, shingle_hashes
from chatlog.text.turns import flat_messages

_HASH: Final = pa.binary(16)
_CHUNK: Final = 4_000_000
"""Characters that are shingled at a time: bounds memory to some 200 MB."""


class FingerprintConfig(Config):
    """Settings of `fingerprint`."""

    shingle: int = Field(5, ge=2, le=64)
    """Characters of a shingle, after folding."""
    permutations: int = Field(128, ge=16, le=1024)
    """Values of a MinHash signature; datasketch's and text-dedup's usual 128."""
    bands: int = Field(32, ge=1, le=512)
    """Bands that the signature is cut into; must divide `permutations`."""
    max_shingles: int = Field(2048, ge=64, le=1 << 20)
    """Distinct shingles kept of a text for the exact check; a longer text is sampled."""
    seed: int = Field(42, ge=0, lt=1 << 32)
    """Seed of the MinHash permutations."""

    def found_with(self, similarity: float) -> float:
        """The probability that two texts of this Jaccard similarity share a band, and so are compared.

        The S-curve of banding: 1 - (1 - s^r)^b (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4).
        """
        width = self.permutations // self.bands
        found: float = 1 - (1 - similarity**width) ** self.bands
        return found

    @model_validator(mode="after")
    def _bands_divide(self) -> FingerprintConfig:
        if self.permutations % self.bands:
            raise ValueError(f"bands ({self.bands}) should divide permutations ({self.permutations})")
        return self


@contextmanager
def _open(config: FingerprintConfig) -> Iterator[BatchFn]:
    yield lambda batch: _fingerprint(batch, config)


def _fingerprint(batch: pa.Table, config: FingerprintConfig) -> pa.Table:
    from xxhash import xxh3_64_intdigest, xxh3_128_digest

    flat = flat_messages(batch["messages"])
    folded = [fold(content) if content else "" for content in flat.content]
    texts: list[list[str]] = [[] for _ in range(flat.rows)]
    tagged: list[list[str]] = [[] for _ in range(flat.rows)]
    turns: list[list[int]] = [[] for _ in range(flat.rows)]
    prompts: list[str] = [""] * flat.rows
    for row, role, text in zip(flat.row.tolist(), flat.role, folded, strict=True):
        texts[row].append(text)
        tagged[row] += (role or "", text)
        turns[row].append(xxh3_64_intdigest(f"{role}\0{text}".encode()))
        if role == "user" and text and not prompts[row]:
            prompts[row] = text
    joined = ["\n".join(parts) for parts in texts]
    valid = batch["messages"].is_valid().to_pylist()
    bands, sets, levels = _near_columns(joined, config)
    columns = {
        "text_hash": [
            xxh3_128_digest("\0".join(parts).encode()) if ok else None for parts, ok in zip(tagged, valid, strict=True)
        ],
        "prompt_hash": [xxh3_128_digest(prompt.encode()) if prompt else None for prompt in prompts],
        "turn_hashes": [hashes if ok else None for hashes, ok in zip(turns, valid, strict=True)],
        "text_length": [len(text) if ok else None for text, ok in zip(joined, valid, strict=True)],
        "minhash_bands": [row if text else None for row, text in zip(bands, joined, strict=True)],
        "shingles": [row if text else None for row, text in zip(sets, joined, strict=True)],
        "shingle_level": [level if text else None for level, text in zip(levels, joined, strict=True)],
    }
    return pa.table(
        {name: pa.array(values, _WRITES.field(name).type) for name, values in columns.items()}, schema=_WRITES
    )


def _near_columns(texts: list[str], config: FingerprintConfig) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    """Band hashes, shingle sets and sampling levels of the texts, in pieces of bounded size."""
    from rensa import RMinHash

    bands: list[np.ndarray] = []
    sets: list[np.ndarray] = []
    levels: list[int] = []
    start = 0
    while start < len(texts):
        stop, size = start, 0
        while stop < len(texts) and (stop == start or size + len(texts[stop]) <= _CHUNK):
            size += len(texts[stop])
            stop += 1
        hashes, offsets = shingle_hashes(texts[start:stop], config.shingle)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes, offsets.astype(np.uint64), config.permutations, config.seed
        )
        signature = np.array(matrix.to_rows(), dtype=np.uint64).reshape(stop - start, config.bands, -1)
        bands += list(mixed(signature))
        for index in range(stop - start):
            values, level = sampled_set(hashes[offsets[index] : offsets[index + 1]], config.max_shingles)
            sets.append(values)
            levels.append(level)
        start = stop
    return bands, sets, levels


_WRITES: Final = pa.schema(
    [
        pa.field("text_hash", _HASH),  # XXH3-128 of roles and folded texts
        pa.field("prompt_hash", _HASH),  # XXH3-128 of the folded first user turn
        pa.field("turn_hashes", pa.list_(pa.uint64())),  # one a message, role included
        pa.field("text_length", pa.int64()),  # characters after folding
        pa.field("minhash_bands", pa.list_(pa.uint64())),
        pa.field("shingles", pa.list_(pa.uint32())),  # sorted, distinct
        pa.field("shingle_level", pa.int8()),  # 0: all shingles are there; n: one in 2**n
    ]
)

FINGERPRINT: Final = Stage(
    name="fingerprint",
    version=1,
    config=FingerprintConfig,
    reads=pa.schema([pa.field("messages", MESSAGES)]),
    writes=_WRITES,
    open=_open,
)
