"""Composes conversations out of a grammar's sentences, with personal data at known places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from chatlog.demo.dice import Dice
from chatlog.demo.grammar import Language, Topic
from chatlog.demo.invented import MAKERS, WEIGHTED_TYPES

_EMOJI: Final = ("🙂", "😂", "🙏", "🔥", "👍", "😭", "✨", "🤔", "❤️", "🚀", "🐈", "🍕")
_STEMS: Final = "load save parse merge count clean fetch split rank sort check build".split()
_THINGS: Final = "rows users orders pages files scores words dates items tokens prices routes".split()
_CODE: Final = (
    "```python\ndef {f}_{t}({t}, limit={n}):\n    result = []\n    for item in {t}:\n        if item > limit:\n"
    "            result.append(item * {m})\n    return result\n```",
    "```sql\nSELECT {t}, count(*) AS n\nFROM {f}_{t}\nWHERE {t} > {n}\nGROUP BY {t}\nHAVING count(*) > {m}\n"
    "ORDER BY n DESC;\n```",
    "```js\nconst {f} = async ({t}) => {{\n  const found = await Promise.all({t}.map((x) => x * {n}));\n"
    "  return found.filter((x) => x % {m} === 0);\n}};\n```",
    '```bash\nfor f in {t}_*.csv; do\n  head -n {n} "$f" | cut -d, -f{m} > "{f}_$f"\ndone\n```',
    "```rust\nfn {f}_{t}({t}: &[u64]) -> u64 {{\n    {t}.iter().filter(|x| **x > {n}).sum::<u64>() * {m}\n}}\n```",
)


class Span(NamedTuple):
    """Personal data in a message: index of the message, code points with the end exclusive, type and text."""

    message: int
    start: int
    end: int
    type: str
    text: str


class Plan(NamedTuple):
    """What is decided about a conversation before its words.

    ``asks`` and ``answers`` hold a number of sentences for each turn.
    """

    language: int
    topic: int
    asks: Sequence[int]
    answers: Sequence[int]
    planted: int


@dataclass(slots=True)
class Chat:
    """A conversation: user and assistant in turns, the user first."""

    language: Language
    plan: Plan
    messages: list[str]
    spans: list[Span] = field(default_factory=list)
    template: int | None = None  # which of the often sent prompts it opens with


class _Message:
    """A message under construction: sentences, and where the personal data in them stands."""

    __slots__ = ("index", "joiner", "length", "sentences", "spans")

    def __init__(self, index: int, joiner: str) -> None:
        self.index, self.joiner, self.length = index, joiner, 0
        self.sentences: list[str] = []
        self.spans: list[Span] = []

    def add(self, sentence: str) -> None:
        if self.sentences:
            self.length += len(self.joiner)
        self.sentences.append(sentence)
        self.length += len(sentence)

    def plant(self, around: tuple[str, str], kind: str, text: str) -> None:
        start = self.length + (len(self.joiner) if self.sentences else 0) + len(around[0])
        self.spans.append(Span(self.index, start, start + len(text), kind, text))
        self.add(f"{around[0]}{text}{around[1]}")

    def text(self) -> str:
        return self.joiner.join(self.sentences)


def _code(dice: Dice) -> str:
    fields = {"f": dice.pick(_STEMS), "t": dice.pick(_THINGS), "n": 2 + dice.below(900), "m": 2 + dice.below(9)}
    return "\n\n" + dice.pick(_CODE).format(**fields) + "\n\n"


def _table(dice: Dice) -> str:
    rows = "".join(f"| {dice.pick(_THINGS)} | {dice.below(5000)} |\n" for _ in range(2 + dice.below(5)))
    return f"\n\n| {dice.pick(_STEMS)} | n |\n|---|---|\n{rows}\n"


def _ask(dice: Dice, language: Language, topic: Topic, message: _Message, sentences: int, first: bool) -> None:
    if not first:
        if sentences == 1 and dice.chance(0.2):
            message.add(dice.pick(language.thanks))
            return
        message.add(dice.pick(topic.follow).say(dice))
    else:
        if dice.chance(0.25):
            message.add(dice.pick(language.openers))
            if dice.chance(0.06):  # a greeting and nothing else
                return
        message.add(dice.pick(topic.ask).say(dice))
    for _ in range(sentences - 1):
        message.add(dice.pick(topic.say).say(dice))
    if dice.chance(0.04):
        message.add(dice.pick(_EMOJI))


def answer(dice: Dice, language: Language, topic: int, sentences: int) -> str:
    """An answer without personal data."""
    frames = language.topics[topic].answer
    said = [frames[dice.below(len(frames))].say(dice) for _ in range(sentences)]
    if topic == language.programming and dice.chance(0.5):
        said.insert(1, _code(dice))
    elif sentences > 4 and dice.chance(0.2):
        return "\n".join([f"{number}. {sentence}" for number, sentence in enumerate(said, start=1)])
    elif dice.chance(0.04):
        said.append(_table(dice))
    if dice.chance(0.2):
        said.append(dice.pick(language.close))
    return language.joiner.join(said)


def compose(dice: Dice, languages: Sequence[Language], plan: Plan, opening: tuple[int, str] | None) -> Chat:
    """A new conversation.

    Args:
        dice: where the draws come from.
        languages: what ``plan.language`` counts in.
        plan: what is decided already.
        opening: number and text of an often sent prompt that the first message opens with, if any.
    """
    language = languages[plan.language]
    topic = language.topics[plan.topic]
    chat = Chat(language, plan, [], template=None if opening is None else opening[0])
    turns = len(plan.asks)
    planted: list[list[str]] = [[] for _ in range(turns)]
    for _ in range(plan.planted):
        planted[dice.below(turns)].append(dice.pick(WEIGHTED_TYPES))
    for turn in range(turns):
        message = _Message(2 * turn, language.joiner)
        if turn == 0 and opening is not None:
            message.add(opening[1])
        if turn == 0 and dice.chance(0.03):
            message.add(f"{2 + dice.below(990)} {dice.pick('+-*/')} {2 + dice.below(990)} = ?")
        else:
            _ask(dice, language, topic, message, plan.asks[turn], turn == 0)
        called = None
        for kind in planted[turn]:
            if kind == "NAME":
                called = language.person(dice)
                text = called[0]
            else:
                text = MAKERS[kind](dice, language)
            message.plant(dice.pick(language.pii[kind]), kind, text)
        chat.messages.append(message.text())
        chat.spans += message.spans
        reply = answer(dice, language, plan.topic, plan.answers[turn])
        if called is not None and dice.chance(0.7):
            greeting = _Message(2 * turn + 1, language.joiner)
            greeting.plant(dice.pick(language.greet), "NAME", dice.pick(called))
            chat.spans += greeting.spans
            reply = greeting.text() + language.joiner + reply
        elif dice.chance(0.01):
            reply = language.refuse
        chat.messages.append(reply)
    return chat
