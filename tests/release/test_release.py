"""Export and verify, on the bundled sample from end to end."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.demo import sample_paths, truth_path
from chatlog.demo.curate import CANARIES
from chatlog.engine.intake import VERSION as INGEST_VERSION
from chatlog.errors import ConfigError, DataError, ReleaseRefused
from chatlog.pipeline import parse
from chatlog.release.export import export
from chatlog.release.rescan import identifiers, refuse_identifiers
from chatlog.release.verify import verify
from chatlog.schema import CATEGORIES, LMSYS_CHAT_1M
from chatlog.stages import STAGES
from tests.conftest import ROOT, conversation, recipe, write_jsonl


def published(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((folder / "data").glob("*.parquet"))])


def failed(folder: Path, run_folder: Path | None = None) -> set[str]:
    return {check.name for check in verify(folder, run_folder) if not check.ok}


@pytest.fixture
def copy(curated: Path, tmp_path: Path) -> Path:
    shutil.copytree(curated / "dataset", tmp_path / "dataset")
    return tmp_path / "dataset"


def test_the_first_columns_are_exactly_those_of_lmsys_chat_1m(curated: Path) -> None:
    table = published(curated / "dataset")
    first = pa.schema([table.schema.field(name) for name in table.column_names[: len(LMSYS_CHAT_1M)]])
    assert first.equals(LMSYS_CHAT_1M)
    for row in table.to_pylist():
        assert row["turn"] == sum(message["role"] == "user" for message in row["conversation"])
        assert {message["role"] for message in row["conversation"]} <= {"user", "assistant"}
        assert len(row["openai_moderation"]) == len(row["conversation"])


def test_datasets_opens_it_and_code_for_lmsys_chat_1m_runs_unchanged(curated: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = str(curated / "dataset")
    loaded = datasets.load_dataset(folder, split="train", cache_dir=str(tmp_path))
    streamed = list(datasets.load_dataset(folder, split="train", streaming=True, cache_dir=str(tmp_path)))
    assert len(loaded) == len(streamed) == published(curated / "dataset").num_rows
    # As the paper's tables are made: languages, models, turns, and flagged conversations.
    english = loaded.filter(lambda row: row["language"] == "English")
    assert 0 < len(english) < len(loaded)
    prompts = [row["conversation"][0]["content"] for row in english]
    assert all(isinstance(prompt, str) and prompt for prompt in prompts)
    assert Counter(row["model"] for row in loaded).most_common(1)[0][1] > 1
    judged = [judgment for row in loaded for judgment in row["openai_moderation"]]
    assert all(set(judgment["categories"]) == set(CATEGORIES) for judgment in judged)
    assert {judgment["flagged"] for judgment in judged} == {True, False}


def test_every_row_is_released_or_dropped_for_a_reason(curated: Path) -> None:
    told = json.loads((curated / "dataset" / "provenance.json").read_bytes())["counts"]
    assert told["records"] == told["rows"] + told["rejects"]
    assert told["rows"] == told["released"] + sum(told["dropped"].values())
    assert {"duplicate: snapshot", "duplicate: exact", "duplicate: near"} <= set(told["dropped"])
    assert failed(curated / "dataset", curated / "run") == set()


def test_the_sample_loses_its_copies_and_keeps_the_rest(curated: Path) -> None:
    truth = json.loads(truth_path().read_bytes())
    table = published(curated / "dataset")
    ids = Counter(table["conversation_id"].to_pylist())
    assert max(ids.values()) == 1
    assert len(ids) > 0.8 * (len(truth["conversations"]) - len(truth["duplicates"]))


def test_no_machine_checkable_identifier_of_the_sample_is_left(curated: Path) -> None:
    truth = json.loads(truth_path().read_bytes())
    text = "\n".join(
        message["content"] for row in published(curated / "dataset")["conversation"].to_pylist() for message in row
    )
    planted = [
        span["text"]
        for told in truth["conversations"].values()
        for span in told["pii"]
        if span["type"] in ("CARD", "IBAN", "EMAIL", "CRYPTO", "SECRET")
    ]
    assert len(planted) > 40
    left = [place for place, value in enumerate(planted) if value in text]
    assert not left, f"{len(left)} of {len(planted)} planted identifiers are left, at {left[:5]}"


def test_provenance_tells_the_versions_that_ran(curated: Path) -> None:
    told = json.loads((curated / "dataset" / "provenance.json").read_bytes())
    versions = {stage.name: stage.version for stage in STAGES} | {"ingest": INGEST_VERSION}
    assert {stage["stage"]: stage["version"] for stage in told["stages"]}.items() <= versions.items()


def test_the_same_run_gives_the_same_release(curated: Path, tmp_path: Path) -> None:
    export(curated / "run", tmp_path / "again")
    files = {
        path.relative_to(curated / "dataset"): path.read_bytes()
        for path in (curated / "dataset").rglob("*")
        if path.is_file()
    }
    again = {
        path.relative_to(tmp_path / "again"): path.read_bytes()
        for path in (tmp_path / "again").rglob("*")
        if path.is_file()
    }
    assert again == files


def test_the_card_tells_the_run_s_numbers(curated: Path) -> None:
    card = (curated / "dataset" / "README.md").read_text()
    told = json.loads((curated / "dataset" / "provenance.json").read_bytes())["counts"]
    assert f"| **released** | **{told['released']:,}** |" in card
    assert f"| told by the logs | {told['records']:,} |" in card
    assert card.startswith("---\n") and card.count("\n---\n") >= 1
    assert f"Measured recall on {CANARIES} planted entities: " in card
    assert "| `flagged_categories` | list of string | " in card


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("byte", "checksums"),
        ("gone", "checksums"),
        ("added", "checksums"),
        ("records", "records = rows + rejects + forgotten"),
        ("dropped", "rows = released + dropped"),
        ("released", "rows in the files = released"),
        ("column", "columns and types are those of the format"),
        ("identifier", "no identifier with a valid checksum"),
    ],
)
def test_verify_sees(copy: Path, damage: str, check: str) -> None:
    told = json.loads((copy / "provenance.json").read_bytes())
    data = copy / told["files"][0]
    if damage == "byte":
        (copy / "README.md").write_bytes((copy / "README.md").read_bytes()[:-1] + b"x")
    elif damage == "gone":
        (copy / "README.md").unlink()
    elif damage == "added":
        (copy / "notes.txt").write_text("x")
    elif damage == "column":
        table = pq.read_table(data)
        pq.write_table(table.set_column(3, "turn", table["turn"].cast(pa.int32())), data)
    elif damage == "identifier":
        table = pq.read_table(data)
        rows: list[Any] = table["conversation"].to_pylist()
        rows[0][0]["content"] += " card 4111 1111 1111 1111"
        pq.write_table(table.set_column(2, "conversation", pa.array(rows, table.schema.field(2).type)), data)
    else:
        if damage == "dropped":
            told["counts"]["dropped"]["no answer"] = 99
        else:
            told["counts"][damage] += 1
        (copy / "provenance.json").write_text(json.dumps(told))
    assert check in failed(copy)


def test_verify_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a release"):
        verify(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        verify(tmp_path)


def test_a_release_of_unredacted_messages_is_refused(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(1)])
    data = dict(recipe([logs]).data)
    data["release"] = {
        "select": str(ROOT / "sql/release/lmsys_chat.sql"),
        "card": str(ROOT / "data_cards/lmsys_chat.md.j2"),
    }
    run(parse(data, ROOT), tmp_path / "run", workers=1)
    with pytest.raises(ReleaseRefused, match="not redact"):
        export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _released(tmp_path: Path, select: str, until: str | None = None) -> Path:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(number) for number in range(6)])
    query = tmp_path / "release.sql"
    query.write_text(select)
    data = dict(recipe([logs], ["fingerprint", "dedup", {"use": "redact", "names_model": ""}]).data)
    data["release"] = {"select": str(query), "card": str(ROOT / "data_cards/lmsys_chat.md.j2")}
    run(parse(data, ROOT), tmp_path / "run", workers=1, until=until)
    return tmp_path / "run"


PUBLISH = (ROOT / "sql/release/lmsys_chat.sql").read_text().split("FROM conversations;", 1)[1]


def test_an_unfinished_run_is_not_exported(tmp_path: Path) -> None:
    folder = _released(tmp_path, "SELECT row_id, NULL::VARCHAR AS reason FROM conversations;" + PUBLISH, until="dedup")
    with pytest.raises(ConfigError, match=r"redact \(1 shards\) left"):
        export(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("decide", "error", "message"),
    [
        (
            "SELECT row_id, NULL::VARCHAR AS reason FROM conversations WHERE row_id > 0",
            ReleaseRefused,
            "decides on 5 rows",
        ),
        ("SELECT row_id, NULL::VARCHAR AS reason FROM conversations, range(2)", ReleaseRefused, "decides on 12 rows"),
        ("SELECT row_id, no_column AS reason FROM conversations", DataError, "no_column"),
    ],
)
def test_a_query_that_does_not_account_for_every_row_is_refused(
    tmp_path: Path, decide: str, error: type[Exception], message: str
) -> None:
    folder = _released(tmp_path, decide + ";" + PUBLISH)
    with pytest.raises(error, match=message):
        export(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_what_lies_in_the_way_is_not_overwritten(curated: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="not a release"):
        export(curated / "run", tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "x"


def test_the_last_look_finds_identifiers_and_does_not_quote_them() -> None:
    rows = [
        [{"content": "pay to DE89 3704 0044 0532 0130 00", "role": "user"}],
        [{"content": "order 1234 5678 9012 3456", "role": "user"}],
    ]
    table = pa.table(
        {"conversation_id": ["a", "b"], "conversation": pa.array(rows, LMSYS_CHAT_1M.field("conversation").type)}
    )
    assert [owner for owner, _ in identifiers(table)] == ["a"]
    with pytest.raises(ReleaseRefused) as caught:
        refuse_identifiers(table)
    assert "3704" not in str(caught.value) and "in a" in str(caught.value)


def test_no_raw_address_or_user_of_the_logs_is_staged(curated: Path) -> None:
    lines = sample_paths()["fastchat"].read_bytes().splitlines()
    addresses = {record["ip"] for line in lines if (record := _record(line)) and record.get("ip")}
    assert len(addresses) > 5
    staged = [pq.read_table(part) for part in sorted((curated / "run" / "ingest").glob("*.parquet"))]
    (table,) = (part for part in staged if part["source"][0].as_py() == "fastchat-conv.json")
    # What people wrote is redact's work; here it is what the server noted about them.
    noted = [str(value) for name in table.column_names if name != "messages" for value in table[name].to_pylist()]
    assert not [address for address in addresses if any(address in value for value in noted)]
    keys = {key for part in staged for key in part["user_key"].to_pylist() if key is not None}
    assert len(keys) > 20 and all(len(key) == 32 for key in keys)


def _record(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
