"""What canaries are made of: values of every type, names, forms, sentences."""

from __future__ import annotations

import pytest
import regex

from chatlog.canaries.carriers import CUE, NO_CUE, carrier_languages, pick_carrier, sentences
from chatlog.canaries.forms import PLAIN, SPLIT, pick_form, written
from chatlog.canaries.names import is_listed, person
from chatlog.canaries.values import MAKERS, NOT_PLANTED, PERSON, speakers
from chatlog.demo.dice import Dice
from chatlog.text import checksums
from chatlog.text.cues import cues
from chatlog.text.pii_gazetteer import FAMILY, GIVEN
from chatlog.text.pii_span import LABELS

PLANTED = [PERSON, *MAKERS]
SPEAKERS = speakers()
CHECKS = {
    ("CREDIT_CARD", "en"): checksums.luhn,
    ("IBAN_CODE", "de"): checksums.iban,
    ("NATIONAL_ID", "es"): checksums.dni,
    ("NATIONAL_ID", "pt"): checksums.cpf,
    ("NATIONAL_ID", "fr"): checksums.nir,
    ("NATIONAL_ID", "zh"): checksums.resident_identity,
    ("NATIONAL_ID", "tr"): checksums.tckn,
    ("NATIONAL_ID", "hi"): checksums.aadhaar,
    ("NATIONAL_ID", "it"): checksums.codice_fiscale,
}


def test_every_type_is_planted_or_told_why_not() -> None:
    assert set(LABELS) <= {*PLANTED, *NOT_PLANTED}, "a new type needs a generator in values.MAKERS or a reason"
    assert not set(PLANTED) & set(NOT_PLANTED)


@pytest.mark.parametrize("type_", MAKERS)
def test_values_stand_on_one_line_and_differ(type_: str) -> None:
    dice = Dice(1)
    for code, speaker in SPEAKERS.items():
        values = [MAKERS[type_](dice, speaker) for _ in range(30)]
        assert len(set(values)) > 10, code
        for value in values:
            assert value == " ".join(value.split()) and any(char.isalnum() for char in value)


@pytest.mark.parametrize(("type_", "code"), CHECKS)
def test_check_digits_hold(type_: str, code: str) -> None:
    dice = Dice(2)
    assert all(CHECKS[type_, code](MAKERS[type_](dice, SPEAKERS[code])) for _ in range(50))


@pytest.mark.parametrize("code", SPEAKERS)
def test_unlisted_names_hold_no_word_of_the_lists(code: str) -> None:
    dice = Dice(3)
    names = [person(dice, SPEAKERS[code], unlisted=True) for _ in range(100)]
    assert len(set(names)) > 20
    for name in names:
        assert not is_listed(name)
        assert not {*name.lower().split()} & (GIVEN | FAMILY)


def test_listed_names_are_there_too() -> None:
    dice = Dice(4)
    names = [person(dice, SPEAKERS["en"], unlisted=False) for _ in range(200)]
    assert 0.4 < sum(map(is_listed, names)) / len(names) < 0.9


def test_at_least_fifteen_languages_speak_of_every_type() -> None:
    wanted = "en es de fr pt it ru zh ja ko ar hi tr vi id".split()
    assert set(wanted) <= set(carrier_languages()) <= set(SPEAKERS)
    for code in carrier_languages():
        for type_ in PLANTED:
            frames = {carrier.frame for carrier in sentences(code, type_)}
            assert frames == {CUE, NO_CUE}, (code, type_)


SECTIONS = {
    "PERSON": ("name", "title"),
    "PHONE_NUMBER": ("phone",),
    "DATE_OF_BIRTH": ("birth",),
    "USERNAME": ("username",),
    "CREDIT_CARD": ("card",),
    "BANK_ACCOUNT": ("account",),
    "NATIONAL_ID": ("national_id",),
    "PASSPORT": ("passport",),
    "DRIVER_LICENSE": ("driver_license",),
    "RECORD_ID": ("record",),
    "SECRET": ("password",),
}


@pytest.mark.parametrize("code", carrier_languages())
def test_sentences_without_a_cue_have_none(code: str) -> None:
    for type_, sections in SECTIONS.items():
        for carrier in sentences(code, type_):
            said = f"{carrier.before} # {carrier.after}"
            for section in sections:
                found = regex.search(rf"(?<!\w)(?:{cues(section)})(?!\w)", said, regex.IGNORECASE | regex.VERBOSE)
                assert carrier.frame == CUE or found is None, (carrier.id, type_, section)


@pytest.mark.parametrize("type_", PLANTED)
def test_blocks_hold_the_value_once_and_whole(type_: str) -> None:
    dice = Dice(5)
    frames = set()
    for _ in range(300):
        carrier = pick_carrier(dice, "sw", type_)
        frames.add(carrier.frame)
        assert carrier.block
        assert "{x}" not in carrier.before + carrier.after and "{key}" not in carrier.before
    assert {"list", "JSON", "table", "code comment"} <= frames


def test_forms_fit_their_types() -> None:
    dice = Dice(6)
    card, name, key = "4111 1111 1111 1111", "Talvira Okembu", "sk-proj-FAKE" + "a1" * 18
    assert {pick_form(dice, "CREDIT_CARD", card, True) for _ in range(200)} == {PLAIN, "other digits", "spaced", SPLIT}
    assert {pick_form(dice, "PERSON", name, False) for _ in range(200)} == {PLAIN, "lower case"}
    assert {pick_form(dice, "SECRET", key, True) for _ in range(200)} == {PLAIN}
    assert written(dice, "other digits", "en", card) == ("４１１１ １１１１ １１１１ １１１１",)
    assert written(dice, "other digits", "ar", "12") == ("١٢",)
    assert written(dice, "lower case", "en", name) == ("talvira okembu",)
    assert written(dice, SPLIT, "en", name) == ("Talvira", " Okembu")
    (spaced,) = written(dice, "spaced", "en", card)
    assert spaced.replace(" ", "") == card.replace(" ", "") and " " in spaced
    assert written(dice, "spaced", "en", "a.b@example.com") == ("a . b @ example . com",)
