"""How good and how steady topics are on labelled questions, and what they cost.

python benchmarks/topics.py ../shared/eval/topics/clinc150.jsonl.gz ../shared/eval/topics/banking77.jsonl.gz

Prints a JSON object a file. `nmi` is that of as many topics as there are labels; `k` what the criterion chooses, with
its NMI and its `themes`; `seeds_ari` the adjusted Rand index of two seeds; `halves_ari` that of the models of two
halves on all questions. `outliers` is the share of questions in no topic; `novel_auroc` tells whether questions of a
tenth of the labels, kept out of learning, are less like their fifth nearest than others that were kept out as well
(0.5: no). Seconds are the processor's, of one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

from chatlog.evaluate.labelled import read_rows
from chatlog.models.embedders import open_embedder
from chatlog.models.topic_space import Space, fit_space
from chatlog.models.topic_tree import Cut, cut_tree
from chatlog.stages.topics import TopicsConfig

Matrix = npt.NDArray[np.float32]
USUAL = TopicsConfig()


class Model:
    """Topics of `vectors`, whose languages are `codes`."""

    def __init__(self, vectors: Matrix, codes: list[str], k: int, seed: int = 0) -> None:
        self.space: Space = fit_space(vectors, codes, k, USUAL.outliers, seed)
        self.cut: Cut = cut_tree(self.space.moved, self.space.landmarks, k, USUAL.max_topics, seed)

    def topics(self, vectors: Matrix, codes: list[str]) -> npt.NDArray[np.int32]:
        """The topic of each vector, the nearest one for outliers too."""
        return self.cut.clusters.assign(self.space.place(vectors, codes)[0])[0]

    def far(self, vectors: Matrix, codes: list[str]) -> npt.NDArray[np.bool_]:
        """Which vectors are outliers."""
        return self.space.place(vectors, codes)[1]


def main(file: Path, kept: Path | None) -> dict[str, object]:
    """What is told of one file."""
    rows = [row for row in read_rows(file, ("text", "label")) if row["label"] is not None]
    codes = [str(row.get("lang") or "")[:3] for row in rows]
    gold = np.array([str(row["label"]) for row in rows])
    labels = sorted(set(gold))
    vectors = _vectors([str(row["text"]) for row in rows], kept)
    count = len(labels)
    began = time.process_time()
    model = Model(vectors, codes, count)
    fitted = time.process_time()
    found = model.topics(vectors, codes)
    placed = time.process_time()
    free = Model(vectors, codes, 0)
    chosen = free.topics(vectors, codes)
    rng = np.random.default_rng(0)
    half = rng.random(len(gold)) < 0.5
    halves = [Model(vectors[part], _of(codes, part), count).topics(vectors, codes) for part in (half, ~half)]
    away = np.isin(gold, rng.choice(labels, max(1, count // 10), replace=False))
    other = ~away & (rng.random(len(gold)) < 0.1)
    left = ~away & ~other
    space = Model(vectors[left], _of(codes, left), count).space
    return {
        "file": file.name,
        "questions": len(gold),
        "labels": count,
        "nmi": _round(normalized_mutual_info_score(gold, found)),
        "k": len(free.cut.clusters.centres),
        "k_nmi": _round(normalized_mutual_info_score(gold, chosen)),
        "themes": len(set(free.cut.themes or ())),
        "seeds_ari": _round(adjusted_rand_score(found, Model(vectors, codes, count, 1).topics(vectors, codes))),
        "k_seeds_ari": _round(adjusted_rand_score(chosen, Model(vectors, codes, 0, 1).topics(vectors, codes))),
        "halves_ari": _round(adjusted_rand_score(*halves)),
        "outliers": _round(float(model.far(vectors, codes).mean())),
        "novel_outliers": _round(float(space.place(vectors[away], _of(codes, away))[1].mean())),
        "novel_auroc": _round(_auroc(space, vectors, codes, away, other)),
        "fit_seconds": round(fitted - began, 1),
        "place_per_second": round(len(gold) / (placed - fitted)),
    }


def _auroc(
    space: Space, vectors: Matrix, codes: list[str], away: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]
) -> float:
    """How well likeness tells what was kept out by its label from what was kept out by chance."""
    near = [space.likeness(vectors[part], _of(codes, part)) for part in (away, other)]
    truth = np.repeat([1, 0], [len(part) for part in near])
    return float(roc_auc_score(truth, -np.concatenate(near)))


def _vectors(texts: list[str], kept: Path | None) -> Matrix:
    if kept is not None and kept.exists():
        return np.asarray(np.load(kept, allow_pickle=False), dtype=np.float32)
    vectors = open_embedder().encode(texts).astype(np.float16).astype(np.float32)  # as the column keeps them
    if kept is not None:
        np.save(kept, vectors)
    return vectors


def _of(codes: list[str], part: npt.NDArray[np.bool_]) -> list[str]:
    return [code for code, inside in zip(codes, part, strict=True) if inside]


def _round(value: float) -> float:
    return round(float(value), 3)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labelled", type=Path, nargs="+", help="JSON Lines with `text`, `label`, and `lang` or none")
    options.add_argument("--keep", type=Path, help="a folder for vectors, so that another run need not embed again")
    given = options.parse_args()
    for one in given.labelled:
        place = given.keep / f"{one.name.split('.')[0]}.npy" if given.keep else None
        print(json.dumps(main(one, place)), flush=True)
