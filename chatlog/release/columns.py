"""What the columns of published formats mean, and how their types are shown."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

_MODERATION: Final = "verdicts under the 11 categories of OpenAI's moderation endpoint"

MEANINGS: Final = {
    "conversation_id": "the log's own id, or a keyed hash of the conversation; name it to ask for removal",
    "conversation_hash": "keyed hash of the conversation; name it to ask for removal",
    "question_id": "keyed hash of the battle; name it to ask for removal",
    "id": "the conversation's id; name it to ask for removal",
    "model": "the model that answered, as the log names it",
    "model_a": "the model that answered on side a",
    "model_b": "the model that answered on side b",
    "conversation": "messages in order, by role (`user`, `assistant`), after redaction",
    "conversation_a": "messages of side a in order, after redaction",
    "conversation_b": "messages of side b in order, after redaction",
    "messages": "messages in order, by role, after redaction, as trainers of chat models take them",
    "turn": "messages by the user",
    "language": "English name of the language of the user's messages, `unknown` where none was told",
    "language_code": "the same as a code of ISO 639, null where none was told",
    "openai_moderation": f'{_MODERATION}, one a message; null: not judged, never "not flagged"',
    "redacted": "whether personal data was replaced in it",
    "flagged": "whether a message was flagged; null: none was judged",
    "flagged_categories": "categories in which a message was flagged",
    "moderation_status": "`ok`, `error` (a judgment failed) or `skipped` (nothing to judge); null: not moderated",
    "topic": "name of the topic of the first user turn; null: in none, or too few people asked about it",
    "told_times": "conversations of the log that this one stands for, with its copies",
    "prompt_told_times": "conversations of the log that begin with this prompt or one much like it",
    "feedback": "`upvote`, `downvote`, `flag`, or the log's own word; null: none was given",
    "battle_id": "keyed hash that the two sides of a battle share",
    "battle_side": "`a` or `b`, of a battle",
    "winner": "`model_a`, `model_b`, `tie` or `tie (bothbad)`, as the user voted",
    "judge": "keyed hash of the user who voted",
    "anony": "whether the models' names were hidden until the vote",
    "tstamp": "when it happened, in seconds since 1970",
    "timestamp": "when the conversation ended",
    "month": "month in which the conversation began, `YYYY-MM`",
    "created_at": "when the conversation began",
    "toxic_chat_tag": "verdicts of two classifiers of toxic prompts, where the log tells them; null elsewhere",
    "detoxify_moderation": "scores of the classifier Detoxify, where the log tells them; null elsewhere",
    "toxic": "whether a message was flagged",
    "state": "null: where people were is not published",
    "country": "null: where people were is not published",
    "hashed_ip": "null: addresses are not published, hashed neither",
    "header": "null: browsers' headers are not published",
    "system": "the system prompt, after redaction",
    "characters": "characters of all its messages",
}
"""Column to what it holds; the formats share names and meanings. What is flat stands beside the nested for viewers."""

_PREFIXES: Final = {
    "flagged_": "whether a message was flagged in this category",
    "max_": "the highest score of a message, 0 to 1",
    "score_": "the highest score of a message, 0 to 1",
}

_SINGLE: Final = f'{_MODERATION}, true where a message is; null: not judged, never "not flagged"'


def meaning(field: pa.Field) -> str:
    """What a published column holds; empty for one that only its own release query knows."""
    if field.name == "openai_moderation" and pa.types.is_struct(field.type):
        return _SINGLE
    if found := MEANINGS.get(field.name):
        return found
    return next((told for start, told in _PREFIXES.items() if field.name.startswith(start)), "")


def shown_type(kind: pa.DataType) -> str:
    """A type in a card's table: `list of {content, role}`; structs of many fields by their number."""
    if is_list(kind):
        return f"list of {shown_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        names = [kind.field(index).name for index in range(kind.num_fields)]
        return f"{{{', '.join(names)}}}" if len(names) <= 6 else f"{{{len(names)} fields}}"
    return _DTYPES.get(kind, str(kind))


def hub_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """The `features` of `dataset_info`, as `datasets` writes them into a card.

    Source: Features._to_yaml_list of datasets.
    """
    return [{"name": field.name, **_feature(field.type)} for field in schema]


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if is_list(kind):
        inner = _feature(kind.value_type)
        key = "large_list" if pa.types.is_large_list(kind) else "list"
        return {key: inner["dtype"] if list(inner) == ["dtype"] else inner.get("struct", inner)}
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return {"struct": [{"name": field.name, **_feature(field.type)} for field in fields]}
    return {"dtype": _DTYPES.get(kind, str(kind))}


_DTYPES: Final = {pa.float64(): "float64", pa.float32(): "float32", pa.float16(): "float16", pa.date32(): "date32"}


def is_list(kind: pa.DataType) -> bool:
    """Whether it is a list of any kind."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_flat(kind: pa.DataType) -> bool:
    """Whether a card's queries read it: a plain value, or a list of such."""
    return not pa.types.is_nested(kind.value_type if is_list(kind) else kind)
