"""A small OpenAI-compatible server on loopback: its answers depend on the judged text alone."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MARK: Final = "<END MESSAGE>"

REASON: Final = ":reason"
"""In the headers of a fault: what follows the status on the answer's first line."""


class Loopback(ThreadingHTTPServer):
    """Says `hate` of what holds "bad", and `none` of the rest.

    Attributes:
        calls: how often each text was asked about.
        bodies: what was sent, and with which `authorization`.
        opened: connections so far.
        faults: status, body and headers that the next calls get in place of an answer.
        refuses: a setting whose presence in a request is answered with 400.
        fails: what is in the texts that are answered with 503; empty for none.
        room: characters of a prompt that fit.
        length: of a vector; that of the request where `matryoshka`.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.opened = 0
        self.faults: list[tuple[int, Any, dict[str, str]]] = []
        self.always: tuple[int, Any, dict[str, str]] | None = None
        self.refuses = ""
        self.fails = ""
        self.room = 1_000_000
        self.length = 8
        self.matryoshka = True
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def setup(self) -> None:
        super().setup()
        with self.server.guard:
            self.server.opened += 1

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.guard:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers.get("authorization"))
            fault = self.server.faults.pop(0) if self.server.faults else self.server.always
            for text in asked(body):
                self.server.calls[text] += 1
        if fault is not None:
            return self.answer(*fault)
        if self.server.fails and any(self.server.fails in text for text in asked(body)):
            return self.answer(503, {})
        if self.server.refuses and self.server.refuses in body:
            return self.answer(400, {"error": {"message": f"Unrecognized argument: {self.server.refuses}"}})
        if any(len(prompt) > self.server.room for prompt in prompts(body)):
            return self.answer(400, {"error": {"message": "This model's maximum context length is 9 tokens."}})
        if any("refused" in text for text in asked(body)):
            return self.answer(400, {"error": {"message": "no"}})
        if self.path.endswith("/moderations"):
            return self.answer(200, {"results": [moderation(text) for text in asked(body)]})
        if self.path.endswith("/embeddings"):
            length = body.get("dimensions", self.server.length) if self.server.matryoshka else self.server.length
            return self.answer(200, embeddings(body, length))
        told = {"usage": usage(prompts(body)[0])}
        if "prompt" in body:
            return self.answer(200, completion(body["prompt"]) | told)
        return self.answer(200, chat(asked(body)[0]) | told)

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = dict(headers or {})
        self.send_response(status, told.pop(REASON, None))
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def prompts(body: dict[str, Any]) -> list[str]:
    """The texts that a request holds."""
    if "messages" in body:
        return ["".join(message["content"] for message in body["messages"])]
    found = body.get("input", body.get("prompt"))
    return [found] if isinstance(found, str) else list(found)


def asked(body: dict[str, Any]) -> list[str]:
    """The texts that are to be judged, without the prompt around them."""
    if "messages" not in body:
        return prompts(body)
    return [body["messages"][-1]["content"].split("]\n")[-1].split(f"\n{MARK}")[0]]


def moderation(text: str) -> dict[str, Any]:
    """One result of the moderation endpoint."""
    if "odd" in text:
        return {"flagged": "yes", "category_scores": {"hate": 0.9}}
    if "nan" in text:
        return {"flagged": True, "category_scores": {"hate": float("nan")}}
    score = 0.9 if "bad" in text else 0.1
    return {"flagged": score > 0.5, "categories": {}, "category_scores": {"hate": score, "violence": 0.05}}


def vector(text: str, length: int) -> npt.NDArray[np.float32]:
    """What the text stands for; not of unit length."""
    found = 3 * np.random.default_rng(zlib.crc32(text.encode())).standard_normal(length)
    return np.where("nan" in text, np.nan, found).astype(np.float32)


def embeddings(body: dict[str, Any], length: int) -> dict[str, Any]:
    """An answer of the embeddings endpoint, the last input first."""
    entries = []
    for index, text in enumerate(body["input"]):
        found = vector(text, length)
        plain = body.get("encoding_format") != "base64"
        told = found.tolist() if plain else base64.b64encode(found.tobytes()).decode()
        entries.append({"object": "embedding", "index": index, "embedding": "??" if "odd" in text else told})
    return {"object": "list", "data": entries[::-1], "usage": {"prompt_tokens": sum(map(len, body["input"]))}}


def chat(text: str) -> dict[str, Any]:
    """An answer of the chat endpoint."""
    said = "hate" if "bad" in text else "free text" if "odd" in text else "none"
    top = [
        {"token": "hate", "logprob": -0.1 if said == "hate" else -3.0},
        {"token": "none", "logprob": -2.4 if said == "hate" else -0.05},
    ]
    content: str | None = None if "null" in text else said
    return {"choices": [{"message": {"content": content}, "logprobs": {"content": [{"top_logprobs": top}]}}]}


def usage(prompt: str) -> dict[str, Any]:
    """A token a character, of which the first 100 stand in the cache."""
    return {"prompt_tokens": len(prompt), "prompt_tokens_details": {"cached_tokens": 100}}


def completion(prompt: str) -> dict[str, Any]:
    """An answer of the completions endpoint, as Llama Guard 3 gives it."""
    if prompt.endswith("unsafe\nS"):
        top = {"10": -0.1, "2": -2.4}
    else:
        top = {"unsafe": -0.1, "safe": -2.4} if "bad" in prompt else {"safe": -0.001, "unsafe": -7.0}
    return {"choices": [{"text": next(iter(top)), "logprobs": {"top_logprobs": [top]}}]}


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A server that runs until the block ends."""
    with Loopback() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
