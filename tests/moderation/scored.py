"""Runs whose scores a test chooses: a moderation endpoint on loopback that reads them in the messages."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chatlog import run
from tests.conftest import recipe, write_jsonl


class Handler(BaseHTTPRequestHandler):
    """`hate=0.7` in a text is its score; the model `other` reads `hate~0.7` first. `refused` fails for good."""

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        given = body["input"]
        results = [result(text, body["model"]) for text in ([given] if isinstance(given, str) else given)]
        failed = None in results
        data = json.dumps({"results": results}).encode()
        self.send_response(400 if failed else 200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def result(text: str, model: str) -> dict[str, Any] | None:
    scores = dict.fromkeys(("hate", "violence"), 0.01)
    scores |= {name: float(value) for name, value in re.findall(r"\b(hate|violence)=([\d.]+\d)", text)}
    if model == "other":
        scores |= {name: float(value) for name, value in re.findall(r"\b(hate|violence)~([\d.]+\d)", text)}
    if "refused" in text or (model == "other" and "unheard" in text):
        return None
    return {"flagged": max(scores.values()) > 0.5, "category_scores": scores}


@contextmanager
def endpoint() -> Iterator[str]:
    """The URL of the endpoint, while it is up."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def chat(number: int, model: str, *texts: str) -> dict[str, Any]:
    """A record whose messages are said by the user and the model in turn."""
    told = [{"role": "user" if place % 2 == 0 else "assistant", "content": text} for place, text in enumerate(texts)]
    return {"id": f"c{number}", "model": model, "created": 1_700_000_000 + number, "messages": told}


def moderated(
    folder: Path, records: Iterable[dict[str, Any]], *, guard: str = "one", shard_rows: int = 4, **settings: Any
) -> Path:
    """The run of these records; `before` and `after` are stages around `moderate`."""
    before, after = settings.pop("before", ()), settings.pop("after", ())
    os.environ["CHATLOG_USER_KEY"] = "a key for tests alone"  # as every test has it; fixtures of modules come first
    logs = write_jsonl(folder / "logs.jsonl", records)
    with endpoint() as url:
        moderate = {"use": "moderate", "engine": "http", "api": "moderations", "urls": [url], "model": guard}
        stages = [*before, moderate | settings, *after]
        run(recipe([logs], stages, shard_rows=shard_rows), folder / "run", workers=1)
    return folder / "run"
