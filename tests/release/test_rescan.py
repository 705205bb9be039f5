"""The last look at a release: every type that a checksum proves, in every text that is published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.demo import check_digits
from chatlog.errors import ReleaseRefused
from chatlog.pipeline import parse
from chatlog.release.export import export
from chatlog.release.rescan import CHECKED, identifiers, refuse_identifiers
from chatlog.release.verify import verify
from chatlog.schema import LMSYS_CHAT_1M
from chatlog.text.detect import find_patterns
from tests.conftest import ROOT, conversation, recipe, write_jsonl

_FIXTURES = [
    line
    for name in ("patterns", "national_ids")
    for line in (ROOT / f"tests/text/fixtures/{name}.jsonl").read_text(encoding="utf-8").splitlines()
]
_CANDIDATES = [
    *(json.loads(line)["input"] for line in _FIXTURES),
    check_digits.french_nir("1850575123456"),
    check_digits.korean_rrn("900307112345"),
    check_digits.italian_codice_fiscale("VRDLGU72M15H501"),
    check_digits.aadhaar("23456789012"),
    check_digits.turkish_tckn("123456789"),
    "112-233-445 95",
    "TXGzd77VsoUsfdFcN897QReH7PzCVDswwv",
]
EXAMPLES = {span.recognizer: text for text in _CANDIDATES for span in find_patterns(text)}
"""A text for each rule; a rule that a checksum proves needs one, from the fixtures of rules or above."""

every_rule = pytest.mark.parametrize("rule", sorted(CHECKED))


def released(texts: list[str], **columns: pa.Array) -> pa.Table:
    rows = [[{"content": text, "role": "user"}] for text in texts]
    table = pa.table(
        {
            "conversation_id": [f"c{number}" for number in range(len(texts))],
            "conversation": pa.array(rows, LMSYS_CHAT_1M.field("conversation").type),
        }
    )
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


@every_rule
def test_a_release_that_holds_one_is_refused(rule: str) -> None:
    table = released(["an order of 4111 books", EXAMPLES[rule], "nothing"])
    assert {owner for owner, _ in identifiers(table)} == {"c1"}
    with pytest.raises(ReleaseRefused, match=r"in c1\b") as caught:
        refuse_identifiers(table)
    assert EXAMPLES[rule] not in str(caught.value)
    refuse_identifiers(table.filter(pa.array([True, False, True])))


@every_rule
def test_verify_finds_one_in_a_release_that_lies_there(curated: Path, tmp_path: Path, rule: str) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(curated / "dataset", folder)
    data = folder / json.loads((folder / "provenance.json").read_bytes())["files"][0]
    table = pq.read_table(data)
    rows: list[Any] = table["conversation"].to_pylist()
    rows[5][-1]["content"] += f"\n{EXAMPLES[rule]}"
    pq.write_table(table.set_column(2, "conversation", pa.array(rows, table.schema.field(2).type)), data)
    (check,) = [check for check in verify(folder) if check.name == "no identifier with a valid checksum"]
    assert not check.ok and table["conversation_id"][5].as_py() in check.detail
    assert EXAMPLES[rule] not in check.detail


@pytest.mark.parametrize(
    "digits", ["４１１１ １１１１ １１１１ １１１１", "٤١١١١١١١١١١١١١١١", "4111\u200b1111\u200b1111\u200b1111"]
)
def test_digits_of_every_script_are_seen(digits: str) -> None:
    assert identifiers(released(["nothing", digits])) == [("c1", "CREDIT_CARD")]


def test_an_identifier_without_a_digit_is_seen() -> None:
    address = "LRDCPHcexDkWwyVAGRPmezgFnhHybzMnSQ"  # as one Litecoin address in a hundred or two
    assert not any(char.isdigit() for char in address)
    assert identifiers(released([address])) == [("c0", "CRYPTO")]


CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("system", pa.array(["", f"You serve card {CARD}."])),
        ("system", pa.array(["", f"You serve card {CARD}."]).dictionary_encode()),
        ("feedback", pa.array([None, CARD], pa.large_string())),
        ("names", pa.array([["a", "b"], ["c", CARD]])),
        ("turns", pa.array([[{"name": "a"}, None], [{"name": CARD}]])),
        ("turns", pa.array([None, [[{"name": "a"}], [{"name": CARD}]]])),
        ("meta", pa.array([[("a", "b")], [("k", CARD)]], pa.map_(pa.string(), pa.string()))),
    ],
    ids=["system", "dictionary", "large", "list", "struct", "nested", "map"],
)
def test_every_text_of_every_column_is_looked_at(column: str, values: pa.Array) -> None:
    table = released(["one", "two"], **{column: values})
    assert identifiers(table) == [("c1", "CREDIT_CARD")]
    # A row group is a slice of a table: places must be told from its beginning.
    assert identifiers(table.slice(1)) == [("c1", "CREDIT_CARD")]
    assert identifiers(table.slice(0, 1)) == []


def test_ids_of_the_source_are_no_identifiers_of_persons() -> None:
    table = released(["one"], battle_id=pa.array(["4111111111111111"]))
    assert identifiers(table.set_column(0, "conversation_id", pa.array(["4111111111111111"]))) == []


@pytest.mark.parametrize("where", ["message", "system", "name"])
def test_export_refuses_what_a_policy_keeps(tmp_path: Path, where: str) -> None:
    record = conversation(1)
    if where == "message":
        record["messages"][1]["content"] += f" {CARD}"
    elif where == "system":
        record["messages"].insert(0, {"role": "system", "content": f"The card on file is {CARD}."})
    else:
        record["messages"][1]["name"] = CARD  # a user's name would be redacted
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(0), record])
    select = (ROOT / "sql/release/lmsys_chat.sql").read_text()
    decide, publish = (
        "SELECT row_id, NULL::VARCHAR AS reason FROM conversations;",
        select.split("FROM conversations;", 1)[1],
    )
    publish = publish.replace(
        "       language_code,\n",
        "       language_code, system, list_transform(messages, lambda m: m.name) AS names,\n",
    )
    assert "AS names" in publish
    (tmp_path / "release.sql").write_text(decide + publish)
    stages = ["fingerprint", "dedup", {"use": "redact", "names_model": "", "credit_card": "keep"}]
    data = dict(recipe([logs], stages).data)
    data["release"] = {"select": str(tmp_path / "release.sql"), "card": str(ROOT / "data_cards/lmsys_chat.md.j2")}
    run(parse(data, ROOT), tmp_path / "run", workers=1)
    with pytest.raises(ReleaseRefused, match=r"1 CREDIT_CARD in c1\b") as caught:
        export(tmp_path / "run", tmp_path / "out")
    assert CARD not in str(caught.value) and not (tmp_path / "out").exists()
