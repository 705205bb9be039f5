"""How fast redaction is beside Presidio's BatchAnalyzerEngine with the same spaCy model, and how well both find.

    python benchmarks/pii.py --logs LOGS... [--labelled FILE...] [--conversations N] [--peer-characters N] [--rounds N]

Each runs in a process of its own, on one core's time, over real chats: the distinct messages of a
seeded sample of conversations. Presidio is given a sample of these messages in English settings, since it
would take minutes for all; characters a second are compared. What is measured of chatlog is the
whole stage `redact`, conversations in and redacted conversations out; of Presidio its analysis alone.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SLICE = 4096
"""Rows that the engine gives a stage at a time."""


def conversations(logs: list[str], count: int) -> list[list[dict[str, Any]]]:
    """The messages of a sample of the logs' conversations, by chatlog's own readers."""
    import pyarrow.parquet as pq

    from chatlog import run
    from chatlog.pipeline import parse

    data = {
        "name": "benchmark",
        "source": [{"reader": "auto", "paths": [str(Path(path).resolve()) for path in logs]}],
        "stage": [{"use": "fingerprint"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        run(parse(data, Path.cwd()), Path(folder) / "run", until="ingest")
        parts = sorted((Path(folder) / "run" / "ingest").glob("*.parquet"))
        rows = [row["messages"] for part in parts for row in pq.read_table(part, columns=["messages"]).to_pylist()]
    random.Random(1).shuffle(rows)
    return [row for row in rows[:count] if row]


def by_chatlog(asked: dict[str, Any]) -> dict[str, Any]:
    """Seconds and characters of the stage over whole conversations; spans of labelled texts."""
    import pyarrow as pa

    from chatlog.schema import MESSAGES
    from chatlog.stages.redact import REDACT, RedactConfig

    def table(rows: list[Any]) -> pa.Table:
        return pa.table([pa.array(rows, MESSAGES), pa.nulls(len(rows), pa.string())], schema=REDACT.reads)

    with REDACT.open(RedactConfig(names_model=asked["names_model"])) as redact:
        redact(table([[{"role": "user", "content": "My name is Ada Novak."}]]))
        whole = table(asked["conversations"])
        begun = time.process_time()
        spans = 0
        for start in range(0, whole.num_rows, SLICE):
            spans += sum(len(row) for row in redact(whole.slice(start, SLICE))["pii"].to_pylist())
        seconds = time.process_time() - begun
        found = []
        for texts in asked["labelled"]:
            rows = redact(table([[{"role": "user", "content": text}] for text in texts]))["pii"].to_pylist()
            found.append([[(s["start"], s["end"], s["type"]) for s in row if s["placeholder"]] for row in rows])
    return {"seconds": seconds, "spans": spans, "found": found}


def by_presidio(asked: dict[str, Any]) -> dict[str, Any]:
    """Seconds of `analyze_iterator` over single messages; spans of labelled texts."""
    import logging

    logging.disable(logging.WARNING)
    os.environ["PRESIDIO_DEVICE"] = "cpu"
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    from chatlog.models.weights import locate

    model = {"lang_code": "en", "model_name": str(locate("en_core_web_sm"))}
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}).create_engine()
    engine = BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"]))
    list(engine.analyze_iterator(["My name is Ada Novak."], language="en"))
    begun = time.process_time()
    spans = sum(len(results) for results in engine.analyze_iterator(asked["texts"], language="en", batch_size=64))
    seconds = time.process_time() - begun
    found = [
        [
            [(result.start, result.end, result.entity_type) for result in results]
            for results in engine.analyze_iterator(texts, language="en", batch_size=64)
        ]
        for texts in asked["labelled"]
    ]
    return {"seconds": seconds, "spans": spans, "found": found}


def in_a_process(which: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What one side gives, in a fresh process with one thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asked.json"
        path.write_text(json.dumps(asked))
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        told = subprocess.run(
            [sys.executable, __file__, "--side", which, "--asked", str(path)], capture_output=True, text=True, env=env
        )
    if told.returncode:
        raise SystemExit(told.stderr[-2000:])
    return dict(json.loads(told.stdout.splitlines()[-1]))


def quality(rows: list[dict[str, Any]], found: list[list[list[Any]]]) -> dict[str, float | None]:
    """The metrics of `chatlog eval pii`."""
    from chatlog.evaluate.pii import Document, Mark, measure

    documents = [
        Document(
            len(row["text"]),
            str(row.get("lang", "")),
            [Mark(span["start"], span["end"], span["type"]) for span in row["spans"]],
            [Mark(*mark) for mark in marks],
        )
        for row, marks in zip(rows, found, strict=True)
    ]
    told = measure(documents)
    return {name: told[name] for name in ("f2", "recall", "precision", "leak_rate", "over_redaction")}


def compare(asked: argparse.Namespace) -> dict[str, Any]:
    """Both sides, in turns, the best of the rounds each."""
    from chatlog.evaluate.labelled import read_rows

    chats = conversations(asked.logs, asked.conversations)
    texts = list(dict.fromkeys(turn["content"] for chat in chats for turn in chat if turn and turn["content"]))
    characters = sum(map(len, texts))
    random.Random(2).shuffle(texts)
    peer: list[str] = []
    while texts and sum(map(len, peer)) < asked.peer_characters:
        peer.append(texts.pop())
    labelled = [read_rows(path, ("text", "spans")) for path in asked.labelled]
    given = {"conversations": [[dict(turn, created_at=None) for turn in chat] for chat in chats]}
    sides = {
        "chatlog": given | {"names_model": "en_core_web_sm"},
        "chatlog_without_model": given | {"names_model": ""},
        "presidio": {"texts": peer},
    }
    size = {"chatlog": characters, "chatlog_without_model": characters, "presidio": sum(map(len, peer))}
    told: dict[str, Any] = {"conversations": len(chats), "messages": len(texts) + len(peer), "characters": size}
    best: dict[str, dict[str, Any]] = {}
    for number in range(asked.rounds):
        for name, given in sides.items():
            made = in_a_process(
                name, given | {"labelled": [[r["text"] for r in rows] for rows in labelled] if not number else []}
            )
            if name not in best:
                best[name] = made
            best[name]["seconds"] = min(best[name]["seconds"], made["seconds"])
    for name, made in best.items():
        told[name] = {
            "seconds": round(made["seconds"], 2),
            "characters_a_second": round(size[name] / made["seconds"]),
            "quality": {
                path.name: quality(rows, found)
                for path, rows, found in zip(asked.labelled, labelled, made["found"], strict=True)
            },
        }
    told["ratio"] = round(told["chatlog"]["characters_a_second"] / told["presidio"]["characters_a_second"], 2)
    return told


def main() -> None:
    """Compares, or is one side of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", nargs="+")
    parser.add_argument("--labelled", nargs="*", type=Path, default=[])
    parser.add_argument("--conversations", type=int, default=4000)
    parser.add_argument("--peer-characters", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=["chatlog", "chatlog_without_model", "presidio"])
    parser.add_argument("--asked", type=Path)
    asked = parser.parse_args()
    if asked.side:
        sides = {"chatlog": by_chatlog, "chatlog_without_model": by_chatlog, "presidio": by_presidio}
        print(json.dumps(sides[asked.side](json.loads(asked.asked.read_text()))))
    else:
        print(json.dumps(compare(asked), indent=2))


if __name__ == "__main__":
    main()
