"""The engine that a config of `moderate` asks for: checked before a run, and opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from chatlog.errors import ConfigError
from chatlog.models.engines import Engine
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.http_settings import HttpSettings, check_http
from chatlog.models.guards import Guard, Thresholds
from chatlog.models.guards_models import guard_of
from chatlog.models.guards_open import open_guard
from chatlog.models.weights import check_name


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
        _guard(config)
        known = guard_of(config.model)
        if known not in (None, config.guard):
            raise ConfigError(
                f"moderate: the model {config.model} is of guard {known!r}, and `guard` is {config.guard!r}"
            )
    if config.engine == "vllm":
        from chatlog.models.engines.vllm import check_vllm

        if not config.model:
            raise ConfigError("moderate: engine 'vllm' needs `model`: a path, or a Hub id with its revision")
        check_name(config.model)
        check_vllm()
        return
    check_http(config.urls, config.weights, config.api_key_variables)
    if config.guard == "classifier" and config.api == "generate":
        raise ConfigError("moderate: guard 'classifier' runs on engine 'vllm'; a server has no classify call")
    if not config.model and config.api == "generate":
        raise ConfigError("moderate: engine 'http' needs `model`, the model's name on the server")


def _guard(config: ModerateConfig) -> Guard:
    return open_guard(config.guard, config.policy, config.labels, config.policy_digest)


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
    thresholds = Thresholds(0.5 if config.threshold is None else config.threshold, config.thresholds)
    if config.engine == "vllm":
        from chatlog.models.engines.vllm import VllmSettings, open_vllm

        guard = _guard(config)
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
    from chatlog.models.engines.http import open_http

    settings = HttpSettings(**{field.name: getattr(config, field.name) for field in fields(HttpSettings)})
    asked = None if config.api == "moderations" else _guard(config)
    with open_http(settings, asked, thresholds, max_characters=config.max_characters) as engine:
        yield engine
