"""Fits the linear map from multilingual-e5-small to the multilingual USE, and tells how it does on translations.

`fit` reads labelled sets (`text`, `lang`) and takes the texts in the USE's languages alone; beside them stand the
sentences that were written for chatlog. `measure` reads parallel sentences (`text`, `language`; the nth row of each
language says the same) and prints a JSON object: how often the English sentence nearest to one in another language is
its translation, by the map and by the USE itself, of vectors as they are and with the mean of their language taken out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.evaluate.labelled import read_rows
from chatlog.models.e5_map.mapped import MappedE5, fit_map, load, save
from chatlog.models.embedders_e5 import NAME as E5
from chatlog.models.embedders_e5 import open_e5
from chatlog.models.embedders_use import EMBEDDED_CHARACTERS, LANGUAGES, open_use
from chatlog.models.embedders_use import NAME as USE
from chatlog.models.moderator.templates import own_sets
from chatlog.models.weights import identity
from chatlog.text.languages import fold_code

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_LENGTHS: Final = range(30, 301)
_ENGLISH: Final = "eng"

Vectors = npt.NDArray[np.float32]


def _some(texts: Iterable[str], most: int) -> list[str]:
    """At most `most` distinct texts, by their hashes: the same whatever the order of a file."""
    return sorted(set(texts), key=lambda text: hashlib.sha256(text.encode("utf-8", "replace")).digest())[:most]


def texts_of(files: list[Path], whole: int, sentences: int) -> list[str]:
    """Of each set and language at most `whole` texts, and `sentences` of the sentences within its texts."""
    sets = [(path.name, read_rows(path, ("text", "lang"))) for path in files] + own_sets()
    chosen: list[str] = []
    for _, rows in sets:
        by_language: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            code = str(row["lang"]).split("-")[0]
            if code in LANGUAGES:
                by_language[code].append(row["text"])
        for texts in by_language.values():
            chosen += _some(texts, whole)
            parts = (part for text in texts for part in _SENTENCE.split(text) if part != text)
            chosen += _some((part for part in parts if len(part) in _LENGTHS), sentences)
    return list(dict.fromkeys(chosen))


def nearest(queries: Vectors, pool: Vectors) -> dict[str, float]:
    """How often the vector nearest to the nth of `queries` is the nth of `pool`, as they are and centred."""
    told = {}
    middle = pool[: len(queries)].mean(axis=0)
    for name, asked, there in (("plain", queries, pool), ("centred", queries - queries.mean(axis=0), pool - middle)):
        unit = there / np.linalg.norm(there, axis=1, keepdims=True)
        told[name] = round(float(((asked @ unit.T).argmax(axis=1) == np.arange(len(asked))).mean()), 3)
    return told


def measured(path: Path, map_file: Path, others: list[Path]) -> dict[str, dict[str, dict[str, float]]]:
    """By language code of `path`: `{"map": ..., "use": ...}`, each as of `nearest`."""
    by_language: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(path, ("text", "language")):
        by_language[row["language"]].append(row["text"])
    english = next(texts for code, texts in by_language.items() if fold_code(code) == _ENGLISH)
    more = [row for other in others for row in read_rows(other, ("text", "language"))]
    english = english + [row["text"] for row in more if fold_code(row["language"]) == _ENGLISH]
    use = open_use(characters=EMBEDDED_CHARACTERS)
    mapped = MappedE5(open_e5(), load(map_file))
    pool = use.encode(english)
    return {
        code: {"map": nearest(mapped.encode(texts), pool), "use": nearest(use.encode(texts), pool)}
        for code, texts in sorted(by_language.items())
        if fold_code(code) != _ENGLISH
    }


def main() -> None:
    """Fits or measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    fit = tasks.add_parser("fit")
    fit.add_argument("files", type=Path, nargs="+")
    fit.add_argument("--out", type=Path, required=True)
    fit.add_argument("--ridge", type=float, default=0.3)
    fit.add_argument("--texts", type=int, default=300)
    fit.add_argument("--sentences", type=int, default=4000)
    measure = tasks.add_parser("measure")
    measure.add_argument("parallel", type=Path)
    measure.add_argument("--map", type=Path, required=True)
    measure.add_argument("--pool", type=Path, nargs="*", default=[], help="files of further sentences to choose from")
    asked = parser.parse_args()
    if asked.task == "measure":
        print(json.dumps(measured(asked.parallel, asked.map, asked.pool), indent=1))
        return
    texts = texts_of(asked.files, asked.texts, asked.sentences)
    linear = fit_map(open_e5().encode(texts), open_use(characters=EMBEDDED_CHARACTERS).encode(texts), asked.ridge)
    sets = ", ".join(path.name.split(".")[0] for path in asked.files)
    save(linear, asked.out, {"from": identity(E5), "to": identity(USE), "texts": str(len(texts)), "sets": sets})
    print(json.dumps({"texts": len(texts), "largest": round(float(np.abs(linear.matrix).max()), 3)}))


if __name__ == "__main__":
    main()
