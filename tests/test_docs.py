"""What the documents say of the program is true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chatlog.pipeline import parse
from chatlog.sources import READERS, REASONS
from chatlog.stages import STAGES
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
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
    import typer.main

    from chatlog.cli.main import app

    root = typer.main.get_command(app)
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.startswith("chatlog "):
                continue
            words = shlex.split(line, comments=True)[1:]
            command = root
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            assert command is not root, line
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {word for word in words if word.startswith("-")} <= known, line


def test_every_reader_reason_and_stage_is_told() -> None:
    formats = (ROOT / "docs" / "formats.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)
    assert rows == [*(reader.name for reader in READERS), *REASONS]
    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE) == [stage.name for stage in STAGES]
