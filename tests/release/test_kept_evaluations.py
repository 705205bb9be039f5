"""`chatlog eval ... --run`: figures that a run keeps, and its card tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from chatlog.engine.measured import kept_evaluations
from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError, DataError
from chatlog.evaluate.kept import evaluate_run
from chatlog.release.export import export
from tests.conftest import write_jsonl
from tests.release.described import another, readme


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return another(tmp_path_factory.mktemp("small"))


def test_what_eval_measured_of_the_run_is_told_as_long_as_its_settings_stay(curated: Path, tmp_path: Path) -> None:
    shutil.copytree(curated / "run", tmp_path / "run")
    texts = [
        ("How do I sharpen a knife?", 0),
        ("I will hurt you tonight, you worthless thing", 1),
        ("Boil the eggs", 0),
    ]
    rows = [
        {"id": str(at), "text": text, "lang": "en", "flagged": flagged, "language": "en", "kind": "chat"}
        for at, (text, flagged) in enumerate(texts)
    ]
    labelled = write_jsonl(tmp_path / "labelled.jsonl", rows)
    found = {task: evaluate_run(task, labelled, tmp_path / "run") for task in ("moderation", "language")}
    export(tmp_path / "run", tmp_path / "dataset")
    text = readme(tmp_path / "dataset")
    moderation = found["moderation"].metrics
    assert (
        f"Measured on the 3 texts of `labelled.jsonl`: recall {moderation['recall']:.3f}, "
        f"precision {moderation['precision']:.3f}, AUPRC {moderation['auprc']:.3f}; its texts may be among" in text
    )
    assert f"accuracy {found['language'].metrics['accuracy']:.3f}, macro F1 " in text
    assert "was not measured on this run" not in text.split("## Moderation")[1]
    kept = tmp_path / "run/evaluations.json"
    assert kept.stat().st_mode & 0o77 == 0 and "sharpen" not in kept.read_text()
    stored = json.loads((tmp_path / "run/run.json").read_bytes())
    next(stage for stage in stored["pipeline"]["stage"] if stage["use"] == "moderate")["threshold"] = 0.9
    (tmp_path / "run/run.json").write_text(json.dumps(stored))
    assert list(kept_evaluations(*pipeline_of(tmp_path / "run"))) == ["language"]
    kept.write_text('{"language": [{"file": 1}]}')
    with pytest.raises(DataError, match="measure again"):
        kept_evaluations(*pipeline_of(tmp_path / "run"))


def test_a_run_without_the_stage_and_a_task_that_is_not_kept_are_errors(small: Path, tmp_path: Path) -> None:
    labelled = write_jsonl(tmp_path / "a.jsonl", [{"id": "1", "text": "a", "lang": "en", "flagged": 0}])
    with pytest.raises(ConfigError, match="no stage `moderate`"):
        evaluate_run("moderation", labelled, small / "run")
    with pytest.raises(ConfigError, match="eval dedup has no --run"):
        evaluate_run("dedup", labelled, small / "run")
    assert "Nothing was moderated" in readme(small / "dataset")
