from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def own_run(curated: Path, tmp_path: Path) -> Path:
    """A run of the demo that the test may write into; nothing is kept in it yet."""
    run = tmp_path / "run"
    shutil.copytree(curated / "run", run, ignore=shutil.ignore_patterns("summary"))
    return run
