from __future__ import annotations

from pathlib import Path

import pytest

from tests.moderation.sampled import records
from tests.moderation.scored import moderated


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of these records."""
    return moderated(tmp_path_factory.mktemp("sample"), records(), shard_rows=25)
