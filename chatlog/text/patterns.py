"""What makes a pattern rule, and the rules for contact, network and money identifiers.

Patterns match on a `view` (ASCII digits and signs). The group `v`, where a pattern has one, is what
is personal; the rest is context. Each rule names what a text must hold before its pattern is
tried, so that most rules never run on most texts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import regex

from chatlog.text import checksums
from chatlog.text.cues import cues, stems


@dataclass(frozen=True)
class Rule:
    """One pattern.

    Attributes:
        name: the recognizer's name in `pii`.
        type: a key of LABELS.
        pattern: a compiled pattern of the package `regex`.
        score: 0 to 1; decides between overlapping finds.
        needs: a key of TRIGGERS.
        words: literals of which the text in lower case must hold one; empty for no such condition.
        check: told the matched value; False throws the match away.
    """

    name: str
    type: str
    pattern: Any
    score: float
    needs: str
    words: tuple[str, ...] = ()
    check: Callable[[str], bool] | None = None


_FIVE_DIGITS: Final = re.compile(r"\d(?:[\s().,/:年月년월-]*\d){4}")
_HEX_GROUPS: Final = re.compile(
    r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:|[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\."
)
_LETTERS_DIGITS: Final = re.compile(r"[A-Za-z]{5}\d{2}")
_LONG_WORD: Final = 26
_SCRIPTS: Final = "Latin Cyrillic Greek Arabic Hebrew Armenian Georgian Ethiopic Devanagari Bengali Gurmukhi Gujarati"
_SPACED: Final = (
    "".join(rf"\p{{{name}}}" for name in (*_SCRIPTS.split(), "Tamil", "Telugu", "Kannada", "M", "Nd")) + "_"
)
"""What `\\w` stands for in scripts that put spaces between words, as the inside of a class."""

TRIGGERS: Final[dict[str, Callable[[str], bool]]] = {
    "": lambda text: True,
    "digits": lambda text: _FIVE_DIGITS.search(text) is not None,
    "letters": lambda text: _LETTERS_DIGITS.search(text) is not None,
    "colons": lambda text: _HEX_GROUPS.search(text) is not None,
    "word": lambda text: max(map(len, text.split()), default=0) >= _LONG_WORD,
}
"""What a text must hold before the rules that name it are tried."""


def rule(
    name: str,
    type_: str,
    pattern: str,
    score: float,
    needs: str,
    words: tuple[str, ...] = (),
    check: Callable[[str], bool] | None = None,
) -> Rule:
    r"""A rule with its pattern compiled, without regard to case and with comments allowed.

    A lookaround that keeps a value apart from words (`(?<![\w`, `(?!\w`) is of no concern to scripts that
    put no space between words: in Chinese or Korean text a number stands between letters.
    """
    for mark in (r"(?<![\w", r"(?![\w"):
        pattern = pattern.replace(mark, mark[:-2] + _SPACED)
    for mark in (r"(?<!\w)", r"(?!\w)"):
        pattern = pattern.replace(mark, f"{mark[:-3]}[{_SPACED}])")
    return Rule(name, type_, regex.compile(pattern, regex.IGNORECASE | regex.VERBOSE), score, needs, words, check)


def _is_ip(text: str) -> bool:
    """Whether the text is an address of a machine: valid, and no loopback, mask or unspecified address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or text.startswith(("255.", "0.")):
        return False
    # `Abe::Fed` is a name in C++ and a valid IPv6 address; addresses that people have show digits.
    return address.version == 4 or (any(c.isdigit() for c in text) and len(text) > 6)


def _phone_digits(text: str) -> bool:
    number = checksums.digits(text)
    return 7 <= len(number) <= 15 and len(set(number)) > 2 and not _DATE.search(text)


_DATE: Final = regex.compile(
    r"(?:^|\D)(?:(?:19|20)\d\d([-./])(?:0?[1-9]|1[0-2])\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:19|20)\d\d)(?:\D|$)|^\d{4}\s?-\s?\d{4}$|\d{2}:\d{2}"
)


def _is_username(text: str) -> bool:
    """Whether a value beside `user` is a person's: no dotted path of a program."""
    return "." not in text or any(c.isdigit() for c in text)


def _long_phone(text: str) -> bool:
    return _phone_digits(text) and len(checksums.digits(text)) >= 8


CONTACT: Final = (
    rule(
        "email",
        "EMAIL_ADDRESS",
        r"(?<![\w.+%@-])[\w][\w.!\#$%&*+/=?^{|}~'-]{0,63}@(?:[\w](?:[\w-]{0,62}[\w])?\.){1,8}(?:\p{L}{2,24}|xn--[\w-]{2,59})(?![\w@])",
        0.95,
        "",
        ("@",),
    ),
    rule(
        "email_spelled",
        "EMAIL_ADDRESS",
        r"\b[\w][\w.+-]{1,63}\s?(?:\(at\)|\[at\]|\{at\}|\sat\s|@)\s?[\w-]{2,63}(?:\s?(?:\(dot\)|\[dot\]|\{dot\}|\sdot\s|\.)\s?[\w-]{2,63}){0,3}\s?(?:\(dot\)|\[dot\]|\{dot\}|\sdot\s)\s?[a-z]{2,12}\b"
        r"|\b[\w][\w.+-]{1,63}\s?(?:\(at\)|\[at\]|\{at\})\s?(?:[\w-]{2,63}\.){1,3}[a-z]{2,12}\b",
        0.9,
        "",
        ("(at)", "[at]", "{at}", " dot ", "(dot)", "[dot]", "{dot}"),
    ),
    rule(
        "phone_international",
        "PHONE_NUMBER",
        r"(?<![\w+.])(?<![\d)]\s)(?:\+|\b00)\s?[1-9]\d{0,2}(?:[\s./-]{0,2}\(?\d{1,5}\)?){2,6}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w])",
        0.8,
        "digits",
        check=_long_phone,
    ),
    rule(
        "phone_nanp",
        "PHONE_NUMBER",
        r"(?<![\w+.(/-])(?:1[\s.-]{1,2})?(?:\([2-9]\d\d\)\s?|[2-9]\d\d[\s.-])\d{3}[\s.-]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w])",
        0.75,
        "digits",
        check=_phone_digits,
    ),
    rule(
        "phone_national",
        "PHONE_NUMBER",
        r"(?<![\w+.,/-])(?:\(0?\d{1,4}\)[\s-]?\d{2,5}(?:[\s-]?\d{2,5}){1,3}|0\d{1,4}[\s./-]{1,2}\d{2,8}(?:[\s.-]\d{2,5}){0,4}|1[3-9]\d{9})(?![\w])",
        0.6,
        "digits",
        check=_long_phone,
    ),
    rule(
        "phone_cue",
        "PHONE_NUMBER",
        rf"(?:{cues('phone')})\w{{0,3}}[^\d\n]{{0,25}}?(?<![\w.,])(?P<v>\+?\(?\d(?:[\s().-]{{0,2}}\d){{5,14}})(?![\w])",
        0.7,
        "digits",
        stems("phone"),
        check=_phone_digits,
    ),
    rule(
        "phone_trailing_cue",
        "PHONE_NUMBER",
        r"(?<![\w.,])(?P<v>\+?\(?\d(?:[\s().-]{0,2}\d){6,14})\s?[-:(]?\s?(?:office|fax|mobile|cell|home|work|tel)\b",
        0.7,
        "digits",
        check=_phone_digits,
    ),
    rule(
        "username_cue",
        "USERNAME",
        rf"(?:{cues('username')})[\"']?\s?(?:[:=]{{1,2}}|\bis\b|\bes\b|\bist\b|\best\b)\s?[\"'`]?"
        r"(?P<v>@?(?=[\w.-]*[\d._])[a-z][\w.-]{2,38}\w)(?![\w@(])",
        0.76,
        "",
        stems("username"),
        check=_is_username,
    ),
    rule(
        "handle_cue",
        "USERNAME",
        r"\b(?:twitter|instagram|insta|ig|telegram|tiktok|discord|snapchat|snap|threads|mastodon|twitch|youtube|follow|dm|handle|username)\b[^\n@]{0,24}(?<![\w@.])(?P<v>@[a-z_][\w.]{2,29})(?![\w@])",
        0.8,
        "",
        ("@",),
    ),
    rule("handle_digits", "USERNAME", r"(?<![\w@.`\"/])(?P<v>@[a-z_]+\d{2,6})(?![\w@.(])", 0.65, "", ("@",)),
    rule(
        "personal_page",
        "URL",
        r"(?:https?://)?(?:www\.|[a-z]{2}\.)?(?:linkedin\.com/in|facebook\.com|fb\.com|instagram\.com|tiktok\.com/@|t\.me|vk\.com|threads\.net/@|(?:twitter|(?<![\w])x)\.com)/?@?(?!(?:share|sharer|intent|home|search|login|watch|groups|pages|hashtag|explore|i|p)\b)(?<=[/@])[\w.%-]{3,60}/?",
        0.85,
        "",
        (".com/", "t.me/", "threads.net/"),
    ),
    rule(
        "url_credentials",
        "SECRET",
        r"\b[a-z][a-z0-9+.-]{1,30}://(?P<v>[^\s:/@\"'<>]{1,100}:[^\s/@\"'<>]{1,200})@[\w.\[\]:-]+",
        0.97,
        "",
        ("://",),
    ),
)
"""E-mail addresses, phone numbers, personal pages, URLs with credentials."""

NETWORK: Final = (
    rule(
        "ipv4",
        "IP_ADDRESS",
        r"(?<![\w.-])(?<!version\s)(?<!v\.)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d|-\d)",
        0.85,
        "digits",
        check=_is_ip,
    ),
    rule(
        "ipv6",
        "IP_ADDRESS",
        r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])",
        0.85,
        "colons",
        check=_is_ip,
    ),
    rule(
        "mac",
        "MAC_ADDRESS",
        r"(?<![\w:-])(?:[0-9a-f]{2}(?P<sep>[:-])(?:[0-9a-f]{2}(?P=sep)){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\w:-])",
        0.9,
        "colons",
    ),
)
"""Addresses of machines."""

MONEY: Final = (
    rule(
        "card",
        "CREDIT_CARD",
        r"(?<![\w.-])(?<!\d{4}[\s-])(?:[2-6]\d{15}[\s-]\d{3}|[2-6]\d{3}(?P<sep>[\s-]?)\d{4}(?P=sep)\d{4}(?P=sep)\d{1,7}|3[47]\d{2}[\s-]?\d{6}[\s-]?\d{5}|3[47]\d{4}[\s-]\d{6}[\s-]\d{3}|3[068]\d{2}[\s-]?\d{6}[\s-]?\d{4})(?![\w]|[\s-]\d{4}(?!\d))",
        0.92,
        "digits",
        check=checksums.luhn,
    ),
    rule(
        # Four groups of four are a card's way of writing, though a made-up number fails the check.
        "card_shape",
        "CREDIT_CARD",
        r"(?<![\w.-])(?<!\d{4}[\s-])[3-6]\d{3}(?P<sep>[\s-])\d{4}(?P=sep)\d{4}(?P=sep)\d{4}(?![\w]|[\s-]\d)",
        0.82,
        "digits",
    ),
    rule(
        "card_cue",
        "CREDIT_CARD",
        rf"(?:{cues('card')})[^\d\n]{{0,40}}?(?<![\w.])(?P<v>\d{{11,19}}|\d{{4}}(?:[\s-]\d{{4}}){{2}}[\s-]\d{{1,7}}|\d{{4}}[\s-]\d{{6}}[\s-]\d{{4,5}})(?![\w])",
        0.8,
        "digits",
        stems("card"),
    ),
    rule(
        "iban",
        "IBAN_CODE",
        # After the bank's code, a group without a digit is a word that follows the number.
        r"(?<![\w])[a-z]{2}\d{2}[\s-]?[a-z0-9]{4}(?:[\s-]?(?:(?=[a-z]{0,3}\d)[a-z0-9]{4}|(?-i:[A-Z]{4}))){1,6}"
        r"(?:[\s-]?(?=[a-z]{0,2}\d)[a-z0-9]{1,3})?(?![\w])",
        0.95,
        "digits",
        check=checksums.iban,
    ),
    rule(
        "bitcoin",
        "CRYPTO",
        r"(?<![\w])(?-i:[13LMDA9][1-9A-HJ-NP-Za-km-z]{25,34})(?![\w])",
        0.95,
        "word",
        check=checksums.base58check,
    ),
    rule(
        "bech32", "CRYPTO", r"(?<![\w])(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,71}(?![\w])", 0.9, "", ("bc1", "tb1", "ltc1")
    ),
    rule("ethereum", "CRYPTO", r"(?<![\w])0x[0-9a-f]{40}(?![\w])", 0.9, "word", ("0x",)),
    rule(
        "tron",
        "CRYPTO",
        r"(?<![\w])(?-i:T[1-9A-HJ-NP-Za-km-z]{33})(?![\w])",
        0.9,
        "word",
        check=checksums.base58check,
    ),
)
"""Payment cards, bank accounts, wallets."""
