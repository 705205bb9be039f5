"""What the documents say of the program is true."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chatlog.cli.reference import commands
from chatlog.pipeline import parse
from chatlog.sources import READERS, REASONS, Reader
from chatlog.stages import STAGES
from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_reference_of_the_command_line_is_current() -> None:
    made = subprocess.run([sys.executable, "-m", "chatlog.cli.reference"], capture_output=True, text=True, check=True)
    assert (ROOT / "docs" / "cli.md").read_text() == made.stdout, "run: python -m chatlog.cli.reference > docs/cli.md"


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pages
def test_pipelines_in_documents_are_valid(page: Path) -> None:
    for block in blocks(page, "toml"):
        assert parse(tomllib.loads(block), ROOT).sources


@pages
def test_commands_in_documents_exist(page: Path) -> None:
    known = commands()
    for line in (line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()):
        words = shlex.split(line, comments=True)
        # `.venv/bin/chatlog run` and `docker run ... chatlog run` are ours too, `docker build -t chatlog .` is not.
        start = next((at for at, word in enumerate(words) if Path(word).name == "chatlog"), None)
        if start is None or words[:2] == ["docker", "build"]:
            continue
        words = words[start + 1 :]
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert name in known, line
        assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= known[name], line


@pages
def test_files_in_documents_exist(page: Path) -> None:
    for name in re.findall(r"`((?:chatlog|tests|pipelines|sql|data_cards|docs)/[\w/.-]+)`", page.read_text()):
        assert (ROOT / name).exists() or "NAME" in name, name


def test_every_reader_reason_and_stage_is_told() -> None:
    formats = (ROOT / "docs" / "formats.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)
    assert rows == [*(reader.name for reader in READERS), *REASONS]
    assert re.findall(r"^### `(\w+)`$", formats, re.MULTILINE) == [reader.name for reader in READERS]
    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE) == [
        stage.name for stage in STAGES
    ]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_record_of_a_format_is_of_that_format(reader: Reader) -> None:
    formats = (ROOT / "docs" / "formats.md").read_text()
    (section,) = re.findall(rf"^### `{reader.name}`\n(.*?)(?=^### |\Z)", formats, re.MULTILINE | re.DOTALL)
    row = re.search(rf"^\| `{reader.name}` \|.*\|(.*)\|$", formats, re.MULTILINE)
    assert row is not None
    assert set(reader.config.model_fields) <= set(re.findall(r"`(\w+)`", row[1])), "a setting is not told"
    (example,) = re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    record = json.loads(example)
    assert all(draft.messages for draft in reader.parse(record, reader.config()))
    assert max(READERS, key=lambda other: other.recognise(record)) is reader


def test_every_task_of_eval_has_a_section() -> None:
    from chatlog.evaluate import TASKS

    assert re.findall(r"^## (\w+)$", (ROOT / "docs" / "evaluate.md").read_text(), re.MULTILINE) == list(TASKS)
