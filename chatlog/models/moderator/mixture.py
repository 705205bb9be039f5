"""The moderator's weights and scores: a mixture of experts, each for a kind of text, and a head a category.

People's ideas of what is wrong differ by the kind of text: a request may be harmless to read and harmful to
fulfil, a tweet may be rude by one standard and fine by another. One head for all of them learns the average of
standards that contradict each other. Here a gate says how likely a text is of each kind, each kind has an expert,
and the probability is their mean weighted by the gate (Jacobs et al. 1991, Adaptive Mixtures of Local Experts).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import DataError
from chatlog.models.moderator.features import WIDTH, Seen, Vectors
from chatlog.models.moderator.tensors import read_safetensors, safetensors_bytes
from chatlog.models.weights import locate
from chatlog.schema import CATEGORIES

FLAGGED: Final = "flagged"
"""The head that says whether anything is wrong at all; not one of the 11 categories."""

POLICY, REQUEST, HATE, SOCIAL = "policy", "request", "hate", "social"

DOMAINS: Final = (POLICY, REQUEST, HATE, SOCIAL)
"""Kinds of text: labelled by OpenAI category; somebody asks a model for something; statements about groups of
people; posts of social media."""

SHIPPED: Final = "moderator-v2"
"""The name of the shipped weights; new weights get a new one."""

PIECE_DISCOUNT: Final = 2.0
"""Log-odds taken from a piece. Of 0, 0.5, 1 and 2, the last cost no average precision on OpenAI's set held out."""

_FORMAT: Final = "chatlog-moderator/2"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Linear heads over the vectors of a window.

    Attributes:
        domains: the kinds of text that there are an expert for, `policy` first.
        categories: OpenAI categories that there is a head for.
        gate, gate_bias: `(domains, WIDTH)`, `(domains,)`: softmax over the kinds.
        experts, expert_bias: `(domains, WIDTH)`, `(domains,)`.
        heads, head_bias: `(categories, WIDTH)`, `(categories,)`.
        summed: `(categories,)`, 1 where the category is well enough annotated to speak for `policy` too.
        slopes, leans, shifts: `(1 + categories,)`, calibration of `flagged` and the categories: how much the own
            log-odds count, and how much those of `flagged`.
        thresholds: `(1 + categories,)`, probabilities from which each says yes.
    """

    domains: tuple[str, ...]
    categories: tuple[str, ...]
    gate: Vectors
    gate_bias: Vectors
    experts: Vectors
    expert_bias: Vectors
    heads: Vectors
    head_bias: Vectors
    summed: Vectors
    slopes: Vectors
    leans: Vectors
    shifts: Vectors
    thresholds: Vectors

    @property
    def names(self) -> tuple[str, ...]:
        """`flagged` and the categories, as the columns of the scores."""
        return (FLAGGED, *self.categories)

    @property
    def learnt(self) -> dict[str, float]:
        """The threshold of `flagged` and of each category that the moderator tells."""
        found: dict[str, float] = dict(zip(self.names, self.thresholds.tolist(), strict=True))
        if "sexual" in found:
            found.setdefault("sexual/minors", found["sexual"])  # see MINORS
        return found

    def logits(self, vectors: Vectors) -> Floats:
        """Log-odds before calibration, `(n, 1 + categories) float64`, of windows `(n, WIDTH)`."""
        wide = vectors.astype(np.float64)
        gates = wide @ self.gate.T.astype(np.float64) + self.gate_bias
        gates = np.exp(gates - gates.max(axis=1, keepdims=True))
        gates /= gates.sum(axis=1, keepdims=True)
        experts = wide @ self.experts.T.astype(np.float64) + self.expert_bias
        heads = wide @ self.heads.T.astype(np.float64) + self.head_bias
        own = self.summed > 0
        if own.any():
            # Several categories that are each a little likely make the whole likely.
            both = (experts[:, 0] + np.log(np.exp(np.clip(heads[:, own], -30, 30)).sum(axis=1))) / 2
            experts = np.column_stack([both, experts[:, 1:]])
        said = _sigmoid(heads)
        if HATE in self.domains and "hate" in self.categories:
            place, column = self.domains.index(HATE), self.categories.index("hate")
            share = gates[:, place]
            said[:, column] = (1 - share) * said[:, column] + share * _sigmoid(experts[:, place])
        flagged = (gates * _sigmoid(experts)).sum(axis=1)
        return _log_odds(np.column_stack([flagged, said]))

    def largest(self, seen: Seen, owner: npt.NDArray[np.int64]) -> Floats:
        """Log-odds before calibration, `(texts, 1 + categories) float64`: the largest of each text's rows.

        Args:
            seen: windows and their pieces.
            owner: `(rows,) int64`, the text of each row, ascending.
        """
        found = self.logits(seen.vectors)
        # One sentence can be all that is wrong with a window. Alone it is taken out of its context, so that
        # it has to be much surer.
        found[seen.part] -= PIECE_DISCOUNT
        return np.asarray(np.maximum.reduceat(found, np.unique(owner, return_index=True)[1]), dtype=np.float64)

    def calibrated(self, logits: Floats) -> Floats:
        """Probabilities, `(n, 1 + categories) float64`, of `logits` of the same shape.

        A head of few examples is sure of much that it has never seen. Whether a message breaks any rule is known
        better: that counts for every category, and none is likelier than that.
        """
        slopes, leans, shifts = (part.astype(np.float64) for part in (self.slopes, self.leans, self.shifts))
        found = _sigmoid(logits * slopes + logits[:, :1] * leans + shifts)
        return np.asarray(np.fmin(found, found[:, :1]), dtype=np.float64)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), dtype=np.float64)


def _log_odds(probabilities: Floats) -> Floats:
    safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(safe / (1 - safe)), dtype=np.float64)


def load(path: Path | None = None) -> Mixture:
    """The weights in a file that `train moderator` wrote; the shipped ones without a path.

    Raises:
        DataError: the file is missing, damaged, or made for other features.
    """
    file = locate(SHIPPED) if path is None else path
    tensors, about = read_safetensors(file)
    if about.get("format") != _FORMAT:
        found_format = about.get("format")
        raise DataError(f"{file} is no moderator of this version: format {found_format!r}, not {_FORMAT!r}")
    try:
        domains, categories = (tuple(orjson.loads(about[name])) for name in ("domains", "categories"))
        arrays = {name: tensors[name].astype(np.float32) for name in _shapes(0, 0)}
    except (KeyError, orjson.JSONDecodeError) as error:
        raise DataError(f"{file} is no moderator: {error} is missing or damaged") from error
    for name, shape in _shapes(len(domains), len(categories)).items():
        if arrays[name].shape != shape:
            raise DataError(f"{file}: {name} has shape {arrays[name].shape}, expected {shape}")
    if (
        not domains
        or domains[0] != POLICY
        or not set(domains) <= set(DOMAINS)
        or not set(categories) <= set(CATEGORIES)
    ):
        raise DataError(f"{file}: kinds of text {domains} and categories {categories} are not what this version knows")
    return Mixture(domains, categories, **arrays)


def save(mixture: Mixture, path: Path, about: dict[str, str]) -> None:
    """Nothing; writes the weights as safetensors, with `about` in the file's metadata."""
    names = [field.name for field in fields(mixture) if field.name not in ("domains", "categories")]
    tensors: dict[str, npt.NDArray[Any]] = {
        name: getattr(mixture, name).astype(np.float16 if getattr(mixture, name).ndim == 2 else np.float32)
        for name in names
    }
    told = {name: orjson.dumps(getattr(mixture, name)).decode() for name in ("domains", "categories")}
    path.write_bytes(safetensors_bytes(tensors, {**about, **told, "format": _FORMAT}))


def _shapes(domains: int, categories: int) -> dict[str, tuple[int, ...]]:
    return {
        "gate": (domains, WIDTH),
        "gate_bias": (domains,),
        "experts": (domains, WIDTH),
        "expert_bias": (domains,),
        "heads": (categories, WIDTH),
        "head_bias": (categories,),
        "summed": (categories,),
        "slopes": (1 + categories,),
        "leans": (1 + categories,),
        "shifts": (1 + categories,),
        "thresholds": (1 + categories,),
    }
