"""`fastchat_answers`: files of FastChat's judge: questions with `turns`, answers with `choices`, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlog.sources.fields import Fields
from chatlog.sources.messages import content_of
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import kind, text
from chatlog.stage import Config


class FastChatAnswers(Config):
    """`fastchat_answers` has no settings."""


def parse(value: Any, _: FastChatAnswers) -> list[Draft]:
    """One draft for each choice; the user's turns alone where the record has no answers."""
    fields = Fields(value, "the record")
    record = fields.record
    questions, question_parts = _texts(fields.take("turns"), "turns")
    choices = record.get("choices")
    if choices is None:
        choices = []
    elif not isinstance(choices, list):
        raise Reject("bad_field", f"choices should be an array, found {kind(choices)}")
    fields.take("choices")
    answer_id, question_id = fields.text("answer_id"), text(record.get("question_id"))
    model = fields.text("model_id", "model")
    created_at = fields.time("tstamp")
    user_id = fields.user("user_id", "ip")
    drafts = []
    for number, choice in enumerate(choices or [{}]):
        if not isinstance(choice, Mapping):
            raise Reject("bad_messages", f"choices[{number}] should be an object, found {kind(choice)}")
        answers, answer_parts = _texts(choice.get("turns"), f"choices[{number}].turns")
        if not questions and not answers:
            raise Reject("no_conversation", "the record has neither questions nor answers in turns")
        more: dict[str, Any] = {}
        left = {key: item for key, item in choice.items() if key != "turns"}
        if left:
            more["choice"] = left
        if question_parts:
            more["question_turns"] = question_parts
        if answer_parts:
            more["answer_turns"] = answer_parts
        drafts.append(
            Draft(
                _interleaved(questions, answers),
                conversation_id=_choice_id(answer_id, question_id, model, number, len(choices)),
                model=model,
                created_at=created_at,
                user_id=user_id,
                truncated=bool(answers) and (answers[-1] is None or len(answers) < len(questions)),
                meta=fields.meta(more),
            )
        )
    return drafts


def _texts(turns: Any, where: str) -> tuple[list[str | None], dict[str, Any]]:
    """The texts of turns, which may be strings or objects, and what the objects hold beside the text."""
    if turns is None:
        return [], {}
    if not isinstance(turns, list):
        raise Reject("bad_messages", f"{where} should be an array, found {kind(turns)}")
    texts: list[str | None] = []
    parts: dict[str, Any] = {}
    for position, turn in enumerate(turns):
        content, left = content_of(turn, f"{where}[{position}]")
        texts.append(content)
        if left is not None:
            parts[str(position)] = left
    return texts, parts


def _interleaved(questions: list[str | None], answers: list[str | None]) -> list[Turn]:
    messages: list[Turn] = []
    for position in range(max(len(questions), len(answers))):
        if position < len(questions):
            messages.append(Turn("user", questions[position]))
        if position < len(answers):
            messages.append(Turn("assistant", answers[position]))
    return messages


def _choice_id(
    answer_id: str | None, question_id: str | None, model: str | None, number: int, choices: int
) -> str | None:
    if answer_id is None:
        if question_id is None:
            return None
        # A question is asked of many models in one file: its id alone would make them one conversation.
        answer_id = f"{question_id}:{model}" if model else question_id
    return f"{answer_id}:{number}" if choices > 1 else answer_id


def recognise(value: Any) -> float:
    """0.95 for a question's id with turns or choices of turns."""
    if not isinstance(value, Mapping) or "question_id" not in value:
        return 0.0
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) and "turns" in choices[0]:
        return 0.95
    return 0.9 if isinstance(value.get("turns"), list) else 0.0


READER = Reader("fastchat_answers", FastChatAnswers, parse, recognise, fanout=2)
"""Questions and answers of FastChat's judge."""
