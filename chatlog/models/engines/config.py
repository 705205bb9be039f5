"""The settings of moderation: the model, how it is asked, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from chatlog.models.engines.running import RUNNING, HttpServers, VllmWorkers
from chatlog.models.guards import CategoryThresholds
from chatlog.models.guards_models import guard_of, pinned
from chatlog.models.guards_open import GUARDS
from chatlog.stage import located_file

GuardName = Literal[
    "policy",
    "llama-guard-3",
    "llama-guard-3-1b",
    "llama-guard-4",
    "qwen3guard-gen",
    "shieldgemma",
    "wildguard",
    "granite-guardian",
    "classifier",
]


class ModerateConfig(HttpServers, VllmWorkers):
    """Settings of `moderate`. Keys of a server stand in the environment, never here."""

    engine: Literal["cpu", "vllm", "http"] = "cpu"
    """cpu: our own small classifier. vllm: a guard model in this process. http: a server."""

    model: str = ""
    """cpu: `moderator-v2`, which is shipped and the default, a file of `train moderator`, or the folder of a sequence
    classifier. vllm: weights as everywhere (path, or Hub id with revision; a guard model that is known needs none).
    http: the model's name on the server."""

    guard: GuardName = "policy"
    """vllm, http: how the model is asked and understood; `policy`, for any instruct model, unless `model` is known."""

    policy: str = ""
    """guard `policy`: a file with the rules that messages are judged by, relative to the pipeline's file: text for
    our own 11 categories, TOML for categories of its own. Empty for our own rules."""

    policy_digest: str = ""
    """SHA-256 of that file; filled in from it. One that is given pins it."""

    labels: dict[str, str] = Field(default_factory=dict)
    """guard `classifier`, and a sequence classifier on engine `cpu`: the model's labels, each with an OpenAI category,
    `flagged` or `safe`. One of `train moderator --base` needs none."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """Probability from which a message is flagged; None: what training chose (cpu), else 0.5."""

    thresholds: CategoryThresholds = Field(default_factory=dict)
    """The same by OpenAI category; a category that is absent takes what training chose, else `threshold`."""

    window: int = Field(default=8, ge=0, le=100)
    """The most messages before the judged one that a guard is shown as context; at least half as many are. A wider
    window costs a prefix cache less, not more: a conversation's prompts then share a longer beginning."""

    max_characters: int = Field(default=20_000, ge=200, le=2_000_000)
    """Characters of a message that a guard is shown, and of its context; what is cut is told in `native`."""

    max_windows: int = Field(default=8, ge=1, le=10_000)
    """cpu: stretches of one message that are read, of 800 characters, or of as many tokens as a sequence classifier
    takes; what is cut is told in `native`."""

    api: Literal["generate", "moderations"] = "generate"
    """http: `generate` asks a guard through completions or chat; `moderations` is OpenAI's own endpoint."""

    max_model_len: int = Field(default=8192, ge=128, le=1_000_000)
    """vllm: tokens of prompt and answer together."""

    @model_validator(mode="before")
    @classmethod
    def _shipped(cls, value: Any) -> Any:
        # Named in the config, so that a run with other shipped weights is another run, and so is one with other
        # weights of a guard that is known, or with another prompt.
        if not isinstance(value, dict):
            return value
        engine, model = value.get("engine", "cpu"), value.get("model")
        if engine == "cpu":
            return value if model else {**value, "model": "moderator-v2"}
        if not isinstance(model, str):
            return value
        guard = guard_of(model)
        found = {**value, "model": pinned(model) if engine == "vllm" else model}
        return found if guard is None or "guard" in value else {**found, "guard": guard}

    def located(self, base: Path) -> Self:
        """With the policy's absolute path and its file's digest; empty where there is no such file."""
        if not self.policy:
            return self
        path, digest = located_file(base, self.policy, self.policy_digest)
        return self.model_copy(update={"policy": path, "policy_digest": digest})

    def identity(self) -> dict[str, Any]:
        """What decides the values: the model and how it is asked, not where and how fast it runs.

        The digest stands for the policy's file.
        """
        return {name: value for name, value in super().identity().items() if name not in _RUNNING}

    @property
    def own_window(self) -> int:
        """Messages of context that reach the model."""
        reads_alone = self.engine == "cpu" or self.api == "moderations" or not GUARDS[self.guard].context
        return 0 if reads_alone else self.window


_RUNNING: Final = RUNNING | {"policy"}
