"""Invents personal data: names, numbers with right check digits, addresses that lead nowhere.

Networks, domains and, where a country has them, telephone numbers come from the ranges kept for examples
(RFC 5737, RFC 3849, RFC 2606, the 555-01xx numbers of North America); keys say FAKE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chatlog.demo import check_digits
from chatlog.demo.dice import Dice
from chatlog.demo.grammar import Language

ALNUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
HEX: Final = "0123456789abcdef"
WORDS: Final = (
    "amber birch cedar dune ember fjord grove heron iris jasper kelp larch maple noble otter pebble quartz "
    "raven sorrel thistle umber velvet willow yarrow zephyr"
).split()
_DOMAINS: Final = (
    "example.com example.org example.net mail.example post.example inkmail.example mailnest.example "
    "fernmail.example correo.example posta.example"
).split()

# Domestic account numbers by country: '#' is a digit, letters stand as they are.
_ACCOUNTS: Final = {
    "en": ("GB", "NWBK##############"),
    "de": ("DE", "##################"),
    "fr": ("FR", "#######################"),
    "es": ("ES", "####################"),
    "pt": ("PT", "#####################"),
    "it": ("IT", "X######################"),
    "tr": ("TR", "#####0################"),
    "uk": ("UA", "3######000###############"),
    "ar": ("SA", "80##################"),
}
_OTHER_ACCOUNTS: Final = (("CH", "#################"), ("NL", "ABNA##########"), ("AT", "################"))


def email(dice: Dice, _: Language) -> str:
    """An address at an example domain."""
    dot = dice.pick((".", "_", "-", ""))
    number = dice.fill(dice.pick(("", "#", "##", "19##")))
    return f"{dice.pick(WORDS)}{dot}{dice.pick(WORDS)}{number}@{dice.pick(_DOMAINS)}"


def phone(dice: Dice, language: Language) -> str:
    """A telephone number of the language's country."""
    return dice.fill(dice.pick(language.phone))


def card(dice: Dice, _: Language) -> str:
    """A payment card number that passes Luhn's check, grouped or not."""
    american = dice.chance(0.15)
    body = dice.fill(
        "37############" if american else dice.pick(("4##############", "5" + "15"[dice.below(2)] + "#############"))
    )
    number = body + check_digits.luhn_digit(body)
    sizes = (4, 6, 5) if american else (4, 4, 4, 4)
    groups, start = [], 0
    for size in sizes:
        groups.append(number[start : start + size])
        start += size
    return dice.pick((" ", "-", "", " ")).join(groups)


def iban(dice: Dice, language: Language) -> str:
    """An IBAN with right check digits, grouped or not."""
    country, account = _ACCOUNTS.get(language.code) or dice.pick(_OTHER_ACCOUNTS)
    number = check_digits.iban(country, dice.fill(account))
    return number if dice.chance(0.4) else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def ip_address(dice: Dice, _: Language) -> str:
    """An address of a network kept for documentation, one in five of them IPv6."""
    if dice.chance(0.2):
        return f"2001:db8:{dice.below(65535) + 1:x}:{dice.below(65535) + 1:x}::{dice.below(65535) + 1:x}"
    return f"{dice.pick(('203.0.113', '198.51.100', '192.0.2'))}.{1 + dice.below(254)}"


def secret(dice: Dice, _: Language) -> str:
    """A key in the form of a known service that says FAKE."""
    kind = dice.below(5)
    if kind == 0:
        return "sk-proj-FAKE" + dice.characters(ALNUM, 36)
    if kind == 1:
        return "ghp_FAKE" + dice.characters(ALNUM, 32)
    if kind == 2:
        return "AKIAFAKE" + dice.characters(_UPPER, 12)
    if kind == 3:
        return f"xoxb-{dice.fill('############')}-FAKE{dice.characters(ALNUM, 20)}"
    return "AIzaFAKE" + dice.characters(ALNUM, 31)


def birth(dice: Dice) -> tuple[int, int, int]:
    """Year, month and day of a birth, from 1950 to 2004."""
    return 1950 + dice.below(55), 1 + dice.below(12), 1 + dice.below(28)


def _codice(dice: Dice) -> str:
    year, month, day = birth(dice)
    letters = dice.characters("BCDFGLMNPRSTVZ", 6)
    return check_digits.italian_codice_fiscale(
        f"{letters}{year % 100:02d}{'ABCDEHLMPRST'[month - 1]}{day:02d}H{dice.fill('###')}"
    )


def national_id(dice: Dice, language: Language) -> str:
    """A number of the kind that the language's country gives its people; check digits hold where it has them."""
    year, month, day = birth(dice)
    match language.code:
        case "en":  # areas 734 to 749 were not in use when numbers still told the place
            return f"{734 + dice.below(16)}-{1 + dice.below(99):02d}-{1 + dice.below(9999):04d}"
        case "es":
            return check_digits.spanish_dni(dice.fill("########"))
        case "pt":
            return check_digits.brazilian_cpf(dice.fill("#########"))
        case "fr":
            return check_digits.french_nir(f"{1 + dice.below(2)}{year % 100:02d}{month:02d}{dice.fill('75######')}")
        case "zh":
            return check_digits.chinese_id(f"110105{year}{month:02d}{day:02d}{dice.fill('###')}")
        case "ko":
            return check_digits.korean_rrn(
                f"{year % 100:02d}{month:02d}{day:02d}{1 + dice.below(2)}{dice.fill('#####')}"
            )
        case "tr":
            return check_digits.turkish_tckn(str(1 + dice.below(9)) + dice.fill("########"))
        case "hi":
            return check_digits.aadhaar(str(2 + dice.below(8)) + dice.fill("##########"))
        case "it":
            return _codice(dice)
        case "ja":
            return check_digits.japanese_my_number(dice.fill("###########"))
        case "ru":
            return dice.fill("45## ######")
        case "ar":
            body = "1" + dice.fill("########")
            return body + check_digits.luhn_digit(body)
        case "de":
            return "L" + dice.fill("########")
        case _:
            return dice.fill("0##0########")


def url(dice: Dice, _: Language) -> str:
    """A link to somebody's page at an example domain."""
    return f"https://{dice.pick(WORDS)}.example/u/{dice.pick(WORDS)}-{dice.pick(WORDS)}{dice.fill('##')}"


def crypto(dice: Dice, _: Language) -> str:
    """A Bitcoin or Ethereum address that nobody holds a key for."""
    seed = dice.below(1 << 30).to_bytes(4, "big")
    return check_digits.bitcoin_address(seed) if dice.chance(0.6) else check_digits.ethereum_address(seed)


def address(dice: Dice, language: Language) -> str:
    """A street address of the language's country."""
    return language.home(dice)


def name(dice: Dice, language: Language) -> str:
    """A full name."""
    return language.person(dice)[0]


MAKERS: Final[dict[str, Callable[[Dice, Language], str]]] = {
    "NAME": name,
    "EMAIL": email,
    "PHONE": phone,
    "ADDRESS": address,
    "CARD": card,
    "IBAN": iban,
    "IP": ip_address,
    "SECRET": secret,
    "NATIONAL_ID": national_id,
    "URL": url,
    "CRYPTO": crypto,
}

# How often each type is planted: people give names and addresses more often than account numbers.
WEIGHTED_TYPES: Final = (
    *["NAME"] * 8,
    *["EMAIL"] * 5,
    *["PHONE"] * 5,
    *["ADDRESS"] * 3,
    *["CARD"] * 2,
    *["IBAN"] * 2,
    *["IP"] * 2,
    *["SECRET"] * 2,
    *["NATIONAL_ID"] * 2,
    "URL",
    "CRYPTO",
)
