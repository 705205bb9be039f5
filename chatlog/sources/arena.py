"""`arena`: battles of two models on one prompt, as lmsys/chatbot_arena_conversations publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.messages import read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.values import decoded, digest, text
from chatlog.stage import Config

WINNERS: Final = {
    "model_a": "model_a",
    "model_b": "model_b",
    "tie": "tie",
    "tie (bothbad)": "tie (bothbad)",
    "bothbad": "tie (bothbad)",
    "both_bad": "tie (bothbad)",
}
"""How published battles name the winner, and the column's name for it."""

_IDS: Final = ("question_id", "id", "battle_id")
_OWN: Final = {side: frozenset({f"model_{side}", f"conversation_{side}"}) for side in "ab"}


class Arena(Config):
    """`arena` has no settings."""


def parse(value: Any, _: Arena) -> list[Draft]:
    """Two drafts, sides a and b of the battle."""
    fields = Fields(value, "the row")
    record = fields.record
    if "conversation_a" not in record or "conversation_b" not in record:
        raise Reject("no_conversation", "the row needs conversation_a and conversation_b")
    for side in "ab":
        for key in _OWN[side]:
            fields.take(key)
    said = record.get("winner")
    winner = WINNERS.get(said) if isinstance(said, str) else None
    if winner is not None and winner == said:
        fields.take("winner")
    own_id = next((found for key in _IDS if (found := text(record.get(key)))), None)
    created_at = fields.time("tstamp", "timestamp")
    user_id = fields.user("judge", "user_id", "user", "ip")
    # One question is put to many pairs of models in some files, so its id alone is no battle.
    battle_id = digest(dict(record))
    drafts = []
    for side in "ab":
        talk = read_talk(decoded(record[f"conversation_{side}"]), f"conversation_{side}", nulls=False)
        model = record.get(f"model_{side}")
        draft = talk.fill(
            Draft(
                [],
                conversation_id=own_id and f"{own_id}:{battle_id[:8]}:{side}",
                model=text(model),
                created_at=created_at,
                user_id=user_id,
                battle_id=battle_id,
                battle_side=side,
                winner=winner,
                truncated=unanswered(talk),
            )
        )
        draft.meta = fields.meta(talk.more)
        drafts.append(draft)
    return drafts


def recognise(value: Any) -> float:
    """1 for conversation_a beside conversation_b."""
    return 1.0 if isinstance(value, Mapping) and {"conversation_a", "conversation_b"} <= value.keys() else 0.0


READER = Reader("arena", Arena, parse, recognise, fanout=2)
"""Published battles."""
