"""Releases to push, made from the demo's, and how tests look at them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.release.checksums import write_checksums
from tests.release.hub_server import HubServer, serving

TOKEN = "hf_thisIsOnlyForTheTestsOfPush"
REPO = "lab/chats"
SMALL, LARGE = 2_000, 12 << 20


def release_in(folder: Path, demo: Path, sizes: list[int], seed: int = 0) -> Path:
    """The demo's release cut into shards, each with a column of so many random bytes behind the format's own."""
    shutil.copytree(demo / "dataset", folder)
    table = pa.concat_tables([pq.read_table(path) for path in sorted((folder / "data").iterdir())])
    shutil.rmtree(folder / "data")
    (folder / "data").mkdir()
    names = [f"data/train-{shard:05d}-of-{len(sizes):05d}.parquet" for shard in range(len(sizes))]
    for shard, size in enumerate(sizes):
        first, last = (table.num_rows * at // len(sizes) for at in (shard, shard + 1))
        write_shard(folder / names[shard], table.slice(first, last - first), size, seed + shard)
    told = json.loads((folder / "provenance.json").read_bytes())
    (folder / "provenance.json").write_text(json.dumps({**told, "files": names}))
    write_checksums(folder)
    return folder


def write_shard(path: Path, table: pa.Table, size: int, seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(size)
    column = pa.array([noise, *[b""] * (table.num_rows - 1)], pa.binary())
    pq.write_table(table.append_column("noise", column), path, compression="zstd")


def with_other_noise(folder: Path, shard: int, seed: int) -> str:
    """The release with one shard changed; its name."""
    path = sorted((folder / "data").iterdir())[shard]
    table = pq.read_table(path)
    write_shard(path, table.drop_columns(["noise"]), len(table["noise"][0].as_py()), seed)
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
