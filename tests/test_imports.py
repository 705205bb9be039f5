"""Importing chatlog and asking for help cost nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "transformers",
    "spacy",
    "presidio_analyzer",
    "sentence_transformers",
    "vllm",
    "ray",
    "datasets",
    "sklearn",
    "onnxruntime",
)


@pytest.mark.parametrize(
    "module",
    [
        "chatlog",
        "chatlog.cli.main",
        "chatlog.stages",
        "chatlog.sources",
        "chatlog.engine.run",
        "chatlog.query",
        "chatlog.release.export",
        "chatlog.report",
    ],
)
def test_no_heavy_package_is_loaded(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_the_public_names_are_there() -> None:
    import chatlog

    assert all(getattr(chatlog, name) for name in chatlog.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        chatlog.no_such_name  # noqa: B018


def test_help_answers_at_once() -> None:
    program = Path(sys.executable).parent / "chatlog"
    bare, best = [], []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import typer"], check=True)
        bare.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        subprocess.run([program, "--help"], capture_output=True, check=True)
        best.append(time.perf_counter() - begun)
    # 0.3 s on an idle machine; on a busy one, what Python and typer alone take sets the scale.
    assert min(best) < max(0.3, 2 * min(bare)), f"--help took {min(best):.2f} s, Python with typer {min(bare):.2f} s"
