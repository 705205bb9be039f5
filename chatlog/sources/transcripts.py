"""Conversations written as one text, with a marker before each speaker's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chatlog.sources.messages import role_of
from chatlog.sources.record import Draft, Reject, Turn


@dataclass(slots=True)
class Transcript:
    """A text taken apart; the markers and the turns, one after the other, are the text again.

    Attributes:
        prompts: what stands before the first marker, and the words of leading system markers.
        turns: what each speaker said, without white space around it.
        markers: what stands before each turn and after the last: the speaker's marker and white space.
        unanswered: the text ends with the assistant's marker.
    """

    prompts: list[str]
    turns: list[Turn]
    markers: list[str]
    unanswered: bool

    def draft(self, reply: str | None = None) -> Draft:
        """A draft of the turns, with `reply` as the assistant's last words where they are logged apart.

        Raises:
            Reject: no_conversation.
        """
        turns = [*self.turns, Turn("assistant", reply)] if reply is not None else self.turns
        if not turns:
            raise Reject("no_conversation", "the text has a marker, but nobody says anything")
        return Draft(turns, system="\n\n".join(self.prompts) or None, truncated=self.unanswered and reply is None)

    def more(self) -> dict[str, Any]:
        """What the turns do not tell of the text, for `meta`."""
        lengths = [len(prompt) for prompt in self.prompts]
        return {"markers": self.markers, **({"system_lengths": lengths} if len(lengths) > 1 else {})}


def take_apart(text: str, marker: re.Pattern[str]) -> Transcript:
    """The turns of a text; `marker` matches a speaker's marker, its first group is the role's name.

    Raises:
        Reject: bad_messages.
    """
    found = list(marker.finditer(text))
    if not found:
        raise Reject("bad_messages", "the text has no marker of a speaker")
    turns: list[Turn] = []
    prompts: list[str] = []
    markers: list[str] = []
    head = text[: found[0].start()]
    said = head.strip()
    pending = head
    if said:
        prompts.append(said)
        lead, _, trail = head.partition(said)
        markers.append(lead)
        pending = trail
    for match, follower in zip(found, [*found[1:], None], strict=True):
        end = follower.start() if follower is not None else len(text)
        body = text[match.end() : end]
        said = body.strip()
        role = role_of(match.group(1), "a marker")
        lead, _, trail = body.partition(said) if said else (body, "", "")
        markers.append(pending + match.group() + lead)
        pending = trail
        if role == "system" and not turns:
            prompts.append(said)
        else:
            turns.append(Turn(role, said))
    markers.append(pending)
    unanswered = bool(turns) and turns[-1] == Turn("assistant", "")
    if unanswered:
        turns.pop()
    return Transcript(prompts, turns, markers, unanswered)


def text_field(record: Any, marker: re.Pattern[str], candidates: tuple[str, ...]) -> str | None:
    """The first of these fields whose text has a marker."""
    for key in candidates:
        value = record.get(key)
        if isinstance(value, str) and marker.search(value):
            return key
    return None
