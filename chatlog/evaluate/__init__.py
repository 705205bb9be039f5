"""Metrics on labelled sets, one file a task."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from chatlog.errors import ConfigError
from chatlog.evaluate.labelled import Evaluation


def _task(name: str) -> Callable[..., Evaluation]:
    def evaluate(path: Path, **options: Any) -> Evaluation:
        import inspect

        function: Callable[..., Evaluation] = import_module(f"chatlog.evaluate.{name}").evaluate
        unknown = set(options) - set(inspect.signature(function).parameters)
        if unknown:
            raise ConfigError(f"eval {name} has no option {', '.join(sorted(unknown))}")
        return function(path, **options)

    return evaluate


TASKS: Final = {name: _task(name) for name in ("moderation", "pii", "language", "dedup", "topics")}
"""Task name to its evaluation: from a labelled file to metrics."""
