"""Redaction of conversations, turn by turn: what is found in each, in the light of the turns before it.

A turn's redaction depends on nothing that comes after it, so that it stays what it is when the
conversation goes on; and detection repeats until nothing more is found, so that redacting what is
redacted changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import regex

from chatlog.models.ner import Entity
from chatlog.models.pii import PiiDetector
from chatlog.text.actions import Action, Writer
from chatlog.text.asked import HEAD, answered_name, joined, open_end
from chatlog.text.detect import find_patterns, placeholders, touches
from chatlog.text.mentions import Mentions
from chatlog.text.pii_names import announces_oneself
from chatlog.text.pii_span import Span, join_names, resolve
from chatlog.text.public import Public
from chatlog.text.rewrite import Rewrite

_DIGIT: Final = regex.compile(r"\p{Nd}")
_GENERIC: Final = regex.compile(
    r"(?i)(?:user|human|customer|client|guest|you|me|anonymous|participant|speaker)[ _-]?\d*"
)
"""Names of speakers that name nobody."""

_ROUNDS: Final = 16
"""Rounds of detection over one turn; texts settle in two or three, so this only bounds a hostile one."""


@dataclass(frozen=True)
class Policy:
    """What is done with what is found.

    Attributes:
        actions: by type; what is missing is kept.
        min_score: confidence below which a find is left alone.
        allowed: folded names that stay.
        known_figures: whether the public figures that ship with chatlog stay.
        secret: the key of hashes.
    """

    actions: Mapping[str, Action]
    min_score: float = 0.5
    allowed: frozenset[str] = frozenset()
    known_figures: bool = True
    secret: bytes = b""

    @property
    def surrogates(self) -> bool:
        """Whether surrogates are written, and have to be known again."""
        return "surrogate" in self.actions.values()


@dataclass
class Turn:
    """One text of a conversation.

    Attributes:
        place: what the caller calls it.
        role: who speaks: `system`, `user`, `assistant`, `tool`.
        rewrite: the text under redaction.
        speaker: the name that the log gives to who speaks; it is redacted too.
        earlier: the turn before, and the same role's last one; filled in when the turn's time comes.
    """

    place: int
    role: str
    rewrite: Rewrite
    speaker: str | None = None
    earlier: tuple[Turn, ...] = ()

    @property
    def text(self) -> str:
        """As it reads now."""
        return self.rewrite.text


@dataclass
class Conversation:
    """The turns of one conversation, and what is known of it so far."""

    turns: list[Turn]
    writer: Writer
    public: Public
    changed: bool = False
    last: dict[str, Turn] = field(default_factory=dict)
    mentions: Mentions = field(default_factory=Mentions)


class Redactor:
    """Redacts conversations; one instance a worker.

    Args:
        policy: what is done with what is found.
        detector: the recognisers.
    """

    def __init__(self, policy: Policy, detector: PiiDetector) -> None:
        self._policy = policy
        self._detector = detector

    def open(self, turns: Iterable[Turn], public: Iterable[int] = ()) -> Conversation:
        """A conversation to redact.

        Args:
            turns: in order.
            public: `name_key` of names that many users wrote.
        """
        listed = list(turns)
        writer = Writer(self._policy.actions, self._policy.secret)
        if listed and self._policy.surrogates:
            writer.seed(listed[0].text)
        return Conversation(listed, writer, Public(self._policy.allowed, self._policy.known_figures, public))

    def redact(self, conversations: Sequence[Conversation]) -> None:
        """Redacts in place."""
        found: dict[str, list[Span]] = {}
        persons: dict[str, list[Entity]] = {}
        self._detect((turn.text for c in conversations for turn in c.turns), found, persons)
        for at in range(max((len(c.turns) for c in conversations), default=0)):
            active = [c for c in conversations if at < len(c.turns)]
            for conversation in active:
                self._begin(conversation, at)
            for _ in range(_ROUNDS):
                self._detect((c.turns[at].text for c in active), found, persons)
                active = [c for c in active if self._apply(c, at, found[c.turns[at].text])]
                if not active:
                    break

    def _begin(self, conversation: Conversation, at: int) -> None:
        turn = conversation.turns[at]
        before, own = (conversation.turns[at - 1] if at else None), conversation.last.get(turn.role)
        turn.earlier = tuple(one for one in (before, own if own is not before else None) if one is not None)
        conversation.last[turn.role] = turn
        conversation.writer.numbering.reserve(turn.text)
        name = turn.speaker
        if not name or turn.role not in ("user", "human") or not self._acts_on("PERSON"):
            return
        if _GENERIC.fullmatch(name) or placeholders(name, self._policy.surrogates):
            return
        # Whoever speaks is named by the log itself, so that no cue is needed.
        conversation.mentions.add([name])
        conversation.public.bear(name)
        turn.speaker = conversation.writer.write(Span(0, len(name), "PERSON", 1.0, "speaker"), name)
        conversation.changed = True

    def _acts_on(self, type_: str) -> bool:
        return self._policy.actions.get(type_, "keep") != "keep"

    def _detect(self, texts: Iterable[str], found: dict[str, list[Span]], persons: dict[str, list[Entity]]) -> None:
        fresh = [text for text in dict.fromkeys(texts) if text not in found]
        if fresh:
            found.update(zip(fresh, self._detector.detect(fresh, persons), strict=True))

    def _apply(self, conversation: Conversation, at: int, found: Sequence[Span]) -> bool:
        """Whether a round over one turn changed it."""
        turn = conversation.turns[at]
        text = turn.text
        wanted, stay = self._sorted_out(conversation, turn, (*found, *self._answers(turn)))
        if conversation.mentions:
            public = conversation.public
            mentions = self._apart(text, stay, conversation.mentions.find(text))
            wanted += [span for span in mentions if not public.part_of_one(text, span.start, span.end)]
        if not wanted and not stay:
            return False
        kept = frozenset(stay)
        told = sorted([*join_names(text, resolve(wanted)), *stay], key=lambda span: span.start)
        changed = turn.rewrite.replace(
            told, lambda span, value: None if span in kept else conversation.writer.write(span, value)
        )
        conversation.changed |= changed
        return changed

    def _sorted_out(
        self, conversation: Conversation, turn: Turn, found: Iterable[Span]
    ) -> tuple[list[Span], list[Span]]:
        """What is acted on, and the public names that stay, apart from it; tells the conversation of its names."""
        sure = [span for span in found if span.score >= self._policy.min_score]
        named = [span for span in sure if span.type == "PERSON"]
        stay = resolve(span for span in named if self._stays(conversation, turn, span))
        if self._acts_on("PERSON"):
            public = frozenset(stay)
            names = [turn.text[span.start : span.end] for span in named if span not in public]
            for name in names:
                conversation.public.bear(name)
            conversation.mentions.add(names)
        return self._apart(turn.text, stay, sure) if stay else sure, stay

    def _apart(self, text: str, stay: Sequence[Span], spans: Iterable[Span]) -> list[Span]:
        """Those of `spans` that touch neither a placeholder nor a name that stays."""
        holes = sorted([*placeholders(text, self._policy.surrogates), *((span.start, span.end) for span in stay)])
        return [span for span in spans if not touches(holes, span.start, span.end)]

    def _stays(self, conversation: Conversation, turn: Turn, span: Span) -> bool:
        """Whether a name is a public figure's; whoever says `my name is` speaks of himself."""
        if turn.role != "assistant" and announces_oneself(turn.text, span.start):
            return False
        return conversation.public.holds(turn.text[span.start : span.end])

    def _answers(self, turn: Turn) -> list[Span]:
        """What the ends of the turn before, and of the same speaker's last one, tell of this one's beginning."""
        spans: list[Span] = []
        for earlier in turn.earlier:
            end = open_end(earlier.text) if earlier.role != "system" else ""
            if not end:
                continue
            if _DIGIT.search(turn.text, 0, HEAD):
                whole, start = joined(end, turn.text)
                # What the end of the beginning cuts short is no find.
                cut = len(whole) if len(turn.text) > HEAD else len(whole) + 1
                spans += [
                    Span(span.start - start, span.end - start, span.type, span.score, span.recognizer)
                    for span in find_patterns(whole, holes=placeholders(whole, self._policy.surrogates))
                    if span.start >= start and span.end < cut
                ]
            spans += answered_name(end, turn.text)
        holes = placeholders(turn.text, self._policy.surrogates)
        return [span for span in spans if not touches(holes, span.start, span.end)]
