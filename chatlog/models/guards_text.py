"""Untrusted text made harmless for a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import ahocorasick

from chatlog.models.guards import Message
from chatlog.models.guards_fold import RARE, folded, origins
from chatlog.models.guards_tokens import CONTROL, LABEL, MARKUP, OPENERS, ROLE, SHOWN

_TAGS: Final = re.compile(
    # A flag such as Wales's: a black flag, its region in tag characters, and their end.
    r"(?P<flag>\U0001F3F4[\U000E0030-\U000E0039\U000E0061-\U000E007A]{1,6}\U000E007F)|[\U000E0000-\U000E007F]"
)

_TAG: Final = re.compile("[\U000e0000-\U000e007f]")

_SHORT: Final = 4096
"""Characters of a text whose result is remembered: a few megabytes in all."""

_MARKS: Final = "·‧•†"
"""What is put into a token whose first character has nothing alike; the first one that no token holds."""


def neutral(text: str) -> str:
    """The text with a character of each control token, and of each line that opens a turn, replaced by one alike.

    Known are the tokens of Llama 2 to 4, Qwen and other ChatML families, Gemma 1 to 4, Mistral, DeepSeek, Phi,
    Granite, Command-R, GPT-OSS (harmony), BERT and T5, and the frames of the guards' prompts; also where a tokenizer's
    normaliser would only make one, of full-width forms, with accents, or with invisible characters inside. Tag
    characters (U+E0020 to U+E007E), which spell ASCII that nobody sees and models read, become that ASCII. Nothing
    else changes: joiners, directions and homoglyphs are what was written. Takes time linear in the text; of its own
    result it changes nothing.
    """
    # A message is shown again as the context of those after it.
    return _remembered(text) if len(text) <= _SHORT else _made(text)


def _made(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    if _TAG.search(text):
        text = _TAGS.sub(_revealed, text)
    if not OPENERS.search(text):
        return text
    found = _neutral(text, False)
    return _neutral(found, True) if RARE.search(found) else found


_remembered = lru_cache(maxsize=1024)(_made)


def neutral_for(added: Mapping[str, bool]) -> Callable[[str], str]:
    """`neutral`, and the same for a tokenizer's own added tokens, whatever they are called.

    Args:
        added: each token that the tokenizer finds in a text before all else, and whether it is a special one. Of the
            others only those in brackets are replaced, and HTML is not: a vocabulary may hold words and spaces too.
    """
    keys = {_key(folded(token)) for token, special in added.items() if _controls(token, special)} - {""}
    if not keys:
        return neutral
    automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
    for key in keys:
        automaton.add_word(key, len(key))
    automaton.make_automaton()
    held = set("".join(added))
    mark = next((one for one in _MARKS if one not in held), _MARKS[0])
    shown = {one: other for one, other in SHOWN.items() if other not in held}

    def harmless(text: str) -> str:
        text = neutral(text)
        plain = folded(text)
        first: dict[int, int] = {}  # by beginning, the end of the shortest token
        for end, length in automaton.iter(_key(plain)):
            first[end - length + 1] = min(end, first.get(end - length + 1, end))
        if not first:
            return text
        places = sorted({*first, *first.values()})
        place = dict(zip(places, origins(text, places), strict=True))
        pieces = list(text)
        for start, end in first.items():
            here = place[start]
            if plain[start] in shown:
                pieces[here] = shown[plain[start]]
            else:
                pieces[here] = text[here] + mark if place[end] > here else mark
        return "".join(pieces)

    return harmless


def _key(plain: str) -> str:
    # No letter of a folded text is longer in lower case; sentencepiece writes a space as ▁.
    return plain.lower().replace("▁", " ")


def _controls(token: str, special: bool) -> bool:
    if not token.replace("▁", " ").strip():
        return False
    return special or (token[0] in "<[|" and len(token) > 1 and not MARKUP.fullmatch(token))


def _revealed(match: re.Match[str]) -> str:
    if match["flag"]:
        return match[0]
    code = ord(match[0]) - 0xE0000
    return chr(code) if 0x20 <= code < 0x7F else "�"


def _neutral(text: str, breaks: bool) -> str:
    plain = folded(text, breaks)
    found = {match.start() for match in CONTROL.finditer(plain)}
    if ":" in plain:
        found |= {match.end() - 1 for match in LABEL.finditer(plain)}
    if "[" in plain:
        found |= {match.end() - 1 for match in ROLE.finditer(plain)}
    if not found:
        return text
    spots = sorted(found)
    pieces = list(text)
    for spot, place in zip(spots, origins(text, spots, breaks), strict=True):
        pieces[place] = SHOWN[plain[spot]]
    return "".join(pieces)


def one_line(text: str) -> str:
    """The text, neutralised, without spaces around it."""
    return neutral(text).strip()


def question(before: Sequence[Message]) -> str:
    """What an answer answers, neutralised: the last message before it that is not the model's own."""
    return neutral(next((message.content for message in reversed(before) if message.role != "assistant"), ""))
