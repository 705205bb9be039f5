from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chatlog
from chatlog.pipeline import Pipeline, parse

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.chromium import Window

ROOT = Path(__file__).parent.parent
EVAL = ROOT.parent / "shared" / "eval"
CHATS = ROOT.parent / "shared" / "data" / "chats_raw"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fixed user key, so that no test writes to the home folder."""
    monkeypatch.setenv("CHATLOG_USER_KEY", "a key for tests alone")
    os.environ["HF_HUB_OFFLINE"] = "1"
    yield


def conversation(number: int, *, words: str = "", turns: int = 1) -> dict[str, Any]:
    """A record of the OpenAI messages format that no other number's record resembles."""
    messages = []
    for turn in range(turns):
        text = " ".join(f"w{(number * 7919 + turn * 104729 + index * 31) % 99991}" for index in range(20))
        messages.append({"role": "user", "content": f"{words} {text}".strip()})
        messages.append({"role": "assistant", "content": f"{text[::-1]} {number}"})
    return {"id": f"c{number}", "model": "m", "created": 1_700_000_000 + number, "messages": messages}


def write_jsonl(path: Path, records: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def recipe(
    paths: Iterable[Path],
    stages: Iterable[str | dict[str, Any]] = ("fingerprint", "dedup"),
    *,
    reader: str = "openai_messages",
    name: str = "test",
    shard_rows: int = 20_000,
) -> Pipeline:
    tables = [{"use": stage} if isinstance(stage, str) else dict(stage) for stage in stages]
    data = {
        "name": name,
        "ingest": {"shard_rows": shard_rows},
        "source": [{"reader": reader, "paths": [str(path) for path in paths]}],
        "stage": tables,
    }
    return parse(data, ROOT)


def parts(run: Path) -> dict[str, bytes]:
    """Every Parquet file of a run but what is kept for queries, by name: what must be equal between two runs."""
    files = [path for path in sorted(run.rglob("*.parquet")) if path.parent.name != "summary"]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, made once for all tests: run/, dataset/ and report.html.

    CHATLOG_TEST_DEMO names one that was made before under this key: half a minute or two less while tests are written.
    """
    from chatlog.demo.curate import curate

    os.environ["CHATLOG_USER_KEY"] = "a key for tests alone"
    os.environ["HF_HUB_OFFLINE"] = "1"
    if made := os.environ.get("CHATLOG_TEST_DEMO"):
        return Path(made)
    folder = tmp_path_factory.mktemp("demo")
    curate(folder)
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; tests that ask for it are skipped where there is none. A process can drive one alone at a time."""
    pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")
    from tests.browser.chromium import NAMES, executable, launched

    program = executable()
    if program is None:
        pytest.skip(f"no Chromium here ({', '.join(NAMES)}, or CHATLOG_CHROMIUM): no page is opened in a browser")
    with launched(program) as browser:
        yield browser


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows (see open_window); at its end the test fails for anything that went wrong in one."""
    from tests.browser.chromium import open_window

    opened: list[Window] = []

    def new(**how: object) -> Window:
        opened.append(open_window(chromium, **how))  # type: ignore[arg-type]
        return opened[-1]

    yield new
    for one in opened:
        one.context.close()
    assert [problem for one in opened for problem in one.problems] == []


__all__ = ["CHATS", "EVAL", "ROOT", "chatlog", "conversation", "parts", "recipe", "write_jsonl"]
