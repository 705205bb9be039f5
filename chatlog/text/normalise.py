"""Folding: texts that a reader would call the same become equal."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """The text under NFKC and case folding, with runs of white space as one space, none at the ends."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())
