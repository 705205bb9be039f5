"""Who is answered, and that nobody else is."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatlog.browse import BrowseServer, browsing, is_loopback
from chatlog.browse.access import Door
from tests.browse.serving import SECRET, ask


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


def test_only_this_machine_is_served_by_default(folder: Path) -> None:
    with browsing(folder) as made:
        assert made.server_address[0] == "127.0.0.1"
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8")] == [True] * 4
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "", "192.168.1.2", "example.org"))


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
