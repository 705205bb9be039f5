"""Examples that were written for chatlog: what the public sets lack, and languages that they hold on one side only."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any, Final

Rows = list[dict[str, Any]]

OWN: Final = {
    "templates-request": 300.0,
    "templates-statement": 80.0,
    "templates-ordinary": 300.0,
    "templates-languages": 200.0,
}
"""The sets that are made here, and what each weighs."""

_SLOT = re.compile(r"\{(\w+)\}")

_WORDS: Final = 10
_TEXTS: Final = 4


def own_sets() -> list[tuple[str, Rows]]:
    """The `(name, rows)` of OWN; rows as of a labelled file, with `domain`.

    templates-request: requests that only sound harmful beside those that are. templates-statement: rare
    categories beside harmless statements. templates-ordinary: everyday requests in many languages.
    templates-languages: harmless whatever they are taken for; small words of languages that the encoder does
    not know, so that not to know a text is no reason to flag it.
    """
    told = tomllib.loads((files("chatlog.models.moderator") / "templates.toml").read_text(encoding="utf-8"))
    made: dict[str, Rows] = {name: [] for name in OWN}
    for entry in told["set"]:
        name = f"templates-{entry['name']}"
        for text in entry["texts"]:
            slot = _SLOT.search(text)
            for value in told["slots"][slot[1]] if slot else ("",):
                row = {
                    "text": _SLOT.sub(value, text) if slot else text,
                    "lang": entry.get("lang", "en"),
                    "flagged": entry["flagged"],
                    "domain": entry["domain"],
                }
                if "labels" in entry:
                    row["labels"] = _labels(entry["labels"])
                made[name].append(row)
    made["templates-languages"] += _small_words()
    return list(made.items())


def _labels(true: list[str]) -> dict[str, int]:
    """The categories named, and as false the others of their families; the rest is not annotated."""
    from chatlog.schema import CATEGORIES

    families = {name.split("/", 1)[0] for name in true}
    return {name: int(name in true) for name in CATEGORIES if name.split("/", 1)[0] in families}


def _small_words() -> Rows:
    rows: Rows = []
    lines = (files("chatlog.text") / "function_words.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        language, *words = line.split()
        for number in range(_TEXTS):
            # A stride that differs by text shuffles the words without chance.
            step = 2 * number + 1
            chosen = [words[place * step % len(words)] for place in range(number, number + min(_WORDS, len(words)))]
            rows.append({"text": " ".join(chosen), "lang": language, "flagged": 0, "domain": "any"})
    return rows
