"""How many neighbours the map of topics keeps, and what it costs, by the number of landmarks that t-SNE lays out.

python benchmarks/topic_map.py ../shared/eval/topics/clinc150.jsonl.gz --landmarks 2000 6000

Prints a JSON object. `kept` is the share of a question's ten nearest by their embeddings that are among its ten nearest
on the map. Seconds are the processor's, of one thread; `place_seconds` are those of placing 100,000 vectors, which are
the questions over and over.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from chatlog.evaluate.labelled import read_rows
from chatlog.models.embedders import open_embedder
from chatlog.models.landmarks import LANDMARKS, fit_map

NEIGHBOURS = 10
PLACED = 100_000


def near(points: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The rows of the nearest others of each row, `(n, NEIGHBOURS)`."""
    found: npt.NDArray[np.int64] = (
        NearestNeighbors(n_neighbors=NEIGHBOURS).fit(points).kneighbors(return_distance=False)
    )
    return found


def main(file: Path, landmarks: list[int]) -> dict[str, object]:
    """What each number of landmarks keeps and costs."""
    texts = [str(row["text"]) for row in read_rows(file, ("text",))]
    vectors = open_embedder().encode(texts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)  # so that Euclidean neighbours are those by cosine
    expected = near(vectors)
    many = np.resize(vectors, (PLACED, vectors.shape[1]))
    told = []
    for count in landmarks:
        began = time.process_time()
        plane = fit_map(vectors, 0, count)
        fitted = time.process_time()
        plane.place(many)
        done = time.process_time()
        found = near(plane.place(vectors))
        kept = np.mean([len(np.intersect1d(*pair)) / NEIGHBOURS for pair in zip(expected, found, strict=True)])
        told.append(
            {
                "landmarks": count,
                "kept": round(float(kept), 3),
                "fit_seconds": round(fitted - began, 1),
                "place_seconds": round(done - fitted, 1),
            }
        )
    return {"questions": len(texts), "maps": told}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labelled", type=Path, help="JSON Lines with `text`")
    options.add_argument("--landmarks", type=int, nargs="+", default=[LANDMARKS])
    given = options.parse_args()
    print(json.dumps(main(given.labelled, given.landmarks)))
