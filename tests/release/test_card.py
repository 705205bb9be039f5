"""README.md of a release: what the Hub and `datasets` read of it, and that it says nothing but what the run tells."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.engine.measured import CANARIES
from chatlog.errors import ConfigError
from chatlog.query import connect
from chatlog.release.columns import meaning
from chatlog.schema import PUBLISHED
from tests.conftest import ROOT
from tests.release.described import CARDS, WILDCHAT, a_release, another, described, front, readme

TEMPLATES = sorted((ROOT / "data_cards").glob("*.j2"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return another(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_every_published_column_has_a_meaning(name: str) -> None:
    assert [field.name for field in PUBLISHED[name] if not meaning(field)] == []


def test_every_column_of_the_demo_has_a_meaning(curated: Path) -> None:
    section = readme(curated / "dataset").split("## Columns\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.*?) \|$", section, re.MULTILINE)
    assert [row[0] for row in rows] == pq.read_schema(next((curated / "dataset/data").iterdir())).names
    assert all(kind and told for _, kind, told in rows)


# Numbers in names and in what is no figure: nothing that could be counted.
_NAMES = re.compile(
    r"lmsys-chat-1m|WildChat-1M|NAME_1|11 categories|95 % interval|ISO 639|since 1970|0 to 1|sha256:\w+|"
    r"provenance\.json|SHA256SUMS|\[[^\]]*\]\(https?://[^)]*\)|https?://\S+|\d{4}-\d{2}"
)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_a_template(template: Path) -> None:
    text = re.sub(r"```python\n.*?```|\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", template.read_text(), flags=re.DOTALL)
    assert re.findall(r"(?<![\w-])\d[\d.,]*", _NAMES.sub("", text)) == []


def figures(folder: Path) -> Iterator[float]:
    """Every number that the run tells, counted here by other means than the card's."""
    told = json.loads((folder / "dataset/provenance.json").read_bytes())
    yield from numbers_in(told["counts"])
    for stage in told["stages"]:
        yield from (stage["rows"], stage["version"])
    yield from numbers_in(json.loads((folder / "run" / CANARIES).read_bytes()) if told["pii"]["recall"] else {})
    recall = told["pii"]["recall"] or {}
    yield from (100 * recall[name] for name in ("recall", "low", "high") if recall)
    rows = pq.read_table(folder / "dataset/data").to_pylist()
    yield len(rows)
    yield sum(row["turn"] for row in rows)
    yield sum(row["told_times"] for row in rows)
    yield sum(bool(row["redacted"]) for row in rows)
    yield sum(bool(row["flagged"]) for row in rows)
    yield sum(row["moderation_status"] == "ok" for row in rows)
    yield sum(row["moderation_status"] == "error" for row in rows)
    languages = Counter(row["language"] for row in rows)
    shown = [name for name, users in users_of(folder).items() if users >= 10 or name == "unknown"]
    others = [count for name, count in languages.items() if name not in shown]
    yield from (10, len(others), sum(others), 100 * sum(others) / len(rows))
    for counts in (
        languages,
        Counter(row["model"] for row in rows),
        Counter(row["topic"] for row in rows),
        Counter(category for row in rows for category in row["flagged_categories"] or ()),
    ):
        yield from counts.values()
    yield from (100 * count / len(rows) for count in languages.values())
    with connect(folder / "run") as connection:
        spans = connection.execute(
            "SELECT type, placeholder IS NULL FROM pii JOIN decisions USING (row_id) WHERE reason IS NULL"
        ).fetchall()
        (began, ended) = (
            connection.execute("SELECT min(created_at), max(created_at) FROM conversations").fetchone() or ()
        )
    yield from Counter(spans).values()
    yield from range(1, 1 + len(told["stages"]))  # the numbered list of steps
    yield from (moment.year for moment in (began, ended) if moment)


def users_of(folder: Path) -> dict[str, int]:
    with connect(folder / "run") as connection:
        rows = connection.execute(
            "SELECT coalesce(language, 'unknown'), coalesce(user_key, 'of row ' || row_id) FROM conversations "
            "JOIN decisions USING (row_id) WHERE reason IS NULL"
        ).fetchall()
    return dict(Counter(language for language, _ in set(rows)))


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_every_number_of_the_card_is_found_in_the_run(curated: Path, small: Path) -> None:
    found = {}
    for folder in (curated, small):
        text = readme(folder / "dataset").split("---\n", 2)[2]
        models = {name for name in Counter(row["model"] for row in pq.read_table(folder / "dataset/data").to_pylist())}
        text = re.sub(r"```python\n.*?```", "", text, flags=re.DOTALL)
        text = re.sub(r"^\| \w+ \| (\d+ \| [\d,]+) \| .*\|$", r"\1", text, flags=re.MULTILINE)  # stages: their models
        text = re.sub(r"(?<=were judged by )[^,]+", "", text).replace("chatlog 0.1.0", "").split("## Columns")
        body = text[0] + text[1].partition("\n## ")[2]  # types such as int64
        for name in sorted(models, key=len, reverse=True):
            body = body.replace(f"| {name} |", "| |")
        told = [token.rstrip(".,") for token in re.findall(r"(?<![\w-])\d[\d.,]*", _NAMES.sub("", body))]
        known = {form.format(value) for value in figures(folder) for form in ("{:,}", "{:.1f}", "{}")}
        assert [token for token in told if token not in known] == []
        found[folder] = set(told)
    assert len(found[curated] - found[small]) > 20 and len(found[small] - found[curated]) > 3


def test_what_few_people_wrote_in_is_not_named(curated: Path) -> None:
    folder = curated / "dataset"
    section = readme(folder).split("## Languages\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| ([^\d|]+?) \| [\d,]+ \|", section, re.MULTILINE)
    users = users_of(curated)
    assert named and all(users[name] >= 10 or name == "unknown" for name in named)
    rare = {name for name, count in users.items() if count < 10 and name != "unknown"}
    assert rare and not [name for name in rare if re.search(rf"\b{name}\b", section)]
    rows = pq.read_table(folder / "data").to_pylist()
    codes = {row["language_code"] for row in rows if row["language"] in rare and row["language_code"]}
    told = json.loads((folder / "croissant.json").read_bytes())
    assert codes and not codes & {*front(folder)["language"], *told["inLanguage"]}


def test_how_few_people_is_a_setting(curated: Path, tmp_path: Path) -> None:
    shutil.copytree(curated / "dataset", tmp_path / "dataset")
    files = [f"data/{path.name}" for path in (tmp_path / "dataset/data").iterdir()]
    told = described(curated, tmp_path / "dataset", files, min_users=1)
    section = readme(tmp_path / "dataset").split("## Languages\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| ([^\d|]+?) \| [\d,]+ \|", section, re.MULTILINE)
    assert sorted(named) == sorted(users_of(curated)) and "others" not in section
    assert set(told["inLanguage"]) > set(json.loads((curated / "dataset/croissant.json").read_bytes())["inLanguage"])


def test_no_text_of_a_conversation_stands_in_what_describes_it(curated: Path) -> None:
    folder = curated / "dataset"
    described_ = " ".join((folder / name).read_text() for name in ("README.md", "croissant.json", "LICENSE"))
    texts = [
        message["content"] for row in pq.read_table(folder / "data").to_pylist() for message in row["conversation"]
    ]
    pieces = {text[at : at + 30] for text in texts for at in range(0, max(1, len(text) - 30), 15) if len(text) > 30}
    assert len(pieces) > 1000
    assert sum(piece in described_ for piece in pieces) == 0


@pytest.mark.parametrize("name", list(CARDS))
def test_the_cards_of_other_formats_tell_their_own_columns(curated: Path, tmp_path: Path, name: str) -> None:
    datasets = pytest.importorskip("datasets")
    template, schema = CARDS[name]
    files = a_release(tmp_path / "dataset", schema, {"train": (7, 6), "test": (3,)})
    described(curated, tmp_path / "dataset", files, card=ROOT / "data_cards" / template)
    text = readme(tmp_path / "dataset")
    assert re.search(r"^\| train \| 13 \| 2 \|", text, re.MULTILINE) and re.search(
        r"^\| test \| 3 \| 1 \|", text, re.MULTILINE
    )
    assert all(f"| `{column}` |" in text for column in schema.names)
    assert ("## Models" in text) == ("model" in schema.names)
    loaded = datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 13, "test": 3}
    assert loaded["test"].features == datasets.Features.from_arrow_schema(schema)


def test_a_release_of_no_rows_is_described(curated: Path, tmp_path: Path) -> None:
    files = a_release(tmp_path, CARDS["wildchat-1m"][1], {"train": (0,)})
    told = described(curated, tmp_path, files)
    assert front(tmp_path)["dataset_info"]["splits"] == [{"name": "train", "num_bytes": 0, "num_examples": 0}]
    assert told["description"].startswith("0 rows.") and "## Languages" not in readme(tmp_path)


def test_files_that_belong_to_no_split_are_an_error(curated: Path, tmp_path: Path) -> None:
    (file,) = a_release(tmp_path, WILDCHAT, {"train": (1,)})
    (tmp_path / file).rename(tmp_path / "data/rows.parquet")
    with pytest.raises(ConfigError, match=r"data/rows\.parquet is no data file of a release"):
        described(curated, tmp_path, ["data/rows.parquet"])


def test_a_card_of_one_s_own_extends_the_shipped_one(curated: Path, tmp_path: Path) -> None:
    files = a_release(tmp_path / "dataset", WILDCHAT, {"train": (2,)})
    card = tmp_path / "mine.md.j2"
    card.write_text('{% extends "base.md.j2" %}{% block intro %}Ours, {{ facts.rows }} rows.{% endblock %}')
    described(curated, tmp_path / "dataset", files, card=card)
    assert "# Invented rows\n\nOurs, 2 rows." in readme(tmp_path / "dataset")
    assert "## Removal" in readme(tmp_path / "dataset")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ nothing }}", "UndefinedError"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ query('SELECT secret FROM published') }}", "query of the card"),
        ("{{ query(\"FROM read_csv('/etc/passwd')\") }}", "query of the card"),
        ('{% include "absent.j2" %}', "TemplateNotFound"),
    ],
)
def test_a_card_that_does_not_render_is_an_error_that_says_so(
    curated: Path, tmp_path: Path, template: str, message: str
) -> None:
    files = a_release(tmp_path / "dataset", WILDCHAT, {"train": (2,)})
    (tmp_path / "card.md.j2").write_text(template)
    with pytest.raises(ConfigError, match=message):
        described(curated, tmp_path / "dataset", files, card=tmp_path / "card.md.j2")


def test_a_title_does_not_break_card_or_citation(curated: Path, tmp_path: Path) -> None:
    files = a_release(tmp_path, WILDCHAT, {"train": (2,)})
    title = 'Chats: 100 % "real" #1 {of} A & B \\ é'
    described(curated, tmp_path, files, title=title, holder="A & B")
    assert front(tmp_path)["pretty_name"] == title
    assert r"title = {{Chats: 100 \% " in readme(tmp_path) and r"author = {{A \& B}}" in readme(tmp_path)


def test_a_template_sees_the_names_that_the_page_on_cards_lists(curated: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/card.md").read_text().split("### A card of one's own")[1]
    table = page.split("| name | what it is |")[1].split("Filters:")[0]
    names = re.findall(r"`(\w+)(?:\(sql\))?`", "".join(re.findall(r"^\| (.+?) \|", table, re.MULTILINE)))
    filters = re.findall(r"`(\w+)(?:\(\w+\))?`", page.split("Filters:")[1].split("\n")[0])
    assert "query" in names and "share" in filters
    (example,) = re.findall(r"```jinja\n(.*?)```", page, re.DOTALL)
    files = a_release(tmp_path / "dataset", WILDCHAT, {"train": (2,)})
    (tmp_path / "mine.md.j2").write_text(example)
    described(curated, tmp_path / "dataset", files, card=tmp_path / "mine.md.j2")
    assert "2 conversations with our assistant." in readme(tmp_path / "dataset")
    uses = [f"{{% if {name} is not defined %}}no {name}{{% endif %}}" for name in names]
    uses += [f"{{{{ 1 | {name}{'(2)' if name == 'share' else ''} }}}}" for name in filters]
    (tmp_path / "mine.md.j2").write_text("".join(uses))
    described(curated, tmp_path / "dataset", files, card=tmp_path / "mine.md.j2")
    assert "no " not in readme(tmp_path / "dataset")
