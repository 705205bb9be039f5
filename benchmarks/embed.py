"""How fast `embed` is beside a plain SentenceTransformer, and how well k-means finds topics in what each gives.

python benchmarks/embed.py LOGS... --labelled ../shared/eval/topics/banking77.jsonl.gz

Prints a JSON object. Both sides embed the same first user turns, as they come, duplicates included: `plain` by
`SentenceTransformer("all-MiniLM-L6-v2").encode(texts)` with its defaults, which take all cores; `chatlog` by the stage
in two processes, as a run does. They take turns, and of each the fastest round counts, without start-up. `seconds` are
of wall time, `processor_seconds` those of all processes. `quality` is the NMI of the stages `embed` and `topics` with
the gold topics of labelled sets, by each side's model and window.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORKERS = 2
PIECE = 2000
WARMING = ["How do I bake bread at home?", "Wie backe ich zu Hause Brot?", "घर पर रोटी कैसे बनाएँ?"]
# One for each model that the stage opens when its first text comes.


def first_turns(logs: list[Path]) -> list[str]:
    """The texts that `embed` takes of the conversations of `logs`."""
    import pyarrow.parquet as pq

    from chatlog import run
    from chatlog.pipeline import parse
    from chatlog.stages.embed import text_of

    texts = []
    for log in logs:
        source = {"reader": "auto", "paths": [str(log.resolve())]}
        with tempfile.TemporaryDirectory() as folder:
            run(parse({"name": "benchmark", "source": [source]}, Path.cwd()), Path(folder) / "run", workers=1)
            for part in sorted(Path(folder).glob("run/ingest/part-*.parquet")):
                rows = pq.ParquetFile(part).read(["messages"]).column(0).to_pylist()
                texts += [text for row in rows if (text := text_of(row, "first_user"))]
    return texts


def plain(_: dict[str, Any]) -> Callable[[list[str]], dict[str, int]]:
    """What a user would write."""
    from sentence_transformers import SentenceTransformer

    from chatlog.models.weights import locate

    model = SentenceTransformer(str(locate("all-MiniLM-L6-v2")), device="cpu")

    def encode(texts: list[str]) -> dict[str, int]:
        model.encode(texts, show_progress_bar=False)
        return {}

    return encode


def stage(settings: dict[str, Any]) -> Callable[[list[str]], dict[str, int]]:
    """The stage, given conversations in pieces, as the engine does."""
    import pyarrow as pa

    from chatlog.schema import MESSAGES
    from chatlog.stages.embed import EmbedConfig, open_embed

    # Opened until the process ends.
    batch = open_embed(EmbedConfig(**settings)).__enter__()

    def encode(texts: list[str]) -> dict[str, int]:
        rows = [[{"role": "user", "content": text, "name": None, "created_at": None}] for text in texts]
        for start in range(0, len(rows), PIECE):
            batch(pa.table({"messages": pa.array(rows[start : start + PIECE], MESSAGES)}))
        counts: dict[str, int] = batch.counts()  # type: ignore[attr-defined]
        return counts

    return encode


SIDES = {"plain": plain, "stage": stage}


def work(side: str, settings: dict[str, Any], texts: list[str], pipe: Any) -> None:
    """Opens a side, waits for the word, encodes, and tells seconds of the processor and counts."""
    encode = SIDES[side](settings)
    before = encode(WARMING)
    pipe.send("ready")
    pipe.recv()
    began = time.process_time()
    counts = {name: number - before.get(name, 0) for name, number in encode(texts).items()}
    pipe.send({"processor_seconds": time.process_time() - began, "counts": counts})


def timed(side: str, settings: dict[str, Any], parts: list[list[str]]) -> dict[str, Any]:
    """Seconds that `side` takes with one process a part."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for part in parts:
        ours, theirs = context.Pipe()
        workers.append(context.Process(target=work, args=(side, settings, part, theirs)))
        pipes.append(ours)
        workers[-1].start()
    for pipe in pipes:
        pipe.recv()
    began = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    told = [pipe.recv() for pipe in pipes]
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    counts: dict[str, int] = {}
    for one in told:
        for name, number in one["counts"].items():
            counts[name] = counts.get(name, 0) + number
    return {
        "seconds": seconds,
        "processor_seconds": sum(one["processor_seconds"] for one in told),
        "counts": {name: number for name, number in counts.items() if number},
    }


def quality(labelled: list[Path], settings: dict[str, Any]) -> dict[str, float]:
    """NMI with gold topics by file."""
    from chatlog.evaluate.topics import evaluate
    from chatlog.stages.embed import EmbedConfig

    return {path.name: round(evaluate(path, embed=EmbedConfig(**settings)).metrics["nmi"], 4) for path in labelled}


def main(options: argparse.Namespace) -> dict[str, Any]:
    """Both sides' speed and quality."""
    texts = first_turns(options.logs)
    random.Random(0).shuffle(texts)
    texts = texts[: options.texts]
    half = -(-len(texts) // WORKERS)
    parts = [texts[start : start + half] for start in range(0, len(texts), half)]
    rounds = []
    for _ in range(options.rounds):
        rounds.append((timed("plain", {}, [texts]), timed("stage", {"model": options.model}, parts)))
    best = [min((one[side] for one in rounds), key=lambda told: told["seconds"]) for side in (0, 1)]
    sides = {
        name: {
            **settings,
            "texts_a_second": round(len(texts) / told["seconds"], 1),
            "seconds": round(told["seconds"], 2),
            "processor_seconds": round(told["processor_seconds"], 2),
            "quality": quality(options.labelled, settings),
        }
        for name, settings, told in zip(
            ("plain", "chatlog"),
            ({"model": "all-MiniLM-L6-v2", "max_tokens": 256}, {"model": options.model}),
            best,
            strict=True,
        )
    }
    return {
        "texts": len(texts),
        "distinct": len(set(texts)),
        "mean_characters": round(sum(map(len, texts)) / max(1, len(texts))),
        "counts": best[1]["counts"],
        "ratio": round(best[0]["seconds"] / best[1]["seconds"], 2),
        "processor_ratio": round(best[0]["processor_seconds"] / best[1]["processor_seconds"], 2),
        **sides,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+", help="chats in any form that ingest reads")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="JSON Lines with `text` and `label`")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="minilm+use+e5")
    print(json.dumps(main(parser.parse_args())))
