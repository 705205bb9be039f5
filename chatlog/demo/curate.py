"""The demo: the bundled sample, from raw logs to release and report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.assets import asset
from chatlog.canaries.measure import Recall, measure
from chatlog.demo import sample_paths
from chatlog.engine.events import Listener, silent
from chatlog.engine.run import run
from chatlog.pipeline import load
from chatlog.query import connect, rows_of
from chatlog.release.export import export
from chatlog.report import write_report

QUESTIONS: Final = ("languages", "duplicates", "pii_types")
"""Files of sql/reports/ that the demo asks."""

CANARIES: Final = 360
"""Entities that the demo plants to measure redaction: twenty of each of eighteen types."""


@dataclass(frozen=True)
class Answer:
    """A question from sql/reports/, and what the run says."""

    question: str
    sql: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Curated:
    """What the demo made, and what it can tell of it."""

    run: Path
    dataset: Path
    report: Path
    funnel: list[dict[str, Any]]
    answers: list[Answer]
    redaction: Recall

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog demo --json` prints."""
        return asdict(self)


def curate(out: str | Path, *, workers: int | None = None, listener: Listener = silent) -> Curated:
    """Runs pipelines/demo.toml over the bundled sample; run, dataset and report lie in `out`.

    Raises:
        ChatlogError: as run, measure, export and write_report.
    """
    folder = Path(out)
    pipeline = load(asset("pipelines/demo.toml"), inputs=[str(path) for path in sample_paths().values()])
    run(pipeline, folder / "run", workers=workers, listener=listener)
    redaction = measure(folder / "run", CANARIES).overall
    export(folder / "run", folder / "dataset")
    with connect(folder / "run") as connection:
        write_report(connection, folder / "report.html")
        funnel = rows_of(connection, "FROM funnel")
        answers = [_answer(connection, name) for name in QUESTIONS]
    return Curated(folder / "run", folder / "dataset", folder / "report.html", funnel, answers, redaction)


def _answer(connection: Any, name: str) -> Answer:
    sql = asset(f"sql/reports/{name}.sql").read_text(encoding="utf-8")
    question = sql.splitlines()[0].removeprefix("--").strip()
    return Answer(question, sql, rows_of(connection, sql))
