"""What is answered, and what becomes of requests that no page sends."""

from __future__ import annotations

import os
import re
import socket
import stat
import threading
from pathlib import Path

import pytest

from chatlog import run
from chatlog.browse import BrowseServer, browsing
from chatlog.browse.access import HEADERS
from chatlog.browse.server import CONNECTIONS, FILES
from chatlog.errors import ConfigError
from tests.browse.serving import SECRET, ask, raw, serving
from tests.conftest import conversation, recipe, write_jsonl


def test_every_answer_has_the_policy(server: BrowseServer) -> None:
    answers = [ask(server, path) for path in (*FILES, "/api/run", "/api/none", "/none")]
    answers += [ask(server, "/", Cookie=""), ask(server, "/", Host="x"), ask(server, "/", method="HEAD")]
    answers += [ask(server, "/", method="PUT"), ask(server, "/" + "x" * 20_000)]
    for answer in answers:
        assert {name: answer.headers.get(name.lower()) for name in HEADERS} == HEADERS
        assert "python" not in answer.headers["server"].lower()
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "trusted-types 'none'" in policy
    assert {answer.status for answer in answers} == {200, 403, 404, 414, 421, 501}


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/..%2f..%2fetc/passwd", "/static/../api.py", "//etc/passwd", "/index.html", "/app.js/",
     "/app.js%00", "/__init__.py", "/%2e%2e/index.py", "/api/../app.js", "/api/message/0/../../run",
     "/api/conversation/%30"],
)  # fmt: skip
def test_no_path_leads_out(server: BrowseServer, path: str) -> None:
    assert ask(server, path).status == 404


def test_files_are_those_of_the_page(server: BrowseServer) -> None:
    page = ask(server, "/").body.decode()
    assert not re.search(r"https?:|\son\w+=|style=|javascript:|<script(?! type=\"module\" src=\"app\.js\")", page)
    scripts = [path for path in FILES if path.endswith(".js")]
    named = {
        f"/{name}" for path in scripts for name in re.findall(r'from "\./(\w+\.js)"', ask(server, path).body.decode())
    }
    assert named | {"/app.js"} == set(scripts)
    for path in scripts:
        script = ask(server, path).body.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|https?:", script)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /api/search\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 70_000 + b"\r\n\r\n",
        b"POST /api/labels HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_request_is_refused(server: BrowseServer, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    answer = raw(server, data)
    assert not re.match(rb"HTTP/1\.\d 200", answer) and SECRET.encode() not in answer
    assert ask(server, "/api/run").status == 200
    assert capfd.readouterr() == ("", "")


def test_one_connection_serves_one_request(server: BrowseServer) -> None:
    door = server.door
    one = f"GET /api/run HTTP/1.1\r\nHost: 127.0.0.1:{door.port}\r\nCookie: {door.cookie}={door.token}\r\n\r\n".encode()
    assert raw(server, one * 3).count(b"HTTP/1.") == 1


def test_too_many_connections_are_closed_and_it_goes_on(server: BrowseServer) -> None:
    held = [socket.create_connection(("127.0.0.1", server.door.port)) for _ in range(CONNECTIONS)]
    try:
        with pytest.raises((ConnectionError, OSError)):
            for _ in range(3):
                ask(server, "/api/run")
    finally:
        for connection in held:
            connection.close()
    for _ in range(100):
        try:
            assert ask(server, "/api/run").status == 200
            return
        except OSError:
            threading.Event().wait(0.05)
    raise AssertionError("it does not answer any more")


def test_many_ask_at_once(server: BrowseServer) -> None:
    found: list[int] = []

    def one(number: int) -> None:
        told = ask(server, f"/api/search?q={SECRET}%20{number % 9}").json
        found.append(told["total"])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 24 and all(found)


def test_nothing_is_logged_and_a_defect_tells_no_text(
    server: BrowseServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(server, f"/api/search?q={SECRET}")
    ask(server, f"/{SECRET}")
    assert capfd.readouterr() == ("", "")

    # A defect is nothing that a request could bring about, so one is put in: what the server makes of it is real.
    def broken(*_: object) -> None:
        raise ValueError(f"cannot read {SECRET}")

    monkeypatch.setattr(server.api, "get", broken)
    door = server.door
    one = f"GET /api/run HTTP/1.1\r\nHost: localhost:{door.port}\r\nCookie: {door.cookie}={door.token}\r\n\r\n"
    assert raw(server, one.encode()) == b""
    threading.Event().wait(0.2)
    told = capfd.readouterr().err
    assert told.startswith("browse: ValueError at ") and SECRET not in told


def test_the_run_is_only_read(folder: Path, labels: Path) -> None:
    def state() -> dict[str, tuple[int, int, str]]:
        found = {}
        for path in folder.rglob("*"):
            told = path.stat()
            found[str(path)] = (told.st_mtime_ns, told.st_size, stat.filemode(told.st_mode))
        return found

    before = state()
    folder_before = os.stat(folder).st_mtime_ns
    with serving(folder, labels=labels) as made:
        for path in ("run", f"search?q={SECRET}&sort=score", "conversation/0", "message/0/0", "labels"):
            assert ask(made, f"/api/{path}").status == 200
    assert state() == before and os.stat(folder).st_mtime_ns == folder_before


def test_a_run_that_is_replaced_meanwhile_is_told(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "logs.jsonl", [conversation(number) for number in range(5)])
    run(recipe([logs], []), tmp_path / "run", workers=1)
    with serving(tmp_path / "run") as made:
        assert ask(made, "/api/search?q=w0").status == 200
        (tmp_path / "run" / "ingest" / "part-00000.parquet").write_bytes(b"nothing")
        for path in ("search?q=other", "conversation/0"):
            answer = ask(made, f"/api/{path}")
            assert answer.status == 503 and "run" in answer.json["error"]


def test_an_address_in_use_is_told(server: BrowseServer, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"in use; give another --port"), browsing(folder, port=server.door.port):
        pass
    with pytest.raises(ConfigError, match="unknown host"), browsing(folder, host="no.such.host.invalid"):
        pass
