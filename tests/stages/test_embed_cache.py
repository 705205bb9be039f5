from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from chatlog.models.embedders import MINILM
from chatlog.schema import MESSAGES
from chatlog.stage import Counting
from chatlog.stages import embed
from chatlog.stages.embed import EmbedConfig, forget_texts, open_embed

pytest.importorskip("sentence_transformers")
pytest.importorskip("onnxruntime")

SECRET = b"a run's key"
LONG = "How do I bake bread? " * 200


def conversation(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, "name": None, "created_at": None} for text in texts]


TABLE = pa.table(
    {
        "messages": pa.array(
            [conversation(text) for text in ("How do I bake bread?", "Wie backe ich Brot?", LONG, "", LONG)]
            + [conversation("How do I bake bread?", "and cake?"), None],
            MESSAGES,
        )
    }
)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were opened."""
    names: list[str] = []
    before = embed.opened_embedder

    def opened(config: EmbedConfig) -> Any:
        names.append(config.model)
        return before(config)

    monkeypatch.setattr(embed, "opened_embedder", opened)
    return names


def run(config: EmbedConfig, secret: bytes = SECRET) -> tuple[pa.Table, dict[str, int]]:
    with open_embed(config, secret) as batch:
        assert isinstance(batch, Counting)
        parts = [batch(TABLE.slice(0, 3)), batch(TABLE.slice(3, 0)), batch(TABLE.slice(3))]
        counts = {name: number for name, number in batch.counts().items() if number}
    return pa.concat_tables(parts).combine_chunks(), counts


def test_a_second_run_does_not_open_the_model(tmp_path: Path, opened: list[str]) -> None:
    plain, counts = run(EmbedConfig())
    assert counts == {"texts": 5, "embedded": 3, "repeated": 2, "cut": 1} and len(opened) == 1
    config = EmbedConfig(cache=str(tmp_path / "cache"))
    first, counts = run(config)
    assert counts == {"texts": 5, "embedded": 3, "repeated": 2, "cut": 1} and len(opened) == 2
    second, counts = run(config)
    assert counts == {"texts": 5, "cached": 3, "repeated": 2} and len(opened) == 2
    assert plain.equals(first) and first.equals(second)


@pytest.mark.parametrize("change", [{"max_tokens": 64}, {"model": "minilm-int8"}])
def test_what_changes_vectors_misses_the_cache(tmp_path: Path, opened: list[str], change: dict[str, Any]) -> None:
    config = EmbedConfig(model="use-multilingual-v3", cache=str(tmp_path))
    run(config)
    _, counts = run(config.model_copy(update=change))
    assert "cached" not in counts and len(opened) == 2
    _, counts = run(config.model_copy(update={"text": "user"}))  # the same texts but one, by another setting
    assert counts["cached"] == 3 and counts["embedded"] == 1
    _, counts = run(config, b"another run's key")
    assert "cached" not in counts


def test_a_file_of_the_model_that_changes_misses_the_cache(tmp_path: Path) -> None:
    from chatlog.models.weights import locate

    model = tmp_path / "model"
    for source in sorted(locate(MINILM).rglob("*")):
        place = model / source.relative_to(locate(MINILM))
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            os.link(source, place)
    config = EmbedConfig(model=str(model), cache=str(tmp_path / "cache"))
    before = embed._model_identity(config)
    assert embed._model_identity(EmbedConfig(model=str(model), cache="elsewhere", text="user")) == before
    (model / "README.md").unlink()
    (model / "README.md").write_text("another revision")
    assert embed._model_identity(config) != before


def test_a_damaged_cache_is_told_and_gives_the_same_vectors(tmp_path: Path) -> None:
    config = EmbedConfig(model="use-multilingual-v3", cache=str(tmp_path))
    first, _ = run(config)
    (file,) = tmp_path.glob("*.sqlite")
    file.write_bytes(b"this is no database" * 1000)
    second, counts = run(config)
    assert counts["caches_remade"] == 1 and counts["embedded"] == 3 and second.equals(first)
    third, counts = run(config)
    assert counts["cached"] == 3 and third.equals(first)


def test_forgotten_conversations_leave_the_cache(tmp_path: Path) -> None:
    config = EmbedConfig(model="use-multilingual-v3", cache=str(tmp_path))
    run(config)
    run(config.model_copy(update={"text": "user"}))
    asked = TABLE.column("messages").to_pylist()
    assert forget_texts(config, [asked[5]], SECRET) == 2  # the first turn, and both turns together
    _, counts = run(config)
    assert counts == {"texts": 5, "embedded": 1, "cached": 2, "repeated": 2}
    assert forget_texts(EmbedConfig(), asked, SECRET) == 0
    assert forget_texts(EmbedConfig(cache=str(tmp_path / "none")), asked, SECRET) == 0


def test_where_vectors_are_kept_is_no_part_of_what_they_are(tmp_path: Path) -> None:
    config = EmbedConfig(cache="kept").located(tmp_path)
    assert config.cache == str(tmp_path / "kept")
    assert config.identity() == EmbedConfig().identity() and EmbedConfig().located(tmp_path) == EmbedConfig()
