"""Rules for wallets beyond those of Bitcoin and Ethereum: by a checksum where there is one, else beside a word."""

from __future__ import annotations

import hashlib
from functools import reduce
from typing import Final

from chatlog.text.patterns import rule

_BITCOIN: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
"""Base58 of the XRP Ledger (its documentation, base58 encodings)."""

_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_STEPS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ENDS: Final = frozenset([1, 0x2BC830A3])
"""What the checksum of bech32 (BIP 173) and of bech32m (BIP 350) comes to."""


def _decoded(text: str, alphabet: str) -> bytes:
    """The bytes that a Base58 text stands for; a leading zero digit is a zero byte."""
    number = reduce(lambda total, character: total * 58 + alphabet.index(character), text, 0)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def ripple(text: str) -> bool:
    """Whether the text is an account of the XRP Ledger: 25 bytes of which four are a double SHA-256."""
    raw = _decoded(text, _RIPPLE)
    return len(raw) == 25 and hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def solana(text: str) -> bool:
    """Whether the text can be a public key of 32 bytes, and is no word: digits and letters of both cases."""
    mixed = any(map(str.isdigit, text)) and any(map(str.isupper, text)) and any(map(str.islower, text))
    return mixed and len(_decoded(text, _BITCOIN)) == 32


def bech32(text: str) -> bool:
    """Whether the text passes the checksum of bech32 or bech32m."""
    prefix, _, data = text.lower().rpartition("1")
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate(_BECH32_STEPS):
            check ^= step if top >> bit & 1 else 0
    return check in _BECH32_ENDS


WALLETS: Final = (
    rule("ripple", "CRYPTO", rf"(?<![\w])(?-i:r[{_RIPPLE}]{{24,34}})(?![\w])", 0.95, "word", check=ripple),
    rule(
        "cardano",
        "CRYPTO",
        rf"(?<![\w])(?-i:(?:addr|stake)1[{_BECH32}]{{50,110}})(?![\w])",
        0.95,
        "",
        ("addr1", "stake1"),
        check=bech32,
    ),
    rule(
        # Its checksum is a Keccak hash, which Python has not; nothing else is written in 95 such letters.
        "monero",
        "CRYPTO",
        rf"(?<![\w])(?-i:[48][0-9AB][{_BITCOIN}]{{93}}(?:[{_BITCOIN}]{{11}})?)(?![\w])",
        0.93,
        "word",
    ),
    rule(
        "bitcoin_cash",
        "CRYPTO",
        rf"(?<![\w])bitcoincash:(?-i:[qp][{_BECH32}]{{41}})(?![\w])",
        0.95,
        "",
        ("bitcoincash:",),
    ),
    rule(
        # A key of 32 bytes has no checksum: only the word beside it tells it from a hash.
        "solana_cue",
        "CRYPTO",
        rf"(?<![\w])(?:solana|sol|phantom|spl)(?![\w])[^\n]{{0,60}}?(?<![\w/])(?P<v>(?-i:[{_BITCOIN}]{{32,44}}))(?![\w])",
        0.88,
        "word",
        ("sol", "phantom", "spl"),
        check=solana,
    ),
)
"""Wallets of XRP, Cardano, Monero, Bitcoin Cash and Solana."""
