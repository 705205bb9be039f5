"""Values of canaries: for every type of personal data a generator, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chatlog.canaries.carriers import INDONESIAN, people_of
from chatlog.demo import invented
from chatlog.demo.dice import Dice
from chatlog.demo.grammar import Language, load_languages
from chatlog.demo.invented import ALNUM, HEX, WORDS, birth

_MONTHS: Final = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
}
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_PROFILES: Final = ("https://www.linkedin.com/in/", "https://facebook.com/", "instagram.com/", "https://t.me/")


def speakers() -> dict[str, Language]:
    """What invents names, homes and telephone numbers, by language code: the demo's languages and Indonesian."""
    known = {language.code: language for language in load_languages()}
    people = people_of(INDONESIAN)
    known[INDONESIAN] = replace(
        known["en"],
        code=INDONESIAN,
        name="Indonesian",
        first=people["first"],
        last=people["last"],
        street=people["street"],
        city=people["city"],
        address=people["address"][0],
        phone=people["phone"],
    )
    return known


def _date_of_birth(dice: Dice, language: Language) -> str:
    """A day from 1950 to 2004 as the language writes it: in words, in figures, or in ISO 8601's order."""
    year, month, day = birth(dice)
    code = language.code
    kind = dice.below(5)
    if kind == 0:
        return f"{year}-{month:02d}-{day:02d}"
    if code in ("zh", "ja"):
        return f"{year}年{month}月{day}日"
    if code == "ko":
        return f"{year}년 {month}월 {day}일"
    if code in _MONTHS and kind < 3:
        named = _MONTHS[code].split()[month - 1]
        if code == "en":
            return f"{named} {day}, {year}"
        glue = " de " if code in ("es", "pt") else ". " if code == "de" else " "
        return f"{day}{glue}{named}{' de ' if code in ('es', 'pt') else ' '}{year}"
    if code == "en":
        return f"{month:02d}/{day:02d}/{year}"
    return ("." if code in ("de", "ru", "uk", "tr") else "/").join((f"{day:02d}", f"{month:02d}", str(year)))


def _username(dice: Dice, _: Language) -> str:
    """A name that an account goes by: two words, mostly with digits behind them."""
    joined = f"{dice.pick(WORDS)}{dice.pick(('_', '.', '', '-'))}{dice.pick(WORDS)}"
    return joined + dice.fill(dice.pick(("##", "####", "#", "")))


def _url(dice: Dice, language: Language) -> str:
    """The page of a person: a profile in a network half of the time, else a site of one's own at an example domain."""
    if dice.chance(0.5):
        return invented.url(dice, language)
    return f"{dice.pick(_PROFILES)}{dice.pick(WORDS)}-{dice.pick(WORDS)}-{dice.fill('####')}"


def _ip_address(dice: Dice, _: Language) -> str:
    """An address of a network that is routed to nobody: for benchmarks (RFC 2544), carriers (RFC 6598), at home."""
    if dice.chance(0.2):
        group = f"{dice.characters(HEX, 4)}:{1 + dice.below(9998)}::{1 + dice.below(999):x}"
        return f"{dice.pick(('2001:db8', 'fd42:9c1'))}:{group}"
    return f"{dice.pick(('198.18', '198.19', '100.72', '10.83'))}.{dice.below(256)}.{1 + dice.below(254)}"


def _mac_address(dice: Dice, _: Language) -> str:
    """A hardware address that is administered locally (IEEE 802, second bit of the first byte)."""
    pairs = ["02", *(dice.characters(HEX, 2) for _ in range(5))]
    text = dice.pick((":", "-")).join(pairs)
    return text.upper() if dice.chance(0.5) else text


def _bank_account(dice: Dice, _: Language) -> str:
    return dice.fill(dice.pick(("########", "##########", "############", "#### #### ##", "###-######-#")))


def _passport(dice: Dice, _: Language) -> str:
    letters = dice.characters(_LETTERS, dice.pick((0, 1, 2)))
    return letters + dice.fill("#" * (9 - len(letters)))


def _driver_license(dice: Dice, _: Language) -> str:
    return dice.characters(_LETTERS, 1) + dice.fill(dice.pick(("########", "#######", "###-####-####", "############")))


def _record_id(dice: Dice, _: Language) -> str:
    return dice.fill(dice.pick(("#######", "##-#####", "K######", "########", "PX-######")))


def _secret(dice: Dice, language: Language) -> str:
    """A key in the form of a known service seven times of ten, else a token that only looks drawn at random."""
    if dice.chance(0.7):
        return invented.secret(dice, language)
    return dice.characters(dice.pick((ALNUM, HEX)), dice.pick((24, 32, 40)))


def _coordinates(dice: Dice, _: Language) -> str:
    return dice.fill(dice.pick(("4#.######, 1#.######", "-3#.#####, 5#.#####")))


def _license_plate(dice: Dice, _: Language) -> str:
    return f"{dice.characters(_LETTERS, 2)}{dice.pick(('-', ' ', ''))}{dice.fill('####')}"


def _national_id(dice: Dice, language: Language) -> str:
    if language.code != INDONESIAN:
        return invented.national_id(dice, language)
    year, month, day = birth(dice)
    return f"317401{day:02d}{month:02d}{year % 100:02d}{dice.fill('####')}"


MAKERS: Final[dict[str, Callable[[Dice, Language], str]]] = {
    "EMAIL_ADDRESS": invented.email,
    "PHONE_NUMBER": invented.phone,
    "STREET_ADDRESS": invented.address,
    "DATE_OF_BIRTH": _date_of_birth,
    "USERNAME": _username,
    "URL": _url,
    "IP_ADDRESS": _ip_address,
    "MAC_ADDRESS": _mac_address,
    "CREDIT_CARD": invented.card,
    "IBAN_CODE": invented.iban,
    "BANK_ACCOUNT": _bank_account,
    "CRYPTO": invented.crypto,
    "NATIONAL_ID": _national_id,
    "PASSPORT": _passport,
    "DRIVER_LICENSE": _driver_license,
    "RECORD_ID": _record_id,
    "COORDINATES": _coordinates,
    "LICENSE_PLATE": _license_plate,
    "SECRET": _secret,
}
"""What makes a value of a type; persons are made by `chatlog.canaries.names.person`."""

PERSON: Final = "PERSON"

NOT_PLANTED: Final[dict[str, str]] = {
    "ORGANIZATION": "personal in some contexts alone",
    "LOCATION": "personal in some contexts alone",
    "NRP": "personal in some contexts alone",
    "DATE_TIME": "personal in some contexts alone",
}
"""Types that no canaries are made of, and why."""
