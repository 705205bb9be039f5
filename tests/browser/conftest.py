from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.hostile import make_hostile_run


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose logs try to run code, to break out of their place, or to be too much."""
    return make_hostile_run(tmp_path_factory.mktemp("hostile"))
