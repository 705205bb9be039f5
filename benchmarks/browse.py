"""Seconds of `chatlog browse` on generated conversations: opening, searches, filters, pages and reading.

python benchmarks/browse.py --conversations 100000 --work build/benchmarks/browse
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chatlog
from chatlog.browse.api import Api, open_api
from chatlog.demo.generator import generate_logs
from chatlog.pipeline import parse

QUESTIONS: dict[str, dict[str, list[str]]] = {
    "first page": {},
    "frequent word": {"q": ["the"]},
    "word": {"q": ["python"]},
    "the word again": {"q": ["python"]},
    "its 100th page": {"q": ["python"], "page": ["99"]},
    "the word and a filter": {"q": ["python"], "language": ["German"]},
    "word that is nowhere": {"q": ["zqxzqx"]},
    "phrase": {"q": ['"in less than"']},
    "three words, one of them not wanted": {"q": ["minutes budget -python"]},
    "word in another script": {"q": ["минут"]},
    "two filters": {"language": ["English"], "duplicate": ["no duplicate"]},
    "middle page by time": {"sort": ["newest"], "page": ["1000"]},
}


def main(work: Path, conversations: int) -> dict[str, Any]:
    """The measurement; the run is kept in `work` for the next time."""
    run = work / f"run-{conversations}"
    if not (run / "language").is_dir():
        logs = work / f"logs-{conversations}"
        if not logs.exists():
            generate_logs(logs, conversations, seed=1)
        stages = [{"use": "fingerprint"}, {"use": "dedup"}, {"use": "language"}]
        source = {"reader": "auto", "paths": [str(logs.resolve() / "logs")]}
        chatlog.run(parse({"name": "browse", "source": [source], "stage": stages}, work), run)
    began = time.perf_counter()
    with open_api(run) as api:
        opening = time.perf_counter() - began
        told = {name: timed(lambda params=params: asked(api, params)) for name, params in QUESTIONS.items()}
        rows = [item["row_id"] for item in api.get("search", {"page": ["50"]})["items"][:10]]
        reading = [timed(lambda row=row: api.get(f"conversation/{row}", {}))[0] for row in rows]
        texts = "SELECT sum(list_sum(list_transform(messages, lambda m: strlen(m.content)))) FROM shown"
        with api.index.cursor() as cursor:
            size = cursor.execute(texts).fetchall()[0][0]
    return {
        "conversations": conversations,
        "text_bytes": int(size),
        "open_seconds": round(opening, 2),
        "seconds": {name: round(seconds, 3) for name, (seconds, _) in told.items()},
        "found": {name: found for name, (_, found) in told.items()},
        "read_seconds": round(sorted(reading)[len(reading) // 2], 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def asked(api: Api, params: dict[str, list[str]]) -> int:
    """How many there are, asked for as the page does until the search is done."""
    while not (told := api.get("search", params))["done"]:
        pass
    return int(told["total"])


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    began = time.perf_counter()
    found = what()
    return time.perf_counter() - began, found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--conversations", type=int, default=100_000)
    options.add_argument("--work", type=Path, default=Path("build/benchmarks/browse"))
    given = options.parse_args()
    print(json.dumps(main(given.work, given.conversations)))
