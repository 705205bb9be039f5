"""The reference: FastChat logs to clean conversations, the way FastChat's own `clean_chat_data.py` goes about it.

Written again from a description of what that script does, in its fast form: the last line of each
conversation is looked at, in one process. `--lean` leaves out the indented JSON, which takes
Python's slow encoder, so that nobody can say that the output made the difference.

Runs in an environment with pycld2 alone; imports nothing of chatlog.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import pycld2
from measured import own_peak_mb

RENAMED = {
    "bard": "palm-2",
    "claude": "claude-v1",
    "claude-instant": "claude-instant-v1",
    "gpt-3.5": "gpt-3.5-turbo",
    "oasst-sft-1-pythia-12b": "oasst-pythia-12b",
}
SERVICE = (
    "network error due to high traffic",
    "your input violates our content moderation guidelines",
    "rate limit of this model is reached",
)


def language_of(text: str) -> str:
    """CLD2's best language of a text; `unknown` where it finds none or cannot read it."""
    try:
        _, _, found = pycld2.detect(text)
    except pycld2.error:
        return "unknown"
    code = str(found[0][1])
    return "unknown" if code == "un" else code


def last_lines(paths: list[Path]) -> tuple[dict[str, dict], Counter]:
    """The last chat record of each conversation id, in the order in which ids came, and counts."""
    counts: Counter = Counter()
    last: dict[str, dict] = {}
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                counts["lines"] += 1
                try:
                    row = json.loads(line)
                    if row["type"] == "chat":
                        last[row["state"]["conv_id"]] = row
                        counts["chat"] += 1
                except (ValueError, KeyError, TypeError):
                    counts["unreadable"] += 1
    return last, counts


def cleaned(last: dict[str, dict], counts: Counter) -> list[dict]:
    """One clean conversation for each record that has texts only, none of them the service's own."""
    users: dict[str, int] = {}
    chats = []
    for conversation_id, row in last.items():
        state = row["state"]
        try:
            turns = state["messages"][state["offset"] :]
            texts = [text for _, text in turns]
        except (KeyError, TypeError, ValueError):
            counts["invalid"] += 1
            continue
        if not texts or not all(isinstance(text, str) for text in texts):
            counts["invalid"] += 1
            continue
        whole = "".join(texts).lower()
        if any(notice in whole for notice in SERVICE):
            counts["service"] += 1
            continue
        chats.append(
            {
                "conversation_id": conversation_id,
                "model": RENAMED.get(row["model"], row["model"]),
                "conversation": [
                    {"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(texts)
                ],
                "turn": len(texts) // 2,
                "language": language_of(texts[0]),
                "user_id": users.setdefault(row["ip"], len(users)),
                "tstamp": row["tstamp"],
            }
        )
    chats.sort(key=lambda chat: chat["tstamp"])
    return chats


def main() -> None:
    """Cleans the files given and prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lean", action="store_true")
    parser.add_argument("logs", type=Path, nargs="+")
    asked = parser.parse_args()
    begun = time.perf_counter()
    last, counts = last_lines(asked.logs)
    read = time.perf_counter()
    chats = cleaned(last, counts)
    cleaned_at = time.perf_counter()
    with asked.out.open("w", encoding="utf-8") as out:
        if asked.lean:
            out.write(json.dumps(chats, ensure_ascii=False))
        else:
            json.dump(chats, out, indent=2, ensure_ascii=False)
    done = time.perf_counter()
    print(
        json.dumps(
            {
                "kept": len(chats),
                "counts": dict(counts),
                "seconds": {"read": read - begun, "clean": cleaned_at - read, "write": done - cleaned_at},
                "peak_mb": own_peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
