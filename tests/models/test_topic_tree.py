from __future__ import annotations

import numpy as np
import pytest

from chatlog.models.topic_tree import THEMED, cut_tree
from tests.models.made_vectors import around, unit

sklearn = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("topics", [2, 6, 24])
def test_the_criterion_finds_the_number_of_topics(topics: int) -> None:
    points, label = around(topics, 40, noise=0.3)
    cut = cut_tree(points, points, 0, 256, 0)
    assert len(cut.clusters.centres) == topics
    assert sklearn.adjusted_rand_score(label, cut.clusters.assign(points)[0]) == pytest.approx(1.0)


def test_one_kind_of_question_is_one_topic() -> None:
    points, _ = around(1, 300, noise=0.3)
    assert len(cut_tree(points, points, 0, 256, 0).clusters.centres) == 1


def test_never_more_topics_than_asked_for_or_than_distinct_points() -> None:
    points, _ = around(24, 40, noise=0.3)
    assert len(cut_tree(points, points, 0, 8, 0).clusters.centres) <= 8
    few = np.repeat(points[:3], 20, axis=0)
    assert len(cut_tree(few, few, 10, 256, 0).clusters.centres) == 3


def test_topics_are_numbered_by_size() -> None:
    points, label = around(6, 40, noise=0.3)
    keep = np.concatenate([np.flatnonzero(label == topic)[: 10 + 5 * topic] for topic in range(6)])
    found = cut_tree(points[keep], points[keep], 6, 256, 0).clusters.assign(points[keep])[0]
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all() and sorted(sizes) == [10, 15, 20, 25, 30, 35]


def test_themes_hold_the_topics_that_are_alike() -> None:
    rng = np.random.default_rng(0)
    middles = np.repeat(rng.normal(size=(4, 48)), 6, axis=0) + 0.45 * rng.normal(size=(24, 48))
    label = np.repeat(np.arange(24), 40)
    points = unit(middles[label] + 0.15 * rng.normal(size=(960, 48)))
    cut = cut_tree(points, points, 24, 256, 0)
    assert cut.themes is not None and len(set(cut.themes)) == 4
    theme = np.array(cut.themes)[cut.clusters.assign(points)[0]]
    assert sklearn.adjusted_rand_score(label // 6, theme) == pytest.approx(1.0)
    assert cut_tree(points, points, 24, 256, 0, themed=False).themes is None


def test_a_few_topics_have_no_themes() -> None:
    points, _ = around(THEMED - 1, 30, noise=0.3)
    assert cut_tree(points, points, THEMED - 1, 256, 0).themes is None


def test_another_seed_finds_the_same_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    # With a tree of fewer points than there are: the seed then decides which.
    monkeypatch.setattr("chatlog.models.topic_tree.TREE", 400)
    points, _ = around(12, 80, noise=0.9)
    found = [cut_tree(points, points, 12, 256, seed).clusters.assign(points)[0] for seed in (0, 1)]
    assert sklearn.adjusted_rand_score(*found) > 0.9
