"""LICENSE of a release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatlog.errors import ConfigError
from chatlog.pipeline import parse
from chatlog.release.licences import LICENCES, write_licence
from chatlog.settings import ReleaseSpec
from tests.conftest import ROOT, recipe


def written(folder: Path, **settings: object) -> str:
    spec = ReleaseSpec.model_validate({"select": "a.sql", "card": "a.md.j2", "title": "Invented rows"} | settings)
    write_licence(spec, folder)
    return (folder / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(LICENCES))
def test_a_notice_names_licence_holder_and_contact(tmp_path: Path, name: str) -> None:
    text = written(tmp_path, license=name, holder="An Institute", contact="data@example.org")
    known = LICENCES[name]
    assert f"SPDX-License-Identifier: {known.spdx}\n" in text and f"Text: {known.url}\n" in text
    assert known.name in text and "Published by An Institute." in text and "Contact: data@example.org\n" in text
    assert "does not try to find out who wrote a conversation" in text


def test_the_identifiers_are_those_of_spdx() -> None:
    assert LICENCES["cc-by-nc-sa-4.0"].spdx == "CC-BY-NC-SA-4.0"
    assert LICENCES["cc-by-nc-sa-4.0"].url == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert LICENCES["odbl"].spdx == "ODbL-1.0"


def test_without_a_licence_no_use_is_allowed(tmp_path: Path) -> None:
    assert "All rights are reserved" in written(tmp_path)
    named = written(tmp_path, license_name="Example Data Terms")
    assert "Licence: Example Data Terms\n" in named and "All rights" not in named
    # One that the Hub knows and no notice is written for is named, and nothing is said of its terms.
    assert "Licence: etalab-2.0\n" in written(tmp_path, license="etalab-2.0")


def test_a_text_of_one_s_own_is_taken_byte_for_byte(tmp_path: Path) -> None:
    own = tmp_path / "terms.txt"
    own.write_bytes("Terms of use\r\nÄ\n".encode())
    write_licence(ReleaseSpec(select=Path("a"), card=Path("b"), license_file=own), tmp_path)
    assert (tmp_path / "LICENSE").read_bytes() == own.read_bytes()
    own.write_text(" \n")
    with pytest.raises(ConfigError, match="is empty"):
        write_licence(ReleaseSpec(select=Path("a"), card=Path("b"), license_file=own), tmp_path)


def test_a_text_that_is_not_there_is_told_before_the_run(tmp_path: Path) -> None:
    data = dict(recipe([tmp_path / "a.jsonl"]).data)
    data["release"] = {
        "select": str(ROOT / "sql/release/lmsys_chat.sql"),
        "card": str(ROOT / "data_cards/lmsys_chat.md.j2"),
        "license_file": "absent.txt",
    }
    with pytest.raises(ConfigError, match="license_file: no such file"):
        parse(data, tmp_path)
    (tmp_path / "absent.txt").write_text("terms")
    spec = parse(data, tmp_path).release
    assert spec is not None and spec.license_file == tmp_path / "absent.txt"


@pytest.mark.parametrize("setting", [{"published": "soon"}, {"version": "1"}, {"license": "CC BY 4.0"}])
def test_settings_that_no_reader_takes_are_errors(tmp_path: Path, setting: dict[str, str]) -> None:
    data = dict(recipe([tmp_path / "a.jsonl"]).data)
    data["release"] = {"select": "sql/release/lmsys_chat.sql", "card": "data_cards/lmsys_chat.md.j2", **setting}
    with pytest.raises(ConfigError, match=next(iter(setting))):
        parse(data, ROOT)


def test_the_page_on_cards_tells_the_settings_there_are() -> None:
    page = (ROOT / "docs/card.md").read_text()
    told = re.findall(r"^\| `(\w+)` \|", page.split("## Settings")[1].split("```toml")[0], re.MULTILINE)
    assert set(told) <= set(ReleaseSpec.model_fields)
    mine = {
        "license",
        "license_name",
        "license_file",
        "holder",
        "contact",
        "homepage",
        "version",
        "published",
        "citation",
    }
    assert mine <= set(told)
