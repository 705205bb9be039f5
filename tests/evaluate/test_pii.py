from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.evaluate.pii import Document, Mark, evaluate, f_beta, measure

EVAL = Path("../shared/eval/pii")


def test_measure_by_hand() -> None:
    # 20 characters; one entity wholly covered, one half covered, an OTHER span that a prediction touches.
    first = Document(
        20,
        "en",
        [Mark(0, 4, "PERSON"), Mark(6, 10, "PHONE_NUMBER"), Mark(12, 14, "OTHER")],
        [Mark(0, 4, "PERSON"), Mark(6, 8, "PERSON"), Mark(13, 16, "URL"), Mark(18, 20, "URL")],
    )
    second = Document(4, "de", [Mark(0, 2, "PERSON")], [Mark(0, 2, "USERNAME")])
    nothing = Document(3, "de", [], [])
    found = measure([first, second, nothing])
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["typed_recall"] == pytest.approx(1 / 3)
    # Counted: PERSON hit, the half-covering one hit (all its characters are in a target), the last URL miss,
    # the username hit; the URL on OTHER is ignored.
    assert found["precision"] == pytest.approx(3 / 4)
    assert found["f2"] == pytest.approx(5 * 0.75 * (2 / 3) / (4 * 0.75 + 2 / 3))
    assert found["leak_rate"] == pytest.approx(1 / 2)
    # Outside all gold: 20 - 10 = 10 there, 2 in the second, 3 in the third; covered of those: 14, 15, 18, 19.
    assert found["over_redaction"] == pytest.approx(4 / 15)
    assert found["by_type"]["PERSON"] == {"recall": 1.0, "n": 2}
    assert found["by_language"]["en"] == {"recall": 0.5, "n": 2}


def test_undefined_is_none() -> None:
    found = measure([Document(3, "en", [], [])])
    assert found["recall"] is found["precision"] is found["f2"] is found["leak_rate"] is None
    assert f_beta(0.0, 0.0) == 0.0


@pytest.mark.eval
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "f2", "recall", "leak"),
    [
        ("presidio_synth_v2", 0.93, 0.9, 0.12),
        ("presidio_generated", 0.87, 0.85, 0.18),
        ("anon_multilingual", 0.93, 0.96, 0.1),
        ("meddocan_es", 0.93, 0.93, 0.45),
    ],
)
def test_floors(file: str, f2: float, recall: float, leak: float) -> None:
    path = EVAL / f"{file}.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["f2"] >= f2
    assert metrics["recall"] >= recall
    assert metrics["leak_rate"] <= leak
