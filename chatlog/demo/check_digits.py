"""Check digits of identifiers, so that invented ones pass the checks that a redactor makes.

Every function takes the free part of an identifier and returns the whole (`luhn_digit` the digit alone).
`chatlog.text.checksums` is the other side: it tells whether a whole identifier holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# Verhoeff's dihedral-group tables (J. Verhoeff, "Error Detecting Decimal Codes", 1969); Aadhaar uses them.
_VERHOEFF_D = [
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
]
_VERHOEFF_P = [
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
]
_VERHOEFF_INVERSE = "0432156789"


def digits_of(text: str) -> list[int]:
    """The ASCII digits of a string, in order."""
    return [ord(char) - 48 for char in text if "0" <= char <= "9"]


def luhn_digit(body: str) -> str:
    """The digit that makes ``body`` plus it pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits_of(body))):
        doubled = digit * 2 if position % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _mod97(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text)) % 97


def iban(country: str, bban: str) -> str:
    """The IBAN of a country code and a domestic account number (ISO 13616), without spaces."""
    bare = bban.replace(" ", "").upper()
    return f"{country}{98 - _mod97(bare + country + '00'):02d}{bare}"


def spanish_dni(number: str) -> str:
    """The Spanish DNI of eight digits: the letter is their remainder modulo 23."""
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def weighted_digit(body: str, weights: Sequence[int], modulus: int) -> int:
    """The weighted sum of the digits of ``body`` modulo ``modulus``."""
    return sum(digit * weight for digit, weight in zip(digits_of(body), weights, strict=True)) % modulus


def polish_pesel(body: str) -> str:
    """The Polish PESEL of ten digits."""
    return body + str(-weighted_digit(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10) % 10)


def brazilian_cpf(body: str) -> str:
    """The Brazilian CPF of nine digits, as ``123.456.789-09``."""
    number = body
    for first in (10, 11):
        rest = weighted_digit(number, range(first, 1, -1), 11)
        number += "0" if rest < 2 else str(11 - rest)
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def chinese_id(body: str) -> str:
    """The Chinese resident identity number of seventeen digits (GB 11643-1999)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[weighted_digit(body, weights, 11)]


def french_nir(body: str) -> str:
    """The French social security number of thirteen digits, with its two-digit key."""
    return f"{body}{97 - int(body) % 97:02d}"


def turkish_tckn(body: str) -> str:
    """The Turkish identity number of nine digits."""
    digits = digits_of(body)
    tenth = (sum(digits[0::2]) * 7 - sum(digits[1::2])) % 10
    return f"{body}{tenth}{(sum(digits) + tenth) % 10}"


def korean_rrn(body: str) -> str:
    """The Korean resident registration number of twelve digits, as ``901231-1234563``."""
    total = weighted_digit(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11)
    return f"{body[:6]}-{body[6:]}{(11 - total) % 10}"


def japanese_my_number(body: str) -> str:
    """The Japanese individual number of eleven digits, with its check digit."""
    rest = weighted_digit(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11)
    return body + ("0" if rest < 2 else str(11 - rest))


# Values of the characters at odd places of a codice fiscale (DM 23/12/1976), for 0-9 and for A-Z.
_CODICE_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_CODICE_ODD_LETTERS = (*_CODICE_ODD, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def italian_codice_fiscale(body: str) -> str:
    """The Italian codice fiscale of fifteen characters, with its check letter."""
    total = 0
    for place, char in enumerate(body, start=1):
        value = int(char) if char.isdigit() else ord(char) - 65
        if place % 2:
            total += (_CODICE_ODD if char.isdigit() else _CODICE_ODD_LETTERS)[value]
        else:
            total += value
    return body + chr(65 + total % 26)


def aadhaar(body: str) -> str:
    """The Indian Aadhaar number of eleven digits, as ``1234 5678 9012``."""
    state = 0
    for position, digit in enumerate(reversed(digits_of(body)), start=1):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[position % 8][digit])])
    number = body + _VERHOEFF_INVERSE[state]
    return f"{number[:4]} {number[4:8]} {number[8:]}"


def bitcoin_address(seed: bytes) -> str:
    """A pay-to-public-key-hash address with a valid Base58Check sum; nobody holds a key for it."""
    payload = b"\x00" + hashlib.sha256(seed).digest()[:20]
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = BASE58[rest] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def ethereum_address(seed: bytes) -> str:
    """A lower-case account address: forty hexadecimal digits after ``0x``."""
    return "0x" + hashlib.sha256(seed).hexdigest()[:40]
