"""Topics of whole runs, with the embedder that is the default."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.errors import ConfigError, DataError
from chatlog.topics.assigning import ASSIGNED, assigned, embedded_run, model_of, write_assigned
from chatlog.topics.drift import drift
from chatlog.topics.listing import listed
from tests.conftest import recipe, write_jsonl

pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")

SUBJECTS = {
    "bread": ("How long should {} bread dough {} before baking?", ("rye", "wheat", "spelt", "corn"), ("rise", "rest")),
    "python": ("Why does my Python {} raise a {}?", ("loop", "class", "list", "script"), ("TypeError", "KeyError")),
    "trains": ("Which train goes from {} to {} at night?", ("Berlin", "Paris", "Rome", "Vienna"), ("Prague", "Milan")),
    "tomatoes": ("How often do I water {} tomato plants in {}?", ("young", "tall", "old", "ripe"), ("pots", "beds")),
    "guitars": ("How do I tune a {} guitar to {}?", ("bass", "steel", "nylon", "twelve string"), ("drop D", "open G")),
}


def questions(counts: dict[str, int], seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    asked = [subject for subject, count in counts.items() for _ in range(count)]
    rng.shuffle(asked)
    records = []
    for number, subject in enumerate(asked):
        form, first, second = SUBJECTS[subject]
        text = f"{form.format(rng.choice(first), rng.choice(second))} It is attempt {number}."
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "It depends."}]
        records.append({"id": f"{subject}-{seed}-{number}", "model": "m", "user": f"u{number}", "messages": turns})
    return records


def curated(folder: Path, counts: dict[str, int], seed: int, **settings: Any) -> Path:
    logs = write_jsonl(folder / "logs.jsonl", questions(counts, seed))
    stages = ["fingerprint", {"use": "redact", "names_model": ""}, "embed", {"use": "topics", **settings}]
    run(recipe([logs], stages, shard_rows=50), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"bread": 40, "python": 30, "trains": 30, "tomatoes": 20}
    return curated(tmp_path_factory.mktemp("first"), counts, 1, k=4)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"bread": 10, "python": 60, "trains": 30, "tomatoes": 20, "guitars": 20}
    return curated(tmp_path_factory.mktemp("second"), counts, 2, k=5)


def subject_of(conversation_id: str) -> str:
    return conversation_id.split("-")[0]


def test_conversations_of_another_run_get_the_topics_of_the_first(first: Path, second: Path, tmp_path: Path) -> None:
    out = tmp_path / "assigned.parquet"
    counts = write_assigned(second, first, out)
    rows = pq.read_table(out)
    assert rows.schema.equals(ASSIGNED) and rows.num_rows == counts["conversations"] == 140
    assert counts["assigned"] + counts["outliers"] == 140
    names: dict[str, set[str]] = {}
    for row in rows.to_pylist():
        subject = subject_of(row["conversation_id"])
        if subject != "guitars" and row["topic_id"] >= 0:
            names.setdefault(subject, set()).add(row["topic"])
    assert all(len(found) == 1 for found in names.values()) and len(set.union(*names.values())) == 4


def test_assigning_a_run_to_its_own_topics_changes_nothing(first: Path) -> None:
    found = [row for table in assigned(embedded_run(first), model_of(first)) for row in table.to_pylist()]
    parts = sorted((first / "topics").glob("part-*.parquet"))
    made = [row for part in parts for row in pq.read_table(part).to_pylist()]
    assert [(row["topic_id"], row["topic_distance"]) for row in found] == [
        (row["topic_id"], row["topic_distance"]) for row in made
    ]


def test_a_pipeline_can_take_the_topics_of_another_run(first: Path, tmp_path: Path) -> None:
    taken = curated(tmp_path, {"bread": 12, "trains": 20}, 3, model=str(first))
    before = {row["topic_id"]: row for row in pq.read_table(first / "topics" / "topics.parquet").to_pylist()}
    after = pq.read_table(taken / "topics" / "topics.parquet").to_pylist()
    assert [row["label"] for row in after if row["topic_id"] >= 0] == [
        row["label"] for row in before.values() if row["topic_id"] >= 0
    ]
    assert sum(row["size"] for row in after) == 32
    same = [(folder / "topics" / "topic_model.parquet").read_bytes() for folder in (first, taken)]
    assert same[0] == same[1]


def test_another_model_in_its_place_is_told(first: Path, second: Path, tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "logs.jsonl", questions({"bread": 3}, 4))
    stage = {"use": "topics", "model": str(first), "model_digest": "0" * 64}
    with pytest.raises(ConfigError, match="SHA-256"):
        run(recipe([logs], ["fingerprint", "embed", stage]), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"holds no topic_model\.parquet"):
        run(recipe([logs], ["fingerprint", "embed", {"use": "topics", "model": str(tmp_path)}]), tmp_path / "run")


def test_drift_tells_what_grew_what_shrank_and_what_is_new(first: Path, second: Path) -> None:
    told = drift(first, second)
    by_subject = {}
    for change in told.topics:
        for word in ("bread", "Python", "train", "tomato"):
            if word.lower() in change.topic.lower():
                by_subject[word] = change
    assert (told.before, told.after) == (120, 140)
    assert by_subject["Python"].change > 0.1 and by_subject["bread"].change < -0.2
    assert told.verdict == "large" and told.psi > 0.25 and told.p_value is not None and told.p_value < 0.001
    assert told.outliers_after > told.outliers_before  # guitars are in no topic of the first run
    assert abs(told.topics[0].change) == max(abs(change.change) for change in told.topics)
    assert sum(change.before for change in told.topics) == 120
    assert told.psi == pytest.approx(sum(change.index for change in told.topics))


def test_a_run_does_not_drift_from_itself(first: Path) -> None:
    told = drift(first, first)
    assert told.verdict == "stable" and told.psi == 0 and told.jensen_shannon == 0 and told.p_value == 1
    assert all(change.change == 0 for change in told.topics)


def test_runs_that_embed_otherwise_are_not_compared(first: Path, tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "logs.jsonl", questions({"bread": 3}, 4))
    stages = ["fingerprint", {"use": "embed", "model": "use-multilingual-v3"}]
    run(recipe([logs], stages), tmp_path / "run")
    with pytest.raises(ConfigError, match="embed with other settings"):
        write_assigned(tmp_path / "run", first, tmp_path / "out.parquet")
    with pytest.raises(ConfigError, match="no topics yet"):
        write_assigned(first, tmp_path / "run", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_damaged_model_is_told(first: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    (copy / "topics" / "topic_model.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"topic_model\.parquet cannot be read"):
        write_assigned(first, copy, tmp_path / "out.parquet")


def test_topics_are_listed_by_size_and_by_name(first: Path) -> None:
    themes = listed(first)
    topics = [topic for theme in themes for topic in theme["topics"]]
    assert [topic["size"] for topic in topics] == sorted((topic["size"] for topic in topics), reverse=True)
    assert sum(topic["size"] for topic in topics) == 120
    named = json.dumps([topic["topic"] for topic in topics if topic["topic_id"] >= 0]).lower()
    assert all(word in named for word in ("bread", "python", "train", "tomato"))
