"""Worker processes that hold a model in vLLM: one for each GPU or group of GPUs, or one on a CPU."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatlog.errors import MissingExtra
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.vllm_worker import Load, Task, serve
from chatlog.models.engines.watched import Limits, Watched


def check_vllm(stage: str) -> None:
    """Nothing, when vLLM is installed.

    Raises:
        MissingExtra: it is not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra(f"{stage}: engine 'vllm'", "vllm")


@contextmanager
def open_workers(
    folder: Path, task: Task, max_model_len: int, settings: VllmWorkers, more: Mapping[str, Any] | None = None
) -> Iterator[tuple[Watched, Any]]:
    """The workers with the weights of `folder` loaded, and what they say of the model.

    Args:
        folder: of the model.
        task: what it is asked for.
        max_model_len: tokens of a prompt and its answer.
        settings: how it is run.
        more: further arguments of `vllm.LLM`.

    Raises:
        DataError: the model cannot be started.
    """
    arguments: dict[str, Any] = {
        "model": str(folder),
        "max_model_len": max_model_len,
        "gpu_memory_utilization": settings.gpu_memory,
        "dtype": settings.dtype,
        "enforce_eager": settings.eager,
        "tensor_parallel_size": settings.tensor_parallel,
        "trust_remote_code": False,
        "seed": 0,
        "disable_log_stats": True,
        **(more or {}),
    }
    if task != "generate":
        arguments["runner"] = "pooling"
    devices = shared_out(visible_devices(os.environ), settings.tensor_parallel)
    limits = Limits(settings.start_s, settings.stall_s, settings.restarts, settings.slice_prompts)
    workers = Watched(serve, Load(arguments, task, devices), max(1, len(devices)), limits)
    try:
        yield workers, workers.start()
    finally:
        # Its processes hold the GPUs' memory, which the next stage may want.
        workers.close()


def visible_devices(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where torch sees none."""
    told = environment.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return [name for name in (part.strip() for part in told.split(",")) if name and name != "-1"]
    import torch

    # Counted without a context: a process that holds one would take memory from the workers.
    return [str(number) for number in range(torch.cuda.device_count())]


def shared_out(devices: Sequence[str], each: int) -> tuple[str, ...]:
    """The GPUs in groups of `each`, one a worker, as values of CUDA_VISIBLE_DEVICES; what is left over stays idle."""
    return tuple(",".join(devices[start : start + each]) for start in range(0, len(devices) - each + 1, each))
