"""Rules for secrets: keys of services, tokens, private keys, passwords and connection strings."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.patterns import Rule, rule

_PLACEHOLDERS: Final = frozenset(
    "password passwd secret changeme example your_password yourpassword mypassword xxxx none null true false string "
    "token your_token your_api_key api_key apikey key required optional incorrect wrong and or is the for reset "
    "field".split()
)


_PATH: Final = regex.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
"""A dotted path of a program, where a password would stand: `request.body.password`."""


def _is_password(value: str) -> bool:
    """Whether a value beside `password` is one, and not a word of the sentence or a variable."""
    bare = value.strip("\"'`")
    if len(bare) < 4 or bare.lower() in _PLACEHOLDERS or set(bare) <= set("*x.•_"):
        return False
    if _PATH.fullmatch(bare):
        return False
    if any(character in bare for character in "(){}$<>"):
        return False
    kinds = (
        any(c.islower() for c in bare)
        + any(c.isupper() for c in bare)
        + any(c.isdigit() for c in bare)
        + any(not c.isalnum() for c in bare)
    )
    return kinds >= 2 and any(c.isdigit() or not c.isalnum() for c in bare)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values()) if text else 0.0


def _is_random(value: str) -> bool:
    """Whether a long token looks drawn at random: enough entropy, and digits among letters."""
    if _PATH.fullmatch(value) and max(map(len, value.split("."))) < 20:
        return False
    return entropy(value) >= 3.2 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _key(name: str, pattern: str, *prefixes: str) -> Rule:
    words = tuple(prefix.lower() for prefix in prefixes)
    return rule(name, "SECRET", rf"(?<![\w-])(?-i:{pattern})(?![\w-])", 0.97, "" if words else "word", words)


SECRETS: Final = (
    _key(
        "aws_key_id", r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}", "AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ANPA"
    ),
    _key(
        "github_token",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
    ),
    _key("gitlab_token", r"glpat-[A-Za-z0-9_-]{20,}", "glpat-"),
    _key("openai_key", r"sk-(?:proj-|svcacct-|admin-|ant-(?:api\d\d-)?|or-v1-)?[A-Za-z0-9_-]{20,200}", "sk-"),
    _key("slack_token", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{10,250}", "xox", "xapp-"),
    _key(
        "google_key",
        r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}",
        "AIza",
        "ya29.",
        "GOCSPX-",
    ),
    _key(
        "stripe_key",
        r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,247}|whsec_[A-Za-z0-9]{20,}",
        "_live_",
        "_test_",
        "whsec_",
    ),
    _key("huggingface_token", r"hf_[A-Za-z0-9]{30,}", "hf_"),
    _key("npm_token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    _key("pypi_token", r"pypi-[A-Za-z0-9_-]{50,}", "pypi-"),
    _key("sendgrid_key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", "SG."),
    _key("twilio_key", r"(?:SK|AC)[0-9a-f]{32}"),
    _key("telegram_token", r"\d{8,10}:AA[A-Za-z0-9_-]{33}", ":AA"),
    _key("discord_token", r"[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}"),
    _key("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}", "dop_v1_", "doo_v1_", "dor_v1_"),
    _key("shopify_token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shpat_", "shpca_", "shppa_", "shpss_"),
    _key("databricks_token", r"dapi[0-9a-f]{32}(?:-\d)?", "dapi"),
    _key("vault_token", r"hv[sbr]\.[A-Za-z0-9_-]{24,300}", "hvs.", "hvb.", "hvr."),
    _key("groq_key", r"gsk_[A-Za-z0-9]{32,64}", "gsk_"),
    _key("replicate_key", r"r8_[A-Za-z0-9]{32,48}", "r8_"),
    _key("xai_key", r"xai-[A-Za-z0-9]{40,100}", "xai-"),
    _key("linear_key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}", "lin_api_", "lin_oauth_"),
    _key("notion_key", r"(?:ntn|secret)_[A-Za-z0-9]{40,50}", "ntn_", "secret_"),
    _key("mailgun_key", r"key-[0-9a-f]{32}", "key-"),
    _key("age_key", r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}", "AGE-SECRET-KEY-1"),
    _key("jwt", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", "eyJ"),
    rule(
        "private_key",
        "SECRET",
        r"-----BEGIN\s(?:[A-Z0-9]+\s){0,3}PRIVATE\sKEY(?:\sBLOCK)?-----"
        r"[A-Za-z0-9+/=\s:,.()\\-]{20,20000}?(?:-----END\s[A-Z0-9\s]{0,40}-----|\Z)",
        0.99,
        "",
        ("-----begin",),
    ),
    rule(
        "password_cue",
        "SECRET",
        rf"(?:{cues('password')})(?:\s(?:is|was|ist|est|es|é|è|jest|to|är|je|este|là)\b|[\"']?\s?[:=：]{{1,2}}>?|は|是|为)\s{{0,2}}"
        r"(?P<v>\"[^\"\s]{4,64}\"|'[^'\s]{4,64}'|[^\s\"',;]{4,64}(?<![.,!?;:)\]]))",
        0.85,
        "",
        stems("password"),
        _is_password,
    ),
    rule(
        "token_cue",
        "SECRET",
        r"\b[\w-]{0,20}(?:api[\s_-]?key|secret(?:[\s_-]?key)?|access[\s_-]?key|auth[\s_-]?token|"
        r"access[\s_-]?token|authentication[\s_-]token|client[\s_-]?secret|private[\s_-]?key(?:_id)?|bearer|token|session[\s_-]?id)\b"
        r"[\"']?(?:\s?(?:is|was|[:=]{1,2}>?|,))?\s{0,2}[\"'`]?(?P<v>[\w+/=.~-]{16,512})",
        0.86,
        "",
        ("key", "token", "secret", "bearer", "session"),
        _is_random,
    ),
    rule(
        "authorization_header",
        "SECRET",
        r"\bauthorization[\"']?\s?[:=]\s?[\"']?(?:basic|bearer|token)\s(?P<v>[A-Za-z0-9+/=._~-]{12,2000})",
        0.93,
        "",
        ("authorization",),
        lambda value: any(character.isdigit() for character in value) and entropy(value) >= 3.0,
    ),
    rule(
        "session_cookie",
        "SECRET",
        r"(?<![\w])(?:[\w.-]{0,12}sess(?:ion)?_?id|connect\.sid|_session|auth_token|csrftoken)=(?P<v>[\w%+/.~-]{16,512})",
        0.87,
        "",
        ("sess", "connect.sid", "auth_token", "csrftoken"),
        _is_random,
    ),
    rule(
        "connection_password",
        "SECRET",
        r"\b(?:AccountKey|SharedAccessKey|Password|Pwd|sig)=(?P<v>[^;\s\"'&]{6,200})(?=[;\"'&\s]|\Z)",
        0.9,
        "",
        ("key=", "password=", "pwd=", "sig="),
        _is_password,
    ),
)
"""Secrets, whose shape or neighbour gives them away."""
