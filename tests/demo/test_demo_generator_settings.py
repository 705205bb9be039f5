"""Generated logs: what the settings change, and the identifiers that are planted."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from chatlog.demo.dice import Dice
from chatlog.demo.generator import generate_logs
from chatlog.demo.grammar import VOCABULARY, load_language
from chatlog.demo.invented import iban, national_id
from chatlog.demo.planning import Mix
from chatlog.errors import ConfigError
from chatlog.text import checksums
from tests.demo.generated import good, load

NATIONAL_CHECKS = {
    "en": checksums.us_ssn,
    "es": checksums.dni,
    "fr": checksums.nir,
    "hi": checksums.aadhaar,
    "it": checksums.codice_fiscale,
    "ko": checksums.resident_registration,
    "pt": checksums.cpf,
    "tr": checksums.tckn,
    "zh": checksums.resident_identity,
}


@pytest.mark.parametrize("code", sorted(NATIONAL_CHECKS))
def test_national_identifiers_hold(code: str) -> None:
    dice, language = Dice(1), load_language(VOCABULARY / f"{code}.toml")
    made = {national_id(dice, language) for _ in range(300)}
    assert len(made) > 290
    assert all(map(NATIONAL_CHECKS[code], made))


@pytest.mark.parametrize("path", sorted(VOCABULARY.glob("*.toml")), ids=lambda path: path.stem)
def test_every_account_number_of_a_language_is_an_iban(path: Path) -> None:
    dice, language = Dice(2), load_language(path)
    assert all(checksums.iban(iban(dice, language)) for _ in range(100))


def test_shares_can_be_turned_off(tmp_path: Path) -> None:
    none = Mix(duplicates=0, templated=0, pii=0, broken=0, battles=0, regenerated=0, failed=0)
    logs = load(generate_logs(tmp_path / "none", 1500, seed=3, mix=none))
    rows = good(logs)
    assert len(rows) == len(logs.truth) == 1500
    assert {row["kind"] for row in rows} == {None, "snapshot"}
    assert not any(row["pii"] for row in rows)
    assert {row["template"] for row in rows} == {None}


def test_shares_can_be_turned_up(tmp_path: Path) -> None:
    many = load(generate_logs(tmp_path / "many", 1500, seed=3, mix=Mix(duplicates=0.6, pii=1, broken=0.2)))
    kinds = Counter(row["kind"] for row in good(many))
    assert kinds["exact"] + kinds["near"] > kinds[None]
    assert many.summary.broken > 150
    assert all(row["pii"] for row in good(many) if row["kind"] is None and row["file"].startswith("sharegpt"))


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected some of"):
        generate_logs(tmp_path / "x", 10, seed=1, formats=["csv"])
    with pytest.raises(ConfigError, match="expected 1 or more"):
        generate_logs(tmp_path / "x", 0, seed=1)
    with pytest.raises(ConfigError, match="share from 0 to 1"):
        Mix(pii=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty folder"):
        generate_logs(tmp_path / "full", 10, seed=1)
    assert not (tmp_path / "x").exists()


def test_generation_is_quick(tmp_path: Path) -> None:
    started = time.process_time()
    generate_logs(tmp_path / "logs", 5000, seed=2, formats=["fastchat"])
    assert time.process_time() - started < 5  # a tenth of that here; a slow machine may be in between


def test_memory_does_not_grow_with_the_number(tmp_path: Path) -> None:
    peaks = []
    for count in (3000, 12000):
        tracemalloc.start()
        generate_logs(tmp_path / str(count), count, seed=4, formats=["fastchat"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]
