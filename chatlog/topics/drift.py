"""How what people ask about has changed from one run to another, told in the topics of the first."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from chatlog.errors import ConfigError
from chatlog.interval import wilson
from chatlog.models.topic_evidence import NONE, OUTLIERS
from chatlog.topics.assigning import NamedModel, assigned, check_alike, embedded_run, model_of

MODERATE: Final = 0.1
LARGE: Final = 0.25
"""Population stability index from which a change is called moderate, and large: the usual marks of credit scoring
(Siddiqi, Credit Risk Scorecards, 2006)."""

_HALF: Final = 0.5
# Added to every count, so that a topic that one run lacks has a finite logarithm.


@dataclass(frozen=True)
class TopicChange:
    """One topic in both runs.

    Attributes:
        before: conversations of the first run.
        after: conversations of the second.
        share_before: of the first run's conversations, with the 95 % interval in `interval_before`.
        share_after: of the second's, with that in `interval_after`.
        change: of the shares, in points.
        index: the topic's part of the population stability index.
    """

    topic_id: int
    topic: str
    theme: str | None
    before: int
    after: int
    share_before: float
    interval_before: tuple[float, float]
    share_after: float
    interval_after: tuple[float, float]
    change: float
    index: float


@dataclass(frozen=True)
class Drift:
    """What changed between two runs.

    Attributes:
        before: conversations with a topic, outliers counted, in the first run.
        after: those in the second.
        psi: the population stability index over topics and outliers.
        jensen_shannon: the divergence of the two distributions, in bits, 0 to 1.
        p_value: of Pearson's chi-squared test that both runs ask about topics in the same shares; None where there is
            one topic only.
        outliers_before: share in no topic.
        outliers_after: the same of the second run: what is new shows here.
        distance_before: median distance to the topic's centre.
        distance_after: the same of the second run.
        verdict: stable, moderate or large, by `psi`.
        topics: the largest changes first.
    """

    before: int
    after: int
    psi: float
    jensen_shannon: float
    p_value: float | None
    outliers_before: float
    outliers_after: float
    distance_before: float
    distance_after: float
    verdict: str
    topics: tuple[TopicChange, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def drift(before: Path, after: Path) -> Drift:
    """The drift of `after` against `before`, in the topics of `before`.

    Both runs are assigned by the same model, so that a difference is one of questions and not of models.

    Raises:
        ConfigError: a folder is no run, has no embeddings or no topics, or embeds in another way.
        DataError: a file is damaged.
    """
    told = model_of(before)
    second = embedded_run(after)
    check_alike(second, before)
    one, near = _counted(before, told)
    other, far = _counted(after, told)
    if not one.total() or not other.total():
        raise ConfigError(f"no conversation of {after if one.total() else before} has a topic: nothing to compare")
    topics = sorted(set(one) | set(other))
    changes = _changes(topics, one, other, told)
    counts = np.array([[one[topic] for topic in topics], [other[topic] for topic in topics]], dtype=np.int64)
    psi = sum(change.index for change in changes)
    return Drift(
        before=one.total(),
        after=other.total(),
        psi=psi,
        jensen_shannon=_jensen_shannon(counts),
        p_value=_p_value(counts),
        outliers_before=one[OUTLIERS] / one.total(),
        outliers_after=other[OUTLIERS] / other.total(),
        distance_before=near,
        distance_after=far,
        verdict="large" if psi >= LARGE else "moderate" if psi >= MODERATE else "stable",
        topics=tuple(sorted(changes, key=lambda change: (-abs(change.change), change.topic_id))),
    )


def _counted(root: Path, told: NamedModel) -> tuple[Counter[int], float]:
    """Conversations a topic, and the median distance to the centre."""
    counts: Counter[int] = Counter()
    distances = []
    for table in assigned(embedded_run(root), told):
        there = table.filter(pc.is_valid(table["topic_id"]))
        counts.update(there["topic_id"].to_pylist())
        distances.append(there["topic_distance"].to_numpy())
    every = np.concatenate(distances) if distances else np.zeros(0)
    return counts, float(np.median(every)) if len(every) else math.nan


def _changes(topics: list[int], one: Counter[int], other: Counter[int], told: NamedModel) -> list[TopicChange]:
    parents = told.model.parents
    found = []
    for topic in topics:
        a, b = one[topic], other[topic]
        p = (a + _HALF) / (one.total() + _HALF * len(topics))
        q = (b + _HALF) / (other.total() + _HALF * len(topics))
        theme = parents[topic] if topic >= 0 else None
        found.append(
            TopicChange(
                topic_id=topic,
                topic=told.names.get(topic, NONE if topic == OUTLIERS else f"topic {topic}"),
                theme=told.names.get(theme) if theme is not None else None,
                before=a,
                after=b,
                share_before=a / one.total(),
                interval_before=wilson(a, one.total()),
                share_after=b / other.total(),
                interval_after=wilson(b, other.total()),
                change=b / other.total() - a / one.total(),
                index=(q - p) * math.log(q / p),
            )
        )
    return found


def _jensen_shannon(counts: npt.NDArray[np.int64]) -> float:
    shares = counts / counts.sum(axis=1, keepdims=True)
    middle = shares.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(shares > 0, shares * np.log2(shares / middle), 0)
    return float(parts.sum(axis=1).mean())


def _p_value(counts: npt.NDArray[np.int64]) -> float | None:
    if counts.shape[1] < 2:
        return None
    from scipy.stats import chi2_contingency

    return float(chi2_contingency(counts, correction=False).pvalue)
