"""chatlog's ingest and language stages beside the logic of FastChat's `clean_chat_data.py`, on the same logs.

`make bench-clean` runs it. Logs are generated once into the work folder; then the sides take turns, so that
a busy machine slows all of them, and the best of the rounds counts. Processor seconds stand beside wall
seconds: they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from chatlog.demo.generator import generate_logs
from chatlog.text.languages import fold_code

HERE = Path(__file__).parent
EVERY_ROW = '[[stage]]\nuse = "language"\n'
KEPT_ROWS = (
    '[[stage]]\nuse = "fingerprint"\n[[stage]]\nuse = "dedup"\nnear = false\n'
    '[[stage]]\nuse = "language"\nwhere = "kept"\n'
)


def logs_of(work: Path, conversations: int) -> list[Path]:
    """The generated FastChat logs of so many conversations, made when they are not there."""
    folder = work / f"logs-{conversations}"
    if not (folder / "truth.jsonl").exists():
        print(f"generating {conversations} conversations in {folder}", file=sys.stderr)
        making = work / f"making-{conversations}"
        shutil.rmtree(making, ignore_errors=True)
        generate_logs(making, conversations, seed=1, formats=["fastchat"])
        making.replace(folder)
    return sorted((folder / "logs").iterdir())


def timed(command: Sequence[str | Path]) -> dict[str, Any]:
    """What a side printed, with the wall seconds of its process and the processor seconds of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    environment = os.environ | {"CHATLOG_USER_KEY": "a key for benchmarks"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    wall = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{command[1]} failed:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout) | {"wall": wall, "processor": used}


def agreement(run: Path, reference: Path, truth: Path) -> dict[str, Any]:
    """How far both sides kept the same conversations and found the same languages."""
    theirs = {chat["conversation_id"]: fold_code(chat["language"]) for chat in json.loads(reference.read_text())}
    # The reference reads chat records alone, and drops conversations whose last state has no whole answer.
    rows = duckdb.sql(
        f"""
        SELECT conversation_id, arg_max(truncated, row_id), arg_max(language.message_languages[1], row_id)
        FROM '{run}/ingest/*.parquet' JOIN '{run}/language/*.parquet' AS language USING (row_id)
        WHERE json_extract_string(meta, '$.type') = 'chat' GROUP BY ALL
        """
    ).fetchall()
    ours = {name: fold_code(code or "und") for name, truncated, code in rows if not truncated}
    true = {}
    with truth.open() as lines:
        for line in lines:
            row = json.loads(line)
            if not row["broken"]:
                true[row["conversation_id"]] = fold_code(row["language"])
    both = ours.keys() & theirs.keys()
    return {
        "kept_by_chatlog": len(ours),
        "kept_by_reference": len(theirs),
        "kept_by_both": len(both),
        "same_language": sum(ours[name] == theirs[name] for name in both) / len(both),
        "chatlog_right": sum(ours[name] == true[name] for name in both) / len(both),
        "reference_right": sum(theirs[name] == true[name] for name in both) / len(both),
    }


def measured(asked: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Both sides' best rounds, their ratios, and how far they agree."""
    logs = logs_of(work, asked.conversations)
    output, run = work / "clean.json", work / "run"
    reference = [asked.reference_python, HERE / "clean_chat_reference.py", "--out", output]
    sides: dict[str, list[str | Path]] = {
        "reference": [*reference, *logs],
        "reference, lean": [*reference, "--lean", *logs],
    }
    for name, stages in (("chatlog, every row", EVERY_ROW), ("chatlog, kept rows", KEPT_ROWS)):
        recipe = work / f"{name.rpartition(' ')[0][-5:]}.toml"
        recipe.write_text(stages)
        sides[name] = [sys.executable, HERE / "timed_run.py", "--out", run, "--stages", recipe, "--reader", "fastchat"]
        sides[name] += [*(["--workers", str(asked.workers)] if asked.workers else []), *logs]
    if asked.skip_reference:
        sides = {name: command for name, command in sides.items() if not name.startswith("reference")}
    best: dict[str, dict[str, Any]] = {}
    agreed = None
    for _ in range(asked.rounds):
        for name, command in sides.items():
            shutil.rmtree(run, ignore_errors=True)
            found = timed(command)
            if name.startswith("chatlog"):
                stages = found["seconds"]
                found["ingest_language"] = stages["ingest"] + stages["language"]
                if agreed is None and not asked.skip_reference:
                    agreed = agreement(run, output, logs[0].parents[1] / "truth.jsonl")
            if name not in best or found["wall"] < best[name]["wall"]:
                best[name] = found
    return {"conversations": asked.conversations, "cores": os.cpu_count(), "sides": best, "agreement": agreed}


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    base = result["sides"].get("reference")
    lines = ["side                 wall s  cpu s  rows/s  rows/cpu s  ratio  cpu ratio  peak MB  worker MB"]
    for name, side in result["sides"].items():
        rows = result["conversations"]
        ratio = (
            f"{base['wall'] / side['wall']:5.2f}  {base['processor'] / side['processor']:9.2f}" if base else " " * 16
        )
        lines.append(
            f"{name:19}  {side['wall']:6.2f}  {side['processor']:5.1f}  {rows / side['wall']:6.0f}"
            f"  {rows / side['processor']:10.0f}  {ratio}  {side['peak_mb']:7.0f}  {side.get('peak_worker_mb', 0):9.0f}"
        )
        if "ingest_language" in side:
            lines.append(f"    ingest {side['seconds']['ingest']:.2f} s, language {side['seconds']['language']:.2f} s")
    return "\n".join(lines)


def main() -> None:
    """Measures, and prints a table and then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, help="chatlog's; by default as a run chooses")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "chatlog-bench")
    parser.add_argument("--reference-python", type=Path, help="a Python with pycld2", default=Path(sys.executable))
    parser.add_argument("--skip-reference", action="store_true", help="chatlog alone: for memory at large sizes")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
        # Logs are kept from one call to the next, outputs are not.
        (Path(scratch) / f"logs-{asked.conversations}").symlink_to(
            logs_of(asked.work, asked.conversations)[0].parents[1].resolve()
        )
        result = measured(asked, Path(scratch))
    print(table(result))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
