"""Rules for what tells where somebody is or what he drives: precise coordinates and licence plates."""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.patterns import rule

_LATITUDE: Final = r"[-+]?(?:90(?:\.0{4,})?|[0-8]?\d\.\d{4,12})"
_LONGITUDE: Final = r"[-+]?(?:180(?:\.0{4,})?|(?:1[0-7]\d|\d{1,2})\.\d{4,12})"
_SECONDS: Final = r"\s?°\s?\d{1,2}\s?['′]\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′)\s?"
_DECIMAL: Final = regex.compile(r"\d{1,3}\.\d+|\d{2,3}")


def _is_somewhere(value: str) -> bool:
    """Whether a pair is no weights or shares: within one degree of both zeros there is only the sea."""
    return any(float(number) >= 1 for number in _DECIMAL.findall(value)[:2])


def _is_plate(value: str) -> bool:
    """Whether a value holds letters and digits, as plates do."""
    return any(character.isdigit() for character in value) and any(character.isalpha() for character in value)


_TOLD: Final = (
    r"(?:[^\d\n]{0,28}?(?<![\w])(?:is|was|reads|es|era|est|ist|lautet|è|é|to|är|er|je|jest|este|:|=))?"
    r"[\s:=\"'(\#]{0,4}(?:(?:number|no\.?|nr\.?|número|numéro|numero|nummer)\s?[:=]?\s?)?"
)
"""What stands between a word for a plate and the plate: words that end in a verb or a colon, or nothing."""

_CAPITALS: Final = r"(?:\p{Han}[\s·]?)?(?-i:[\p{Lu}\d](?:[\s·.-]?[\p{Lu}\d]){3,9})(?<!\sI)"
_KANA: Final = r"\p{Han}{2,4}\s?\d{2,3}\s?\p{Hiragana}\s?\d{2}-?\d{2}"
_HANGUL: Final = r"(?:\p{Hangul}{2}\s?)?\d{2,3}\s?\p{Hangul}\s?\d{4}"

PLACES: Final = (
    rule(
        # Four decimals of a degree are eleven metres; fewer tell a town. Short cues stand in many words (latency),
        # so only long ones may have an ending; a third number makes a point in space of the pair.
        "coordinates_cue",
        "COORDINATES",
        rf"(?<![\p{{Latin}}\p{{Cyrillic}}\p{{Greek}}])(?:{cues('coordinates')})(?:(?<=\p{{L}}{{5}})\p{{L}}{{0,12}})?(?![\w])"
        rf"[^\d\n+-]{{0,24}}?(?P<v>{_LATITUDE}[°]?\s?[ns]?\s?[,;/\s]\s?{_LONGITUDE}[°]?\s?[ew]?)"
        r"(?![\d.]|\w|\s?[,;]\s?[-+]?\d)",
        0.9,
        "",
        stems("coordinates"),
        check=_is_somewhere,
    ),
    rule(
        "coordinates_named",
        "COORDINATES",
        rf"(?<![\p{{L}}])lat(?:itude)?[\"']?\s?[:=]\s?[\"']?(?P<v>{_LATITUDE}[\"']?\s?[,;&\s]\s{{0,20}}[\"']?"
        rf"(?:lon|lng|long|longitude)[\"']?\s?[:=]\s?[\"']?{_LONGITUDE})(?![\d.]|\w)",
        0.92,
        "",
        ("lat",),
    ),
    rule(
        "coordinates_url",
        "COORDINATES",
        rf"(?:[@=/:]|%2C)(?P<v>{_LATITUDE}(?:,|%2C)\s?{_LONGITUDE})(?!\d)",
        0.92,
        "",
        ("maps", "geo:", "osm", "openstreetmap"),
    ),
    rule(
        "coordinates_signed",
        "COORDINATES",
        r"(?<![\w.])\d{1,2}\.\d{4,12}\s?°?\s?[ns][\s,;]{1,3}\d{1,3}\.\d{4,12}\s?°?\s?[ewo](?!\w)",
        0.9,
        "digits",
    ),
    rule(
        "coordinates_dms",
        "COORDINATES",
        rf"(?<![\w.])\d{{1,2}}{_SECONDS}[ns][\s,;]{{1,3}}\d{{1,3}}{_SECONDS}[ewo](?!\w)",
        0.93,
        "",
        ("°",),
    ),
    rule(
        "license_plate",
        "LICENSE_PLATE",
        rf"(?<![\w])(?:(?:{cues('plate')})(?![\w]){_TOLD}|(?:{cues('plate_free')})(?![\w])[^\d\n]{{0,20}}?)(?<![\w])"
        rf"(?P<v>{_KANA}|{_HANGUL}|(?=[\w\s·.-]{{0,11}}\d){_CAPITALS})(?![\w])",
        0.8,
        "",
        tuple(sorted({*stems("plate"), *stems("plate_free")})),
        check=_is_plate,
    ),
)
"""Coordinates and licence plates."""
