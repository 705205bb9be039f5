from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chatlog.models.language_means import LEAST, RARE, UNSURE, fit_language_means


def vectors() -> tuple[npt.NDArray[np.float32], list[str], npt.NDArray[np.int64]]:
    """Two subjects in two languages; the language moves a text further than the subject does."""
    rng = np.random.default_rng(0)
    subject = np.arange(200) % 2
    language = np.arange(200) // 100
    found = rng.normal(scale=0.05, size=(200, 8))
    found[:, 0] += subject
    found[:, 1] += 5 * language
    return found.astype(np.float32), ["en" if one == 0 else "ru" for one in language], subject


def test_without_the_language_the_subject_is_what_differs() -> None:
    found, codes, subject = vectors()
    left = fit_language_means(found, codes).remove(found, codes)
    assert left.dtype == np.float32
    between = np.linalg.norm(left[subject == 0].mean(axis=0) - left[subject == 1].mean(axis=0))
    languages = np.linalg.norm(left[:100].mean(axis=0) - left[100:].mean(axis=0))
    assert between > 0.9 and languages < 1e-5


def test_a_language_of_few_texts_keeps_its_place() -> None:
    found, codes, _ = vectors()
    few = ["eo"] * (LEAST - 1) + codes[LEAST - 1 :]
    means = fit_language_means(found, few)
    assert set(means.means) == {"en", "ru"}
    moved = means.remove(found[:2], ["eo", "xx"])
    np.testing.assert_allclose(moved, found[:2] - means.means["ru"], atol=1e-5)


def test_languages_of_few_texts_share_a_mean() -> None:
    found, codes, _ = vectors()
    many = [f"x{row % 20}" for row in range(100)] + codes[100:]  # twenty languages of five texts each
    means = fit_language_means(found, many)
    assert set(means.means) == {"ru", RARE}
    np.testing.assert_allclose(means.means[RARE], found[:100].mean(axis=0), atol=1e-5)
    left = means.remove(found, many)
    assert np.linalg.norm(left[:100].mean(axis=0) - left[100:].mean(axis=0)) < 1e-5
    np.testing.assert_array_equal(means.remove(found[:1], [UNSURE]), found[:1] - means.means["ru"])


def test_unsure_texts_go_with_the_most_frequent_language() -> None:
    found, codes, _ = vectors()
    mixed = [UNSURE] * 80 + codes[80:]
    means = fit_language_means(found, mixed)
    assert "en" not in means.means
    np.testing.assert_array_equal(means.remove(found[:1], [UNSURE]), found[:1] - means.means["ru"])


def test_no_vectors() -> None:
    none = np.zeros((0, 8), dtype=np.float32)
    assert fit_language_means(none, []).remove(none, []).shape == (0, 8)
