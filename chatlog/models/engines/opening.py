"""The engine that a config of `moderate` asks for: checked before a run, and opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chatlog.errors import ConfigError
from chatlog.models.engines import Engine
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.http_settings import HttpSettings, check_http
from chatlog.models.guards import Guard, Thresholds
from chatlog.models.guards_classifier import SequenceClassifier, check_labels
from chatlog.models.guards_models import guard_of
from chatlog.models.guards_open import open_guard
from chatlog.models.moderator.mixture import FLAGGED
from chatlog.models.weights import check_name

if TYPE_CHECKING:
    from chatlog.models.engines.vllm import VllmSettings


def check(config: ModerateConfig) -> None:
    """Nothing, when the engine can be opened with this config as far as can be told without loading it.

    Raises:
        ConfigError: a setting that the engine needs is missing or wrong.
        MissingExtra: an optional dependency is not installed.
    """
    if config.engine == "cpu":
        check_name(config.model)
        if _is_transformer(config):
            check_labels(_labels(config))
            return
        from chatlog.models.moderator.features import EMBEDDER

        check_name(EMBEDDER)
        return
    if config.api == "generate" or config.engine == "vllm":
        _guard(config)
        known = guard_of(config.model)
        if known not in (None, config.guard):
            raise ConfigError(
                f"moderate: the model {config.model} is of guard {known!r}, and `guard` is {config.guard!r}"
            )
    if config.engine == "vllm":
        from chatlog.models.engines.vllm_workers import check_vllm

        if not config.model:
            raise ConfigError("moderate: engine 'vllm' needs `model`: a path, or a Hub id with its revision")
        check_name(config.model)
        check_vllm("moderate")
        return
    check_http(config, "moderate")
    if config.guard == "classifier" and config.api == "generate":
        raise ConfigError("moderate: guard 'classifier' runs on engine 'vllm'; a server has no classify call")
    if not config.model and config.api == "generate":
        raise ConfigError("moderate: engine 'http' needs `model`, the model's name on the server")


def _guard(config: ModerateConfig) -> Guard:
    labels = _labels(config) if config.guard == SequenceClassifier.name else config.labels
    return open_guard(config.guard, config.policy, labels, config.policy_digest)


def _is_transformer(config: ModerateConfig) -> bool:
    """Whether engine `cpu` has a sequence classifier to run: our own weights are one file."""
    return config.guard == SequenceClassifier.name or Path(config.model).expanduser().is_dir()


def _labels(config: ModerateConfig) -> Mapping[str, str]:
    """Those of the config; a classifier of `train moderator --base` needs none there."""
    if config.labels:
        return config.labels
    from chatlog.models.engines.cpu_transformer import own_labels

    return own_labels(Path(config.model).expanduser())


def _thresholds(config: ModerateConfig) -> Thresholds:
    """Those of the config; a classifier of `train moderator --base` brings its own for what is not set."""
    learnt: dict[str, float] = {}
    if config.guard == SequenceClassifier.name:
        from chatlog.models.engines.cpu_transformer import learnt_thresholds

        learnt = dict(learnt_thresholds(Path(config.model).expanduser()))
    flagged = learnt.pop(FLAGGED, 0.5)
    return Thresholds(flagged if config.threshold is None else config.threshold, config.thresholds, learnt)


def vllm_settings(config: ModerateConfig) -> VllmSettings:
    """What of a config the engine `vllm` is told."""
    from chatlog.models.engines.vllm import VllmSettings

    return VllmSettings(config.model, config.max_characters, config.max_model_len, config)


@contextmanager
def open_engine(config: ModerateConfig) -> Iterator[Engine]:
    """The engine that a config asks for, loaded."""
    if config.engine == "cpu" and _is_transformer(config):
        from chatlog.models.engines.cpu_transformer import open_transformer

        yield open_transformer(
            config.model,
            _labels(config),
            threshold=config.threshold,
            thresholds=config.thresholds,
            limit=config.max_windows,
        )
        return
    if config.engine == "cpu":
        from chatlog.models.engines.cpu import open_cpu

        yield open_cpu(
            config.model,
            threshold=config.threshold,
            thresholds=config.thresholds,
            limit=config.max_windows,
        )
        return
    thresholds = _thresholds(config)
    if config.engine == "vllm":
        from chatlog.models.engines.vllm import open_vllm

        with open_vllm(vllm_settings(config), _guard(config), thresholds) as engine:
            yield engine
        return
    from chatlog.models.engines.http import open_http

    settings = HttpSettings.of(config, config.model, "moderate")
    asked = None if config.api == "moderations" else _guard(config)
    with open_http(settings, asked, thresholds, max_characters=config.max_characters) as engine:
        yield engine
