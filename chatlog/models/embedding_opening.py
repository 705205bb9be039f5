"""The embedder that a config asks for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from chatlog.errors import ConfigError, MissingExtra
from chatlog.models.embedders import COMPOSED_HERE, open_embedder
from chatlog.models.embedders_tokens import Embedder
from chatlog.models.embedding_column import DIMENSIONS
from chatlog.models.embedding_config import EmbedConfig
from chatlog.models.engines.http_settings import HttpSettings, check_http
from chatlog.models.weights import check_name


def check_embedder(config: EmbedConfig) -> None:
    """Nothing, when the settings fit each other and all is installed; loads nothing.

    Raises:
        ConfigError: they do not.
        MissingExtra: a package is not installed.
    """
    if config.engine != "torch" and config.model in COMPOSED_HERE:
        raise ConfigError(f"embed: engine {config.engine!r} needs a `model`; {config.model} runs on engine 'torch'")
    if config.engine == "http":
        check_http(config, "embed")
        return
    check_name(config.model)
    if config.engine == "vllm":
        from chatlog.models.engines.vllm_workers import check_vllm

        check_vllm("embed")
    elif config.engine != "torch":
        package, extra = {"onnx": ("onnxruntime", "embed"), "openvino": ("openvino", "openvino")}[config.engine]
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"embed: engine {config.engine!r}", extra)


@contextmanager
def opened_embedder(config: EmbedConfig) -> Iterator[Embedder]:
    """The embedder, its weights loaded; what it holds is given back when the block ends.

    Raises:
        ConfigError: the model cannot do what the config asks, or its vectors are longer than the column.
        DataError, MissingExtra, RemoteError: it cannot be opened.
    """
    with _opened(config) as embedder:
        if embedder.dim > DIMENSIONS:
            raise ConfigError(
                f"embed: model {config.model} gives {embedder.dim} dimensions, the column holds {DIMENSIONS}; "
                f"set dimensions = {DIMENSIONS} if the model was trained to be cut (Matryoshka)"
            )
        yield embedder


@contextmanager
def _opened(config: EmbedConfig) -> Iterator[Embedder]:
    if config.engine == "http":
        from chatlog.models.embedders_http import open_http_embedder

        settings = HttpSettings.of(config, config.model, "embed")
        with open_http_embedder(
            settings, max_characters=config.max_characters, prompt=config.prompt, dim=config.dimensions
        ) as embedder:
            yield embedder
        return
    if config.engine == "vllm":
        from chatlog.models.embedders_vllm import open_vllm_embedder

        with open_vllm_embedder(
            config.model, config, max_tokens=config.max_tokens, prompt=config.prompt, dim=config.dimensions
        ) as embedder:
            yield embedder
        return
    if config.engine in ("onnx", "openvino"):
        from chatlog.models.embedders_runtimes import open_runtime

        yield open_runtime(
            config.model,
            config.engine,
            file=config.file,
            max_tokens=config.max_tokens,
            prompt=config.prompt,
            dim=config.dimensions,
            device=config.device,
        )
        return
    yield open_embedder(
        config.model,
        max_tokens=config.max_tokens,
        prompt=config.prompt,
        dim=config.dimensions,
        device=config.device,
    )
