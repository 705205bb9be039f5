"""Deduplication beside text-dedup and datatrove: seconds, memory and quality on the same generated conversations.

Each tool starts from texts staged in its own format and ends with a cluster for each conversation. chatlog runs its
stages `fingerprint` and `dedup` over staged Parquet; the peers run their MinHash at its defaults over the same texts,
joined by newlines. Pairs are scored against the groups that the generator planted. `make bench-dedup` runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
from measured import Measured, measured

HERE = Path(__file__).parent
PIPELINE = """
name = "dedup-benchmark"
[[source]]
reader = "openai_messages"
paths = ["logs"]
[[stage]]
use = "fingerprint"
[[stage]]
use = "dedup"
"""


def main() -> None:
    """Measures each tool at each size and prints a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--peers-up-to", type=int, default=100_000, help="largest size that peers are run at")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="text-dedup or datatrove")
    parser.add_argument("--work", type=Path, required=True, help="folder for logs and results; kept")
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    peers = dict(item.split("=", 1) for item in asked.peer)
    found: list[dict[str, Any]] = []
    for size in asked.sizes:
        folder = staged(asked.work / f"{size}-{asked.seed}", size, asked.seed)
        found.append(with_chatlog(folder, size))
        for name, python in peers.items() if size <= asked.peers_up_to else ():
            found.append(with_peer(folder, size, name, python))
        mine = found[-1 - len(peers) if size <= asked.peers_up_to else -1]
        for row in found:
            if row["rows"] == size:
                row["times_chatlog"] = round(row["seconds"] / mine["seconds"], 1)
    print(table(found))
    print(json.dumps({"benchmark": "dedup", "cores": len(os.sched_getaffinity(0)), "results": found}))


def staged(folder: Path, size: int, seed: int) -> Path:
    """The folder with generated logs, their rows in Parquet, and the same texts for the peers; made once."""
    if (folder / "texts.parquet").exists():
        return folder
    from chatlog.demo.generator import generate_logs

    shutil.rmtree(folder, ignore_errors=True)
    generate_logs(folder, size, seed, formats=("openai_messages",))
    (folder / "dedup.toml").write_text(PIPELINE)
    measured(chatlog(folder, "--until", "ingest"))
    truth = pl.scan_ndjson(folder / "truth.jsonl", infer_schema_length=10_000).filter(~pl.col("broken"))
    rows = pl.scan_parquet(folder / "run" / "ingest" / "*.parquet").select("row_id", "conversation_id", "messages")
    content = pl.col("messages").list.eval(pl.element().struct.field("content").fill_null(""))
    texts = rows.join(truth.select("conversation_id", "group"), on="conversation_id", how="left")
    texts.sort("row_id").select("row_id", "group", text=content.list.join("\n")).sink_parquet(folder / "all.parquet")
    (folder / "jsonl").mkdir()
    half = -(-size // 2)
    for number in range(2):
        part = pl.scan_parquet(folder / "all.parquet").slice(number * half, half)
        part.select(pl.col("row_id").cast(pl.String).alias("id"), "text").sink_ndjson(
            folder / "jsonl" / f"{number}.jsonl"
        )
    pl.scan_parquet(folder / "all.parquet").select("text").sink_parquet(folder / "texts.parquet")
    return folder


def chatlog(folder: Path, *more: str) -> list[str]:
    """The command that runs the benchmark's pipeline."""
    command = [sys.executable, "-m", "chatlog.cli.main", "run", str(folder / "dedup.toml")]
    return [*command, "--out", str(folder / "run"), *more]


def with_chatlog(folder: Path, size: int) -> dict[str, Any]:
    """What chatlog costs and finds."""
    measured(chatlog(folder, "--until", "ingest"))  # rows of an older chatlog are made anew before the clock runs
    for stage in ("fingerprint", "dedup"):
        shutil.rmtree(folder / "run" / stage, ignore_errors=True)
    cost = measured(chatlog(folder))
    made = pl.read_parquet(folder / "run" / "dedup" / "*.parquet", columns=["row_id", "cluster_id"]).sort("row_id")
    return result(folder, size, "chatlog", cost, made["cluster_id"].to_list())


def with_peer(folder: Path, size: int, name: str, python: str) -> dict[str, Any]:
    """What a peer costs and finds."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    texts = folder / ("texts.parquet" if name == "text-dedup" else "jsonl")
    script = HERE / f"dedup_with_{name.replace('-', '_')}.py"
    env = {**os.environ, "HF_HOME": str(out / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    cost = measured([python, str(script), str(texts), str(out), str(len(os.sched_getaffinity(0)))], env)
    return result(folder, size, name, cost, json.loads((out / "clusters.json").read_text()))


def result(folder: Path, size: int, tool: str, cost: Measured, clusters: list[int]) -> dict[str, Any]:
    """One line of the table."""
    from chatlog.evaluate.dedup import pair_metrics

    gold = pl.read_parquet(folder / "all.parquet", columns=["group"])["group"].to_list()
    scores = {name: round(value, 4) for name, value in pair_metrics(gold, clusters).items() if name != "ari"}
    return {"rows": size, "tool": tool, "seconds": round(cost.seconds, 1), "peak_mb": round(cost.peak_mb), **scores}


def table(rows: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
