"""Coverage-guided fuzzing of ingest: `make fuzz`, or `python -m tests.fuzz.fuzz_readers [RECORDS]`.

Needs atheris (PyPI), in an environment of its own. Files of mutated records go through framing,
decoding, the readers, the rows and the accounts; the run ends at the first crash or record that is
neither row nor reject, and leaves the input that did it beside it (libFuzzer's `crash-*`).
Without atheris, `--seed N` draws the mutations from a random generator.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any


class FuzzedChoices:
    """Choices from the bytes that libFuzzer mutates; zeros when they are used up."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    def randint(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.provider.ConsumeIntInRange(low, high))


class Count:
    """What has been fuzzed so far; told at the end."""

    def __init__(self, goal: int) -> None:
        self.goal = goal
        self.files = self.mutated = self.records = self.rows = self.rejects = 0
        self.begun = time.monotonic()

    def one_file(self, choices: Any, folder: Path) -> None:
        """Makes a file and sends it through ingest."""
        from tests.fuzz.ingesting import ingest
        from tests.fuzz.mutation import NAMES, damaged_file, pick

        seed = pick(choices, NAMES)
        name = seed if choices.randint(0, 9) else pick(choices, [*NAMES, "auto"])
        data, mutated = damaged_file(choices, seed, choices.randint(1, 25))
        told = ingest(folder, name, data, shard_rows=pick(choices, [30, 20_000]))
        self.files += 1
        self.mutated += mutated
        self.records, self.rows = self.records + told.records, self.rows + told.rows
        self.rejects += told.rejects
        if self.mutated >= self.goal:
            self.tell()
            sys.stdout.flush()
            os._exit(0)

    def tell(self) -> None:
        """Prints one line."""
        seconds = time.monotonic() - self.begun
        print(
            f"{self.mutated:,} mutated records in {self.files:,} files: 0 crashes; {self.records:,} records = "
            f"{self.rows:,} rows + {self.rejects:,} rejects, 0 unaccounted; {seconds:.0f} s"
        )


def main() -> None:
    """Fuzzes until as many records were mutated as asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("records", nargs="?", type=int, default=100_000)
    options.add_argument("--seed", type=int, help="draw from a random generator, without atheris")
    asked = options.parse_args()
    os.environ.setdefault("CHATLOG_USER_KEY", "a key for fuzzing alone")
    count = Count(asked.records)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        if asked.seed is not None:
            rng = random.Random(asked.seed)
            while True:
                state = rng.getstate()
                try:
                    count.one_file(rng, folder)
                except BaseException:
                    kept = Path(f"crash-seed-{asked.seed}-file-{count.files}")
                    kept.write_bytes((folder / "a.json").read_bytes())
                    print(f"file {count.files} broke ingest: {kept} ({hash(state):x})", file=sys.stderr)
                    raise
        import atheris

        with atheris.instrument_imports(include=["chatlog"]):
            import_module("tests.fuzz.ingesting")  # and with it all of chatlog that ingests

        def one_input(data: bytes) -> None:
            count.one_file(FuzzedChoices(atheris.FuzzedDataProvider(data)), folder)

        corpus = folder / "corpus"
        corpus.mkdir()
        rng = random.Random(1)
        for number in range(200):  # each a file of its own; an empty one would take thousands of tries to grow
            (corpus / str(number)).write_bytes(rng.randbytes(rng.choice([64, 512, 4096])))
        limits = ["-max_len=8192", "-len_control=0", "-timeout=60", "-rss_limit_mb=4096"]
        atheris.Setup([sys.argv[0], *limits, str(corpus)], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
