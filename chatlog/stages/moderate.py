"""The stage `moderate`: what a moderation model says of each message, and whether any message is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa

from chatlog.models.engines import Engine
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.opening import check, open_engine
from chatlog.models.guards import SKIPPED, Judgment, Message
from chatlog.schema import CATEGORIES, MESSAGES, MODERATION, ROLES
from chatlog.stage import BatchFn, Stage

_READS: Final = pa.schema([pa.field("messages", MESSAGES)])
_WRITES: Final = pa.schema(
    [
        pa.field("moderation", MODERATION),
        pa.field("flagged", pa.bool_()),
        pa.field("moderation_status", pa.string()),
    ]
)

Conversation = tuple[Message, ...]


def moderate(batch: pa.Table, engine: Engine, window: int) -> pa.Table:
    """`moderation`, `flagged` and `moderation_status` of a batch; each distinct message in its context once.

    Args:
        batch: holds `messages`.
        engine: judges.
        window: messages of context.
    """
    rows = [tasks(messages or [], window) for messages in batch.column("messages").to_pylist()]
    distinct = list(dict.fromkeys(task for row in rows for task in row if task is not None))
    known = dict(zip(distinct, engine.judge(distinct), strict=True))
    judged = [[SKIPPED if task is None else known[task] for task in row] for row in rows]
    present = [messages is not None for messages in batch.column("messages").to_pylist()]
    outcomes = [_outcome(row) for row in judged]
    columns = [
        pa.array(
            [
                [_struct(judgment) for judgment in row] if there else None
                for row, there in zip(judged, present, strict=True)
            ],
            type=MODERATION,
        ),
        pa.array([flagged for flagged, _ in outcomes], type=pa.bool_()),
        pa.array([status for _, status in outcomes], type=pa.string()),
    ]
    return pa.table(columns, schema=_WRITES)


def tasks(messages: Sequence[dict[str, Any] | None], window: int) -> list[Conversation | None]:
    """For each message, itself with its context before it; None where there is nothing to judge.

    The context's beginning moves on in steps of half a window, so that it holds between half a window and a whole
    one: were it to move with each message, no two prompts of a conversation would begin alike, and nothing of one
    could be taken from a prefix cache for the next.
    """
    tasks: list[Conversation | None] = []
    told: list[Message] = []
    step = max(1, window // 2)
    for entry in messages:
        content = (entry or {}).get("content")
        if not content or not content.strip():
            tasks.append(None)
            continue
        role = (entry or {}).get("role")
        # Without context the speaker does not matter either, and more messages are the same.
        message = Message(role if window and role in ROLES else "user", content)
        first = -(-max(0, len(told) - window) // step) * step
        tasks.append((*told[first:], message) if window else (message,))
        told.append(message)
    return tasks


def _outcome(judgments: Sequence[Judgment]) -> tuple[bool | None, str]:
    statuses = {judgment.status for judgment in judgments}
    status = "error" if "error" in statuses else "ok" if "ok" in statuses else "skipped"
    if any(judgment.flagged for judgment in judgments):
        return True, status
    # What was not judged is not clean.
    return (False if status == "ok" else None), status


def _struct(judgment: Judgment) -> dict[str, Any]:
    there = judgment.status == "ok"
    return {
        "categories": {name: judgment.categories.get(name) for name in CATEGORIES} if there else None,
        "category_scores": {name: judgment.category_scores.get(name) for name in CATEGORIES} if there else None,
        "flagged": judgment.flagged,
        "native": judgment.native,
        "status": judgment.status,
    }


class _Judged:
    """The batch function, with what its engine counted."""

    def __init__(self, engine: Engine, window: int) -> None:
        self._engine = engine
        self._window = window

    def __call__(self, batch: pa.Table) -> pa.Table:
        return moderate(batch, self._engine, self._window)

    def counts(self) -> dict[str, int]:
        """What was counted since the engine was opened; see chatlog.stage.Counting."""
        return dict(getattr(self._engine, "counts", {}))


@contextmanager
def _open(config: ModerateConfig) -> Iterator[BatchFn]:
    with open_engine(config) as engine:
        yield _Judged(engine, config.own_window)


MODERATE: Final = Stage(
    name="moderate",
    version=3,  # 3: guards are asked for one token, and their categories have probabilities
    config=ModerateConfig,
    reads=_READS,
    writes=_WRITES,
    open=_open,
    check=check,
    checkpoint_rows=1000,  # about 4,000 messages: a minute on a CPU, seconds on a GPU
    retry=("moderation_status", "error"),
)
