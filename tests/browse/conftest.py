from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatlog.browse import BrowseServer
from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import sample
from tests.browse.serving import SECRET, serving
from tests.moderation.scored import chat, moderated


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A moderated run of nine conversations that hold SECRET."""
    records = [chat(number, "m", f"{SECRET} {number} hate={number / 10:.2f}", "no") for number in range(9)]
    return moderated(tmp_path_factory.mktemp("serving"), records)


@pytest.fixture(scope="package")
def labels(folder: Path) -> Path:
    """A sample of its messages."""
    sample(judged_run(folder), 5, folder.parent / "sample.jsonl")
    return folder.parent / "sample.jsonl"


@pytest.fixture(scope="module")
def server(folder: Path, labels: Path) -> Iterator[BrowseServer]:
    """The run and its sample, served."""
    with serving(folder, labels=labels) as made:
        yield made
