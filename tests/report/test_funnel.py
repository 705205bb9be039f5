from __future__ import annotations

from xml.etree import ElementTree

from chatlog.report import funnel_svg

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    {"step": "records", "n": 1000, "note": "all"},
    {"step": "rejects", "n": 100, "note": "</text><script>alert(1)</script>"},
    {"step": "rows", "n": 900, "note": None},
    {"step": "duplicates", "n": 300, "note": ""},
    {"step": "dropped", "n": 450, "note": ""},
    {"step": "released", "n": 450, "note": ""},
]


def bars(rows: list[dict[str, object]]) -> list[tuple[str, float, float]]:
    root = ElementTree.fromstring(funnel_svg(rows))
    return [
        (bar.get("class", ""), float(bar.get("x", "")), float(bar.get("width", ""))) for bar in root.iter(f"{SVG}rect")
    ]


def test_lengths_are_in_proportion_and_losses_stand_at_the_end() -> None:
    (_, left, full), (kind, x, lost), rows, mark, dropped, released = bars(ROWS)
    assert kind == "loss" and abs(lost - full / 10) < 0.2 and abs(x + lost - left - full) < 0.2
    assert mark[0] == "mark" and mark[1] == left
    assert abs(dropped[1] - left - released[2]) < 0.2 and abs(dropped[1] + dropped[2] - left - rows[2]) < 0.2


def test_texts_are_escaped() -> None:
    svg = funnel_svg(ROWS)
    assert "<script" not in svg
    texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert "</text><script>alert(1)</script>" in texts and "−100" in texts


def test_no_rows_and_no_counts() -> None:
    assert bars([]) == []
    assert bars([{"step": "records", "n": 0, "note": ""}])[0][2] == 0


def test_a_narrow_one_cuts_its_notes() -> None:
    row = {"step": "records", "n": 5, "note": "a long note " * 10}
    texts = [text.text or "" for text in ElementTree.fromstring(funnel_svg([row], width=350)).iter(f"{SVG}text")]
    assert any(text.endswith("…") and len(text) < 40 for text in texts)
