from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from chatlog.errors import ConfigError
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.redact import REDACT, RedactConfig

pytest.importorskip("presidio_analyzer", reason="needs chatlog[pii]")

TEXTS = [
    "I met Quenby Aldersgate in Paris last week, and she told us about her work at the museum.",
    "The prize went to Wojtek Bralczyk, who thanked his teacher.\n\n```python\nclass AdaNovak: pass\n```",
    "Yesterday Quenby Aldersgate spoke with Wojtek Bralczyk about trade. Bralczyk was pleased, and so was Obama.",
    "Was ist der Unterschied zwischen Haus und Wohnung? Das Haus ist groß.",
]


@pytest.fixture(scope="module")
def batch() -> Iterator[BatchFn]:
    with REDACT.open(RedactConfig()) as fn:
        yield fn


def table(texts: list[str]) -> pa.Table:
    rows = [[{"role": "user", "content": text, "name": None, "created_at": None}] for text in texts]
    return pa.table([pa.array(rows, MESSAGES), pa.nulls(len(rows), pa.string())], schema=REDACT.reads)


def contents(out: pa.Table) -> list[str]:
    return [row[0]["content"] for row in out.column("messages").to_pylist()]


def test_the_model_finds_names_outside_code_in_english(batch: BatchFn) -> None:
    first, second, third, fourth = contents(batch(table(TEXTS)))
    assert "Quenby" not in first
    assert "Paris" in first
    assert "Bralczyk" not in second
    assert "class AdaNovak: pass" in second
    assert third == "Yesterday NAME_1 spoke with NAME_2 about trade. NAME_2 was pleased, and so was Obama."
    assert fourth == TEXTS[3]


def test_redacting_twice_changes_nothing(batch: BatchFn) -> None:
    once = contents(batch(table(TEXTS)))
    assert contents(batch(table(once))) == once


def test_rows_do_not_see_one_another(batch: BatchFn) -> None:
    apart = [row for text in TEXTS for row in batch(table([text])).to_pylist()]
    assert batch(table(TEXTS)).to_pylist() == apart


def test_a_model_that_is_nowhere_is_told_before_any_work() -> None:
    with pytest.raises(ConfigError):
        REDACT.check(RedactConfig(names_model="no-such-model"))
    REDACT.check(RedactConfig(names_model=""))


OTHER_LANGUAGES = ["Buku Merah Putih sangat bagus sekali kawan.", "Rumah Kaca Besar berdiri kokoh tanpa penghuni."]


def test_the_model_is_not_asked_about_other_languages(batch: BatchFn) -> None:
    assert contents(batch(table(OTHER_LANGUAGES))) == OTHER_LANGUAGES
