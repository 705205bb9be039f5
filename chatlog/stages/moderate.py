"""The stage `moderate`: what a moderation model says of each message, and whether any message is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from chatlog.errors import ConfigError
from chatlog.models.engines import Engine
from chatlog.models.guards import SKIPPED, Judgment, Message
from chatlog.models.guards_open import GUARDS, check_guard, open_guard
from chatlog.models.weights import check_name
from chatlog.schema import CATEGORIES, MESSAGES, MODERATION, ROLES
from chatlog.stage import BatchFn, Config, Stage

RUNNING: Final = frozenset(
    "concurrency timeout_s deadline_s retries gpu_memory eager tensor_parallel start_s stall_s restarts slice_prompts "
    "api_key_variable urls".split()
)
"""Settings of ModerateConfig that another machine may need otherwise, for the same values."""

GuardName = Literal["policy", "llama-guard-3", "qwen3guard-gen", "classifier"]


class ModerateConfig(Config):
    """Settings of `moderate`. Keys of a server stand in the environment, never here."""

    engine: Literal["cpu", "vllm", "http"] = "cpu"
    """cpu: our own small classifier. vllm: a guard model in this process. http: a server."""

    model: str = ""
    """cpu: `moderator-v2`, which is shipped and the default, or a file of `train moderator`. vllm: weights as
    everywhere (path, or Hub id with revision). http: the model's name on the server."""

    guard: GuardName = "policy"
    """vllm, http: how the model is asked and understood; `policy` is for any instruct model."""

    policy: str = ""
    """guard `policy`: a file with the rules that messages are judged by; empty for our own 11 categories."""

    labels: dict[str, str] = Field(default_factory=dict)
    """guard `classifier`: the model's labels, each with an OpenAI category, `flagged` or `safe`."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """Probability from which a message is flagged; None: what training chose (cpu), else 0.5."""

    thresholds: dict[str, float] = Field(default_factory=dict)
    """The same by OpenAI category; a category that is absent takes what training chose, else `threshold`."""

    window: int = Field(default=4, ge=0, le=100)
    """The most messages before the judged one that a guard is shown as context; at least half as many are."""

    max_characters: int = Field(default=20_000, ge=200, le=2_000_000)
    """Characters of a message that a guard is shown, and of its context; what is cut is told in `native`."""

    max_windows: int = Field(default=8, ge=1, le=10_000)
    """cpu: stretches of 800 characters of one message that are read; what is cut is told in `native`."""

    urls: tuple[str, ...] = ()
    """http: base URLs of OpenAI-compatible servers (`http://gpu1:8000/v1`); calls are spread over them."""

    api: Literal["generate", "moderations"] = "generate"
    """http: `generate` asks a guard through completions or chat; `moderations` is OpenAI's own endpoint."""

    api_key_variable: str = Field(default="CHATLOG_API_KEY", pattern=r"^[A-Z][A-Z0-9_]*$")
    """http: the environment variable that holds the server's key; none is sent when it is not set."""

    concurrency: int = Field(default=32, ge=1, le=1024)
    """http: calls under way at once, over all servers."""

    timeout_s: float = Field(default=60, gt=0, le=3600)
    """http: seconds that one call may take."""

    deadline_s: float = Field(default=300, gt=0, le=86_400)
    """http: seconds that one message may take, with all its retries."""

    retries: int = Field(default=5, ge=0, le=50)
    """http: further attempts after a failed call."""

    max_model_len: int = Field(default=8192, ge=128, le=1_000_000)
    """vllm: tokens of prompt and answer together."""

    gpu_memory: float = Field(default=0.9, gt=0, le=1)
    """vllm: share of the GPU's memory that it may take."""

    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """vllm: type of weights and activations; auto is the weights' own, and bfloat16 where those are float32."""

    eager: bool = False
    """vllm: no CUDA graphs; a quicker start and slower steps."""

    tensor_parallel: int = Field(default=1, ge=1, le=64)
    """vllm: GPUs that one copy of the model is split over. Each further group of visible GPUs holds a copy."""

    start_s: float = Field(default=1800, gt=0, le=86_400)
    """vllm: seconds until the model must be loaded."""

    stall_s: float = Field(default=600, gt=0, le=86_400)
    """vllm: seconds without one finished prompt after which the engine is killed and started again."""

    restarts: int = Field(default=5, ge=0, le=100)
    """vllm: times that the engine may die in a row without finishing anything; then what is left is `error`."""

    slice_prompts: int = Field(default=1024, ge=1, le=100_000)
    """vllm: prompts that the engine is given at a time."""

    @model_validator(mode="before")
    @classmethod
    def _shipped(cls, value: Any) -> Any:
        # Named in the config, so that a run with other shipped weights is another run.
        if isinstance(value, dict) and value.get("engine", "cpu") == "cpu" and not value.get("model"):
            return {**value, "model": "moderator-v2"}
        return value

    @field_validator("thresholds")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        for name, threshold in value.items():
            if name not in CATEGORIES:
                raise ValueError(f"unknown category {name!r}; expected one of {', '.join(CATEGORIES)}")
            if not 0 <= threshold <= 1:
                raise ValueError(f"the threshold of {name} is {threshold}, expected 0 to 1")
        return value

    def identity(self) -> dict[str, Any]:
        """The settings that decide the values; how fast and where a model runs does not."""
        return {name: value for name, value in super().identity().items() if name not in RUNNING}

    @property
    def own_window(self) -> int:
        """Messages of context that reach the model."""
        reads_alone = self.engine == "cpu" or self.api == "moderations" or not GUARDS[self.guard].context
        return 0 if reads_alone else self.window


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
    rows = [_tasks(messages or [], window) for messages in batch.column("messages").to_pylist()]
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


def _tasks(messages: Sequence[dict[str, Any] | None], window: int) -> list[Conversation | None]:
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


def check(config: ModerateConfig) -> None:
    """Nothing, when the engine can be opened with this config as far as can be told without loading it.

    Raises:
        ConfigError: a setting that the engine needs is missing or wrong.
        MissingExtra: an optional dependency is not installed.
    """
    if config.engine == "cpu":
        from chatlog.models.moderator.features import EMBEDDER

        check_name(EMBEDDER)
        if config.model:
            check_name(config.model)
        return
    if config.api == "generate" or config.engine == "vllm":
        check_guard(config.guard, config.policy, config.labels)
    if config.engine == "vllm":
        from chatlog.models.engines.vllm import check_vllm

        if not config.model:
            raise ConfigError("moderate: engine 'vllm' needs `model`: a path, or a Hub id with its revision")
        check_name(config.model)
        check_vllm()
        return
    from chatlog.models.engines.http import check_http

    check_http(config.urls)
    if config.guard == "classifier" and config.api == "generate":
        raise ConfigError("moderate: guard 'classifier' runs on engine 'vllm'; a server has no classify call")
    if not config.model and config.api == "generate":
        raise ConfigError("moderate: engine 'http' needs `model`, the model's name on the server")


@contextmanager
def open_engine(config: ModerateConfig) -> Iterator[Engine]:
    """The engine that a config asks for, loaded."""
    if config.engine == "cpu":
        from chatlog.models.engines.cpu import open_cpu

        yield open_cpu(
            config.model,
            threshold=config.threshold,
            thresholds=config.thresholds,
            limit=config.max_windows,
        )
        return
    from chatlog.models.guards import Thresholds

    thresholds = Thresholds(0.5 if config.threshold is None else config.threshold, config.thresholds)
    if config.engine == "vllm":
        from chatlog.models.engines.vllm import VllmSettings, open_vllm

        guard = open_guard(config.guard, config.policy, config.labels)
        local = VllmSettings(
            model=config.model,
            max_characters=config.max_characters,
            max_model_len=config.max_model_len,
            gpu_memory=config.gpu_memory,
            dtype=config.dtype,
            eager=config.eager,
            tensor_parallel=config.tensor_parallel,
            start_s=config.start_s,
            stall_s=config.stall_s,
            restarts=config.restarts,
            slice_prompts=config.slice_prompts,
        )
        with open_vllm(local, guard, thresholds) as engine:
            yield engine
        return
    from chatlog.models.engines.http import HttpSettings, open_http

    settings = HttpSettings(
        urls=config.urls,
        model=config.model,
        api_key_variable=config.api_key_variable,
        concurrency=config.concurrency,
        timeout_s=config.timeout_s,
        deadline_s=config.deadline_s,
        retries=config.retries,
    )
    asked = None if config.api == "moderations" else open_guard(config.guard, config.policy, config.labels)
    with open_http(settings, asked, thresholds, max_characters=config.max_characters) as engine:
        yield engine


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
    version=2,  # 2: moderator-v2, and contexts that begin at steps of half a window
    config=ModerateConfig,
    reads=_READS,
    writes=_WRITES,
    open=_open,
    check=check,
    checkpoint_rows=1000,  # about 4,000 messages: a minute on a CPU, seconds on a GPU
)
