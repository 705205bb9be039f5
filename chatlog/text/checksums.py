"""Check digits: whether a string of digits is an identifier, and not any number."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from functools import cache
from typing import Final

_NOT_DIGIT: Final = re.compile(r"\D+")
_NOT_ALNUM: Final = re.compile(r"[^0-9A-Za-z]+")


def digits(text: str) -> str:
    """The digits of `text`."""
    return _NOT_DIGIT.sub("", text)


def _alnum(text: str) -> str:
    return _NOT_ALNUM.sub("", text).upper()


def _weighted(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def stdnum(module: str) -> Callable[[str], bool]:
    """The check of one of python-stdnum's modules, `mx.curp` say; it is imported when it is first needed."""

    @cache
    def validate() -> Callable[[str], bool]:
        check: Callable[[str], bool] = importlib.import_module(f"stdnum.{module}").is_valid
        return check

    def valid(text: str) -> bool:
        return len(set(digits(text))) > 2 and validate()(text)

    return valid


def luhn(text: str) -> bool:
    """Whether the digits pass Luhn's check (ISO/IEC 7812-1, annex B)."""
    number = digits(text)
    if len(number) < 2 or len(set(number)) == 1:
        return False
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(text: str) -> bool:
    """Whether the text passes the mod 97 check (ISO 13616, ISO 7064)."""
    code = _alnum(text)
    if not 15 <= len(code) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in code[4:] + code[:4])) % 97 == 1


def us_ssn(text: str) -> bool:
    """Whether the digits can be a US social security number (SSA: no area 000 or 666, no group 00, no serial 0000).

    Areas from 900 are taxpayer numbers (ITIN) and as personal, so they pass.
    """
    number = digits(text)
    return len(number) == 9 and number[:3] not in ("000", "666") and number[3:5] != "00" and number[5:] != "0000"


def cpf(text: str) -> bool:
    """Whether the digits are a Brazilian CPF."""
    number = digits(text)
    if len(number) != 11 or len(set(number)) == 1:
        return False
    for length in (9, 10):
        check = _weighted(number, tuple(range(length + 1, 1, -1))) * 10 % 11 % 10
        if check != int(number[length]):
            return False
    return True


_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def dni(text: str) -> bool:
    """Whether the text is a Spanish DNI or NIE (letter by mod 23)."""
    code = _alnum(text)
    if len(code) != 9:
        return False
    number = code[:8].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and code[8] == _DNI_LETTERS[int(number) % 23]


def nir(text: str) -> bool:
    """Whether the text is a French NIR (key = 97 - number mod 97)."""
    code = _alnum(text).replace("2A", "19").replace("2B", "18")
    return len(code) == 15 and code.isdigit() and 97 - int(code[:13]) % 97 == int(code[13:])


def pesel(text: str) -> bool:
    """Whether the digits are a Polish PESEL."""
    number = digits(text)
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    month = int(number[2:4]) % 20 if len(number) == 11 else 0
    return 1 <= month <= 12 and 1 <= int(number[4:6]) <= 31 and _weighted(number, weights) % 10 == 0


def resident_identity(text: str) -> bool:
    """Whether the text is a Chinese resident identity number (GB 11643-1999)."""
    code = _alnum(text)
    if len(code) != 18 or not code[:17].isdigit():
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[_weighted(code[:17], weights) % 11] == code[17]


def resident_registration(text: str) -> bool:
    """Whether the digits can be a Korean resident registration number (a date, a sex digit, a check digit).

    Numbers given out since October 2020 have no check digit, so the date decides.
    """
    number = digits(text)
    return len(number) == 13 and 1 <= int(number[2:4]) <= 12 and 1 <= int(number[4:6]) <= 31 and number[6] in "12345678"


_CF_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        map(
            int, "1 0 5 7 9 13 15 17 19 21 1 0 5 7 9 13 15 17 19 21 2 4 18 20 11 3 6 8 12 14 16 10 22 25 24 23".split()
        ),
        strict=True,
    )
)


def codice_fiscale(text: str) -> bool:
    """Whether the text is an Italian codice fiscale (check letter of the DM 12/03/1974)."""
    code = _alnum(text)
    if len(code) != 16:
        return False
    total = sum(
        _CF_ODD[character] if position % 2 == 0 else (int(character) if character.isdigit() else ord(character) - 65)
        for position, character in enumerate(code[:15])
    )
    return chr(65 + total % 26) == code[15]


_VERHOEFF_D: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def aadhaar(text: str) -> bool:
    """Whether the digits are an Indian Aadhaar number (Verhoeff's check, first digit from 2)."""
    number = digits(text)
    if len(number) != 12 or number[0] in "01":
        return False
    state = 0
    for position, digit in enumerate(reversed(number)):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[position % 8][int(digit)])])
    return state == 0


def nhs(text: str) -> bool:
    """Whether the digits are a British NHS number (mod 11)."""
    number = digits(text)
    if len(number) != 10 or len(set(number)) == 1:
        return False
    check = 11 - _weighted(number, tuple(range(10, 1, -1))) % 11
    return check % 11 == int(number[9]) and check != 10


def snils(text: str) -> bool:
    """Whether the digits are a Russian SNILS."""
    number = digits(text)
    if len(number) != 11:
        return False
    total = _weighted(number, tuple(range(9, 0, -1))) % 101
    return (0 if total == 100 else total) == int(number[9:])


def inn(text: str) -> bool:
    """Whether the digits are a person's Russian INN (12 digits)."""
    number = digits(text)
    if len(number) != 12:
        return False
    first = _weighted(number, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = _weighted(number, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return (first, second) == (int(number[10]), int(number[11]))


def bsn(text: str) -> bool:
    """Whether the digits are a Dutch BSN (the eleven test)."""
    number = digits(text)
    return len(number) == 9 and len(set(number)) > 1 and _weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def tckn(text: str) -> bool:
    """Whether the digits are a Turkish identity number."""
    number = digits(text)
    if len(number) != 11 or number[0] == "0":
        return False
    values = [int(digit) for digit in number]
    tenth = (7 * sum(values[0:9:2]) - sum(values[1:8:2])) % 10
    return values[9] == tenth and values[10] == sum(values[:10]) % 10


def steuer_id(text: str) -> bool:
    """Whether the digits are a German tax identification number (ISO 7064, mod 11, 10)."""
    number = digits(text)
    if len(number) != 11 or number[0] == "0" or len(set(number[:10])) not in (8, 9):
        return False
    product = 10
    for digit in number[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[10])


def hu_taj(text: str) -> bool:
    """Whether the digits are a Hungarian social security number (TAJ)."""
    number = digits(text)
    return len(number) == 9 and len(set(number)) > 2 and _weighted(number, (3, 7, 3, 7, 3, 7, 3, 7, 9)) % 10 == 0


def hu_tax(text: str) -> bool:
    """Whether the digits are a Hungarian person's tax number (it begins with 8)."""
    number = digits(text)
    return len(number) == 10 and number[0] == "8" and _weighted(number, tuple(range(1, 10))) % 11 == int(number[9])


def tw_id(text: str) -> bool:
    """Whether the text is a Taiwanese identity or residence number (a letter and nine digits)."""
    code = _alnum(text)
    if len(code) != 10 or not code[1:].isdigit() or not "A" <= code[0] <= "Z":
        return False
    letter = str("ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10)
    return _weighted(letter + code[1:], (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def hk_id(text: str) -> bool:
    """Whether the text is a Hong Kong identity card's number, its check digit in brackets or bare."""
    code = _alnum(text)
    if not 8 <= len(code) <= 9 or not code[-7:-1].isdigit() or code[-1] not in "0123456789A":
        return False
    # A number with one letter counts as one with a blank before it, which is worth 36.
    values = [36] * (9 - len(code)) + [int(character, 36) for character in code]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


_NRIC_LETTERS: Final = {
    "S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"), "G": (4, "XWUTRQPNMLK"), "M": (3, "XWUTRQPNJLK"),
}  # fmt: skip


def sg_nric(text: str) -> bool:
    """Whether the text is a Singaporean NRIC or FIN."""
    code = _alnum(text)
    if len(code) != 9 or code[0] not in _NRIC_LETTERS or not code[1:8].isdigit():
        return False
    start, letters = _NRIC_LETTERS[code[0]]
    return letters[(start + _weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2))) % 11] == code[8]


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(text: str) -> bool:
    """Whether the text is a Base58Check string, as Bitcoin's addresses are (25 bytes, double SHA-256)."""
    number = 0
    for character in text:
        value = _BASE58.find(character)
        if value < 0:
            return False
        number = number * 58 + value
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]
