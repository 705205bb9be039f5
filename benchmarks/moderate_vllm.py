"""The `vllm` engine beside a bare loop of vLLM's own, and what the order of prompts saves of the prefix cache.

    python benchmarks/moderate_vllm.py --work DIR [--shape tiny|0.6B|8B] [--conversations 300] [--skip order]

It needs vLLM (.venv-vllm of `make test-vllm` on a CPU). The model has random weights, the chats are generated: several
turns each, so that the prompts of one conversation grow. The last line is a JSON object with all figures.

- overhead: prompts a second, tokenizing and reading the answers included. `bare` is one call of `LLM.generate` (or
  `LLM.classify`) with the same prompts as texts, as a script would do it; both take turns, each in fresh processes.
- order: tokens computed of those sent, when prompts are asked in our order, in that of the log, and at random. The
  cache holds a twelfth of all tokens, as one GPU's does of a piece of work: with room for everything no order matters.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.random_guard import SHAPES, make_model, make_tokenizer
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.opening import vllm_settings
from chatlog.models.engines.vllm import VllmEngine, VllmSettings, open_vllm
from chatlog.models.guards import Guard, Message, Thresholds
from chatlog.models.guards_open import open_guard
from chatlog.stages.moderate import tasks

Task = tuple[Message, ...]

BLOCK: Final = {"cpu": 128, "cuda": 16}
"""Tokens of a block of vLLM's cache."""

CACHE_SHARE: Final = 12


def chats(count: int, seed: int) -> list[list[dict[str, str]]]:
    """Conversations of 2 to 10 messages of 20 to 250 words, from a vocabulary of 4,000."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(4000)]
    return [
        [
            {
                "role": "user" if place % 2 == 0 else "assistant",
                "content": " ".join(rng.choices(words, k=int(rng.triangular(20, 250, 40)))),
            }
            for place in range(2 * rng.randint(1, 5))
        ]
        for _ in range(count)
    ]


def made_tasks(conversations: list[list[dict[str, str]]], window: int) -> list[Task]:
    """The messages to judge, each in its context, as the stage makes them."""
    return [task for chat in conversations for task in tasks(chat, window) if task is not None]


def settings(model: Path, arguments: argparse.Namespace, **changed: Any) -> VllmSettings:
    """The engine's, as `moderate` has them by default."""
    cpu = arguments.shape == "tiny"
    dtype: Literal["float32", "bfloat16"] = "float32" if cpu else "bfloat16"
    config = ModerateConfig(engine="vllm", model=str(model), eager=cpu, dtype=dtype)
    return replace(vllm_settings(config), **changed)


def guard_of(kind: str) -> Guard:
    """The guard that asks: a policy for an instruct model, or a classifier."""
    labels = {"neutral": "safe", "toxic": "flagged", "threat": "flagged"}
    return open_guard("classifier", labels=labels) if kind == "classify" else open_guard("policy")


def bare(model: Path, kind: str, arguments: argparse.Namespace, work: list[Task]) -> float:
    """Seconds of one call of vLLM's with the prompts of all tasks."""
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    given = settings(model, arguments)
    llm = LLM(
        model=given.model,
        max_model_len=given.max_model_len,
        gpu_memory_utilization=given.workers.gpu_memory,
        dtype=given.workers.dtype,
        enforce_eager=given.workers.eager,
        seed=0,
        **({"runner": "pooling"} if kind == "classify" else {"enable_prefix_caching": True}),
    )
    questions = [guard_of(kind).ask(list(task))[0] for task in work]
    if kind == "classify":
        llm.classify([str(question.prompt) for question in questions[:8]], use_tqdm=False)
        begun = time.monotonic()
        llm.classify([str(question.prompt) for question in questions], use_tqdm=False)
        return time.monotonic() - begun
    first = questions[0]
    sampling = SamplingParams(
        temperature=0,
        max_tokens=first.max_tokens,
        logprobs=20,
        structured_outputs=StructuredOutputsParams(choice=list(first.choices)),
    )
    llm.chat([question.prompt for question in questions[:8]], sampling, use_tqdm=False)
    begun = time.monotonic()
    llm.chat([question.prompt for question in questions], sampling, use_tqdm=False)
    return time.monotonic() - begun


def ours(model: Path, kind: str, arguments: argparse.Namespace, work: list[Task]) -> float:
    """Seconds of our engine for the same."""
    with open_vllm(settings(model, arguments), guard_of(kind), Thresholds(0.5)) as engine:
        engine.judge(work[:8])
        begun = time.monotonic()
        found = engine.judge(work)
        seconds = time.monotonic() - begun
    failed = sum(judgment.status != "ok" for judgment in found)
    if failed:
        raise SystemExit(f"{failed} of {len(found)} judgments failed")
    return seconds


def computed(engine: VllmEngine, work: list[Task]) -> dict[str, float]:
    """Tokens that the engine sent and computed for these tasks."""
    before = engine.counts
    engine.judge(work)
    counts = {name: total - before[name] for name, total in engine.counts.items()}
    sent = counts["prompt_tokens"]
    return {"sent": sent, "computed": sent - counts["cached_tokens"], "share": 1 - counts["cached_tokens"] / sent}


def order(
    model: Path, arguments: argparse.Namespace, work: list[Task], tokens: int, beside: Sequence[str] = ("log", "random")
) -> dict[str, Any]:
    """Tokens computed in our order and in those beside it, each with a cache that is empty at first."""
    mixed = list(work)
    random.Random(1).shuffle(mixed)
    found: dict[str, Any] = {}
    for name in ("ours", *beside):
        blocks = max(tokens // CACHE_SHARE, 2 * 8192) // BLOCK["cpu" if arguments.shape == "tiny" else "cuda"]
        changed = settings(model, arguments, ordered=name == "ours", cache_blocks=blocks)
        with open_vllm(changed, guard_of("generate"), Thresholds(0.5)) as engine:
            found[name] = computed(engine, work if name == "log" else mixed)
    for name in beside:
        found[f"saved_of_{name}"] = 1 - found["ours"]["computed"] / found[name]["computed"]
    return found


def alone(arguments: argparse.Namespace, side: str, kind: str) -> float:
    """One side's seconds, measured by this script in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.moderate_vllm",
        "--work",
        str(arguments.work),
        "--shape",
        arguments.shape,
    ]
    command += ["--conversations", str(arguments.conversations), "--side", side, "--kind", kind]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    # vLLM says things after it, too.
    told = next(line for line in made.stdout.splitlines() if line.startswith('{"seconds"'))
    return float(json.loads(told)["seconds"])


def overhead(arguments: argparse.Namespace, kind: str, prompts: int) -> dict[str, Any]:
    """Both sides in turn; the ratio is of the medians."""
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(arguments.rounds):
        for side, times in seconds.items():
            times.append(alone(arguments, side, kind))
    middle = {side: statistics.median(times) for side, times in seconds.items()}
    return {
        "seconds": seconds,
        "prompts_per_second": {side: prompts / value for side, value in middle.items()},
        "ratio": middle["bare"] / middle["ours"],
    }


def main() -> None:
    """Runs what the arguments ask for and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny")
    parser.add_argument("--conversations", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", choices=["order", "generate", "classify"], action="append", default=[])
    parser.add_argument("--side", choices=["bare", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=["generate", "classify"], default="generate", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    conversations = chats(arguments.conversations, seed=0)
    work = made_tasks(conversations, window=0 if arguments.kind == "classify" else ModerateConfig().window)
    folders = {kind: arguments.work / f"{arguments.shape}-{kind}" for kind in ("generate", "classify")}
    if arguments.side:
        measure = bare if arguments.side == "bare" else ours
        print(json.dumps({"seconds": measure(folders[arguments.kind], arguments.kind, arguments, work)}))
        return
    tokenizer = make_tokenizer((m["content"] for chat in conversations for m in chat), 8000)
    for kind, folder in folders.items():
        if not (folder / "config.json").exists():
            make_model(folder, tokenizer, arguments.shape, labels=["neutral", "toxic", "threat"] * (kind == "classify"))
    messages = len(work)
    told: dict[str, Any] = {"shape": arguments.shape, "conversations": len(conversations), "messages": messages}
    for kind in ("generate", "classify"):
        if kind not in arguments.skip:
            told[kind] = overhead(arguments, kind, messages)
    if "order" not in arguments.skip:
        asked = [guard_of("generate").ask(list(task))[0].prompt for task in work]
        rendered = [tokenizer.apply_chat_template(prompt, tokenize=True) for prompt in asked]
        tokens = sum(len(ids["input_ids"] if isinstance(ids, dict) else ids) for ids in rendered)
        told["order"] = order(folders["generate"], arguments, work, tokens)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
