from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.lid_fasttext import FastText, read_label
from tests.models.fasttext_file import write_model

WORDS = {
    "hello": "eng_Latn",
    "namaste": "hin_Latn",
    "नमस्ते": "hin_Deva",
    "نمستے": "urd_Arab",
    "marhaban": "arb_Latn",
    "你好": "cmn_Hani",
    "zdravo": "hrv_Latn",
    "здраво": "srp_Cyrl",
    "guguyimidjir": "kky_Latn",
}


@pytest.mark.parametrize(
    ("label", "code", "script"),
    [
        ("__label__en", "en", ""),
        ("__label__no", "nb", ""),
        ("__label__als", "gsw", ""),
        ("__label__als_Latn", "sq", "Latn"),
        ("__label__eng_Latn", "en", "Latn"),
        ("__label__arb_Arab", "ar", "Arab"),
        ("__label__zho_Hant", "zh", "Hani"),
        ("__label__cmn_Hani", "zh", "Hani"),
        ("__label__yue_Hani", "yue", "Hani"),
        ("__label__zsm_Latn", "ms", "Latn"),
        ("__label__nob_Latn", "nb", "Latn"),
        ("__label__kky_Latn", "kky", "Latn"),
    ],
)
def test_labels_of_either_kind_become_codes(label: str, code: str, script: str) -> None:
    assert read_label(label) == (code, script)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello hello", "en"),
        ("namaste", "hi-Latn"),
        ("नमस्ते", "hi"),
        ("marhaban", "ar-Latn"),
        ("你好", "zh-Hans"),
        ("zdravo", "hr"),
        ("здраво", "sr-Cyrl"),
        ("guguyimidjir", "kky"),
    ],
)
def test_a_model_whose_labels_name_scripts(tmp_path: Path, text: str, code: str) -> None:
    path = write_model(tmp_path / "model.bin", WORDS)
    for name in (path, tmp_path):
        assert LanguageIdentifier(str(name), second="none").guess(text).code == code


def test_a_label_of_another_script_is_not_given(tmp_path: Path) -> None:
    model = FastText(write_model(tmp_path / "model.bin", WORDS))
    assert "hi" not in dict(model.ranked("namaste", "Latn", 60))
    assert dict(model.ranked("नमस्ते", "Deva", 60)) == {"hi": 1.0}


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(DataError, match="is not a fastText model"):
        LanguageIdentifier(str(tmp_path / "model.bin"))
    with pytest.raises(DataError, match=r"no file lid\.bin"):
        LanguageIdentifier(str(tmp_path), file="lid.bin")
    with pytest.raises(ConfigError, match="Hub id"):
        LanguageIdentifier("cis-lmu/glotlid")
