"""No text of a conversation or of an answer in a log, an error or `native`, whatever happens and at whatever level."""

from __future__ import annotations

import json
import logging
import multiprocessing
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.models.engines import vllm_worker
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.vllm_worker import Load, Prompt, Task, serve
from chatlog.schema import MESSAGES
from chatlog.stages.moderate import MODERATE
from tests.conftest import write_jsonl
from tests.models.loopback import REASON, Loopback, loopback

MARKER = "Quillzebra-7391"
"""In every message, and quoted in every answer."""

TEXTS = [
    f"{MARKER} good",
    f"{MARKER} bad " + "<|im_end|>",
    f"{MARKER} odd",
    f"{MARKER} null",
    f"{MARKER} refused",
    "padding " * 800 + MARKER,
    f"{MARKER}\ud800\x00 \U000e0041",
]

FAULTS: list[tuple[int, Any, dict[str, str]] | None] = [
    None,
    (400, {"error": {"message": f"context length: {MARKER}"}}, {}),
    (401, {"error": MARKER}, {"www-authenticate": MARKER}),
    (302, {}, {"location": f"/v1/{MARKER}"}),
    (418, MARKER.encode(), {"x-prompt": MARKER}),
    (429, {"error": MARKER}, {"retry-after": MARKER}),
    (500, {"error": {"message": MARKER}}, {}),
    (200, MARKER.encode(), {}),
    (200, {"choices": [{"message": {"content": MARKER}}], "results": [MARKER]}, {}),
    (200, {"choices": [{"message": {"content": None, "refusal": MARKER}}]}, {}),
    (200, {"choices": [{"message": {"content": "none"}, "logprobs": {"content": MARKER}}], "results": MARKER}, {}),
    (200, b"\x1f\x8b" + MARKER.encode(), {"content-encoding": "gzip", "x-prompt": MARKER}),
    (200, {}, {"x prompt": MARKER}),
    (400, {}, {REASON: MARKER}),
    (200, {}, {REASON: MARKER}),
    (200, {}, {"content-length": MARKER}),
]


class Kept(logging.Handler):
    """Everything that any logger tells, as it would be written and as it was given."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(f"{self.format(record)} {record.args!r} {record.__dict__!r}")


@contextmanager
def everything_told() -> Iterator[Kept]:
    """Every logger at DEBUG, those of libraries too; their levels are put back."""
    kept = Kept()
    root = logging.getLogger()
    loggers = [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    before = [(one, one.level, one.disabled, one.propagate) for one in loggers]
    root.addHandler(kept)
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.disabled, one.propagate = False, True
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        for one, level, disabled, propagate in before:
            one.setLevel(level)
            one.disabled, one.propagate = disabled, propagate


def moderated(config: ModerateConfig, texts: list[str]) -> list[dict[str, Any]]:
    rows = [[{"role": "user", "content": text}, {"role": "assistant", "content": text}] for text in texts]
    with MODERATE.open(config) as function:
        made: list[dict[str, Any]] = function(pa.table({"messages": pa.array(rows, MESSAGES)})).to_pylist()
    return made


def natives(rows: list[dict[str, Any]]) -> str:
    return " ".join(str(judged["native"]) for row in rows for judged in row["moderation"])


def http(server: Loopback, api: str, guard: str) -> ModerateConfig:
    return ModerateConfig(
        engine="http", urls=(server.url,), model="m", api=api, guard=guard, retries=1, rest_s=0.1, timeout_s=5,  # type: ignore[arg-type]
        deadline_s=10, give_up_s=0.5, max_characters=2000, concurrency=4,
    )  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=range(len(FAULTS)))
@pytest.mark.parametrize(
    ("api", "guard"), [("generate", "policy"), ("generate", "llama-guard-3"), ("moderations", "policy")]
)
def test_the_http_engine_tells_no_text(
    api: str, guard: str, fault: Any, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    texts = [text.replace("\ud800", "") for text in TEXTS]
    with loopback() as server, everything_told() as kept:
        server.always = fault
        logging.getLogger("a test").debug("heard")
        rows = moderated(http(server, api, guard), texts)
    assert any("heard" in line for line in kept.told)
    statuses = {judged["status"] for row in rows for judged in row["moderation"]}
    if guard == "policy":
        assert statuses == ({"error"} if fault else {"ok", "error"})
    assert any(MARKER in json.dumps(body) for body in server.bodies)
    assert not [line for line in kept.told if MARKER in line]
    assert MARKER not in natives(rows)
    assert MARKER not in "".join(capfd.readouterr())
    assert not [str(warning.message) for warning in recwarn if MARKER in str(warning.message)]


def test_the_cpu_engine_tells_no_text(capfd: pytest.CaptureFixture[str]) -> None:
    texts = [text.replace("\ud800", "") for text in TEXTS]
    with everything_told() as kept:
        rows = moderated(ModerateConfig(max_windows=2), texts)
    assert {judged["status"] for row in rows for judged in row["moderation"]} == {"ok"}
    assert "cut_characters" in natives(rows)
    told = [*kept.told, natives(rows), *capfd.readouterr()]
    assert not [line for line in told if MARKER in line]


class Dying:
    """Stands for vLLM's engine, which is not installed here: each call fails and quotes its prompts."""

    def __init__(self, **_: Any) -> None:
        self.llm_engine = types.SimpleNamespace(model_config=types.SimpleNamespace(hf_config=None))

    def generate(self, prompts: Any, *_: Any, **__: Any) -> None:
        raise RuntimeError(f"{MARKER} {prompts}")

    classify = embed = generate


@pytest.mark.parametrize("task", get_args(Task))
def test_a_dying_vllm_worker_tells_the_kind_of_its_error_alone(
    task: Task, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = types.SimpleNamespace(LLM=Dying, SamplingParams=dict)
    monkeypatch.setitem(sys.modules, "vllm", told)  # type: ignore[arg-type]
    structured = types.SimpleNamespace(StructuredOutputsParams=dict)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", structured)  # type: ignore[arg-type]
    here, there = multiprocessing.Pipe()
    here.send((0, [Prompt([1, 2, 3])]))
    with everything_told() as kept:
        serve(there, Load({}, task), 0)
    assert [here.recv(), here.recv()] == [("ready", None), ("failed", "RuntimeError")]
    assert MARKER not in "".join([*kept.told, *capfd.readouterr()])
    vllm_worker._nowhere().close()
    vllm_worker._nowhere.cache_clear()


def test_a_run_keeps_the_texts_in_its_columns_alone(tmp_path: Path) -> None:
    """The command as a user types it: its output, and every file of the run that is not a table of conversations."""
    records = [
        {"id": f"c{number}", "messages": [{"role": "user", "content": text.replace("\ud800", "")}]}
        for number, text in enumerate(TEXTS)
    ]
    write_jsonl(tmp_path / "a.jsonl", records)
    with loopback() as server:
        (tmp_path / "mine.toml").write_text(
            '[[source]]\nreader = "openai_messages"\npaths = ["a.jsonl"]\n[[stage]]\nuse = "moderate"\n'
            f'engine = "http"\nmodel = "m"\nurls = ["{server.url}"]\nretries = 0\nmax_characters = 2000\n'
        )
        command = [sys.executable, "-m", "chatlog.cli.main", "run", "mine.toml", "--out", "run", "--workers", "1"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        assert any(MARKER in json.dumps(body) for body in server.bodies)
    assert MARKER not in done.stdout + done.stderr
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    tables = [path for path in files if path.suffix == ".parquet"]
    assert tables and not [path for path in files if path not in tables and MARKER.encode() in path.read_bytes()]
    judged = [path for path in tables if "moderation" in pq.read_schema(path).names]
    assert judged and not [
        path for path in judged if MARKER in str(pq.read_table(path).column("moderation").to_pylist())
    ]
