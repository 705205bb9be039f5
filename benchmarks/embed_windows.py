"""Whether clusters of first turns change with how much of each turn is read, and what it costs.

python benchmarks/embed_windows.py LOGS...

Prints a JSON object for each embedder: `minilm-int8` by tokens, on the English turns, and `use-multilingual-v3` by
characters, on all. `agreement` is the mean NMI of the k-means labels by a window with those by the widest one, over
pairs of seeds; that of the widest with itself is what two seeds agree on. `cut` is the share of turns that are longer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from embed import first_turns
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score

from chatlog.models.embedders_mix import sorted_out
from chatlog.models.embedders_tokens import Embedder
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.minilm_int8 import open_minilm
from chatlog.models.use_int8 import open_integer_use

SEEDS = range(4)
CLUSTERS = 30
TOKENS = (256, 128, 64)
CHARACTERS = (2000, 1000, 500, 300)


def labels(vectors: npt.NDArray[np.float32]) -> list[npt.NDArray[np.int32]]:
    """Clusters of the vectors by each seed."""
    narrow = PCA(100, random_state=0).fit_transform(vectors)
    return [KMeans(CLUSTERS, n_init=4, random_state=seed).fit_predict(narrow) for seed in SEEDS]


def windows(texts: list[str], sizes: tuple[int, ...], opened: Callable[[int], Embedder]) -> list[dict[str, float]]:
    """What each window gives, the widest first."""
    told = []
    widest: list[npt.NDArray[np.int32]] = []
    for size in sizes:
        embedder = opened(size)
        began = time.process_time()
        vectors, cut = embedder.encode_and_tell(texts)
        seconds = time.process_time() - began
        found = labels(vectors)
        pairs = list(itertools.product(widest, found)) if widest else list(itertools.combinations(found, 2))
        widest = widest or found
        told.append(
            {
                "window": size,
                "cut": round(float(cut.mean()), 3),
                "milliseconds_a_text": round(1000 * seconds / len(texts), 2),
                "agreement": round(float(np.mean([normalized_mutual_info_score(*pair) for pair in pairs])), 3),
            }
        )
    return told


def main(options: argparse.Namespace) -> None:
    """Both embedders, over their windows."""
    texts = list(dict.fromkeys(first_turns(options.logs)))
    random.Random(0).shuffle(texts)
    texts = texts[: options.texts]
    english, _ = sorted_out(texts, LanguageIdentifier("lid.176.ftz"))
    ours = [text for text, is_english in zip(texts, english, strict=True) if is_english]
    told = {"embedder": "minilm-int8", "texts": len(ours), "windows": windows(ours, TOKENS, open_minilm)}
    print(json.dumps(told), flush=True)
    found = windows(texts, CHARACTERS, open_integer_use)
    print(json.dumps({"embedder": "use-multilingual-v3", "texts": len(texts), "windows": found}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+", help="chats in any form that ingest reads")
    parser.add_argument("--texts", type=int, default=2400, help="distinct first turns")
    main(parser.parse_args())
