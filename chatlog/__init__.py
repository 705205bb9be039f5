"""Raw chat logs in, a publishable dataset out.

    pipeline = chatlog.load("pipelines/lmsys_chat.toml")
    chatlog.run(pipeline, "run")

Names are loaded when they are first used, so that importing chatlog costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatlog.engine.run import run
    from chatlog.pipeline import load, plan
    from chatlog.stage import Config, GlobalStage, Stage

__all__ = ["Config", "GlobalStage", "Stage", "load", "plan", "run"]
__version__ = "0.1.0"

_HOMES = {
    "Config": "chatlog.stage",
    "GlobalStage": "chatlog.stage",
    "Stage": "chatlog.stage",
    "load": "chatlog.pipeline",
    "plan": "chatlog.pipeline",
    "run": "chatlog.engine.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chatlog' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
