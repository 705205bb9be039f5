from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from chatlog.text.containment import Quotes, continued
from chatlog.text.neardup import Banded, ShingleSets, candidates, joined, stars
from chatlog.text.shingles import BITS, bound

RNG = np.random.default_rng(7)


def sets_of(rows: Sequence[set[int]], levels: Sequence[int] | None = None) -> ShingleSets:
    values = np.array([value for row in rows for value in sorted(row)], dtype=np.int32)
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    given = np.array(levels or [0] * len(rows), dtype=np.int64)
    return ShingleSets(np.arange(len(rows)), values, sizes, given, len(rows))


def jaccard(left: set[int], right: set[int]) -> float:
    return len(left & right) / len(left | right) if left | right else 0.0


def plain_similarity(left: set[int], right: set[int]) -> float:
    """The lower of the two sides' Jaccard similarities, the slow way."""
    sides = [({v for v in left if v & 1 == tag}, {v for v in right if v & 1 == tag}) for tag in (0, 1)]
    told = [jaccard(*side) for side in sides if side[0] | side[1]]
    return min(told, default=0.0)


def test_similarities_are_those_of_plain_sets() -> None:
    pool = RNG.integers(0, 400, size=(60, 120))
    rows = [set(row[: RNG.integers(1, 120)].tolist()) for row in pool] + [set(), {2}, {3}]
    pairs = np.array([(a, b) for a in range(len(rows)) for b in range(a)], dtype=np.int64)
    found = sets_of(rows).similarities(pairs)
    assert found.tolist() == pytest.approx([plain_similarity(rows[a], rows[b]) for a, b in pairs.tolist()])


def test_containment_is_the_share_of_the_first() -> None:
    rows = [{2, 4, 6, 8}, {4, 6, 8, 10, 12, 14}]
    assert sets_of(rows).contained(np.array([[0, 1], [1, 0]])).tolist() == [0.75, 0.5]


def test_sets_thinned_differently_are_compared_at_the_coarser_level() -> None:
    whole = set(RNG.integers(0, 1 << BITS, size=4000).tolist())
    other = set(list(whole)[:3000]) | set(RNG.integers(0, 1 << BITS, size=1000).tolist())
    thin = {value for value in other if value < bound(2)}
    found = sets_of([whole, thin], [0, 2]).similarities(np.array([[0, 1]]))[0]
    assert found == pytest.approx(plain_similarity({v for v in whole if v < bound(2)}, thin))
    assert found == pytest.approx(plain_similarity(whole, other), abs=0.06)


def banded(bands: np.ndarray, apart: np.ndarray | None = None) -> Banded:
    size = bands.shape[0]
    return Banded(
        bands.astype(np.uint64),
        (np.zeros((size, 128), dtype=np.uint8),),
        np.ones(size, dtype=bool),
        np.zeros(size, dtype=np.int64) if apart is None else apart,
    )


def test_rows_of_a_bucket_are_paired_with_its_first_and_with_those_before_them() -> None:
    bands = np.array([[5, 1], [5, 2], [5, 3], [5, 4], [9, 5], [9, 5]])
    first, others = candidates(banded(bands), 0.5, 1)
    assert first.tolist() == [[0, 1], [0, 2], [0, 3], [4, 5]]
    assert others.tolist() == [[1, 2], [2, 3]]


def test_sides_of_one_battle_are_never_paired() -> None:
    pairs = candidates(banded(np.ones((3, 1)), np.array([4, 4, 0])), 0.5, 2)
    assert sorted(np.concatenate(pairs).tolist()) == [[0, 2], [1, 2]]


def test_signatures_rule_out_what_is_far_below_the_threshold() -> None:
    rows = Banded(
        np.ones((3, 1), dtype=np.uint64),
        (np.array([[1] * 128, [1] * 64 + [2] * 64, [3] * 128], dtype=np.uint8),),
        np.ones(3, dtype=bool),
        np.zeros(3, dtype=np.int64),
    )
    assert np.concatenate(candidates(rows, 0.5, 2)).tolist() == [[0, 1]]


def test_groups_are_those_of_a_plain_union_find() -> None:
    rows = [set((RNG.integers(0, 40, size=14) + 40 * RNG.integers(0, 9)).tolist()) for _ in range(80)]
    every = np.array([(a, b) for a in range(80) for b in range(a + 1, 80)], dtype=np.int64)
    labels = joined([every[::2], every[1::2]], sets_of(rows), 0.3, 80)
    plain = list(range(80))
    for a, b in every.tolist():
        if plain_similarity(rows[a], rows[b]) >= 0.3:
            low, high = sorted((plain[a], plain[b]))
            plain = [low if label == high else label for label in plain]
    assert labels.tolist() == plain
    assert len(set(plain)) not in (1, 80)


def test_stars_gather_around_the_best_and_leave_the_unlike_to_another_center() -> None:
    rows = [set(range(0, 100)), set(range(10, 110)), set(range(90, 190)), set(range(92, 192))]
    labels, rank = np.zeros(4, dtype=np.int64), np.array([1, 0, 2, 3])
    centers, gathered, values = stars(labels, rank, sets_of(rows), 0.5)
    assert sorted(zip(centers.tolist(), gathered.tolist(), strict=True)) == [(1, 0), (2, 3)]
    assert (values > 0.5).all()


def ratio(work: Callable[[int], object], size: int) -> float:
    """How much longer twice the size takes, the best of three each, after a first run that nothing is measured on."""
    work(size)

    def best(count: int) -> float:
        times = []
        for _ in range(3):
            begun = time.process_time()
            work(count)
            times.append(time.process_time() - begun)
        return min(times)

    return best(2 * size) / max(best(size), 1e-4)


def all_in_one_bucket(size: int) -> None:
    rows = banded(np.ones((size, 4)))
    values = np.tile(np.arange(0, 80, 2, dtype=np.int32), size)
    values = (values.reshape(size, 40) + np.arange(size)[:, None] * 2 * 40).ravel().astype(np.int32)  # none alike
    pairs = candidates(rows, 0.5, 2)
    assert sum(len(group) for group in pairs) <= 3 * 4 * size
    sets = ShingleSets(np.arange(size), values, np.full(size, 40), np.zeros(size, dtype=np.int64), size)
    assert np.array_equal(joined(pairs, sets, 0.5, size), np.arange(size))


def one_giant_group(size: int) -> None:
    values = np.tile(np.arange(0, 80, 2, dtype=np.int32), size)
    sets = ShingleSets(np.arange(size), values, np.full(size, 40), np.zeros(size, dtype=np.int64), size)
    labels = joined(candidates(banded(np.ones((size, 4))), 0.5, 2), sets, 0.5, size)
    assert not labels.any()
    assert len(stars(labels, np.arange(size), sets, 0.3)[0]) == size - 1


def one_group_of_strangers(size: int) -> None:
    values = np.arange(size * 40, dtype=np.int32) * 2
    sets = ShingleSets(np.arange(size), values, np.full(size, 40), np.zeros(size, dtype=np.int64), size)
    assert len(stars(np.zeros(size, dtype=np.int64), np.arange(size), sets, 0.3)[0]) > 0


@pytest.mark.parametrize("work", [all_in_one_bucket, one_giant_group, one_group_of_strangers], ids=lambda w: w.__name__)
def test_degenerate_groups_cost_in_proportion(work: Callable[[int], object]) -> None:
    assert ratio(work, 10_000) < 3.5


def test_a_conversation_is_continued_by_the_best_that_begins_with_it() -> None:
    rows = [[1, 2], [1, 2, 3], [1, 2, 3, 4], [2, 1, 3], [], [1]]
    turns = np.array([turn for row in rows for turn in row], dtype=np.uint64)
    counts = np.array([len(row) for row in rows])
    rank = np.array([3, 2, 1, 0, 5, 4])
    assert continued(turns, counts, rank, np.zeros(6, np.int64)).tolist() == [2, 2, -1, -1, -1, 2]
    assert continued(turns, counts, rank, np.array([7, 0, 7, 0, 0, 0])).tolist() == [1, 2, -1, -1, -1, 2]
    assert continued(turns[:0], counts[:0], rank[:0], counts[:0]).tolist() == []


def test_quotes_are_looked_for_among_the_longer_alone() -> None:
    common = np.sort(RNG.choice(1 << 20, 500, replace=False)).astype(np.int32) * 2
    more = np.sort(np.concatenate([common, common + 1 + (1 << 24)])).astype(np.int32)
    quotes = Quotes()
    quotes.add(np.concatenate([common, more, common + (1 << 26)]), np.array([500, 1000, 500]), 0)
    lengths = np.array([500, 1000, 500])
    assert quotes.pairs(lengths, np.ones(3, dtype=bool)).tolist() == [[0, 1]]
    assert quotes.pairs(lengths, np.array([True, False, True])).tolist() == []
