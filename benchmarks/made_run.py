"""A finished run of any size without its logs: the folder that `chatlog run` would leave, filled with made-up columns.

Synthetic: all of it. Messages are words drawn by Zipf's law, about as many as lmsys-chat-1m has (70 tokens a prompt,
215 an answer, two turns). A fifth of the rows are duplicates, 1.5 % of messages are flagged, 30 % of conversations hold
personal data, 6 % are battles; models, users, languages and topics have long tails. Schemas are those of the stages,
files are written as the engine writes them. Columns that `conversations` leaves out (fingerprints, vectors, keys of
names) are null.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from chatlog.assets import asset
from chatlog.engine.store import Run, write_table
from chatlog.schema import CATEGORIES, JUDGMENT, KEY, MESSAGE, PII_SPAN, REJECTS, ROWS, with_key
from chatlog.stages import STAGES

SHARD: Final = 20_000
NAMES: Final = ("fingerprint", "dedup", "names", "fame", "redact", "language", "embed", "topics", "moderate")
MODELS: Final = np.array([f"model-{number:02d}" for number in range(25)])
LANGUAGES: Final = np.array(["English", "Portuguese", "Russian", "Chinese", "Spanish", *(f"L{n}" for n in range(60))])
PII: Final = np.array(["EMAIL", "PHONE", "PERSON", "IP_ADDRESS", "CREDIT_CARD", "URL", "LOCATION", "IBAN"])
TOPICS: Final = 300
_POOL: Final = 40_000
_OPENINGS: Final = np.array(["", "", "", "", "", "", "", "I'm sorry, but I cannot help with that. ", "```python\n"])

Rng = np.random.Generator


def make_run(folder: Path, rows: int, processes: int = 2) -> Path:
    """The run folder, made when it is not there."""
    run = Run(folder)
    if (folder / "run.json").exists():
        return folder
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    shards = -(-rows // SHARD)
    sizes = [min(SHARD, rows - shard * SHARD) for shard in range(shards)]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_shard, [folder] * shards, range(shards), sizes))
    topics = next(stage for stage in STAGES if stage.name == "topics")
    _side(run, dict(topics.side)["topics"])  # type: ignore[union-attr]
    chunk = {"digest": "", "end": 1, "fault": None, "first_record": 0, "framing": "lines", "member": -1}
    chunk |= {"path": "none", "reader": "fastchat", "source": 0, "start": 0, "state": ""}
    chunks = [chunk | {"label": f"log-{shard // 10}.json", "records": size} for shard, size in enumerate(sizes)]
    run.write_json("ingest.json", {"chunks": chunks, "files": [], "left_out": []})
    release = {"select": str(asset("sql/release/lmsys_chat.sql")), "card": str(asset("data_cards/lmsys_chat.md.j2"))}
    stages = [{"use": name} | ({} if name in NAMES[:2] else {"where": "kept"}) for name in NAMES]
    pipeline: dict[str, Any] = {"name": "made", "source": [{"reader": "fastchat", "paths": ["none"]}], "stage": stages}
    run.write_json(
        "run.json", {"base": "/", "name": "made", "pipeline": pipeline | {"release": release | {"title": "Made"}}}
    )
    return folder


def _shard(folder: Path, shard: int, size: int) -> None:
    run, rng = Run(folder), np.random.default_rng([11, shard])
    key = (shard << 32) + np.arange(size)
    kept = rng.random(size) > 0.2
    turns = np.minimum(rng.geometric(0.5, size), 30)
    talk = _talk(rng, turns)
    made: dict[str, dict[str, Any]] = {
        "ingest": _ingest(rng, shard, size, talk),
        "dedup": _dedup(rng, key, kept),
        "redact": _redact(rng, turns, kept, talk),
        "language": _language(rng, turns, kept),
        "topics": _topics(rng, kept),
        "moderate": _moderate(rng, turns, kept),
    }
    schemas = {stage.name: stage.writes for stage in STAGES if stage.name in NAMES} | {"ingest": ROWS}
    for name, schema in schemas.items():
        columns = made.get(name, {})
        arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in schema]
        table = pa.table([pa.array(key), *(pa.array(a) if isinstance(a, np.ndarray) else a for a in arrays)],
                         names=[KEY.name, *schema.names]).cast(with_key(schema))  # fmt: skip
        told = write_table(run.part(name, shard), table)
        sidecar = told | {"stage": name, "shard": shard, "rows": size, "seconds": 1.0, "fingerprint": "made"}
        if name == "ingest":
            sidecar |= {"records": size + 5, "rejects": 5, "file": f"log-{shard // 10}.json", "reader": "fastchat"}
        run.write_json(f"{name}/part-{shard:05d}.json", sidecar)
    rejects = {"source": [f"log-{shard // 10}.json"] * 5, "record": list(range(5)), "byte_offset": [0] * 5}
    rejects |= {"reason": ["not_json"] * 5, "hint": [None] * 5, "raw": [b"{"] * 5}
    write_table(run.rejects(shard), pa.table(rejects, schema=REJECTS))


def _talk(rng: Rng, turns: np.ndarray) -> pa.Array:
    """Conversations of alternating user and assistant messages, from a pool of texts of this shard's own."""
    words = pa.array([f"w{number:x}" + "aeiou"[number % 5] * (number % 6) for number in range(5_000)])
    prompts, answers = _texts(rng, words, 45, _POOL // 2), _texts(rng, words, 140, _POOL // 2)
    openings = _OPENINGS[rng.integers(len(_OPENINGS), size=_POOL // 2)]
    opened = pa.array([opening + text for opening, text in zip(openings, answers.to_pylist(), strict=True)])
    pool = pa.concat_arrays([prompts, opened])
    count = int(turns.sum())
    chosen = np.empty(2 * count, dtype=np.int64)
    chosen[0::2], chosen[1::2] = rng.integers(_POOL // 2, size=count), rng.integers(_POOL // 2, _POOL, size=count)
    roles = pa.array(np.tile(np.array(["user", "assistant"]), count))
    nothing = [pa.nulls(2 * count, MESSAGE.field(index).type) for index in (2, 3)]
    flat = pa.StructArray.from_arrays([roles, pool.take(pa.array(chosen)), *nothing], fields=list(MESSAGE))
    return pa.ListArray.from_arrays(_offsets(2 * turns), flat)


def _texts(rng: Rng, words: pa.Array, mean: int, count: int) -> pa.Array:
    import pyarrow.compute as pc

    lengths = np.maximum(1, rng.lognormal(np.log(mean) - 0.5, 1.0, count).astype(np.int64))
    drawn = np.minimum(rng.zipf(1.3, int(lengths.sum())), len(words)) - 1
    lists = pa.ListArray.from_arrays(_offsets(lengths), words.take(pa.array(drawn)))
    return pc.binary_join(lists, " ")


def _ingest(rng: Rng, shard: int, size: int, talk: pa.Array) -> dict[str, Any]:
    battle = np.repeat(rng.random(size // 2 + 1) < 0.06, 2)[:size] & (np.arange(size) < size // 2 * 2)
    pair = np.arange(size) // 2
    winners = np.repeat(
        np.array(["model_a", "model_b", "tie", "tie (bothbad)"])[rng.integers(4, size=size // 2 + 1)], 2
    )
    users = np.minimum(rng.zipf(1.2, size), 210_000)
    voted = np.array(["upvote", "downvote", "flag"])[rng.integers(3, size=size)]
    return {
        "conversation_id": pa.array([f"{shard:08x}{position:024x}" for position in range(size)]),
        "source": pa.array([f"log-{shard // 10}.json"] * size),
        "record": np.arange(size) + SHARD * (shard % 10),
        "model": _skewed(rng, MODELS, size),
        "created_at": pa.array((1_680_000_000 + rng.integers(0, 13_000_000, size)) * 10**6, pa.timestamp("us", "UTC")),
        "user_key": pa.array([f"{user:032x}" for user in users]),
        "messages": talk,
        "feedback": pa.array(voted, mask=rng.random(size) > 0.05),
        "battle_id": pa.array([f"{shard:016x}{number:016x}" for number in pair], mask=~battle),
        "battle_side": pa.array(np.array(["a", "b"])[np.arange(size) % 2], mask=~battle),
        "winner": pa.array(winners[:size], mask=~battle),
        "truncated": rng.random(size) < 0.03,
        "meta": pa.array(["{}"] * size),
    }


def _dedup(rng: Rng, key: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    size = len(key)
    kinds = np.array(["snapshot", "exact", "near", "contained"])[rng.integers(4, size=size)]
    prompts = np.minimum(rng.zipf(1.4, size), 1 << 40) % 1_000_000
    return {
        "kept": kept,
        "duplicate_of": pa.array(key, mask=kept),
        "duplicate_kind": pa.array(kinds, mask=kept),
        "cluster_id": key,
        "cluster_size": rng.integers(1, 4, size),
        "prompt_cluster_id": prompts,
        "prompt_cluster_size": rng.integers(1, 400, size),
    }


def _redact(rng: Rng, turns: np.ndarray, kept: np.ndarray, talk: pa.Array) -> dict[str, Any]:
    size = len(kept)
    spans = rng.poisson(2, size) * (rng.random(size) < 0.3)
    total = int(spans.sum())
    kinds = _skewed(rng, PII, total)
    fields = [
        rng.integers(0, 2 * np.repeat(turns, spans)).astype(np.int32),
        np.zeros(total, np.int32),
        np.full(total, 9, np.int32),
        pa.array(kinds),
        np.full(total, 0.9, np.float32),
        pa.array(["rule"] * total, pa.string()),
        pa.array([f"[{kind}]" for kind in kinds], pa.string()),
    ]
    arrays = [pa.array(field) for field in fields]
    flat = pa.StructArray.from_arrays(arrays, fields=list(PII_SPAN))
    return {
        "messages": _only(talk, kept),
        "redacted": pa.array(spans > 0, mask=~kept),
        "pii": _only(pa.ListArray.from_arrays(_offsets(spans), flat), kept),
    }


def _language(rng: Rng, turns: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    size = len(kept)
    told = _skewed(rng, LANGUAGES, size)
    every = pa.ListArray.from_arrays(_offsets(2 * turns), pa.array(np.repeat(told, 2 * turns)))
    codes = np.char.lower(np.array([name[:2] for name in told]))
    return {
        "language": pa.array(told, mask=~kept),
        "language_code": pa.array(codes, mask=~kept),
        "answer_language": pa.array(told, mask=~kept),
        "language_score": pa.array(rng.random(size).astype(np.float32), mask=~kept),
        "message_languages": _only(every, kept),
    }


def _topics(rng: Rng, kept: np.ndarray) -> dict[str, Any]:
    size = len(kept)
    place = rng.random((3, size)).astype(np.float32)
    topic = _skewed(rng, np.arange(-1, TOPICS, dtype=np.int32), size)
    names = ("topic_distance", "topic_x", "topic_y")
    return {"topic_id": pa.array(topic, mask=~kept)} | {
        name: pa.array(values, mask=~kept) for name, values in zip(names, place, strict=True)
    }


def _side(run: Run, schema: pa.Schema) -> None:
    rows = [
        {"topic_id": number, "label": f"Topic {number}", "size": 1_000, "keywords": ["one", "two"]}
        for number in range(TOPICS)
    ]
    write_table(run.side("topics", "topics"), pa.Table.from_pylist(rows, schema=schema))


def _moderate(rng: Rng, turns: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    messages = 2 * turns
    count = int(messages.sum())
    flagged = rng.random(count) < 0.015
    which = rng.integers(len(CATEGORIES), size=count)
    hits = [pa.array(flagged & (which == number)) for number in range(len(CATEGORIES))]
    scores = [pa.array((rng.random(count) * 1000).astype(np.int64) / 1000) for _ in CATEGORIES]
    judgments = [
        pa.StructArray.from_arrays(hits, fields=list(JUDGMENT.field(0).type)),
        pa.StructArray.from_arrays(scores, fields=list(JUDGMENT.field(1).type)),
        pa.array(flagged),
        pa.nulls(count, pa.string()),
        pa.array(np.full(count, "ok")),
    ]
    flat = pa.StructArray.from_arrays(judgments, fields=list(JUDGMENT))
    any_flagged = np.add.reduceat(flagged.astype(np.int64), np.append(0, np.cumsum(messages)[:-1])) > 0
    return {
        "moderation": _only(pa.ListArray.from_arrays(_offsets(messages), flat), kept),
        "flagged": pa.array(any_flagged, mask=~kept),
        "moderation_status": pa.array(np.where(rng.random(len(kept)) < 0.001, "error", "ok"), mask=~kept),
    }


def _skewed(rng: Rng, values: np.ndarray, size: int) -> np.ndarray:
    """Values drawn with a long tail, the first ones most often."""
    weights = 1 / np.arange(1, len(values) + 1)
    return values[rng.choice(len(values), size=size, p=weights / weights.sum())]


def _offsets(lengths: np.ndarray) -> pa.Array:
    return pa.array(np.append(0, np.cumsum(lengths)), pa.int32())


def _only(array: pa.Array, kept: np.ndarray) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(pa.array(kept), array, pa.nulls(len(kept), array.type))


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(make_run(asked.folder, asked.rows, len(os.sched_getaffinity(0))))
