from __future__ import annotations

import numpy as np
import pytest

from chatlog.models.topic_space import fit_space, plain_space
from tests.models.made_vectors import around, unit

pytest.importorskip("sklearn")


def test_points_lie_closer_to_those_of_their_topic_than_their_vectors_do() -> None:
    vectors, label = around(6, 50, noise=1.2)
    codes = ["en"] * len(vectors)
    space = fit_space(vectors, codes, 6, 0, 0)
    points, _ = space.place(vectors, codes)
    same = label[:, None] == label[None, :]
    gap = [float((all_ @ all_.T)[same].mean() - (all_ @ all_.T)[~same].mean()) for all_ in (vectors, points)]
    assert gap[1] > gap[0] + 0.2
    assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-5)


def test_a_row_comes_to_the_same_place_whatever_stands_beside_it() -> None:
    vectors, _ = around(4, 60)
    codes = ["en", "de"] * 120
    space = fit_space(vectors, codes, 0, 0.01, 0)
    whole, out = space.place(vectors, codes)
    parts = [space.place(vectors[i : i + 1], codes[i : i + 1]) for i in range(0, 240, 40)]
    assert np.allclose(np.concatenate([points for points, _ in parts]), whole[::40], atol=1e-6)
    assert [bool(far[0]) for _, far in parts] == out[::40].tolist()


def test_languages_are_drawn_together() -> None:
    vectors, label = around(4, 60)
    codes = ["en" if i % 2 else "zh" for i in range(len(vectors))]
    shift = np.random.default_rng(3).normal(size=vectors.shape[1])
    apart = unit(vectors + np.array([[1.0] if code == "zh" else [0.0] for code in codes]) * shift * 0.25)
    english = np.array([code == "en" for code in codes])

    def agreement(with_codes: list[str]) -> float:
        space = fit_space(apart, with_codes, 4, 0, 0)
        points, _ = space.place(apart, with_codes)
        nearest = (points[~english] @ points[english].T).argmax(axis=1)
        alike = (points[~english] * points[english][nearest]).sum(axis=1).mean()
        assert (label[~english] == label[english][nearest]).mean() > 0.9
        return float(alike)

    assert agreement(codes) > agreement([""] * len(codes)) + 0.05


def test_what_is_like_nothing_is_an_outlier() -> None:
    vectors, _ = around(5, 60, noise=0.4)
    codes = ["en"] * len(vectors)
    space = fit_space(vectors, codes, 5, 0.01, 0)
    strange = unit(np.random.default_rng(5).normal(size=(40, vectors.shape[1])))
    assert space.place(vectors, codes)[1].mean() < 0.05
    assert space.place(strange, ["en"] * 40)[1].mean() > 0.9
    everything = fit_space(vectors, codes, 5, 0, 0)
    assert not everything.place(strange, ["en"] * 40)[1].any()


def test_copies_do_not_draw_others_to_them() -> None:
    vectors, _ = around(3, 40)
    copies = np.concatenate([vectors, np.repeat(vectors[:1], 500, axis=0)])
    once = fit_space(vectors, [""] * len(vectors), 3, 0, 0)
    often = fit_space(copies, [""] * len(copies), 3, 0, 0)
    assert len(often.landmarks) == len(once.landmarks) == 120
    assert np.allclose(once.place(vectors, [""] * 120)[0], often.place(vectors, [""] * 120)[0], atol=1e-4)


def test_a_plain_space_leaves_unit_vectors_as_they_are() -> None:
    vectors, _ = around(3, 10)
    points, outliers = plain_space(vectors.shape[1]).place(vectors, [""] * 30)
    assert np.allclose(points, vectors, atol=1e-6) and not outliers.any()


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_hardly_any_rows(rows: int) -> None:
    vectors, _ = around(3, 10)
    space = fit_space(vectors[:rows], ["en"] * rows, 0, 0.01, 0)
    points, outliers = space.place(vectors[:5], ["en"] * 5)
    assert len(points) == 5 and np.isfinite(points).all() and not outliers.any()
