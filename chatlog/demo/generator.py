"""Generates logs of any size with known truth: copies, personal data and broken lines at known places.

Memory stays flat: a few hundred conversations are kept to copy from, and FastChat's records wait only until
their time has come. The same arguments give the same bytes.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from chatlog.demo.composing import Chat, Plan, answer, compose
from chatlog.demo.dice import Dice
from chatlog.demo.grammar import load_languages
from chatlog.demo.log_files import ArrayFile, LogFile, ParquetFile, TruthFile
from chatlog.demo.planning import Kept, Mix, Plans
from chatlog.demo.synthetic_formats import (
    Copy,
    Event,
    FastChatLog,
    openai_record,
    sharegpt_record,
    truth_of,
    wildchat_row,
)
from chatlog.demo.wildchat_table import WILDCHAT
from chatlog.errors import ConfigError

FORMATS: Final = ("fastchat", "openai_messages", "sharegpt", "wildchat")
"""The formats that can be written, named as their readers."""

_SHARES: Final = {"fastchat": 0.55, "openai_messages": 0.2, "sharegpt": 0.1, "wildchat": 0.15}
_TEMPLATES: Final = 40
_EPOCH: Final = 1_741_046_400.0  # 2025-03-04 00:00:00 UTC
_PACE: Final = 2.0  # seconds from one conversation to the next


@dataclass(frozen=True)
class GenerationSummary:
    """What was written.

    Attributes:
        paths: the log files by format.
        truth: the truth file.
        conversations: rows of conversations, as many as were asked for.
        broken: records that hold no conversation.
        blank_lines: lines with nothing on them, which are no records.
        rows: conversation rows by file name.
        kinds: rows by kind: original, exact, near, snapshot.
        languages: rows by language code.
        pii: planted strings by type, counted in every row that shows them.
    """

    paths: Mapping[str, list[Path]]
    truth: Path
    conversations: int
    broken: int
    blank_lines: int
    rows: Mapping[str, int]
    kinds: Mapping[str, int]
    languages: Mapping[str, int]
    pii: Mapping[str, int]


class _Writers:
    """The open files of a generation."""

    def __init__(self, out: Path, dice: Dice, broken: float) -> None:
        self.truth_path = out / "truth.jsonl"
        self.truth = TruthFile(self.truth_path)
        shared = self.truth, dice, broken
        folder = out / "logs"  # apart from the truth, so that a run can be given the whole folder
        folder.mkdir()
        self.fastchat = LogFile(folder, "", 0, *shared)
        self.openai = LogFile(folder, "openai-messages-{:04d}.jsonl", 200_000, *shared)
        self.sharegpt = ArrayFile(folder, "sharegpt-{:04d}.json", 50_000, *shared)
        self.wildchat = ParquetFile(folder, "wildchat-{:04d}.parquet", 200_000, *shared, WILDCHAT)
        self._waiting: list[tuple[float, int, bytes, Event]] = []
        self._order = 0

    def wait(self, event: Event) -> None:
        """Hold a FastChat record until its time: conversations run side by side, so their records interleave."""
        self._order += 1
        heapq.heappush(self._waiting, (event.tstamp, self._order, orjson.dumps(event.record), event))

    def advance(self, clock: float) -> None:
        """Write the FastChat records whose time has come, into one file a day as FastChat does."""
        while self._waiting and self._waiting[0][0] <= clock:
            tstamp, _, line, event = heapq.heappop(self._waiting)
            day = datetime.fromtimestamp(tstamp, UTC).date()
            self.fastchat.write(line, event.rows, f"{day}-conv.json")

    def close(self) -> None:
        self.advance(float("inf"))
        for file in (self.fastchat, self.openai, self.sharegpt, self.wildchat, self.truth):
            file.close()


class _Generation:
    """The state of one run."""

    def __init__(self, out: Path, seed: int, formats: Sequence[str], mix: Mix) -> None:
        self.dice, self.mix, self.seed = Dice(seed), mix, seed
        self.languages = load_languages()
        self.plans = iter(Plans(self.dice, self.languages, mix))
        self.kept = Kept(self.dice)
        self.formats = list(formats)
        self.cuts = np.cumsum([_SHARES[name] for name in formats]).tolist()
        self.writers = _Writers(out, Dice(seed + 1), mix.broken)
        self.clock, self.ordinal = _EPOCH, 0
        self.templates = [self._template() for _ in range(_TEMPLATES)]

    def _template(self) -> tuple[Plan, str]:
        plan = next(self.plans)._replace(planted=0)
        language = self.languages[plan.language]
        topic = language.topics[plan.topic]
        said = [self.dice.pick(topic.ask).say(self.dice)]
        said += [self.dice.pick(topic.say).say(self.dice) for _ in range(2 + self.dice.below(6))]
        return plan, language.joiner.join(said)

    def new_id(self) -> str:
        self.ordinal += 1
        return hashlib.md5(f"{self.seed}:{self.ordinal}".encode(), usedforsecurity=False).hexdigest()

    def _fresh(self) -> Chat:
        plan, opening = next(self.plans), None
        if self.dice.chance(self.mix.templated):
            number = int(_TEMPLATES ** self.dice.share()) - 1
            like, text = self.templates[number]
            plan, opening = plan._replace(language=like.language, topic=like.topic), (number, text)
        return compose(self.dice, self.languages, plan, opening)

    def one(self, room: int) -> int:
        """Log one conversation in at most ``room`` rows; returns the number of its rows."""
        self.clock += self.dice.below(int(_PACE * 2000)) / 1000
        share = self.dice.share() * self.cuts[-1]
        target = next(name for name, cut in zip(self.formats, self.cuts, strict=True) if share < cut)
        copied = self.kept.draw() if self.dice.chance(self.mix.duplicates) else None
        chat = self._fresh() if copied is None else copied[0]
        conversation_id = self.new_id()
        copy = Copy(conversation_id, None) if copied is None else copied[1]
        rows, plain = 1, True
        if target == "fastchat":
            rows, plain = self._fastchat(chat, conversation_id, copy, room)
        elif target == "openai_messages":
            plain = copied is not None or not self.dice.chance(0.08)
            record, spans = openai_record(self.dice, chat, conversation_id, self.clock, not plain)
            truth = truth_of(chat, spans, conversation_id, copy)
            self.writers.openai.write(orjson.dumps(record), [truth])
        elif target == "sharegpt":
            line = orjson.dumps(sharegpt_record(self.dice, chat, conversation_id))
            self.writers.sharegpt.write(line, [truth_of(chat, chat.spans, conversation_id, copy)])
        else:
            row = wildchat_row(self.dice, chat, conversation_id, self.clock)
            self.writers.wildchat.write(row, truth_of(chat, chat.spans, conversation_id, copy))
        if copied is None and plain:
            self.kept.keep(chat, conversation_id)
        self.writers.advance(self.clock)
        return rows

    def _other_answer(self, chat: Chat, turn: int) -> str:
        return answer(self.dice, chat.language, chat.plan.topic, chat.plan.answers[turn])

    def _fastchat(self, chat: Chat, conversation_id: str, copy: Copy, room: int) -> tuple[int, bool]:
        """Log a conversation as FastChat does; returns its rows, and whether it may be copied from."""
        log = FastChatLog(self.dice, self.clock)
        lost, ending, events = None, None, None
        if copy.kind is None:
            if room >= 2 and self.dice.chance(self.mix.battles):
                events = log.battle((chat, self._rival(chat)), (conversation_id, self.new_id()))
            elif self.dice.chance(self.mix.regenerated):
                lost = self._other_answer(chat, -1)
            elif self.dice.chance(self.mix.failed):
                ending = "error" if self.dice.chance(0.6) else "null"
        plain = ending is None and events is None
        if events is None:
            events = log.events(chat, conversation_id, copy, lost, ending)
        # The earliest snapshots give way when the wanted number of rows is nearly there.
        while sum(len(event.rows) for event in events) > room:
            events.pop(0)
        for event in events:
            self.writers.wait(event)
        return sum(len(event.rows) for event in events), plain

    def _rival(self, chat: Chat) -> Chat:
        messages = list(chat.messages)
        for turn in range(len(messages) // 2):
            messages[2 * turn + 1] = self._other_answer(chat, turn)
        spans = [span for span in chat.spans if span.message % 2 == 0]
        return replace(chat, messages=messages, spans=spans)


def generate_logs(
    out: Path,
    conversations: int,
    seed: int,
    formats: Sequence[str] = FORMATS,
    mix: Mix | None = None,
) -> GenerationSummary:
    """What was written into ``out``: raw logs of the given formats in ``logs/``, and ``truth.jsonl`` beside it.

    Args:
        out: a folder; made when it is missing, and refused when it holds something.
        conversations: number of rows that readers make of the logs, every snapshot counted.
        seed: the same seed, number, formats and mix give the same bytes.
        formats: which of `FORMATS` to write.
        mix: shares of copies, personal data, broken lines and more.

    Raises:
        ConfigError: an unknown format, a number below one, or a folder that is not empty.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats or len(set(formats)) != len(formats):
        found = ", ".join(formats) or "none"
        raise ConfigError(f"generated logs: formats are {found}; expected some of {', '.join(FORMATS)}, each once")
    if conversations < 1:
        raise ConfigError(f"generated logs: conversations is {conversations}; expected 1 or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"generated logs: {out} is not an empty folder; name a new one")
    out.mkdir(parents=True, exist_ok=True)
    generation = _Generation(out, seed, formats, mix or Mix())
    writers, truth = generation.writers, generation.writers.truth
    done = 0
    try:
        while done < conversations:
            done += generation.one(conversations - done)
    finally:
        writers.close()
    files: dict[str, LogFile | ParquetFile] = {
        "fastchat": writers.fastchat,
        "openai_messages": writers.openai,
        "sharegpt": writers.sharegpt,
        "wildchat": writers.wildchat,
    }
    return GenerationSummary(
        paths={name: files[name].paths for name in formats},
        truth=writers.truth_path,
        conversations=sum(truth.rows.values()),
        broken=sum(truth.broken.values()),
        blank_lines=sum(file.blank_lines for file in files.values()),
        rows=dict(truth.rows),
        kinds=dict(truth.kinds),
        languages=dict(truth.languages),
        pii=dict(truth.pii),
    )
