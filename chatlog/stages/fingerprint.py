"""`fingerprint`: narrow columns that tell whether two conversations are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn, Config, Stage
from chatlog.text.normalise import fold
from chatlog.text.signatures import Scheme, lists, signatures
from chatlog.text.turns import flat_messages

_HASH: Final = pa.binary(16)


class FingerprintConfig(Config):
    """Settings of `fingerprint`."""

    unit: Literal["characters", "words"] = "characters"
    """What shingles are made of, after folding: characters, or words where a script spaces them and characters where
    it does not (Han, Kana, Thai, Lao, Khmer, Myanmar, Tibetan). Words are cheaper and miss more edited copies."""
    shingle: int = Field(5, ge=1, le=64)
    """Units of a shingle."""
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

    def scheme(self) -> Scheme:
        """How conversations are compared."""
        return Scheme(self.unit, self.shingle, self.permutations, self.bands, self.max_shingles, self.seed)

    def prompt_scheme(self) -> Scheme:
        """How first user turns are compared: they are shorter, and half as many permutations and bands do."""
        whole = self.scheme()
        if self.bands % 2 or self.permutations % 2:
            return whole
        return replace(whole, permutations=self.permutations // 2, bands=self.bands // 2)


@contextmanager
def _open(config: FingerprintConfig) -> Iterator[BatchFn]:
    yield lambda batch: _fingerprint(batch, config)


def _fingerprint(batch: pa.Table, config: FingerprintConfig) -> pa.Table:
    from xxhash import xxh3_64_intdigest, xxh3_128_digest

    flat = flat_messages(batch["messages"])
    folded = [fold(content) if content else "" for content in flat.content]
    asked: list[list[str]] = [[] for _ in range(flat.rows)]
    answered: list[list[str]] = [[] for _ in range(flat.rows)]
    tagged: list[list[str]] = [[] for _ in range(flat.rows)]
    prompts: list[str] = [""] * flat.rows
    turns: list[int] = []
    for row, role, text in zip(flat.row.tolist(), flat.role, folded, strict=True):
        tagged[row] += (role or "", text)
        turns.append(xxh3_64_intdigest(f"{role}\0{text}".encode()))
        if role == "user":
            asked[row].append(text)
            if text and not prompts[row]:
                prompts[row] = text
        else:
            answered[row].append(text)
    null = ~np.asarray(batch["messages"].combine_chunks().is_valid())
    sides = [("\n".join(left), "\n".join(right)) for left, right in zip(asked, answered, strict=True)]
    whole = signatures(sides, config.scheme())
    prompt = signatures([(text,) for text in prompts], config.prompt_scheme())
    hashes = [xxh3_128_digest("\0".join(parts).encode()) for parts in tagged]
    lengths = np.array([len(left) + len(right) for left, right in sides], dtype=np.int64)
    arrays = [
        pa.array(hashes, _HASH, mask=null),
        pa.array([xxh3_128_digest(text.encode()) if text else None for text in prompts], _HASH),
        lists(np.array(turns, dtype=np.uint64), np.bincount(flat.row, minlength=flat.rows), null),
        pa.array(lengths, mask=null),
        whole.bands,
        whole.bits,
        whole.tagged_bits,
        whole.shingles,
        whole.levels,
        prompt.bands,
        prompt.bits,
        prompt.shingles,
        prompt.levels,
    ]
    return pa.table(arrays, schema=_WRITES)


_WRITES: Final = pa.schema(
    [
        pa.field("text_hash", _HASH),  # XXH3-128 of roles and folded texts
        pa.field("prompt_hash", _HASH),  # XXH3-128 of the folded first user turn
        pa.field("turn_hashes", pa.list_(pa.uint64())),  # one a message, role included
        pa.field("text_length", pa.int64()),  # characters after folding
        pa.field("minhash_bands", pa.list_(pa.uint64())),
        pa.field("asked_bits", pa.binary()),  # the lowest byte of each value of the signature of the user's turns
        pa.field("answered_bits", pa.binary()),  # of all other turns
        pa.field("shingles", pa.list_(pa.int32())),  # sorted, distinct; odd values are of other turns than the user's
        pa.field("shingle_level", pa.int8()),  # 0: all shingles are there; n: one in 2**n
        pa.field("prompt_bands", pa.list_(pa.uint64())),  # the same of the first user turn
        pa.field("prompt_bits", pa.binary()),
        pa.field("prompt_shingles", pa.list_(pa.int32())),
        pa.field("prompt_level", pa.int8()),
    ]
)

FINGERPRINT: Final = Stage(
    name="fingerprint",
    version=2,
    config=FingerprintConfig,
    reads=pa.schema([pa.field("messages", MESSAGES)]),
    writes=_WRITES,
    open=_open,
)
