from __future__ import annotations

import pytest

from chatlog.text.languages import english_name, fold_code


@pytest.mark.parametrize(
    ("code", "folded"),
    [
        ("en", "eng"),
        ("pt-BR", "por"),
        ("arz_Arab", "ara"),
        ("zsm_Latn", "msa"),
        ("id", "msa"),
        ("nb", "nor"),
        ("hr", "hbs"),
        ("zho_Hant", "zho"),
        ("yue", "zho"),
        ("fil", "tgl"),
        ("als_Latn", "sqi"),
        ("gsw", "gsw"),
        ("", "und"),
        ("unknown", "und"),
        ("iw", "heb"),
    ],
)
def test_codes_fold(code: str, folded: str) -> None:
    assert fold_code(code) == folded


def test_names_are_lmsys_names() -> None:
    assert [english_name(code) for code in ("en", "zh-Hans", "pt", "nb", "und")] == [
        "English", "Chinese", "Portuguese", "Norwegian", "unknown",
    ]  # fmt: skip
