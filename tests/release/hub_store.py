"""What a Hub keeps: git objects with true ids, commits, references, and large files by their SHA-256; in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

LFS_FROM: Final = 10 << 20
"""The Hub puts files above 10 MB into the large file storage, whatever their name."""

_LFS_NAMES: Final = (".parquet", ".arrow", ".bin", ".gz", ".zip")
"""Of a new repository's .gitattributes."""


def git_id(kind: str, data: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


@dataclass(frozen=True)
class Entry:
    """A file in a commit: its git blob, and for a large one the SHA-256 of what the blob points to."""

    oid: str
    size: int
    sha256: str | None = None


Tree = dict[str, Entry]


@dataclass
class Repo:
    name: str
    private: bool
    gated: Any = False
    readers: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    commits: dict[str, Tree] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        attributes = "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in _LFS_NAMES).encode()
        self.branches["main"] = self.commit({".gitattributes": self.blob(attributes)}, "", "initial commit")

    def blob(self, data: bytes) -> Entry:
        oid = git_id("blob", data)
        self.blobs[oid] = data
        return Entry(oid, len(data))

    def large_file(self, sha256: str, size: int) -> Entry:
        return Entry(git_id("blob", pointer(sha256, size)), size, sha256)

    def commit(self, tree: Tree, parent: str, message: str) -> str:
        lines = [f"tree {tree_ids(tree)['']}", *([f"parent {parent}"] if parent else [])]
        who = f"hub <hub@localhost> {1_700_000_000 + len(self.commits)} +0000"
        data = "\n".join([*lines, f"author {who}", f"committer {who}", "", message, ""]).encode()
        oid = git_id("commit", data)
        self.commits[oid] = dict(tree)
        self.messages.append(message)
        return oid

    def resolve(self, revision: str) -> str | None:
        found = self.branches.get(revision) or self.tags.get(revision)
        return found or (revision if revision in self.commits else None)

    def content(self, entry: Entry) -> bytes:
        return self.blobs[entry.oid] if entry.sha256 is None else self.large[entry.sha256]

    def files(self, revision: str = "main") -> Tree:
        commit = self.resolve(revision)
        assert commit is not None, revision
        return self.commits[commit]


def is_large(path: str, size: int) -> bool:
    return size > LFS_FROM or path.endswith(_LFS_NAMES)


def tree_ids(tree: Tree) -> dict[str, str]:
    """The git id of every folder, the root's under ""."""
    folders: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    for path, entry in tree.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folders.setdefault("/".join(parts[:depth]), {})
        folders["/".join(parts[:-1])][parts[-1]] = ("100644", entry.oid)
    ids: dict[str, str] = {}
    for folder in sorted(folders, key=lambda name: (name == "", -name.count("/"))):
        # Git sorts a folder as if its name ended in a slash.
        items = sorted(folders[folder].items(), key=lambda item: item[0] + ("/" if item[1][0] == "40000" else ""))
        data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for name, (mode, oid) in items)
        ids[folder] = git_id("tree", data)
        if folder:
            parent, _, name = folder.rpartition("/")
            folders[parent][name] = ("40000", ids[folder])
    return ids
