from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.browse.matching import Terms, in_batch, terms_of
from chatlog.browse.search import KEPT, PLACES, Searches
from chatlog.errors import ConfigError, DataError
from chatlog.query import connect
from chatlog.schema import KEY, MESSAGES

SCHEMA = pa.schema([KEY, pa.field("system", pa.string()), pa.field("messages", MESSAGES)])


def row(number: int, *texts: str | None, system: str | None = None) -> dict[str, Any]:
    talk = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"row_id": number, "system": system, "messages": talk}


ROWS = [
    row(0, "How do I bake BREAD?", "Bake it at 220 degrees."),
    row(1, "no bre", "ad here"),  # the word runs over two messages
    {"row_id": 2, "system": None, "messages": None},
    row(3, None, "Brot und BREAD, ÄRGER mit dem Ofen"),
    row(4, "", "", system="You bake bread."),
    row(5, "x" * 5000 + " İstanbul ẞ bread " + "y" * 5000),
    row(6),
    row(7, "bread bread bread", "bread", "bake"),
]


@pytest.fixture
def batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA)


def hits(batch: pa.RecordBatch, text: str, role: str = "") -> list[int]:
    return sorted(place for place, _ in in_batch(batch, terms_of(text, role)))


@pytest.mark.parametrize(
    ("text", "role", "found"),
    [
        ("bread", "", [0, 3, 4, 5, 7]),
        ("BrEaD", "user", [0, 5, 7]),
        ("bread", "system", [4]),
        ("bread", "tool", []),
        ("bread bake", "", [0, 4, 7]),
        ("bake bread", "user", [0, 7]),
        ('"bake bread"', "", [0, 4]),
        ('"bake bread', "", [0, 4]),
        ("bread -bake", "", [3, 5]),
        ("-bread", "", [1, 2, 6]),
        ('bread -"220 degrees"', "", [3, 4, 5, 7]),
        ("ärger", "", [3]),
        ("bre", "", [0, 1, 3, 4, 5, 7]),
        ("degrees.bread", "", []),
        ("nowhere", "", []),
    ],
)
def test_what_is_found(batch: pa.RecordBatch, text: str, role: str, found: list[int]) -> None:
    assert hits(batch, text, role) == found


def test_a_slice_of_a_batch_is_searched_as_it_stands(batch: pa.RecordBatch) -> None:
    assert hits(batch.slice(3), "bread") == [0, 1, 2, 4]
    assert hits(batch.slice(0, 0), "bread") == [] == hits(batch.slice(6, 1), "bread")


def test_the_place_is_where_the_longest_word_first_stands(batch: pa.RecordBatch) -> None:
    places = dict(in_batch(batch, terms_of("bread")))
    first, long, system = places[0], places[5], places[4]
    assert first and (first.message, first.at, first.text) == (0, 14, "How do I bake BREAD?")
    text = ROWS[5]["messages"][0]["content"]
    assert long and text[long.at :].startswith("bread") and "İstanbul ẞ bread" in long.text and len(long.text) == 240
    assert system and system.message == -1
    assert dict(in_batch(batch, terms_of("-bread")))[1] is None


def test_words_phrases_and_roles_are_read() -> None:
    assert terms_of('Two  words "A phrase" -not -"not this" - "" ""') == Terms(
        ("a phrase", "words", "two", "-"), ("not", "not this")
    )
    with pytest.raises(ConfigError, match="at most 20 words"):
        terms_of(" ".join(f"w{number}" for number in range(21)))
    with pytest.raises(ConfigError, match="unknown role 'nobody'"):
        terms_of("x", "nobody")


def parts(folder: Path, groups: Sequence[int]) -> dict[int, Path]:
    made = {}
    for part, count in enumerate(groups):
        path = folder / f"part-{part}.parquet"
        rows = [row((part << 32) | number, f"text {number} of {part}") for number in range(count)]
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, row_group_size=10)
        made[part] = path
    return made


def test_a_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    searches = Searches(parts(tmp_path, [95, 40, 0, 7]))
    whole = searches.search(terms_of("text 3"), 60)
    assert whole.done and whole.rows == 142
    terms, steps = terms_of("text -9"), 0
    while not (search := searches.search(terms, 0)).done:
        steps += 1
        assert search.rows < 142
    expected = [
        (part << 32) | n for part, count in enumerate([95, 40, 0, 7]) for n in range(count) if "9" not in str(n)
    ]
    assert steps >= 3 and search.rows == 142 and search.found.tolist() == expected


def test_searches_are_kept_and_the_oldest_forgotten(tmp_path: Path) -> None:
    files = parts(tmp_path, [20])
    searches = Searches(files)
    first = searches.search(terms_of("text"), 60)
    files[0].unlink()
    assert searches.search(terms_of("text"), 60) is first and len(first.found) == 20
    with pytest.raises(DataError, match="missing or damaged"):
        searches.search(terms_of("other"), 60)
    for number in range(KEPT):
        with pytest.raises(DataError):
            searches.search(terms_of(f"more{number}"), 60)
    with pytest.raises(DataError):
        searches.search(terms_of("text"), 60)


def test_places_past_those_remembered_are_looked_for_again(tmp_path: Path) -> None:
    searches = Searches(parts(tmp_path, [PLACES + 200, 300]))
    search = searches.search(terms_of("text -7"), 60)
    assert PLACES <= len(search.places) < len(search.found)
    rows = search.found[[0, -1, -2]].tolist()
    assert [row in search.places for row in rows] == [True, False, False]
    found = searches.places(search, [*rows, 7])
    assert {row: place.text for row, place in found.items()} == {
        rows[0]: "text 0 of 0", rows[1]: "text 299 of 1", rows[2]: "text 298 of 1"
    }  # fmt: skip
    assert searches.places(searches.search(terms_of("-text"), 60), [0]) == {}


def test_it_finds_what_sql_finds(curated: Path) -> None:
    searches = Searches(dict(enumerate(sorted((curated / "run" / "redact").glob("part-*.parquet")))))
    with connect(curated / "run") as connection:
        for word in ("python", "the", "ü", "привет", "?", "zzzz"):
            rows = connection.execute(
                "SELECT row_id FROM conversations WHERE list_bool_or(list_transform(messages, "
                "lambda m: contains(lower(m.content), $word))) OR contains(lower(system), $word) ORDER BY row_id",
                {"word": word},
            ).fetchall()
            assert searches.search(terms_of(word), 60).found.tolist() == [row_id for (row_id,) in rows], word
