"""Fits how the two language identifiers are weighed, on one half of labelled sets, and tells how it does on the other.

Prints a JSON list: the weights by script and class of length, as `chatlog/models/lid_ensemble.py` holds them, and the
share of right languages in both halves. A row's half is a bit of the hash of its id. How frequent a language is
in chats is not fitted: sets with as many rows of Maori as of English would fit it to nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from chatlog.evaluate.labelled import read_rows
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.lid_ensemble import LENGTHS, WEIGHTS, Evidence, length_class
from chatlog.text.languages import fold_code
from chatlog.text.prose import prose_lines

_RIDGE = 1e-4
_PRIOR = 4
"""The feature whose weight is not fitted."""

Case = tuple[list[Evidence], list[bool]]
"""The candidates of a row, and which of them its language is."""


def cases(path: Path, identifier: LanguageIdentifier) -> list[tuple[int, bool, int, Case]]:
    """Each row's half (0 or 1), whether it is Latin, class of length and evidence; rows without a choice stay out."""
    rows = read_rows(path, ("text", "language"))
    found = []
    for row, line in zip(rows, prose_lines([row["text"] for row in rows]), strict=True):
        evidence, latin, weight = identifier.evidence(line.words)
        if not evidence:
            continue
        half = hashlib.sha256(str(row["id"]).encode()).digest()[0] & 1
        gold = fold_code(row["language"])
        right = [fold_code(one.code) == gold for one in evidence]
        found.append((half, latin, length_class(weight), (evidence, right)))
    return found


def _arrays(given: list[Case]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Features, a mask of what is no candidate, and what is right; the last candidate is that it is none of them."""
    width = max(len(evidence) for evidence, _ in given) + 1
    features = np.zeros((len(given), width, 6))
    mask = np.full((len(given), width), -1e9)
    right = np.zeros((len(given), width), dtype=bool)
    for place, (evidence, gold) in enumerate(given):
        features[place, : len(evidence), :5] = [one[1:] for one in evidence]
        mask[place, : len(evidence)] = 0
        right[place, : len(evidence)] = gold
    features[:, -1, 5] = 1
    mask[:, -1] = 0
    right[:, -1] = ~right.any(axis=1)
    return features, mask, right


def fit(given: list[Case], prior: float) -> npt.NDArray[np.float64]:
    """The weights, by maximum likelihood with a small ridge; that of the frequency is `prior`."""
    features, mask, right = _arrays(given)
    offset = mask + prior * features[:, :, _PRIOR]
    features = np.delete(features, _PRIOR, axis=2)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        logits = features @ weights + offset
        logits -= logits.max(axis=1, keepdims=True)
        share = np.exp(logits)
        share /= share.sum(axis=1, keepdims=True)
        of_right = np.where(right, share, 0.0)
        total = of_right.sum(axis=1, keepdims=True) + 1e-12
        gradient = ((share - of_right / total)[:, :, None] * features).sum(axis=1).mean(axis=0)
        return float(-np.log(total).mean() + _RIDGE * weights @ weights), gradient + 2 * _RIDGE * weights

    found = minimize(loss, np.array([1.0, 5.0, 0.0, 2.0, 0.0]), jac=True, method="L-BFGS-B").x
    return np.insert(found, _PRIOR, prior)


def measured(given: list[Case], weights: npt.NDArray[np.float64]) -> dict[str, float]:
    """The share of rows whose best candidate is right, and the mean probability that it was given."""
    features, mask, right = _arrays(given)
    logits = features @ weights + mask
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    best = logits[:, :-1].argmax(axis=1)
    rows = np.arange(len(given))
    return {
        "n": len(given),
        "accuracy": round(float(right[rows, best].mean()), 4),
        "confidence": round(float(share[rows, best].mean()), 4),
    }


def main() -> None:
    """Fits on half 0 of the files, and measures on both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lid.176.ftz")
    parser.add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    identifier = LanguageIdentifier(asked.model)
    everything = [case for file in asked.files for case in cases(file, identifier)]
    told = []
    for latin, classes in WEIGHTS.items():
        for length, now in enumerate(classes):
            halves: list[list[Case]] = [[], []]
            for side, is_latin, its_length, case in everything:
                if (is_latin, its_length) == (latin, length):
                    halves[side].append(case)
            weights = fit(halves[0], now.prior)
            told.append(
                {
                    "latin": latin,
                    "below": [*LENGTHS, None][length],
                    "weights": [round(float(weight), 3) for weight in weights],
                    "fitted_on": measured(halves[0], weights),
                    "held_out": measured(halves[1], weights),
                }
            )
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
