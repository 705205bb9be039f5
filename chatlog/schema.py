"""The Arrow schemas that everything agrees on: rows, messages, moderation, published formats."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

KEY: Final = pa.field("row_id", pa.int64(), nullable=False)
"""Shard index << 32 | position in the shard. Rows of all stages are joined by it."""

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")

ROLES: Final = ("system", "user", "assistant", "tool")
"""The roles that readers map every source's own names to (`developer` becomes `system`)."""

MESSAGE: Final = pa.struct(
    [
        pa.field("role", pa.string()),
        pa.field("content", pa.string()),  # null where the source had null (a bare tool call, an unfinished turn)
        pa.field("name", pa.string()),  # speaker or tool name, where the source tells one
        pa.field("created_at", TIMESTAMP),
    ]
)
MESSAGES: Final = pa.list_(MESSAGE)

ROWS: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string()),  # the source's own id, or a keyed hash of the record
        pa.field("source", pa.string()),  # file, relative to the source's root folder
        pa.field("record", pa.int64()),  # 0-based number of the record in its file
        pa.field("model", pa.string()),
        pa.field("created_at", TIMESTAMP),
        pa.field("user_key", pa.string()),  # HMAC-SHA256 of the user id or IP, hex, 32 characters
        pa.field("system", pa.string()),  # the system prompt; never among `messages`
        pa.field("messages", MESSAGES),
        pa.field("feedback", pa.string()),  # upvote, downvote, flag, or the source's own word
        pa.field("battle_id", pa.string()),  # shared by the two sides of a battle; a keyed hash, hex, 32 characters
        pa.field("battle_side", pa.string()),  # a or b
        pa.field("winner", pa.string()),  # model_a, model_b, tie, tie (bothbad), as LMSYS writes it
        pa.field("truncated", pa.bool_()),  # the last answer is missing, cut or a service error
        pa.field("meta", pa.string()),  # JSON object: every field that no column holds
    ]
)
"""What `ingest` writes, beside the key."""

REJECTS: Final = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("record", pa.int64()),
        pa.field("byte_offset", pa.int64()),  # in the decompressed file; the row number for Parquet
        pa.field("reason", pa.string()),  # a code of chatlog.sources.REASONS
        pa.field("hint", pa.string()),
        pa.field("raw", pa.binary()),  # the record as it was, whole
    ]
)

CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""The 11 categories of OpenAI's moderation endpoint, in the order of lmsys-chat-1m."""

_CATEGORY_FLAGS: Final = pa.struct([pa.field(name, pa.bool_()) for name in CATEGORIES])
_CATEGORY_SCORES: Final = pa.struct([pa.field(name, pa.float64()) for name in CATEGORIES])

JUDGMENT: Final = pa.struct(
    [
        pa.field("categories", _CATEGORY_FLAGS),
        pa.field("category_scores", _CATEGORY_SCORES),  # probabilities, 0 to 1
        pa.field("flagged", pa.bool_()),  # null unless status is ok
        pa.field("native", pa.string()),  # the guard's own labels, JSON
        pa.field("status", pa.string()),  # ok, error or skipped
    ]
)
MODERATION: Final = pa.list_(JUDGMENT)
"""One judgment a message, in the order of `messages`."""

PII_SPAN: Final = pa.struct(
    [
        pa.field("message", pa.int32()),  # index into messages
        pa.field("start", pa.int32()),  # code points into the message before redaction, end exclusive
        pa.field("end", pa.int32()),
        pa.field("type", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("recognizer", pa.string()),
        pa.field("placeholder", pa.string()),
    ]
)

_PUBLISHED_JUDGMENT: Final = pa.struct(
    [
        pa.field("categories", _CATEGORY_FLAGS),
        pa.field("category_scores", _CATEGORY_SCORES),
        pa.field("flagged", pa.bool_()),
    ]
)
_CONTENT_ROLE: Final = pa.list_(pa.struct([pa.field("content", pa.string()), pa.field("role", pa.string())]))

LMSYS_CHAT_1M: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string()),
        pa.field("model", pa.string()),
        pa.field("conversation", _CONTENT_ROLE),
        pa.field("turn", pa.int64()),
        pa.field("language", pa.string()),
        pa.field("openai_moderation", pa.list_(_PUBLISHED_JUDGMENT)),
        pa.field("redacted", pa.bool_()),
    ]
)
"""Columns and types of the dataset lmsys/lmsys-chat-1m (arXiv 2309.11998, section 3)."""

ARENA_CONVERSATIONS: Final = pa.schema(
    [
        pa.field("question_id", pa.string()),
        pa.field("model_a", pa.string()),
        pa.field("model_b", pa.string()),
        pa.field("winner", pa.string()),
        pa.field("judge", pa.string()),
        pa.field("conversation_a", _CONTENT_ROLE),
        pa.field("conversation_b", _CONTENT_ROLE),
        pa.field("turn", pa.int64()),
        pa.field("anony", pa.bool_()),
        pa.field("language", pa.string()),
        pa.field("tstamp", pa.float64()),
        pa.field("openai_moderation", _PUBLISHED_JUDGMENT),
        pa.field(
            "toxic_chat_tag",
            pa.struct(
                [
                    pa.field("roberta-large", pa.struct([("flagged", pa.bool_()), ("probability", pa.float64())])),
                    pa.field("t5-large", pa.struct([("flagged", pa.bool_()), ("score", pa.float64())])),
                ]
            ),
        ),
    ]
)
"""Columns and types of lmsys/chatbot_arena_conversations (its dataset card): a row a battle, one judgment for it."""

_SPELLED: Final = sorted({*CATEGORIES, *(name.replace("/", "_").replace("-", "_") for name in CATEGORIES)})
"""WildChat tells each category of two words under OpenAI's name and under the one of its Python client."""

_HEADER: Final = pa.struct([pa.field("accept-language", pa.string()), pa.field("user-agent", pa.string())])

DETOXIFY: Final = ("identity_attack", "insult", "obscene", "severe_toxicity", "sexual_explicit", "threat", "toxicity")

WILDCHAT_1M: Final = pa.schema(
    [
        pa.field("conversation_hash", pa.string()),
        pa.field("model", pa.string()),
        pa.field("timestamp", TIMESTAMP),
        pa.field(
            "conversation",
            pa.list_(
                pa.struct(
                    [
                        pa.field("content", pa.string()),
                        pa.field("country", pa.string()),
                        pa.field("hashed_ip", pa.string()),
                        pa.field("header", _HEADER),
                        pa.field("language", pa.string()),
                        pa.field("redacted", pa.bool_()),
                        pa.field("role", pa.string()),
                        pa.field("state", pa.string()),
                        pa.field("timestamp", TIMESTAMP),
                        pa.field("toxic", pa.bool_()),
                        pa.field("turn_identifier", pa.int64()),
                    ]
                )
            ),
        ),
        pa.field("turn", pa.int64()),
        pa.field("language", pa.string()),
        pa.field(
            "openai_moderation",
            pa.list_(
                pa.struct(
                    [
                        pa.field("categories", pa.struct([pa.field(name, pa.bool_()) for name in _SPELLED])),
                        pa.field("category_scores", pa.struct([pa.field(name, pa.float64()) for name in _SPELLED])),
                        pa.field("flagged", pa.bool_()),
                    ]
                )
            ),
        ),
        pa.field("detoxify_moderation", pa.list_(pa.struct([pa.field(name, pa.float64()) for name in DETOXIFY]))),
        pa.field("toxic", pa.bool_()),
        pa.field("redacted", pa.bool_()),
        pa.field("state", pa.string()),
        pa.field("country", pa.string()),
        pa.field("hashed_ip", pa.string()),
        pa.field("header", _HEADER),
    ]
)
"""Columns and types of allenai/WildChat-1M (its dataset card)."""

TRAINING: Final = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("messages", pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))),
        pa.field("model", pa.string()),
        pa.field("language", pa.string()),
        pa.field("turn", pa.int64()),
    ]
)
"""What trainers read: `messages` as chat templates take them, the system prompt first where there is one."""

PUBLISHED: Final = {
    "lmsys-chat-1m": LMSYS_CHAT_1M,
    "chatbot_arena_conversations": ARENA_CONVERSATIONS,
    "wildchat-1m": WILDCHAT_1M,
    "training": TRAINING,
}
"""Formats of a release: the columns that each must have, with their exact types."""


def with_key(schema: pa.Schema) -> pa.Schema:
    """The schema of a part file: the key, then `schema`'s fields."""
    return pa.schema([KEY, *schema])
