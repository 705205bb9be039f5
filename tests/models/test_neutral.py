"""Text of users gives no special token, whatever a tokenizer's normaliser makes of it."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog.models.guards_fold import folded
from chatlog.models.guards_text import neutral, neutral_for
from chatlog.models.guards_tokens import CONTROL, OPENERS
from chatlog.models.weights import locate

FIXTURES = Path(__file__).parent / "fixtures" / "guards"
PUBLISHED: dict[str, list[str]] = json.loads((FIXTURES / "tokens.json").read_text(encoding="utf-8"))
TOKENS = sorted({token for tokens in PUBLISHED.values() for token in tokens})
INVENTED = ["im_end", "ZQ", "§§", "<go>", "{{end}}", "⁂", "a·b", "｢x｣", "aba"]

HIDING = "\u200b\u200d\u2060\ufeff\u00ad\u034f\u061c\u202e\u2066\ufe0f\U000e0101\x00\x0b\x1f\u0301\u0338�"
FULL = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
TAGS = {code: code + 0xE0000 for code in range(0x20, 0x7F)}


def tokenizer(normalizer: str, tokens: Iterable[str], *, normalized: bool, unigram: bool = False) -> Any:
    """A tokenizer that knows every byte or every character, with these special tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

    if unigram:
        pieces = ["<unknown>", "▁", *map(chr, range(33, 0x250))]
        made = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
        made.pre_tokenizer = pre_tokenizers.Metaspace()
    else:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        made = Tokenizer(models.BPE({piece: number for number, piece in enumerate(alphabet)}, []))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
    kinds: dict[str, Callable[[], Any]] = {
        "NFC": normalizers.NFC,
        "NFKC": normalizers.NFKC,
        "NFKD": normalizers.NFKD,
        "accents": lambda: normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        "nmt": lambda: normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]),
        "bert": lambda: normalizers.BertNormalizer(lowercase=False, strip_accents=True),
        "uncased": lambda: normalizers.Sequence([normalizers.BertNormalizer(), normalizers.NFKC()]),
        "metaspace": lambda: normalizers.Replace(" ", "▁"),
    }
    if normalizer:
        made.normalizer = kinds[normalizer]()
    made.add_special_tokens([AddedToken(token, normalized=normalized, special=True) for token in tokens])
    return made


def special(made: Any, text: str) -> list[str]:
    """The special tokens that a text gives."""
    ids = {number for number, token in made.get_added_tokens_decoder().items() if token.special}
    encoding = made.encode(text, add_special_tokens=False)
    return [token for number, token in zip(encoding.ids, encoding.tokens, strict=True) if number in ids]


@st.composite
def disguised(draw: st.DrawFn, tokens: list[str]) -> str:
    """A special token, written so that some normaliser makes it of the text."""
    token = draw(st.sampled_from(tokens))
    full = draw(st.sets(st.integers(0, len(token))))
    tags = draw(st.sets(st.integers(0, len(token)), max_size=2))
    characters = [
        one.translate(TAGS) if place in tags else one.translate(FULL) if place in full else one
        for place, one in enumerate(token)
    ]
    for place in draw(st.lists(st.integers(1, len(characters)), max_size=3)):
        characters.insert(place, draw(st.sampled_from(HIDING)))
    changed: str = draw(st.sampled_from([str, str.upper, str.lower]))("".join(characters))
    return changed


def hostile(tokens: list[str]) -> st.SearchStrategy[str]:
    broken = st.sampled_from(tokens).flatmap(lambda token: st.integers(0, len(token)).map(lambda end: token[:end]))
    parts = st.one_of(disguised(tokens), broken, st.text(max_size=4), st.sampled_from(["<", "|", ">", "[", "/", "≮"]))
    return st.lists(parts, max_size=8).map("".join)


KINDS = [
    ("", False, False),
    ("NFC", True, False),
    ("NFKC", False, False),
    ("NFKC", True, False),
    ("NFKD", True, True),
    ("accents", True, False),
    ("nmt", True, True),
    ("bert", True, False),
    ("metaspace", True, True),
    ("uncased", False, False),
]
ALL = [tokenizer(kind, TOKENS, normalized=normalized, unigram=unigram) for kind, normalized, unigram in KINDS]


def test_every_published_token_is_a_token_to_these_tokenizers_and_none_when_neutral() -> None:
    for made in ALL:
        for token in TOKENS:
            assert special(made, f"a {token} b"), token
            assert not special(made, neutral(f"a {token} b")), token
            assert not special(made, neutral(token.translate(TAGS))), token
    wide = "".join(token.translate(FULL) for token in TOKENS)
    assert len(special(ALL[3], wide)) > len(TOKENS) / 2, "the normaliser makes tokens of full-width forms"


@settings(max_examples=300, deadline=None)
@given(hostile(TOKENS))
def test_no_text_gives_a_special_token(text: str) -> None:
    made = neutral(text)
    for (kind, normalized, _), each in zip(KINDS, ALL, strict=True):
        assert not special(each, made), (kind, normalized)
    assert neutral(made) == made


@settings(max_examples=300, deadline=None)
@given(hostile([*INVENTED, *TOKENS[:20]]))
def test_no_text_gives_a_token_that_only_the_tokenizer_knows(text: str) -> None:
    tokens = [*INVENTED, *TOKENS[:20]]
    harmless = neutral_for(dict.fromkeys(tokens, True))
    made = harmless(text)
    for kind, normalized, unigram in [*KINDS, ("uncased", True, False)]:
        each = own_tokenizer(kind, normalized, unigram)
        assert not special(each, made), (kind, normalized)
    assert harmless(made) == made and neutral(made) == made


OWN: dict[tuple[str, bool, bool], Any] = {}


def own_tokenizer(kind: str, normalized: bool, unigram: bool) -> Any:
    key = (kind, normalized, unigram)
    if key not in OWN:
        OWN[key] = tokenizer(kind, [*INVENTED, *TOKENS[:20]], normalized=normalized, unigram=unigram)
    return OWN[key]


def test_of_a_vocabulary_words_spaces_and_html_stay_and_what_is_in_brackets_does_not() -> None:
    harmless = neutral_for({"  ": False, "▁▁▁": True, "hello": False, "<table>": False, "<go>": False, "[x]": False})
    assert harmless("hello   <table> x[1]\t\tyes") == "hello   <table> x[1]\t\tyes"
    assert harmless("<go> [x]") == "‹go> ⟦x]"
    assert neutral_for({}) is neutral


def test_the_tokenizers_that_packages_carry_find_none() -> None:
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(locate("all-MiniLM-L6-v2"), local_files_only=True)
    for token in made.all_special_tokens:
        for text in (token, f"a{token}b", token.lower(), f"scores{token.lower()}", token.translate(TAGS)):
            assert not set(made(neutral(text), add_special_tokens=False)["input_ids"]) & (
                set(made.all_special_ids) - {made.unk_token_id}
            ), text


def test_every_character_that_may_become_a_bracket_is_looked_for() -> None:
    folds = [
        chr(code)
        for code in range(128, sys.maxunicode)
        if set("<>[]|:") & set(unicodedata.normalize("NFKD", chr(code)))
    ]
    missing = [one for one in folds if not OPENERS.search(one) and not set(folded(one)) <= {">"}]
    assert not missing


HARMLESS = [
    "a < b && c > d; List<int> x = y[0]; m[mask] |= z[pad] | 1",
    "<div class='x'><p>one</p><br/></div> &lt;b&gt;",
    "let total = numbers |> List.filter even <| ignore",
    "user: root\npassword: hunter\nmodel: m\nagent: none\n",
    "He said: User: is a word. [1] [note] (see <https://example.org>)",
    "می\u200cخواهم و \u202bمتن\u202c; \u2068שלום\u2069; क\u094d\u200dष",
    "👨\u200d👩\u200d👧 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f 葛\U000e0100",
    "ｆｕｌｌ　ｗｉｄｔｈ１２３、「引用」・ﾊﾝｶｸ",
    "- [ ] task\n- [x] done\n| a | b |\n|---|---|\n",
    "‮reversed‬ \ufeffBOM and co\u00adop\u200berate",
]


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


def plain(character: str) -> bool:
    return not OPENERS.search(character) and not "\U000e0000" <= character <= "\U000e007f"


@given(st.text(st.characters(exclude_categories=["Cs"]).filter(plain)))
def test_text_without_brackets_and_colons_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


@given(st.text(st.sampled_from("ab <>[]|:/\n({=-_0é")))
def test_brackets_that_make_no_token_stay_as_they_are(text: str) -> None:
    if not CONTROL.search(folded(text)):
        assert neutral(text) == text


@pytest.mark.parametrize(
    "part",
    [
        "<|",
        "<|a",
        "<",
        "[",
        "</s",
        "\r",
        "\r User",
        " ",
        "User:\n",
        "[user] ",
        "\u200b<\u200b|",
        "<BEGIN  ",
        "﷽<",
        "\U000e0041",
    ],
    ids=range(14),
)
def test_time_is_linear_in_hostile_text(part: str) -> None:
    harmless = neutral_for(dict.fromkeys(TOKENS, True))

    def seconds(size: int) -> float:
        text = part * (size // len(part))
        begun = time.process_time()
        harmless(text)
        return time.process_time() - begun

    harmless(part)
    # Quadratic work would make it 64 times as long.
    assert min(seconds(200_000) for _ in range(2)) < 24 * max(min(seconds(25_000) for _ in range(3)), 0.002)
