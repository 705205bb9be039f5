"""Records to draw samples of, and samples that are labelled by what their messages tell."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import sample
from tests.conftest import write_jsonl
from tests.moderation.scored import chat


def records() -> list[dict[str, Any]]:
    """60 conversations of four messages, most of low scores; a message says its score and, as `true`, its label."""
    rng = random.Random(3)
    made = []
    for number in range(60):
        texts = []
        for turn in range(4):
            score = round(rng.random() ** 3, 3)
            truth = "true" if rng.random() < score else "false"
            texts.append(f"{truth} number {number} {turn} hate={score:.3f} hate~{(score + 0.3) % 1:.3f}")
        made.append(chat(number, "m", *texts))
    made.append(chat(60, "m", "refused", "", "true hate=0.55", "unheard false hate=0.5"))
    return made


def drawn(folder: Path, out: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """The lines of a sample."""
    sample(judged_run(folder), count, out, seed)
    return [json.loads(line) for line in out.read_text().splitlines()]


def answered(rows: list[dict[str, Any]], out: Path) -> Path:
    """The sample with the labels that its messages tell."""
    return write_jsonl(out, [row | {"label": row["message"].startswith("true")} for row in rows])
