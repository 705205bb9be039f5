"""What runs in a worker process of the `vllm` engine: the model, and a loop that answers slices of prompts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

LOGPROBS: Final = 20
"""Alternatives asked for at each token: vLLM's default limit."""

_BEAT_S: Final = 1.0


Task = Literal["generate", "classify", "embed"]
"""What a model is asked for: an answer, the probabilities of its labels, or a vector."""


@dataclass(frozen=True)
class Load:
    """How the model is loaded.

    Attributes:
        arguments: of `vllm.LLM`.
        task: what it is asked for.
        devices: of each worker, as CUDA_VISIBLE_DEVICES; empty leaves it as it is.
    """

    arguments: dict[str, Any]
    task: Task = "generate"
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prompt:
    """One prompt: its tokens, the longest answer, and the only answers allowed, or the JSON schema that they fit.

    No answer is asked of a classifier.
    """

    tokens: list[int]
    max_tokens: int = 0
    choices: tuple[str, ...] = ()
    schema: str = ""


@dataclass(frozen=True)
class Said:
    """What the model said to one prompt.

    Attributes:
        text: the answer; empty for a classifier.
        tokens: for each token of the answer, the log-probabilities of the likeliest.
        probabilities: a classifier's, by place.
        cached: tokens of the prompt that the prefix cache held.
    """

    text: str
    tokens: list[dict[str, float]]
    probabilities: list[float]
    cached: int


def serve(pipe: Connection, load: Load, number: int) -> None:
    """Nothing; loads the model and answers until the pipe is closed. See chatlog.models.engines.watched."""
    if load.devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = load.devices[number]
    # Its requests' log would hold prompts.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    try:
        from vllm import LLM

        model = LLM(**load.arguments)
    except Exception as error:  # whatever it is, the parent tells it
        pipe.send(("failed", type(error).__name__))
        return
    asked = {"generate": _generated, "classify": _classified, "embed": _embedded}[load.task]
    pipe.send(("ready", getattr(model.llm_engine.model_config.hf_config, "id2label", None)))
    while True:
        slice_number, prompts = pipe.recv()
        try:
            said = asked(model, prompts, pipe)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # an engine that died; a traceback could quote a prompt
            pipe.send(("failed", type(error).__name__))
            return
        pipe.send(("done", (slice_number, said)))


def _generated(model: Any, prompts: list[Prompt], pipe: Connection) -> list[Said]:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    kinds: dict[tuple[int, tuple[str, ...], str], Any] = {}
    for prompt in prompts:
        kind = (prompt.max_tokens, prompt.choices, prompt.schema)
        if kind not in kinds:
            kinds[kind] = SamplingParams(
                temperature=0,
                max_tokens=prompt.max_tokens,
                logprobs=LOGPROBS,
                structured_outputs=_held(prompt, StructuredOutputsParams),
            )
    outputs = model.generate(
        [{"prompt_token_ids": prompt.tokens} for prompt in prompts],
        [kinds[prompt.max_tokens, prompt.choices, prompt.schema] for prompt in prompts],
        use_tqdm=_beats(pipe),
    )
    return [
        Said(
            output.outputs[0].text,
            [
                {str(entry.decoded_token): float(entry.logprob) for entry in place.values()}
                for place in output.outputs[0].logprobs or ()
            ],
            [],
            output.num_cached_tokens or 0,
        )
        for output in outputs
    ]


def _held(prompt: Prompt, params: Any) -> Any:
    if prompt.schema:
        return params(json=prompt.schema)
    # One token of a choice needs no grammar: its log-probabilities are what counts.
    return params(choice=list(prompt.choices)) if prompt.choices and prompt.max_tokens > 1 else None


def _classified(model: Any, prompts: list[Prompt], pipe: Connection) -> list[Said]:
    outputs = model.classify([{"prompt_token_ids": prompt.tokens} for prompt in prompts], use_tqdm=_beats(pipe))
    return [
        Said("", [], [float(value) for value in output.outputs.probs], output.num_cached_tokens or 0)
        for output in outputs
    ]


def _embedded(model: Any, prompts: list[Prompt], pipe: Connection) -> list[npt.NDArray[np.float32]]:
    outputs = model.embed([{"prompt_token_ids": prompt.tokens} for prompt in prompts], use_tqdm=_beats(pipe))
    return [np.array(output.outputs.embedding, dtype=np.float32) for output in outputs]


def _beats(pipe: Connection) -> Any:
    """A progress bar, as vLLM's calls take one, that shows nothing and is a sign of life."""
    from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

    class Beats(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        last = 0.0

        def update(self, n: float | None = 1) -> Any:
            if time.monotonic() - self.last > _BEAT_S:
                type(self).last = time.monotonic()
                pipe.send(("beat", None))
            return super().update(n)

    return partial(Beats, file=_nowhere())


@cache
def _nowhere() -> Any:
    return open(os.devnull, "w", encoding="utf-8")  # one, which lives as long as the process
