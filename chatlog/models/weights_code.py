"""Model folders that would run code, by pickled weights or classes of their own, refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from chatlog.errors import ConfigError

_PICKLES: Final = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def refuse_pickles(name: str, folders: Iterable[Path]) -> None:
    """Nothing, when none of the folders holds pickled weights without safetensors beside them, which go first.

    Raises:
        ConfigError: one does.
    """
    for folder in folders:
        files = list(folder.iterdir()) if folder.is_dir() else [folder]
        pickled = any(file.suffix in _PICKLES for file in files)
        if pickled and not any(file.suffix == ".safetensors" for file in files):
            raise ConfigError(
                f"model {name} holds pickled weights, which are never loaded; convert them to safetensors"
            )


def refuse_code(name: str, folder: Path) -> None:
    """Nothing, when no settings file of the model names classes of its own (`auto_map`), as transformers may run.

    Raises:
        ConfigError: one does.
    """
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        if not file.name.endswith("config.json"):
            continue
        try:
            settings = orjson.loads(file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue  # loading tells it
        if isinstance(settings, dict) and settings.get("auto_map"):
            raise ConfigError(f"model {name} brings code of its own ({file.name}, auto_map), which is never run")
