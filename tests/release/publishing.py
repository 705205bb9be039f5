"""Releases to push, made from the demo's, and how tests look at them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chatlog.release.checksums import write_checksums
from chatlog.release.export import export
from tests.conftest import ROOT
from tests.release.hub_server import HubServer, serving

TOKEN = "hf_thisIsOnlyForTheTestsOfPush"
REPO = "lab/chats"
SMALL, LARGE = 2_000, 12 << 20


def release_in(folder: Path, demo: Path, sizes: list[int], seed: int = 0) -> Path:
    """A release of the demo's run in so many shards, each with so many random bytes behind its rows."""
    exported = folder.parent.parent / f"exported-{len(sizes)}"
    if not exported.exists():
        rows = sum(pq.read_metadata(path).num_rows for path in (demo / "dataset" / "data").iterdir())
        export(demo / "run", exported, ROOT / "pipelines/demo.toml", [f"release.shard_rows={-(-rows // len(sizes))}"])
    shutil.copytree(exported, folder)
    shards = sorted((folder / "data").iterdir())
    assert len(shards) == len(sizes)
    for path, size in zip(shards, sizes, strict=True):
        _with_noise(path, size, seed := seed + 1)
    write_checksums(folder)
    return folder


def _with_noise(path: Path, size: int, seed: int) -> None:
    """The same rows in other bytes: noise is metadata of the table, which readers pass over."""
    table = pq.read_table(path)
    # It stands in the file twice: as it is, and in base64 with the schema.
    noise = np.random.default_rng(seed).bytes(size * 3 // 14).hex()
    pq.write_table(table.replace_schema_metadata({"noise": noise}), path, compression="zstd")


def with_other_noise(folder: Path, shard: int, seed: int) -> str:
    """The release with one shard in other bytes of the same size, or nearly; its name."""
    path = sorted((folder / "data").iterdir())[shard]
    _with_noise(path, len(pq.read_schema(path).metadata[b"noise"]) * 7 // 3, 1000 + seed)
    write_checksums(folder)
    return path.relative_to(folder).as_posix()


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, hidden ones and folders of clients left out."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items() if name[0] != "."}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub that is asked instead of the real one, with a token that may write to `lab`."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra `hub` is not installed")
    with serving() as server:
        server.tokens[TOKEN] = {"name": "ada", "orgs": ["lab"], "role": "write"}
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server
