"""What no implementation in Python gets below on FastChat logs: processor seconds of each step that has to be done."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fasttext
import orjson

from chatlog.models.weights import locate
from chatlog.text.prose import prose_lines

LOOKED_AT = 100
"""Characters of a message that the language stage gives to the model first."""


def timed(name: str, work: Callable[[], Any]) -> Any:
    """What the work returns; prints its processor seconds."""
    begun = time.process_time()
    result = work()
    print(f"{name:60} {time.process_time() - begun:6.2f}")
    return result


def decoded(lines: Iterable[bytes], loads: Callable[[bytes], Any]) -> Iterable[Any]:
    """The values of the lines that are JSON."""
    for line in lines:
        try:
            yield loads(line)
        except ValueError:
            continue


def texts(record: dict[str, Any]) -> Iterable[str]:
    """The messages of a record's states."""
    for state in record.get("states") or [record.get("state")]:
        messages = state.get("messages") if isinstance(state, dict) else None
        yield from (turn[1] for turn in messages if turn[1]) if isinstance(messages, list) else ()


def main() -> None:
    """Times each step over the logs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+")
    files = [path.read_bytes() for path in parser.parse_args().logs]
    timed("SHA-256", lambda: [hashlib.sha256(data).digest() for data in files])
    lines = timed("split into lines", lambda: [line for data in files for line in data.split(b"\n") if line.strip()])
    timed("orjson.loads", lambda: sum(1 for _ in decoded(lines, orjson.loads)))
    timed("json.loads", lambda: sum(1 for _ in decoded(lines, json.loads)))
    distinct = list({text for record in decoded(lines, orjson.loads) for text in texts(record)})
    prose = timed(f"prose of {len(distinct)} distinct messages", lambda: [line.words for line in prose_lines(distinct)])
    predict = fasttext.load_model(str(locate("lid.176.ftz"))).f.predict
    beginnings = [words[:LOOKED_AT].lower() + "\n" for words in prose]
    timed(
        f"fastText on the first {LOOKED_AT} characters of each",
        lambda: [predict(b, 1, 0.0, "strict") for b in beginnings],
    )


if __name__ == "__main__":
    main()
