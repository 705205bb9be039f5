from __future__ import annotations

import multiprocessing
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.models.embedding_cache import EmbeddingCache, cache_identity, forget, text_key

MODEL = cache_identity({"model": "a", "max_tokens": 128})
SECRET = b"a run's key"


def vectors(count: int, dim: int = 896, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float16)


def fill(folder: Path, texts: list[str], seed: int = 0, identity: str = MODEL) -> np.ndarray:
    cache = EmbeddingCache(folder, identity, SECRET)
    made = vectors(len(texts), seed=seed)
    cache.put([cache.key(text) for text in texts], made)
    cache.close()
    return made


def read(folder: Path, texts: list[str], identity: str = MODEL) -> list[bytes | None]:
    cache = EmbeddingCache(folder, identity, SECRET)
    keys = [cache.key(text) for text in texts]
    found = cache.get(keys)
    cache.close()
    return [found[key].tobytes() if key in found else None for key in keys]


def only(folder: Path) -> Path:
    (file,) = folder.glob("*.sqlite")
    return file


def test_what_was_put_comes_back_as_the_same_bytes(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(1201)]  # more than one query asks for
    made = fill(tmp_path, texts)
    assert read(tmp_path, texts) == [vector.tobytes() for vector in made]
    assert read(tmp_path, ["another"]) == [None]


def test_another_model_setting_or_key_finds_nothing(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    assert read(tmp_path, ["a"], cache_identity({"model": "a", "max_tokens": 256})) == [None]
    other = EmbeddingCache(tmp_path, MODEL, b"another run's key")
    assert other.get([other.key("a")]) == {}
    other.close()


def test_keys_do_not_tell_texts_without_the_secret() -> None:
    assert text_key("a", MODEL, SECRET) != text_key("a", MODEL)
    assert text_key("a", MODEL, SECRET) != text_key("a", cache_identity({"model": "b"}), SECRET)
    assert len({text_key(text) for text in ("", "\x00", "\ud800", "�", "a", "a ")}) == 6
    assert text_key("a", MODEL, b"x" * 500) != text_key("a", MODEL, b"x" * 501)


def test_the_folder_and_its_files_are_private_and_hold_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    fill(folder, ["a very secret text"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert b"secret" not in b"".join(file.read_bytes() for file in folder.iterdir())


def damage(file: Path, how: str) -> None:
    if how == "foreign":
        file.write_bytes(b"this is no database" * 1000)
    elif how == "cut":
        os.truncate(file, file.stat().st_size // 2)
    elif how == "zeros":
        with file.open("r+b") as stream:
            stream.seek(4096)
            stream.write(bytes(file.stat().st_size - 4096))
    elif how == "other table":
        file.unlink()
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE vectors (something TEXT)")
        connection.close()


@pytest.mark.parametrize("how", ["foreign", "cut", "zeros", "other table"])
def test_a_damaged_file_is_begun_anew_and_that_is_told(tmp_path: Path, how: str) -> None:
    texts = [f"text {i}" for i in range(300)]
    fill(tmp_path, texts)
    damage(only(tmp_path), how)
    cache = EmbeddingCache(tmp_path, MODEL, SECRET)
    keys = [cache.key(text) for text in texts]
    made = vectors(300, seed=1)
    for _ in range(2):  # the first may be what finds the damage, and is left undone
        cache.get(keys)
        cache.put(keys, made)
    assert cache.remade >= 1
    cache.close()
    assert read(tmp_path, texts) == [vector.tobytes() for vector in made]


def test_a_vector_with_a_flipped_bit_is_not_found(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    connection = sqlite3.connect(only(tmp_path))
    ((vector,),) = connection.execute("SELECT vector FROM vectors").fetchall()
    connection.execute("UPDATE vectors SET vector = ?", (bytes([vector[0] ^ 1]) + vector[1:],))
    connection.commit()
    connection.close()
    assert read(tmp_path, ["a"]) == [None]


def _write_many(folder: str, number: int) -> None:
    cache = EmbeddingCache(Path(folder), MODEL, SECRET)
    for start in range(0, 200, 20):
        texts = [f"text {i}" for i in range(start, start + 20)] + [
            f"own {number} {i}" for i in range(start, start + 20)
        ]
        made = np.stack([vectors(1, seed=sum(map(ord, text)))[0] for text in texts])
        cache.put([cache.key(text) for text in texts], made)
    assert cache.unwritten == cache.remade == 0
    cache.close()


def test_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    texts = [f"text {i}" for i in range(200)] + [f"own {number} {i}" for number in range(3) for i in range(200)]
    expected = [vectors(1, seed=sum(map(ord, text)))[0].tobytes() for text in texts]
    assert read(tmp_path, texts) == expected


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    cache = EmbeddingCache(tmp_path, MODEL, SECRET)
    blocker = sqlite3.connect(only(tmp_path), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert cache._connection is not None
    cache._connection.execute("PRAGMA busy_timeout = 50")
    cache.put([cache.key("b")], vectors(1))
    assert cache.unwritten == 1 and cache.remade == 0
    blocker.execute("ROLLBACK")
    blocker.close()
    cache.put([cache.key("b")], vectors(1))
    assert len(cache.get([cache.key("a"), cache.key("b")])) == 2
    cache.close()


def test_a_place_where_no_cache_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cache"):
        EmbeddingCache(tmp_path / "file", MODEL)


def test_forgotten_texts_are_gone_from_every_model_and_from_the_disk(tmp_path: Path) -> None:
    other = cache_identity({"model": "b"})
    made = fill(tmp_path, ["mine", "yours"])
    fill(tmp_path, ["mine"], seed=5, identity=other)
    assert forget(tmp_path, ["mine", "never there", "mine"], SECRET) == 2
    assert read(tmp_path, ["mine"], other) == [None]
    assert read(tmp_path, ["mine", "yours"]) == [None, made[1].tobytes()]
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert made[0].tobytes()[:64] not in left and made[1].tobytes()[:64] in left
    assert forget(tmp_path, ["mine"], SECRET) == 0


def test_what_is_in_use_is_not_said_to_be_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatlog.models.embedding_cache._PATIENCE", 0.05)
    fill(tmp_path, ["mine"])
    reader = sqlite3.connect(only(tmp_path), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM vectors").fetchall()
    with pytest.raises(DataError, match="in use"):
        forget(tmp_path, ["mine"], SECRET)
    reader.close()


def test_a_damaged_file_holds_nothing_after_forgetting(tmp_path: Path) -> None:
    fill(tmp_path, ["mine"])
    only(tmp_path).write_bytes(b"this is no database" * 1000)
    assert forget(tmp_path, ["mine"], SECRET) == 0
    assert not list(tmp_path.glob("*.sqlite*"))
