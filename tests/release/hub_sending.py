"""What clients send to a Hub: large files by git-lfs, whole or in parts, and commits of many files."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from tests.release.hub_http import Answer, Speaker, refuse
from tests.release.hub_store import Repo, Tree, is_large


class Sending(Speaker):
    """The routes that write files."""

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


def _apply(repo: Repo, tree: Tree, key: str, value: dict[str, Any]) -> None:
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
