"""A Hub on loopback that speaks the protocol of the real one, as far as datasets go, to the real huggingface_hub client.

Large files go by git-lfs (`basic`, and `multipart` above `part_bytes`); Xet is not spoken, so clients need
HF_HUB_DISABLE_XET=1: since huggingface_hub 1 the client does not fall back by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from tests.release.hub_store import Entry, Repo, is_large, tree_ids

_PAGE: Final = 1_000


@dataclass
class Seen:
    """One request, as it came."""

    method: str
    path: str
    token: str
    bytes: int = 0
    body: bytes = b""


@dataclass
class Fault:
    """What goes wrong, `times` times, with requests of this method whose path matches.

    `status` is answered, or when it is 0 the connection is cut after `after` bytes of the body; `then` runs before.
    """

    method: str
    path: str
    status: int = 0
    after: int = 0
    times: int = 1
    then: Callable[[], None] = lambda: None


@dataclass
class HubServer:
    """The state of the server: what tests set up and look at."""

    url: str = ""
    cdn_url: str = ""
    part_bytes: int = 5 << 20
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def writes(self) -> list[str]:
        """Requests that could change something. Asking what to send, and whether a card is valid, cannot."""
        return [
            f"{seen.method} {seen.path}"
            for seen in self.seen
            if seen.method in ("PUT", "DELETE", "PATCH") or (seen.method == "POST" and not _ASKS.search(seen.path))
        ]

    def sent(self) -> list[str]:
        """SHA-256 of each large file, or part of one, whose bytes came whole, in order."""
        return [seen.path.split("/")[2] for seen in self.seen if seen.method == "PUT" and seen.path.startswith("/lfs/")]


_ASKS: Final = re.compile(r"/paths-info/|/validate-yaml$|/preupload/|/info/lfs/objects/batch$|/verify$")


class Answer(Exception):
    """Ends a request."""

    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers


def refuse(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": message}, **{"X-Error-Code": code, "X-Error-Message": message})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        # A client that waits for the second half of an answer would wait 40 ms for nothing.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _any(self) -> None:
        parts = urlsplit(self.path)
        self.route, self.query = unquote(parts.path), parse_qs(parts.query)
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        seen = Seen(self.command, self.route, self.token)
        fault = self._fault()
        if fault is not None and not fault.status:
            seen.bytes = len(self.rfile.read(fault.after)) if fault.after else 0
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        seen.body = self._read()
        seen.bytes = len(seen.body)
        with self.hub.lock:
            self.hub.seen.append(seen)
            try:
                if fault is not None:
                    raise refuse(fault.status, "", "told so by the test")
                self._routed(seen.body)
                raise refuse(404, "", f"no route {self.command} {self.route}")
            except Answer as answer:
                pass_on = answer
        self._answer(pass_on)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _fault(self) -> Fault | None:
        with self.hub.lock:
            for fault in self.hub.faults:
                if fault.times and fault.method == self.command and re.search(fault.path, self.route):
                    fault.times -= 1
                    fault.then()
                    return fault
        return None

    def _read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b"" if answer.body is None else _json(answer.body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not isinstance(answer.body, bytes):
            self.send_header("Content-Type", "application/json")
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _routed(self, body: bytes) -> None:
        for method, pattern, action in _ROUTES:
            if method in (self.command, "*") and (found := re.fullmatch(pattern, self.route)):
                action(self, body, *found.groups())

    # Who asks

    def _user(self) -> dict[str, Any] | None:
        if not self.token:
            return None
        if self.token not in self.hub.tokens:
            raise refuse(401, "", "Invalid credentials in Authorization header")
        return self.hub.tokens[self.token]

    def _own(self, name: str) -> bool:
        user = self._user()
        return user is not None and name.split("/")[0] in (user["name"], *user["orgs"])

    def _repo(self, name: str, *, write: bool = False) -> Repo:
        """The repository, for who may read or write it; to others a private one looks absent."""
        user, repo = self._user(), self.hub.repos.get(name)
        if repo is None or (repo.private and not self._own(name)):
            raise refuse(404 if user else 401, "RepoNotFound", "Repository not found")
        if write and not (user and self._own(name) and user["role"] == "write"):
            raise refuse(403, "", "You don't have the right to write here")
        return repo

    def _readable(self, name: str) -> Repo:
        """The repository, for who may read its files."""
        repo, user = self._repo(name), self._user()
        if repo.gated and not self._own(name) and not (user and user["name"] in repo.readers):
            raise refuse(403 if user else 401, "GatedRepo", "Access to this dataset is restricted")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> str:
        commit = repo.resolve(unquote(revision))
        if commit is None:
            raise refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    # Repositories

    def whoami(self, body: bytes) -> None:
        user = self._user()
        if user is None:
            raise refuse(401, "", "Invalid username or password.")
        orgs = [{"name": name, "type": "org"} for name in user["orgs"]]
        role = {"type": "access_token", "accessToken": {"role": user["role"], "displayName": "test"}}
        raise Answer(200, {"type": "user", "name": user["name"], "orgs": orgs, "auth": role})

    def create(self, body: bytes) -> None:
        told, user = json.loads(body), self._user()
        name = f"{told['organization'] or (user or {}).get('name')}/{told['name']}"
        if user is None:
            raise refuse(401, "", "Invalid username or password.")
        if not self._own(name) or user["role"] != "write":
            raise refuse(403, "", f"You don't have the rights to create a dataset under the namespace {name}")
        assert told["type"] == "dataset"
        url = {"url": f"{self.hub.url}/datasets/{name}"}
        if name in self.hub.repos:
            raise Answer(409, {**url, "error": "You already created this dataset repo"})
        self.hub.repos[name] = Repo(name, private=told.get("visibility") == "private")
        raise Answer(200, {**url, "name": name})

    def info(self, body: bytes, name: str, revision: str | None = None) -> None:
        repo = self._repo(name)
        commit = self._commit_of(repo, revision or "main")
        raise Answer(
            200,
            {
                "_id": name,
                "id": name,
                "author": name.split("/")[0],
                "sha": commit,
                "private": repo.private,
                "gated": repo.gated,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": path} for path in sorted(repo.commits[commit])],
            },
        )

    def settings(self, body: bytes, name: str) -> None:
        repo, told = self._repo(name, write=True), json.loads(body)
        repo.gated = told.get("gated", repo.gated)
        if "visibility" in told:
            repo.private = told["visibility"] == "private"
        raise Answer(200, told)

    def refs(self, body: bytes, name: str) -> None:
        repo = self._repo(name)

        def listed(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
            return [{"name": ref, "ref": f"refs/{kind}/{ref}", "targetCommit": oid} for ref, oid in refs.items()]

        raise Answer(
            200, {"branches": listed("heads", repo.branches), "converts": [], "tags": listed("tags", repo.tags)}
        )

    def tag(self, body: bytes, name: str, revision: str) -> None:
        repo, told = self._repo(name, write=True), json.loads(body)
        if told["tag"] in repo.tags:
            raise refuse(409, "", "Tag reference exists already")
        repo.tags[told["tag"]] = self._commit_of(repo, revision)
        raise Answer(200, {})

    def branch(self, body: bytes, name: str, branch: str) -> None:
        repo = self._repo(name, write=True)
        if branch in repo.branches:
            raise refuse(409, "", "Reference already exists")
        start = json.loads(body or b"{}").get("startingPoint", "main")
        repo.branches[branch] = self._commit_of(repo, start)
        raise Answer(200, {})

    # Files

    def tree(self, body: bytes, name: str, revision: str, folder: str = "") -> None:
        repo = self._repo(name)
        commit = self._commit_of(repo, revision)
        files, folders = repo.commits[commit], tree_ids(repo.commits[commit])
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        items = [_file(path, entry) for path, entry in files.items()]
        items += [{"type": "directory", "path": path, "oid": oid, "size": 0} for path, oid in folders.items() if path]
        start = f"{folder.strip('/')}/" if folder.strip("/") else ""
        if start and start[:-1] not in folders:
            raise refuse(404, "EntryNotFound", "no such folder")
        items = [item for item in items if item["path"].startswith(start)]
        if not recursive:
            items = [item for item in items if "/" not in item["path"].removeprefix(start)]
        items.sort(key=lambda item: item["path"])
        at = int(self.query.get("cursor", ["0"])[0])
        headers = {}
        if at + _PAGE < len(items):
            query = f"recursive={recursive}&cursor={at + _PAGE}"
            headers["Link"] = f'<{self.hub.url}{urlsplit(self.path).path}?{query}>; rel="next"'
        raise Answer(200, items[at : at + _PAGE], **headers)

    def paths_info(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name)
        commit = self._commit_of(repo, revision)
        told = json.loads(body) if body.startswith(b"{") else parse_qs(body.decode())
        files, folders = repo.commits[commit], tree_ids(repo.commits[commit])
        found = [_file(path, files[path]) for path in told["paths"] if path in files]
        found += [
            {"type": "directory", "path": path, "oid": folders[path]} for path in told["paths"] if folders.get(path)
        ]
        raise Answer(200, found)

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        repo = self._readable(name)
        commit = self._commit_of(repo, revision)
        entry = repo.commits[commit].get(path)
        if entry is None:
            raise refuse(404, "EntryNotFound", "Entry not found")
        told = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if entry.sha256 is None:
            self._bytes(repo.content(entry), {**told, "ETag": f'"{entry.oid}"'})
        linked = {"X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.sha256}"'}
        raise Answer(302, b"", **told, **linked, Location=f"{self.hub.cdn_url}/cdn/{name}/{entry.sha256}")

    def cdn(self, body: bytes, name: str, sha256: str) -> None:
        # As the Hub's: whoever has the address, which only a reader gets, gets the file.
        self._bytes(self.hub.repos[name].large[sha256], {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"})

    def _bytes(self, data: bytes, headers: dict[str, str]) -> None:
        headers["Content-Type"] = "application/octet-stream"
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            raise Answer(200, data, **headers, **{"Content-Length": str(len(data))})
        first = int(asked[1]) if asked[1] else len(data) - int(asked[2])
        last = min(int(asked[2]), len(data) - 1) if asked[1] and asked[2] else len(data) - 1
        if first > last:
            raise Answer(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
        part = data[first : last + 1]
        span = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "Content-Length": str(len(part))}
        raise Answer(206, part, **headers, **span)

    # What is sent

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name, write=True)
        files = repo.commits[self._commit_of(repo, revision)]
        answers = []
        for told in json.loads(body)["files"]:
            assert len(base64.b64decode(told["sample"])) == min(told["size"], 512)
            known = files.get(told["path"])
            mode = "lfs" if is_large(told["path"], told["size"]) else "regular"
            oid = known and (known.sha256 or known.oid)
            answers.append({"path": told["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        raise Answer(200, {"files": answers})

    def batch(self, body: bytes, name: str) -> None:
        repo, told = self._repo(name, write=True), json.loads(body)
        assert told["operation"] == "upload" and told["hash_algo"] == "sha256"
        objects = []
        for item in told["objects"]:
            sha256, size = item["oid"], item["size"]
            if sha256 not in repo.large:
                verify = {"href": f"{self.hub.url}/datasets/{name}.git/info/lfs/verify"}
                objects.append({**item, "actions": {"upload": self._upload(name, sha256, size), "verify": verify}})
            else:
                objects.append(item)
        raise Answer(200, {"transfer": "multipart", "objects": objects})

    def _upload(self, name: str, sha256: str, size: int) -> dict[str, Any]:
        if size <= self.hub.part_bytes:
            return {"href": f"{self.hub.url}/lfs/{sha256}/{name}"}
        count = -(-size // self.hub.part_bytes)
        parts = {str(part): f"{self.hub.url}/lfs/{sha256}/{name}/part/{part}" for part in range(1, count + 1)}
        href = f"{self.hub.url}/lfs-done/{sha256}/{name}"
        return {"href": href, "header": {"chunk_size": str(self.hub.part_bytes), **parts}}

    def put(self, body: bytes, sha256: str, name: str, part: str | None = None) -> None:
        repo = self.hub.repos[name]
        if part is None:
            self._keep(repo, sha256, body)
            raise Answer(200, b"")
        repo.parts.setdefault(sha256, {})[int(part)] = body
        raise Answer(200, b"", ETag=f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')

    def put_done(self, body: bytes, sha256: str, name: str) -> None:
        repo, told = self.hub.repos[name], json.loads(body)
        parts = repo.parts[sha256]
        for item in told["parts"]:
            digest = hashlib.md5(parts[item["partNumber"]], usedforsecurity=False).hexdigest()
            assert item["etag"].strip('"') == digest
        self._keep(repo, sha256, b"".join(parts[number] for number in sorted(parts)))
        raise Answer(200, {})

    def _keep(self, repo: Repo, sha256: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise refuse(400, "", "the content does not have this SHA-256")
        repo.large[sha256] = data

    def verify(self, body: bytes, name: str) -> None:
        told = json.loads(body)
        data = self._repo(name, write=True).large.get(told["oid"])
        if data is None or len(data) != told["size"]:
            raise refuse(404, "", "no such object")
        raise Answer(200, {})

    def validate(self, body: bytes) -> None:
        content = json.loads(body)["content"]
        if content.startswith("---\n") and "\n---\n" in content:
            raise Answer(200, {"warnings": [], "errors": []})
        raise Answer(400, {"warnings": [], "errors": [{"message": "no YAML at the head of the card"}]})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name, write=True)
        lines = [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        if revision not in repo.branches:
            raise refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        head = repo.branches[revision]
        if header.get("parentCommit") not in (None, head):
            raise refuse(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.commits[head])
        for line in lines[1:]:
            _apply(repo, tree, line["key"], line["value"])
        oid = repo.commit(tree, head, header["summary"])
        repo.branches[revision] = oid
        raise Answer(
            200, {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/datasets/{name}/commit/{oid}"}
        )


def _apply(repo: Repo, tree: dict[str, Entry], key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if key == "file":
        tree[path] = repo.blob(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if value["oid"] not in repo.large:
            raise refuse(400, "", f"large file {path} was not sent")
        tree[path] = repo.large_file(value["oid"], len(repo.large[value["oid"]]))
    elif key == "deletedFile":
        if path not in tree:
            raise refuse(404, "EntryNotFound", "A file with this name doesn't exist")
        del tree[path]
    else:
        raise refuse(400, "", f"unknown operation {key}")


def _file(path: str, entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
    if entry.sha256 is not None:
        told["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return told


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


_NAME: Final = r"([\w.-]+/[\w.-]+)"
_API: Final = rf"/api/datasets/{_NAME}"
_ROUTES: Final[list[tuple[str, str, Callable[..., None]]]] = [
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", _API, Handler.info),
    ("GET", _API + "/revision/(.+)", Handler.info),
    ("PUT", _API + "/settings", Handler.settings),
    ("GET", _API + "/refs", Handler.refs),
    ("POST", _API + "/tag/(.+)", Handler.tag),
    ("POST", _API + "/branch/(.+)", Handler.branch),
    ("GET", _API + "/tree/([^/]+)", Handler.tree),
    ("GET", _API + "/tree/([^/]+)/(.+)", Handler.tree),
    ("POST", _API + "/paths-info/(.+)", Handler.paths_info),
    ("POST", _API + "/preupload/(.+)", Handler.preupload),
    ("POST", _API + "/commit/(.+)", Handler.commit),
    ("*", rf"/datasets/{_NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
    ("POST", rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", Handler.batch),
    ("POST", rf"/datasets/{_NAME}\.git/info/lfs/verify", Handler.verify),
    ("*", rf"/cdn/{_NAME}/(\w+)", Handler.cdn),
    ("PUT", rf"/lfs/(\w+)/{_NAME}", Handler.put),
    ("PUT", rf"/lfs/(\w+)/{_NAME}/part/(\d+)", Handler.put),
    ("POST", rf"/lfs-done/(\w+)/{_NAME}", Handler.put_done),
]


@contextmanager
def serving() -> Iterator[HubServer]:
    """A Hub on a free port of loopback, with nothing in it."""
    hub = HubServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    # Another origin, as the Hub's: clients keep their token, and the Hub's headers, from it.
    hub.cdn_url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
