from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.browse.api import Api, NotFoundError, open_api
from chatlog.browse.index import PAGE, Filter
from chatlog.errors import ConfigError, DataError
from tests.conftest import conversation, parts, recipe, write_jsonl


@pytest.fixture(scope="module")
def api(curated: Path) -> Iterator[Api]:
    with open_api(curated / "run") as opened:
        yield opened


def sql(api: Api, query: str) -> list[Any]:
    with api.index.cursor() as cursor:
        return cursor.execute(query).fetchall()


def values(page: dict[str, Any], facet: str) -> dict[str, int]:
    (found,) = [one for one in page["facets"] if one["name"] == facet]
    return {value["value"]: value["n"] for value in found["values"]}


def test_every_facet_counts_what_sql_counts(api: Api) -> None:
    page = api.get("search", {})
    told = {one["name"] for one in api.get("run", {})["facets"]}
    assert {"topic", "language", "model", "flagged", "category", "duplicate", "release", "pii", "source"} <= told
    assert page["total"] == sql(api, "SELECT count(*) FROM conversations")[0][0]
    counted = "SELECT coalesce({0}, ''), count(*) FROM conversations {1} GROUP BY ALL"
    assert values(page, "language") == dict(sql(api, counted.format("language", "")))
    assert values(page, "model") == dict(sql(api, counted.format("model", "")))
    assert values(page, "release") == dict(
        sql(api, "SELECT coalesce(reason, 'released'), count(*) FROM decisions GROUP BY ALL")
    )
    flags = dict(sql(api, "SELECT coalesce(flagged::VARCHAR, ''), count(*) FROM conversations GROUP BY ALL"))
    assert values(page, "flagged") == {"flagged": flags["true"], "not flagged": flags["false"], "": flags[""]}
    kinds = Counter(kind for (kind,) in sql(api, "SELECT duplicate_kind FROM conversations WHERE NOT kept"))
    assert {name: n for name, n in values(page, "duplicate").items() if name in kinds} == kinds
    types = sql(api, "SELECT type, count(DISTINCT row_id) FROM pii WHERE placeholder IS NOT NULL GROUP BY ALL")
    assert {name: n for name, n in values(page, "pii").items() if name} == dict(types)
    hate = sql(api, "SELECT count(DISTINCT row_id) FROM messages WHERE categories.harassment")[0][0]
    assert values(page, "category")["harassment"] == hate > 0


def test_filters_narrow_and_each_facet_keeps_its_own_alternatives(api: Api) -> None:
    page = api.get("search", {"language": ["German", "French"], "flagged": ["not flagged"]})
    where = "language IN ('German', 'French') AND NOT flagged"
    assert page["total"] == sql(api, f"SELECT count(*) FROM conversations WHERE {where}")[0][0] > 0
    assert {item["f_language"] for item in page["items"]} == {"German", "French"}
    assert values(page, "language")["English"] > 0  # of all that are not flagged
    assert set(values(page, "flagged")) >= {"flagged", "not flagged"}
    models = sql(api, f"SELECT coalesce(model, ''), count(*) FROM conversations WHERE {where} GROUP BY ALL")
    assert values(page, "model") == dict(models)


def test_no_value_is_a_value(api: Api) -> None:
    page = api.get("search", {"language": [""]})
    assert page["total"] == sql(api, "SELECT count(*) FROM conversations WHERE language IS NULL")[0][0] > 0
    without = api.get("search", {"pii": ["", "PERSON"]})["total"]
    assert without == api.get("search", {"pii": [""]})["total"] + api.get("search", {"pii": ["PERSON"]})["total"]


def test_days_orders_and_pages(api: Api) -> None:
    day = sql(api, "SELECT created_at::DATE FROM conversations WHERE created_at IS NOT NULL ORDER BY 1 LIMIT 1")[0][0]
    one = api.get("search", {"since": [str(day)], "until": [str(day)]})
    assert one["total"] == sql(api, f"SELECT count(*) FROM conversations WHERE created_at::DATE = '{day}'")[0][0] > 0
    newest = [item["created_at"] for item in api.get("search", {"sort": ["newest"]})["items"]]
    assert newest == sorted(newest, reverse=True)
    scores = [item["score"] for item in api.get("search", {"sort": ["score"]})["items"]]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.5
    seen: list[int] = []
    page = 0
    while items := api.get("search", {"page": [str(page)], "sort": ["longest"]})["items"]:
        seen += [item["row_id"] for item in items]
        page += 1
    assert len(seen) == len(set(seen)) == api.index.rows and page == -(-api.index.rows // PAGE)


def test_text_and_filters_together(api: Api) -> None:
    page = api.get("search", {"q": ["python"], "language": ["English"]})
    found = sql(
        api,
        "SELECT DISTINCT row_id FROM messages WHERE contains(lower(content), 'python') "
        "AND conversation_language = 'English' ORDER BY 1",
    )
    assert [item["row_id"] for item in page["items"]] == [row_id for (row_id,) in found]
    assert page["done"] and all("python" in item["place"]["text"].lower() for item in page["items"])


def test_an_id_finds_its_conversation(api: Api) -> None:
    row_id, name = sql(api, "SELECT row_id, conversation_id FROM conversations ORDER BY row_id DESC LIMIT 1")[0]
    for text in (name, str(row_id)):
        assert row_id in [item["row_id"] for item in api.get("search", {"q": [text]})["items"]]


def test_a_conversation_is_told_with_its_reasons(api: Api) -> None:
    copy, of = sql(api, "SELECT row_id, duplicate_of FROM conversations WHERE duplicate_kind = 'exact' LIMIT 1")[0]
    told = api.get(f"conversation/{copy}", {})
    facts = {fact["name"]: fact for fact in told["facts"] if not fact["part"]}
    assert facts["release"]["text"] == "left out: duplicate: exact" and facts["duplicate"]["row"] == of
    assert [name for name, fact in facts.items() if fact["against"]] == ["release"]
    assert told["messages"] is None and told["shown"] == []
    best = api.get(f"conversation/{of}", {})
    texts = sql(api, f"SELECT content, role FROM messages WHERE row_id = {of} ORDER BY position")
    assert [(one["content"], one["role"]) for one in best["shown"]] == texts
    assert copy in [fact["row"] for fact in best["facts"] if fact["name"] == "with"]
    cluster = api.get("search", {"cluster": [str(best["same"]["cluster"])]})
    assert {copy, of} <= {item["row_id"] for item in cluster["items"]}


def test_a_flagged_message_says_so_and_placeholders_are_named(api: Api) -> None:
    row_id, position = sql(api, "SELECT row_id, position FROM messages WHERE categories.harassment LIMIT 1")[0]
    told = api.get(f"conversation/{row_id}", {})
    assert "moderation" in [fact["name"] for fact in told["facts"] if fact["against"]]
    verdict = told["shown"][position]["verdict"]
    assert verdict["flagged"] and "harassment" in [one["name"] for one in verdict["categories"] if one["hit"]]
    native = sql(api, f"SELECT moderation[{position + 1}].native FROM conversations WHERE row_id = {row_id}")[0][0]
    assert verdict["score"] == json.loads(native)["score"]
    row_id, placeholder, kind = sql(
        api,
        "SELECT row_id, placeholder, type FROM pii "
        "WHERE type = 'PERSON' AND placeholder IS NOT NULL AND message >= 0 LIMIT 1",
    )[0]
    told = api.get(f"conversation/{row_id}", {})
    assert told["placeholders"][placeholder] == kind
    assert any(placeholder in (one["content"] or "") for one in told["shown"])


@pytest.mark.parametrize(
    ("path", "params", "kind", "why"),
    [
        ("search", {"colour": ["red"]}, ConfigError, "unknown filter 'colour'"),
        ("search", {"sort": ["random"]}, ConfigError, "unknown order"),
        ("search", {"page": ["-1"]}, ConfigError, "page should be a number"),
        ("search", {"page": ["1", "2"]}, ConfigError, "given once"),
        ("search", {"since": ["yesterday"]}, ConfigError, "a day such as"),
        ("search", {"q": ["x" * 3000]}, ConfigError, "at most 2000 characters"),
        ("search", {"q": ["x"], "in": ["nobody"]}, ConfigError, "unknown role"),
        ("conversation/99999999", {}, NotFoundError, "no row"),
        ("conversation/../../etc/passwd", {}, NotFoundError, "nothing here"),
        ("conversation/1e3", {}, NotFoundError, "nothing here"),
        ("message/0/999", {}, NotFoundError, "no such message"),
        ("labels", {}, NotFoundError, "no sample to label"),
        ("", {}, NotFoundError, "nothing here"),
    ],
)
def test_wrong_questions_are_told(
    api: Api, path: str, params: dict[str, list[str]], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        api.get(path, params)


def test_values_are_values_and_no_sql(api: Api) -> None:
    for value in ("' OR true --", "x') OR 1=1; DROP TABLE items --", "\\", "%", "\x00"):
        assert api.get("search", {"language": [value], "user": [value]})["total"] == 0
        assert api.get("search", {"q": [f'"{value}"']})["done"]
    assert api.get("search", {})["total"] == api.index.rows


def test_a_slow_query_is_ended(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the wait is shortened: the timer, the query and its interruption are the real ones.
    monkeypatch.setattr("chatlog.browse.index.SECONDS", 0.2)
    with pytest.raises(DataError, match="took longer than"), api.index.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM range(10_000_000_000) a WHERE hash(a.range) = 7").fetchall()
    assert api.get("search", {})["total"] == api.index.rows


def test_files_of_the_machine_cannot_be_read(api: Api, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(DataError, match="PermissionException"), api.index.cursor() as cursor:
        cursor.execute(f"SELECT * FROM read_csv('{secret}')")


def test_a_run_with_ingest_alone(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "logs.jsonl", [conversation(number, words="apples") for number in range(50)])
    run(recipe([logs], []), tmp_path / "run", workers=1)
    before = parts(tmp_path / "run")
    with open_api(tmp_path / "run") as api:
        about = api.get("run", {})
        assert [facet["name"] for facet in about["facets"]] == ["model", "source"]
        assert (about["writer"], about["redacted"], about["labels"]) == ("ingest", False, None)
        assert "score" not in about["sorts"]
        page = api.get("search", {"q": ["apples"], "page": ["1"]})
        assert (page["total"], len(page["items"])) == (50, 10)
        told = api.get("conversation/3", {})
        assert [fact["name"] for fact in told["facts"]] == ["told by"]
        assert [one["verdict"] for one in told["shown"]] == [None, None]
        with pytest.raises(ConfigError, match="unknown filter"):
            api.get("search", {"language": ["English"]})
    assert parts(tmp_path / "run") == before


def test_texts_are_those_before_redaction_when_asked_for(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "mail me at anna.berg@example.org please"},
        {"role": "assistant", "content": "ok"},
    ]
    logs = write_jsonl(tmp_path / "logs.jsonl", [{"id": "c", "model": "m", "created": 1, "messages": talk}])
    run(recipe([logs], [{"use": "redact", "names_model": ""}]), tmp_path / "run", workers=1)
    with open_api(tmp_path / "run") as api:
        assert api.get("search", {"q": ["anna.berg"]})["total"] == 0
        assert "anna.berg" not in str(api.get("conversation/0", {})) + str(api.get("search", {}))
        assert api.get("run", {})["as_logged"] is False
    with open_api(tmp_path / "run", as_logged=True) as api:
        assert api.get("search", {"q": ["anna.berg"]})["total"] == 1
        assert api.get("conversation/0", {})["shown"][0]["content"] == talk[0]["content"]
        assert api.get("run", {})["as_logged"] is True


def test_long_conversations_and_messages_come_in_pieces(tmp_path: Path) -> None:
    text = "".join(chr(0x1F600 + number % 50) if number % 7 == 0 else "a" for number in range(30_000))
    talk = [{"role": ("user", "assistant")[turn % 2], "content": f"turn {turn}"} for turn in range(120)]
    talk[7]["content"] = text
    logs = write_jsonl(tmp_path / "logs.jsonl", [{"id": "c", "model": "m", "created": 1, "messages": talk}])
    run(recipe([logs], []), tmp_path / "run", workers=1)
    with open_api(tmp_path / "run") as api:
        shown = api.get("conversation/0", {})["shown"]
        later = api.get("conversation/0", {"start": ["100"]})["shown"]
        assert [one["position"] for one in shown] == list(range(50))
        assert [one["position"] for one in later] == list(range(100, 120))
        assert shown[7]["length"] == 30_000
        made = shown[7]["content"]
        while len(made) < 30_000:
            piece = api.get("message/0/7", {"start": [str(len(made))], "size": ["9000"]})["content"]
            assert 0 < len(piece) <= 9000
            made += piece
        assert made == text


def test_topics_of_one_name_are_two_values(curated: Path, tmp_path: Path) -> None:
    shutil.copytree(curated / "run", tmp_path / "run")
    file = tmp_path / "run" / "topics" / "topics.parquet"
    told = pq.read_table(file)
    names = ["twice", "twice", *told["label"].to_pylist()[2:]]
    pq.write_table(told.set_column(told.schema.get_field_index("label"), "label", pa.array(names)), file)
    with open_api(tmp_path / "run") as api:
        counts = dict(sql(api, "SELECT topic_id, count(*) FROM conversations GROUP BY ALL"))
        first, second = told["topic_id"].to_pylist()[:2]
        found = values(api.get("search", {}), "topic")
        assert (found[f"twice ({first})"], found[f"twice ({second})"]) == (counts[first], counts[second])
        # Themes have names as well, and no conversations of their own.
        others = [name for name, topic in zip(names, told["topic_id"].to_pylist(), strict=True) if topic in counts][2:]
        assert "twice" not in found and {name for name in others if name} <= set(found)


def test_hits_that_are_given_are_the_only_ones(api: Api) -> None:
    some = np.array([0, 1, 5], dtype=np.int64)
    page = api.index.page(Filter(), some)
    assert [item["row_id"] for item in page["items"]] == [0, 1, 5] and page["total"] == 3
    assert api.index.page(Filter(since=date(1990, 1, 1), until=date(1990, 1, 2)), some)["total"] == 0
