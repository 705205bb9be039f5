"""Settings of where and how fast a model runs: servers, and vLLM in this process. `moderate` and `embed` share them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from chatlog.stage import Config

_VARIABLE: Final = r"^[A-Z][A-Z0-9_]*$"


class HttpServers(Config):
    """Servers of OpenAI's API. Their keys stand in the environment, never here."""

    urls: tuple[str, ...] = ()
    """http: base URLs of OpenAI-compatible servers (`http://gpu1:8000/v1`); calls are spread over them."""

    weights: tuple[Annotated[float, Field(gt=0, le=1e6)], ...] = ()
    """http: for each of `urls` its share of the calls, such as `[3, 1]`; equal shares without it."""

    api_key_variable: str = Field(default="CHATLOG_API_KEY", pattern=_VARIABLE)
    """http: the environment variable that holds the servers' key; none is sent when it is not set."""

    api_key_variables: tuple[Annotated[str, Field(pattern=rf"^$|{_VARIABLE}")], ...] = ()
    """http: for each of `urls` the variable of its own key; an empty name takes that of `api_key_variable`."""

    concurrency: int = Field(default=32, ge=1, le=1024)
    """http: calls under way at once, over all servers."""

    server_concurrency: int | None = Field(default=None, ge=1, le=1024)
    """http: calls under way at once at one server; None for a quarter more than its share of `concurrency`."""

    inputs_per_call: int = Field(default=32, ge=1, le=2048)
    """http: texts that are sent in one call, of embeddings and of api `moderations`."""

    timeout_s: float = Field(default=60, gt=0, le=3600)
    """http: seconds that one call may take."""

    deadline_s: float = Field(default=300, gt=0, le=86_400)
    """http: seconds that the texts of one call may take, with all retries."""

    retries: int = Field(default=5, ge=0, le=50)
    """http: further attempts after a failed call."""

    rest_s: float = Field(default=30, gt=0, le=3600)
    """http: the longest that a server rests after five failures in a row, in seconds, before it is tried again."""

    give_up_s: float = Field(default=600, gt=0, le=86_400)
    """http: seconds without one call that succeeds, after which every call has failed at once and none waits."""


class VllmWorkers(Config):
    """Watched worker processes that hold a model in vLLM."""

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
    """vllm: times that the engine may die in a row without finishing anything; then what is left has failed."""

    slice_prompts: int = Field(default=1024, ge=1, le=100_000)
    """vllm: prompts that the engine is given at a time."""


RUNNING: Final = (HttpServers.model_fields.keys() | VllmWorkers.model_fields.keys()) - {"dtype"}
"""Settings that change no value: they are no part of a stage's identity."""
