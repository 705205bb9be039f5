"""Who is answered, and that nobody else is."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatlog import run
from chatlog.browse import BrowseServer, browsing, is_loopback
from chatlog.browse.access import HEADERS, Door
from chatlog.browse.server import CONNECTIONS, FILES
from chatlog.errors import ConfigError
from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import sample
from tests.browse.serving import ask, raw, serving
from tests.conftest import conversation, recipe, write_jsonl
from tests.moderation.scored import chat, moderated

SECRET = "zqxsecret"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [chat(number, "m", f"{SECRET} {number} hate={number / 10:.2f}", "no") for number in range(9)]
    return moderated(tmp_path_factory.mktemp("serving"), records)


@pytest.fixture(scope="module")
def labels(folder: Path) -> Path:
    sample(judged_run(folder), 5, folder.parent / "sample.jsonl")
    return folder.parent / "sample.jsonl"


@pytest.fixture(scope="module")
def server(folder: Path, labels: Path) -> Iterator[BrowseServer]:
    with serving(folder, labels=labels) as made:
        yield made


def test_the_link_opens_the_page_and_gives_a_cookie(server: BrowseServer) -> None:
    link = urlsplit(server.door.link)
    assert (link.hostname, link.port) == ("127.0.0.1", server.door.port)
    page = ask(server, f"/?{link.query}", Cookie="")
    assert page.status == 200 and page.body.startswith(b"<!doctype html>")
    cookie = page.headers["set-cookie"]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict") and server.door.token in cookie
    assert ask(server, "/api/run", Cookie=cookie.partition(";")[0]).json["rows"] == 9
    assert "set-cookie" not in ask(server, "/").headers


@pytest.mark.parametrize(
    "cookie", ["", "x=y", "{name}=", "{name}=wrong", "{name}x={token}", "{name}={token}x", "\xff=;;="]
)
def test_nothing_of_the_run_is_told_without_the_token(server: BrowseServer, cookie: str) -> None:
    told = cookie.format(name=server.door.cookie, token=server.door.token)
    for path in ("/", "/api/run", "/api/search", "/api/conversation/0", "/api/labels", "/?token=", "/?token=wrong"):
        answer = ask(server, path, Cookie=told)
        assert answer.status == 403 and "open the link" in answer.json["error"] and SECRET.encode() not in answer.body
    body = json.dumps({"id": "x", "label": True}).encode()
    assert ask(server, "/api/labels", method="POST", body=body, Cookie=told).status == 403


def test_tokens_are_long_and_new_each_time(folder: Path) -> None:
    tokens = set()
    for _ in range(2):
        with browsing(folder) as made:
            tokens.add(made.door.token)
            assert made.door.token not in repr(made.door)
    assert len(tokens) == 2 and all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "127.0.0.1.evil.example:{port}", "", ":{port}",
     "[::1", "0x7f000001:{port}", "127.0.0.1:{port}:{port}", "10.0.0.1:{port}"],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_refused(server: BrowseServer, host: str) -> None:
    for path in ("/", "/app.js", "/api/search", f"/?token={server.door.token}"):
        answer = ask(server, path, Host=host.format(port=server.door.port))
        assert answer.status == 421 and SECRET.encode() not in answer.body, path


def test_this_machine_by_its_names_is_answered(server: BrowseServer) -> None:
    for host in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]"):
        assert ask(server, "/api/run", Host=f"{host}:{server.door.port}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": ""},
        {"Content_Length": "99999"},
        {"Content_Length": "-1"},
        {"Content_Length": "1e3"},
        {"Transfer_Encoding": "chunked"},
    ],
)
def test_another_sites_page_changes_nothing(server: BrowseServer, labels: Path, headers: dict[str, str]) -> None:
    before = labels.read_bytes()
    id_ = json.loads(before.splitlines()[0])["id"]
    body = json.dumps({"id": id_, "label": True}).encode()
    told = {name: value.format(port=server.door.port) for name, value in headers.items()}
    answer = ask(server, "/api/labels", method="POST", body=body, **told)
    assert answer.status in (400, 403, 411, 413, 415) and labels.read_bytes() == before
    if set(headers) & {"Sec_Fetch_Site"} or headers.get("Origin"):
        assert ask(server, "/api/run", **told).status == 403


def test_the_pages_own_label_is_written(server: BrowseServer, labels: Path) -> None:
    id_ = json.loads(labels.read_bytes().splitlines()[0])["id"]
    for label in (True, None):
        body = json.dumps({"id": id_, "label": label}).encode()
        answer = ask(server, "/api/labels", method="POST", body=body, Sec_Fetch_Site="same-origin")
        assert answer.status == 200 and answer.json["label"] is label
        assert json.loads(labels.read_bytes().splitlines()[0])["label"] is label
    assert ask(server, "/api/labels", method="POST", body=b"{").status == 400
    assert ask(server, "/api/run", method="POST", body=b"{}").status == 404
    assert ask(server, "/labels", method="POST", body=b"{}").status == 404


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


def test_only_this_machine_is_served_by_default(folder: Path) -> None:
    with browsing(folder) as made:
        assert made.server_address[0] == "127.0.0.1"
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8")] == [True] * 4
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "", "192.168.1.2", "example.org"))


def test_an_address_in_use_is_told(server: BrowseServer, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"in use; give another --port"), browsing(folder, port=server.door.port):
        pass
    with pytest.raises(ConfigError, match="unknown host"), browsing(folder, host="no.such.host.invalid"):
        pass


def test_a_server_for_all_addresses_knows_addresses_and_its_own_name() -> None:
    door = Door("0.0.0.0", 80, "t")
    for host, allowed in (
        ("10.1.2.3:80", True),
        ("10.1.2.3", True),  # port 80 is not written
        (f"{socket.gethostname()}:80", True),
        ("[fe80::1]:80", True),
        ("evil.example:80", False),
        ("10.1.2.3:81", False),
    ):
        assert (door.misdirected({"Host": host}) is None) is allowed, host
    assert Door("::1", 99, "t").link == "http://[::1]:99/?token=t"
