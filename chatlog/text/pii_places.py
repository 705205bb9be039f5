"""Rules for what tells where somebody is or what he drives: precise coordinates and licence plates."""

from __future__ import annotations

from typing import Final

from chatlog.text.cues import cues, stems
from chatlog.text.patterns import rule

_LATITUDE: Final = r"[-+]?(?:90(?:\.0{4,})?|[0-8]?\d\.\d{4,12})"
_LONGITUDE: Final = r"[-+]?(?:180(?:\.0{4,})?|(?:1[0-7]\d|\d{1,2})\.\d{4,12})"


def _is_plate(value: str) -> bool:
    """Whether a value holds letters and digits, as plates do, or is one of digits and signs alone."""
    return any(character.isdigit() for character in value) and any(character.isalpha() for character in value)


PLACES: Final = (
    rule(
        # Four decimals of a degree are eleven metres; fewer tell a town.
        "coordinates_cue",
        "COORDINATES",
        rf"(?:{cues('coordinates')})\p{{L}}{{0,12}}[^\d\n+-]{{0,24}}?(?P<v>{_LATITUDE}[°]?\s?[ns]?\s?[,;/\s]\s?{_LONGITUDE}[°]?\s?[ew]?)"
        r"(?![\d.]|\w)",
        0.9,
        "",
        stems("coordinates"),
    ),
    rule(
        "coordinates_url",
        "COORDINATES",
        rf"(?:[@=/]|%2C)(?P<v>{_LATITUDE}(?:,|%2C)\s?{_LONGITUDE})(?!\d)",
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
        r"(?<![\w.])\d{1,2}\s?°\s?\d{1,2}\s?['′]\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′)\s?[ns][\s,;]{1,3}"
        r"\d{1,3}\s?°\s?\d{1,2}\s?['′]\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′)\s?[ewo](?!\w)",
        0.93,
        "",
        ("°",),
    ),
    rule(
        "license_plate",
        "LICENSE_PLATE",
        rf"(?<![\w])(?:{cues('plate')})(?![\w])[^\d\n]{{0,16}}?(?<![\w])"
        r"(?P<v>(?=[\w\s-]{0,11}\d)(?:\p{Han}[\s·]?)?[\p{Lu}\d](?:[\s·-]?[\p{Lu}\d]){3,9})(?![\w])".replace(
            "[\\p{Lu}\\d]", "(?-i:[\\p{Lu}\\d])"
        ),
        0.8,
        "",
        stems("plate"),
        check=_is_plate,
    ),
)
"""Coordinates and licence plates."""
