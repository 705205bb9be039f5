"""Seconds of each question of sql/reports/ on a run of any size, and of ad hoc queries on its widest views.

python benchmarks/sql.py --rows 1000000 --work build/benchmarks/sql

The run is made up (made_run.py tells how) and kept in --work. First what `summary` and `decisions` keep is made anew
and timed: that is what the first question waits for. Then each question is asked cold (the run's files dropped from
the system's cache, a new connection, whose seconds count) and warm (the same connection, the best of three). A table
goes to standard error, a JSON object to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from made_run import make_run
from measured import own_peak_mb

from chatlog.engine.store import Run
from chatlog.query import connect, rows_of
from chatlog.query.database import make_database
from chatlog.query.reports import reports
from chatlog.query.summary import forget_summary, keep_decisions, keep_summary

WIDE = {
    "conversations: of one stage": "SELECT language, count(*) FROM conversations GROUP BY language",
    "conversations: of three stages": "SELECT language, flagged, count(*) FROM conversations WHERE kept GROUP BY 1, 2",
    "messages: all texts": "SELECT role, avg(length(content)) FROM messages GROUP BY role",
    "pii: all spans": "SELECT type, count(*) FROM pii GROUP BY type",
}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True, help="folder for the run; kept")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=2.0, help="seconds that a cold question may take")
    asked = parser.parse_args()
    run = make_run(asked.work / f"run-{asked.rows}", asked.rows)
    forget_summary(Run(run))
    first = {"summary": seconds(lambda: keep_summary(run)), "decisions": seconds(lambda: keep_decisions(run))}
    first["chatlog db"] = seconds(lambda: make_database(run, asked.work / f"run-{asked.rows}.duckdb"))
    questions = {one.name: one.sql for one in reports()}
    told = [measured(run, name, sql, asked.threads) for name, sql in (questions | WIDE).items()]
    slow = [row["question"] for row in told if row["question"] in questions and row["cold"] > asked.limit]
    print(f"{'question':<40} {'cold':>6} {'warm':>6} {'rows':>6}", file=sys.stderr)
    for row in told:
        print(f"{row['question']:<40} {row['cold']:>6.2f} {row['warm']:>6.2f} {row['rows']:>6}", file=sys.stderr)
    print(f"first: {first}; over {asked.limit} s: {slow or 'none'}", file=sys.stderr)
    size = sum(path.stat().st_size for path in run.rglob("*.parquet"))
    kept = sum(path.stat().st_size for path in (run / "summary").glob("*.parquet"))
    head: dict[str, Any] = {"benchmark": "sql", "conversations": asked.rows, "threads": asked.threads}
    head |= {"run_mb": round(size / 1e6), "kept_mb": round(kept / 1e6), "peak_mb": round(own_peak_mb())}
    print(json.dumps(head | {"cores": len(os.sched_getaffinity(0)), "first": first, "slow": slow, "results": told}))


def measured(run: Path, name: str, sql: str, threads: int) -> dict[str, Any]:
    """Seconds of one query, cold and warm, and how many rows it returned."""
    drop_from_cache(run)
    begun = time.perf_counter()
    with connect(run, threads=threads) as connection:
        rows = rows_of(connection, sql)
        cold = time.perf_counter() - begun
        warm = min(seconds(lambda: rows_of(connection, sql)) for _ in range(3))
    return {"question": name, "cold": round(cold, 3), "warm": warm, "rows": len(rows)}


def drop_from_cache(folder: Path) -> None:
    """Asks the system to forget the pages of a folder's files, so that they come from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fdatasync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds(work: Any) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 3)


if __name__ == "__main__":
    main()
