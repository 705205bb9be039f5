"""Tells what is in the bundled sample: counts, copies, battles, languages and personal data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatlog.demo.authoring import spans
from chatlog.demo.sample_formats import Logged


@dataclass
class Sample:
    """The conversations by file, and how each copy came about.

    Attributes:
        files: reader name to its conversations.
        copies: key of an original to its copies, each with its kind (exact or near).
    """

    files: dict[str, list[Logged]] = field(default_factory=lambda: defaultdict(list))
    copies: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def everything(self) -> dict[str, Logged]:
        """Every conversation by its key."""
        return {logged.conversation.key: logged for file in self.files.values() for logged in file}


def _planted(logged: Logged, side: int) -> list[dict[str, Any]]:
    """Personal data of one side of a conversation: message -1 is the system prompt, then the dialogue from 0.

    An answer that a regeneration replaced is marked ``discarded``. In a tool call the place is left out,
    since each format quotes it in its own way.
    """
    planted = logged.conversation.planted()
    found, message = [], -1
    for turn in logged.conversation.turns:
        if len(logged.ids) == 2 and turn.role == ("assistant" if side else "other"):
            continue
        more: dict[str, Any] = {}
        if turn.role in ("system", "developer"):
            place = -1
        elif turn.role == "discarded":
            place, more = message + 1, {"discarded": True}
        else:
            place = message = message + 1
        for start, end, mark in spans(turn.text, planted):
            at: dict[str, Any] = {"call": True} if turn.role == "call" else {"start": start, "end": end}
            found.append({"message": place, **at, "type": mark.type, "text": mark.text, **more})
    return found


def _conversation_truth(file: str, logged: Logged, side: int) -> dict[str, Any]:
    conversation = logged.conversation
    last = conversation.turns[-1]
    unfinished = last.role == "user" or last.text in ("<null>", "<network>", "<moderation>")
    return {
        "file": file,
        "key": conversation.key,
        "language": conversation.languages[0],
        "languages": list(conversation.languages),
        "topic": conversation.topic,
        "records": logged.records,
        "messages": len(logged.dialogue),
        "unfinished": unfinished,
        "pii": _planted(logged, side),
    }


def truth_text(sample: Sample, files: Mapping[str, Any]) -> str:
    """The truth file: JSON with a line for each conversation, so that a change of one shows as one line."""
    everything = sample.everything()
    conversations = {
        one: json.dumps(_conversation_truth(file, logged, side), ensure_ascii=False)
        for file, many in sample.files.items()
        for logged in many
        for side, one in enumerate(logged.ids)
    }
    groups = [
        {
            "original": everything[original].ids[0],
            "copies": [{"id": everything[key].ids[0], "kind": kind} for key, kind in copies],
        }
        for original, copies in sorted(sample.copies.items())
    ]
    battles = [
        {"ids": logged.ids, "vote": logged.conversation.options["vote"]}
        for logged in everything.values()
        if len(logged.ids) == 2
    ]
    head = {"files": files, "duplicates": groups, "battles": battles}
    body = "".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)},\n" for name, value in head.items())
    rows = ",\n".join(f"{json.dumps(key)}: {value}" for key, value in sorted(conversations.items()))
    return f'{{{body}"conversations": {{\n{rows}\n}}}}\n'
