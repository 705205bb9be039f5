"""`langfuse`: traces and generations exported from Langfuse (interface, API or blob storage)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.exchanges import items_of
from chatlog.sources.fields import Fields
from chatlog.sources.messages import read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.responses import repeats
from chatlog.sources.values import decoded, text
from chatlog.stage import Config

_OTHER_TYPES: Final = frozenset({"SPAN", "EVENT", "TOOL", "RETRIEVER", "EMBEDDING", "GUARDRAIL", "EVALUATOR"})
"""Types of observations that are no call of a chat model."""


class Langfuse(Config):
    """`langfuse` has no settings."""


def parse(value: Any, _: Langfuse) -> list[Draft]:
    """One draft for a generation or a trace; a trace without texts is read from its last generation."""
    fields = Fields(value, "the record")
    if isinstance(fields.record.get("trace"), Mapping):  # a trace as the interface downloads it
        return _draft(fields, Fields(fields.take("trace"), "trace"))
    return _draft(fields, fields)


def _draft(outer: Fields, fields: Fields) -> list[Draft]:
    record = fields.record
    of = record.get("type")
    if isinstance(of, str) and of in _OTHER_TYPES:
        raise Reject("no_conversation", "the observation is no generation")
    more: dict[str, Any] = {}
    asked, asked_rest = items_of(record.get("input"), "user")
    answers, answer_rest = items_of(record.get("output"), "assistant")
    model = fields.text("model", "provided_model_name", "providedModelName")
    if not asked:
        generation = _last_generation(outer.record.get("observations", record.get("observations")))
        if generation is None:
            raise Reject("no_conversation", "input holds no message, and no generation has one")
        # The generation stays in the observations as it was; the trace's own texts are no messages.
        asked, _ = items_of(generation.get("input"), "user")
        answers, _ = items_of(generation.get("output"), "assistant")
        model = model or text(generation.get("model"))
    else:
        fields.take("input")
        fields.take("output")
        if asked_rest is not None:
            more["input"] = asked_rest
        if answer_rest is not None:
            more["output"] = answer_rest
    talk = read_talk(asked if answers and repeats(asked, answers[0]) else [*asked, *answers], "input")
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text("sessionId", "session_id", "traceId", "trace_id", "id"),
            model=model,
            created_at=fields.time("timestamp", "startTime", "start_time", "createdAt", "created_at"),
            user_id=fields.user("userId", "user_id"),
            truncated=not answers or unanswered(talk) or record.get("level") == "ERROR",
        )
    )
    if outer is not fields:
        # What stands beside the trace, unless the trace has a field of that name too.
        beside = outer.meta()
        twice = {key: beside.pop(key) for key in record if key in beside}
        more = {**beside, **more, **({"beside": twice} if twice else {})}
    draft.meta = fields.meta({**more, **talk.more})
    return [draft]


def _last_generation(observations: Any) -> Mapping[str, Any] | None:
    observations = decoded(observations)
    if isinstance(observations, list):
        for item in reversed(observations):
            if (
                isinstance(item, Mapping)
                and item.get("type") == "GENERATION"
                and items_of(item.get("input"), "user")[0]
            ):
                return item
    return None


def recognise(value: Any) -> float:
    """0.95 for a trace or an observation: input beside output, and Langfuse's ids."""
    if not isinstance(value, Mapping):
        return 0.0
    if isinstance(value.get("trace"), Mapping) and "observations" in value:
        return 0.95
    if not {"input", "output"} <= value.keys():
        return 0.0
    marks = {
        "traceId",
        "trace_id",
        "sessionId",
        "session_id",
        "observations",
        "htmlPath",
        "projectId",
        "project_id",
    }
    return 0.95 if len(marks & value.keys()) >= 1 else 0.0


READER = Reader("langfuse", Langfuse, parse, recognise, also_read=("data", "traces"))
"""Langfuse's exports."""
