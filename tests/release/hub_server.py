"""A Hub on loopback that speaks the real one's protocol, as far as datasets go, to the real huggingface_hub client.

Large files go by git-lfs (`basic`, and `multipart` above `part_bytes`). Xet is not spoken, so clients need
HF_HUB_DISABLE_XET=1: huggingface_hub 2 does not fall back by itself where hf_xet is installed.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.release.hub_http import Answer, Fault, HubServer, refuse
from tests.release.hub_sending import Sending
from tests.release.hub_store import Entry, Repo, tree_ids

__all__ = ["Fault", "HubServer", "serving"]

_PAGE: Final = 1_000


class Handler(Sending):
    """All routes."""

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


def _file(path: str, entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
    if entry.sha256 is not None:
        told["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return told


_NAME: Final = r"([\w.-]+/[\w.-]+)"
_API: Final = rf"/api/datasets/{_NAME}"
Handler.routes = [
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
