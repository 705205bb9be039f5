"""What a canary stands in: a sentence of fifteen languages, or a list, table, JSON, comment or bare line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from chatlog.demo.dice import Dice

_FOLDER: Final = Path(__file__).parent / "carriers"
INDONESIAN: Final = "id"

CUE: Final = "sentence with a cue"
NO_CUE: Final = "sentence without a cue"
BARE: Final = "bare"

_KEYS: Final = {
    "PERSON": "name owner assignee",
    "EMAIL_ADDRESS": "email mail contact",
    "PHONE_NUMBER": "phone tel mobile",
    "STREET_ADDRESS": "address home ship_to",
    "DATE_OF_BIRTH": "birth_date dob birthday",
    "USERNAME": "username login handle",
    "URL": "website profile homepage",
    "IP_ADDRESS": "ip host client",
    "MAC_ADDRESS": "mac hwaddr device",
    "CREDIT_CARD": "card card_number pan",
    "IBAN_CODE": "iban bank payout",
    "BANK_ACCOUNT": "account account_number bank_account",
    "CRYPTO": "wallet btc payout_address",
    "NATIONAL_ID": "national_id id_number ssn",
    "PASSPORT": "passport passport_no passport_number",
    "DRIVER_LICENSE": "driver_license license_number licence",
    "RECORD_ID": "patient_id mrn member_id",
    "SECRET": "api_key token secret",
}
"""What fields and columns that hold a type are called in data of programs."""

_SELF_EVIDENT: Final = frozenset(
    "PERSON EMAIL_ADDRESS PHONE_NUMBER STREET_ADDRESS URL IP_ADDRESS MAC_ADDRESS CREDIT_CARD IBAN_CODE CRYPTO "
    "NATIONAL_ID SECRET".split()
)
"""Types whose values say what they are; the others stand in no bare line: nine digits alone are nobody's passport."""

_BLOCKS: Final = {
    "list": ("- status: open\n- {key}: {x}\n- priority: 2", "1. bread\n2. {key} {x}\n3. stamps"),
    "JSON": ('{{"id": 17, "{key}": "{x}", "active": true}}', '{{\n  "{key}": "{x}",\n  "retries": 3\n}}'),
    "table": ("| no | {key} | state |\n|---|---|---|\n| 4 | {x} | done |", "no,{key},state\n4,{x},done"),
    "code comment": (
        "```python\n# {key}: {x}\nrun(limit=20)\n```",
        "```js\nstart(); // {key} {x}\n```",
    ),
}
_SENTENCES: Final = 0.6
_BARE: Final = 0.08


@dataclass(frozen=True)
class Carrier:
    """What stands around a canary.

    Attributes:
        id: names it in what leaked.
        frame: its kind.
        before: the text before the value.
        after: the text behind it.
        block: whether it takes lines of its own.
    """

    id: str
    frame: str
    before: str
    after: str
    block: bool


@cache
def _told(code: str) -> dict[str, dict[str, Any]]:
    path = _FOLDER / f"{code}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@cache
def carrier_languages() -> tuple[str, ...]:
    """The codes of the languages that have sentences, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def people_of(code: str) -> dict[str, list[str]]:
    """The parts of names, homes and telephone numbers of a language that brings its own."""
    return {part: _pieces(text) for part, text in _told(code)["people"].items()}


def sentences(code: str, type_: str) -> list[Carrier]:
    """The sentences of a language for a type; none where the language or the type has none."""
    return [
        Carrier(f"{code} {section} {number}", frame, *_around(text), block=False)
        for section, frame in (("cue", CUE), ("no_cue", NO_CUE))
        for number, text in enumerate(_pieces(_told(code).get(section, {}).get(type_, "")), start=1)
    ]


def pick_carrier(dice: Dice, code: str, type_: str) -> Carrier:
    """A carrier for a type: six times of ten a sentence, where the language has some; else a block or a bare line."""
    said = sentences(code, type_)
    if said and dice.chance(_SENTENCES):
        frame = dice.pick(sorted({carrier.frame for carrier in said}))
        return dice.pick([carrier for carrier in said if carrier.frame == frame])
    if type_ in _SELF_EVIDENT and dice.chance(_BARE / (1 - _SENTENCES)):
        return Carrier(BARE, BARE, "", "", block=True)
    frame = dice.pick(tuple(_BLOCKS))
    number = dice.below(len(_BLOCKS[frame]))
    key = dice.pick(_KEYS.get(type_, type_.lower()).split())
    before, after = (part.format(key=key, x="") for part in _BLOCKS[frame][number].split("{x}"))
    return Carrier(f"{frame} {number + 1}", frame, before, after, block=True)


def _pieces(text: str) -> list[str]:
    return [piece.strip() for piece in text.split(" | ") if piece.strip()]


def _around(text: str) -> tuple[str, str]:
    before, _, after = text.partition("{x}")
    return before, after
