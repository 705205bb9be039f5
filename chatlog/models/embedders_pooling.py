"""What follows the network of a sentence-transformers model, as numpy: pooling, dense layers, normalisation.

A graph that was exported for ONNX or OpenVINO ends with one vector a token; the rest stands in the model's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError, DataError, MissingExtra

Floats = npt.NDArray[np.float32]
Step = Callable[[Floats], Floats]

_FLAGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How older models name their ways of pooling; in the order in which several are put one after the other."""


def _weighted(tokens: Floats) -> Floats:
    weights = np.arange(1, tokens.shape[1] + 1, dtype=np.float32)
    found: Floats = np.einsum("nld,l->nd", tokens, weights / weights.sum())
    return found


_POOLINGS: Final[dict[str, Step]] = {
    "cls": lambda tokens: tokens[:, 0],
    "max": lambda tokens: tokens.max(axis=1),
    "mean": lambda tokens: tokens.mean(axis=1),
    "mean_sqrt_len_tokens": lambda tokens: tokens.sum(axis=1) / np.float32(np.sqrt(tokens.shape[1])),
    "weightedmean": _weighted,
    "lasttoken": lambda tokens: tokens[:, -1],
}

_ACTIVATIONS: Final[dict[str, Step]] = {"Identity": lambda rows: rows, "Tanh": np.tanh}


def steps_after(name: str, modules: Sequence[tuple[str, Path]]) -> Step:
    """What makes sentence vectors, `(n, dim)`, of a network's token vectors, `(n, length, hidden) float32`.

    Every token counts: texts of a batch have one length, and none is padded.

    Args:
        name: of the model.
        modules: as chatlog.models.embedders_tokens.module_folders gives them.

    Raises:
        ConfigError: the model has a module that is not known here.
        DataError: a module's files are damaged.
        MissingExtra: safetensors is not installed.
    """
    kinds = [kind.rsplit(".", 1)[-1] for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"]:
        raise ConfigError(f"model {name} is {' -> '.join(kinds)}; only engine 'torch' knows such")
    steps: list[Step] = []
    for kind, (_, folder) in zip(kinds[1:], modules[1:], strict=True):
        if kind == "Pooling":
            steps.append(_pooling(name, _settings(name, folder)))
        elif kind == "Dense":
            steps.append(_dense(name, folder, _settings(name, folder)))
        elif kind != "Normalize":  # each embedder does that in the end
            raise ConfigError(f"model {name} has a module {kind}, which only engine 'torch' knows")

    def follow(tokens: Floats) -> Floats:
        for step in steps:
            tokens = step(tokens)
        return tokens

    return follow


def _pooling(name: str, settings: dict[str, Any]) -> Step:
    named = settings.get("pooling_mode") or [mode for flag, mode in _FLAGS.items() if settings.get(flag)] or "mean"
    modes = [named] if isinstance(named, str) else list(named)
    unknown = [mode for mode in modes if mode not in _POOLINGS]
    if unknown:
        raise ConfigError(f"model {name} pools by {unknown[0]!r}, which only engine 'torch' may know")
    return lambda tokens: np.concatenate([_POOLINGS[mode](tokens) for mode in modes], axis=1)


def _dense(name: str, folder: Path, settings: dict[str, Any]) -> Step:
    function = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh")).rsplit(".", 1)[-1]
    if function not in _ACTIVATIONS or settings.get("use_residual") or settings.get("module_input_name") not in (
        None, "sentence_embedding",
    ):  # fmt: skip
        raise ConfigError(f"model {name} has a dense layer of a kind that only engine 'torch' knows ({function})")
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingExtra(f"model {name}", "embed") from error
    try:
        held = load_file(folder / "model.safetensors")
        weight = held["linear.weight"].astype(np.float32)
        bias = held["linear.bias"].astype(np.float32) if "linear.bias" in held else np.float32(0)
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(f"model {name}: {folder.name} holds no dense layer ({type(error).__name__})") from error
    return lambda rows: _ACTIVATIONS[function](rows @ weight.T + bias)


def _settings(name: str, folder: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = orjson.loads((folder / "config.json").read_bytes())
        settings.get("")
    except (OSError, orjson.JSONDecodeError, AttributeError) as error:
        raise DataError(f"model {name}: {folder.name}/config.json cannot be read ({type(error).__name__})") from error
    return settings
