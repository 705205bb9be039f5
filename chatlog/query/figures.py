"""The query of `summary`: one row a conversation with everything that is short, and figures of what is long."""

from __future__ import annotations

from typing import Final

from chatlog.schema import CATEGORIES

BYTES_A_TOKEN: Final = 4
"""The rule by which tokens are told: one for every four bytes of UTF-8, at least one a message. It is OpenAI's rule of
thumb for English text (help.openai.com, "What are tokens and how to count them?"), and needs no tokenizer."""

REFUSAL: Final = (
    r"\bas an? (ai|artificial|large language|language)\b[^.]{0,40}\b(cannot|can['’]?t|unable|not able|don['’]?t|do not)"
    r"|\bi['’]?( a)?m (very |so |really )?sorry,? (but|i|as)\b|\bi apologi[sz]e,? but\b"
    r"|\bi (cannot|can['’]?t|can not|won['’]?t|will not|am unable to|am not able to) "
    r"(assist|help|provide|fulfil|comply|answer|create|generate|write|engage|discuss|support|continue|do that)"
    r"|\bi['’]m (unable|not able) to\b|\bagainst my (guidelines|programming|policies)\b"
)
"""What the first 200 characters of an answer hold, in small letters, when it refuses. English alone."""

COPIED: Final = (
    "conversation_id", "source", "model", "created_at", "user_key", "feedback", "battle_id", "battle_side", "winner",
    "truncated", "kept", "duplicate_kind", "cluster_id", "cluster_size", "prompt_cluster_id", "prompt_cluster_size",
    "redacted", "language", "language_code", "answer_language", "topic_id", "flagged", "moderation_status",
    "contaminated",
)  # fmt: skip
"""Columns of `conversations` that `summary` has as they are."""


def texts(role: str, messages: str = "messages") -> str:
    """The texts that one role wrote, as a list."""
    written = f"list_filter({messages}, lambda m: m.role = '{role}' AND m.content IS NOT NULL)"
    return f"list_transform({written}, lambda m: m.content)"


def categories(moderation: str = "moderation") -> str:
    """The names of the categories that any judgment of a list says yes to; null where there are no judgments."""
    hits = ", ".join(
        f"""CASE WHEN list_bool_or(list_transform({moderation}, lambda j: j.categories."{name}")) THEN '{name}' END"""
        for name in CATEGORIES
    )
    return f"CASE WHEN {moderation} IS NOT NULL THEN list_filter([{hits}], lambda c: c IS NOT NULL) END"


def lengths() -> list[str]:
    """Columns about `asked` and `answered`, lists of texts."""
    found = []
    for name, column in (("prompt", "asked"), ("answer", "answered")):
        found += [
            f"len({column})::INTEGER AS {name}s",
            f"coalesce(list_sum(list_transform({column}, lambda t: length(t))), 0)::BIGINT AS {name}_characters",
            f"coalesce(list_sum(list_transform({column}, lambda t: greatest(1, (strlen(t) + {BYTES_A_TOKEN - 1}) // "
            f"{BYTES_A_TOKEN}))), 0)::BIGINT AS {name}_tokens",
        ]
    return [
        *found,
        "coalesce(list_bool_or(list_transform(answered, lambda t: contains(t, '```'))), false) AS code",
        "coalesce(list_bool_or(list_transform(answered, lambda t: regexp_matches(lower(left(t, 200)), "
        f"'{REFUSAL.replace(chr(39), chr(39) * 2)}'))), false) AS refusal",
    ]


_FIGURES: Final = ",\n       ".join(
    [
        "row_id",
        *COPIED,
        "strftime(created_at, '%Y-%m') AS month",
        "len(list_filter(roles, lambda r: r = 'user'))::INTEGER AS turns",
        "len(roles)::INTEGER AS messages",
        *lengths(),
        "len(list_filter(moderation, lambda j: j.status = 'ok'))::INTEGER AS judged_messages",
        "len(list_filter(moderation, lambda j: j.status = 'error'))::INTEGER AS failed_messages",
        "len(list_filter(moderation, lambda j: j.flagged))::INTEGER AS flagged_messages",
        f"{categories()} AS flagged_categories",
        "list_transform(list_filter(pii, lambda s: s.placeholder IS NOT NULL), lambda s: {'type': s.\"type\", 'role': "
        "CASE WHEN s.message < 0 THEN 'system' ELSE roles[s.message + 1] END}) AS replaced",
        "list_sort(list_distinct(list_transform(contamination, lambda o: o.benchmark))) AS benchmarks",
    ]
)

SUMMARY: Final = f"""SELECT {_FIGURES}
FROM (SELECT *, list_transform(messages, lambda m: m.role) AS roles,
             {texts("user")} AS asked,
             {texts("assistant")} AS answered
      FROM conversations)"""
"""Over `conversations`: the columns of COPIED, then figures of messages, judgments, redaction and overlaps."""
