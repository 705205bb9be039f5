"""The columns of the datasets that the formats stand in for, as their own cards have them."""

from __future__ import annotations

from typing import Any

# The types of the datasets' own cards (`dataset_info`), in their order.
_CATEGORIES = (
    "harassment harassment/threatening hate hate/threatening self-harm self-harm/instructions self-harm/intent "
    "sexual sexual/minors violence violence/graphic"
).split()
_SPELLED = (
    "harassment harassment/threatening harassment_threatening hate hate/threatening hate_threatening self-harm "
    "self-harm/instructions self-harm/intent self_harm self_harm_instructions self_harm_intent sexual sexual/minors "
    "sexual_minors violence violence/graphic violence_graphic"
).split()
_SAID = [{"content": "string", "role": "string"}]
_DETOXIFY = "identity_attack insult obscene severe_toxicity sexual_explicit threat toxicity".split()
_HEADER = {"accept-language": "string", "user-agent": "string"}
_TIME = "timestamp[us, tz=UTC]"


def _judged(names: list[str]) -> dict[str, Any]:
    return {
        "categories": dict.fromkeys(names, "bool"),
        "category_scores": dict.fromkeys(names, "float64"),
        "flagged": "bool",
    }


CARDS: dict[str, dict[str, Any]] = {
    "lmsys-chat-1m": {
        "conversation_id": "string",
        "model": "string",
        "conversation": _SAID,
        "turn": "int64",
        "language": "string",
        "openai_moderation": [_judged(_CATEGORIES)],
        "redacted": "bool",
    },
    "chatbot_arena_conversations": {
        "question_id": "string",
        "model_a": "string",
        "model_b": "string",
        "winner": "string",
        "judge": "string",
        "conversation_a": _SAID,
        "conversation_b": _SAID,
        "turn": "int64",
        "anony": "bool",
        "language": "string",
        "tstamp": "float64",
        "openai_moderation": _judged(_CATEGORIES),
        "toxic_chat_tag": {
            "roberta-large": {"flagged": "bool", "probability": "float64"},
            "t5-large": {"flagged": "bool", "score": "float64"},
        },
    },
    "wildchat-1m": {
        "conversation_hash": "string",
        "model": "string",
        "timestamp": _TIME,
        "conversation": [
            {
                "content": "string",
                "country": "string",
                "hashed_ip": "string",
                "header": _HEADER,
                "language": "string",
                "redacted": "bool",
                "role": "string",
                "state": "string",
                "timestamp": _TIME,
                "toxic": "bool",
                "turn_identifier": "int64",
            }
        ],
        "turn": "int64",
        "language": "string",
        "openai_moderation": [_judged(_SPELLED)],
        "detoxify_moderation": [dict.fromkeys(_DETOXIFY, "float64")],
        "toxic": "bool",
        "redacted": "bool",
        "state": "string",
        "country": "string",
        "hashed_ip": "string",
        "header": _HEADER,
    },
    "training": {
        "id": "string",
        "messages": [{"role": "string", "content": "string"}],
        "model": "string",
        "language": "string",
        "turn": "int64",
    },
}


def features_of(card: Any) -> Any:
    from datasets import List, Value

    if isinstance(card, list):
        return List(features_of(card[0]))
    if isinstance(card, dict):
        return {name: features_of(kind) for name, kind in card.items()}
    return Value(card)
