"""How fast the stage `overlap` is beside a loop over sets of 13-gram tuples, at equal results.

    python benchmarks/overlap.py [--messages N] [--words N] [--items N] [--repeat N]

Prints one JSON object. Both work on one core on the same invented messages; one message in 20 holds
an item or a piece of one. Seconds are the best of the repeats, which take turns.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa

from chatlog.schema import MESSAGES
from chatlog.stages.overlap import OVERLAP, OverlapConfig
from chatlog.text.ngrams import stands_in, trimmed
from chatlog.text.normalise import fold

WIDTH = 13
SLICE = 4096
"""Rows that the engine gives a stage at a time."""

Found = dict[tuple[int, str], tuple[str, float]]
"""Row and item to kind and share."""


def sentence(rng: random.Random, words: int) -> str:
    """Words of a made-up vocabulary, the first ones often, with marks between them."""
    told = [f"w{int(rng.paretovariate(0.5)) % 30_000:x}" for _ in range(words)]
    return " ".join(word + rng.choice(("", "", "", "", ",", ".")) for word in told)


def invented(messages: int, words: int, items: int) -> tuple[list[str], list[str]]:
    """Messages and items; the same ones every time."""
    rng = random.Random(1)
    bench = [sentence(rng, rng.randint(20, 80)) for _ in range(items)]
    texts = []
    for number in range(messages):
        text = sentence(rng, max(1, int(rng.expovariate(1 / words))))
        if number % 20 == 0:
            item = rng.choice(bench)
            piece = item if number % 40 == 0 else " ".join(item.split()[: rng.randint(10, 30)])
            text = f"{text[: len(text) // 2].rpartition(' ')[0]} {piece.upper()} {text}"
        texts.append(text)
    return texts, bench


class Plain:
    """A set of tuples an item, and a look-up for each n-gram of each message."""

    def __init__(self, bench: list[str]) -> None:
        """Cut the items into n-grams."""
        self.bench = bench
        self.items: list[set[tuple[str, ...]]] = []
        self.holders: dict[tuple[str, ...], list[int]] = {}
        for number, item in enumerate(bench):
            self.items.append(self.grams(fold(item)))
            for gram in self.items[-1]:
                self.holders.setdefault(gram, []).append(number)

    def grams(self, folded: str) -> set[tuple[str, ...]]:
        """The distinct n-grams of a folded text."""
        words = re.findall(r"[^\W_]+", folded)
        return {tuple(words[at : at + WIDTH]) for at in range(len(words) - WIDTH + 1)}

    def find(self, texts: list[str]) -> Found:
        """The items in each text."""
        found: Found = {}
        for row, text in enumerate(texts):
            folded = fold(text)
            hits: Counter[int] = Counter()
            for gram in self.grams(folded):
                hits.update(self.holders.get(gram, ()))
            for number, count in hits.items():
                share = count / len(self.items[number])
                exact = share == 1 and stands_in(trimmed(fold(self.bench[number])), folded)
                found[row, f"#{number}"] = ("exact" if exact else "ngram", share)
        return found


def staged(table: pa.Table, function: object) -> pa.Table:
    """The stage's columns, made as the engine makes them."""
    assert callable(function)
    return pa.concat_tables([function(table.slice(at, SLICE)) for at in range(0, table.num_rows, SLICE)])


def as_found(made: pa.Table) -> Found:
    """What the stage found, in the loop's form."""
    return {
        (row, hit["item"]): (hit["kind"], hit["share"])
        for row, hits in enumerate(made["contamination"].to_pylist())
        for hit in hits
    }


def equal(one: Found, two: Found) -> bool:
    """The same hits, with shares equal in float32."""
    return one.keys() == two.keys() and all(
        one[key][0] == two[key][0] and abs(one[key][1] - two[key][1]) < 1e-6 for key in one
    )


def main() -> None:
    """Measures, and prints the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=20, help="words of a message, on average")
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    texts, bench = invented(options.messages, options.words, options.items)
    table = pa.table({"messages": pa.array([[{"role": "user", "content": text}] for text in texts], MESSAGES)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.jsonl"
        path.write_text("".join(json.dumps({"text": item}) + "\n" for item in bench))
        config = OverlapConfig(benchmarks=(str(path),), common=len(bench)).located(Path())
        begun = time.perf_counter()
        with OVERLAP.open(config) as function:
            opened = time.perf_counter() - begun
            plain = Plain(bench)
            seconds: dict[str, list[float]] = {"stage": [], "plain": []}
            for _ in range(options.repeat):
                begun = time.perf_counter()
                made = staged(table, function)
                seconds["stage"].append(time.perf_counter() - begun)
                begun = time.perf_counter()
                expected = plain.find(texts)
                seconds["plain"].append(time.perf_counter() - begun)
    best = {name: min(times) for name, times in seconds.items()}
    found = as_found(made)
    print(
        json.dumps(
            {
                "messages": len(texts),
                "characters": sum(map(len, texts)),
                "items": len(bench),
                "hits": len(found),
                "equal": equal(found, expected),
                "open_seconds": round(opened, 3),
                **{f"{name}_messages_per_second": round(len(texts) / value) for name, value in best.items()},
                "ratio": round(best["plain"] / best["stage"], 2),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
