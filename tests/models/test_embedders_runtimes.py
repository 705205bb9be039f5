"""Engines onnx and openvino: a graph exported here, beside torch."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models import embedders_export
from chatlog.models.embedders import MINILM, open_embedder
from chatlog.models.embedders_pooling import steps_after
from chatlog.models.embedders_runtimes import find_graph
from chatlog.models.embedders_tokens import Embedder
from chatlog.models.embedding_config import EmbedConfig
from chatlog.models.embedding_opening import check_embedder, opened_embedder
from tests.models.test_finetune import tiny_bert

pytest.importorskip("sentence_transformers")

TEXTS = [
    "river bread walk",
    "walk table calm garden river",
    "",
    "garden " * 200,
    "[SEP] [CLS] river",
    "\ud800 half a pair",
    *(f"calm {'bread ' * (number % 9)}table {number}" for number in range(40)),
]


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


ENGINES = [
    pytest.param(engine, marks=pytest.mark.skipif(not installed(package), reason=f"{package} is not installed here"))
    for engine, package in (("onnx", "onnxruntime"), ("openvino", "openvino"))
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers with random weights, two ways of pooling, and a dense layer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    network = Transformer(str(tiny_bert(tmp_path_factory.mktemp("bert"))), max_seq_length=64)
    torch.manual_seed(1)
    after = [
        Pooling(64, pooling_mode=("cls", "mean")),
        Dense(128, 48, activation_function=torch.nn.Tanh()),
        Normalize(),
    ]
    folder = tmp_path_factory.mktemp("tiny")
    SentenceTransformer(modules=[network, *after]).save(str(folder))
    return folder


@pytest.fixture(scope="module")
def exported(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason=f"{package} is not installed here: pip install 'chatlog[onnx]'")
    out = tmp_path_factory.mktemp("exported") / "made"
    words = [str(tiny), str(out), *(["--openvino"] if installed("openvino") else [])]
    assert embedders_export.main(words) == 0
    assert not (out / "model.safetensors").exists() and (out / "2_Dense/model.safetensors").exists()
    return out


def opened(folder: Path, engine: str, **changed: Any) -> Embedder:
    config = EmbedConfig(model=str(folder), engine=engine, **({"max_tokens": 64} | changed))  # type: ignore[arg-type]
    check_embedder(config)
    with opened_embedder(config) as embedder:  # it holds nothing that has to be given back
        return embedder


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("changed", [{}, {"prompt": "walk: ", "dimensions": 20}], ids=["plain", "prompt"])
def test_a_graph_gives_what_torch_gives(
    engine: str, changed: dict[str, Any], tiny: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    # Nothing stands in for the network: whatever asks for it fails.
    monkeypatch.setattr(socket.socket, "connect", refuse)
    expected, made = opened(tiny, "torch", **changed), opened(exported, engine, **changed)
    assert (made.dim, made.max_tokens) == (expected.dim, 64) == (changed.get("dimensions", 48), 64)
    np.testing.assert_allclose(made.encode(TEXTS), expected.encode(TEXTS), atol=1e-5)
    assert made.token_counts(TEXTS).tolist() == expected.token_counts(TEXTS).tolist()
    assert made.encode([]).shape == (0, made.dim)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vector_does_not_depend_on_its_neighbours_and_has_the_same_bytes_again(engine: str, exported: Path) -> None:
    made = opened(exported, engine)
    together = made.encode(TEXTS)
    np.testing.assert_allclose(together, np.concatenate([made.encode([text]) for text in TEXTS]), atol=1e-6)
    assert opened(exported, engine).encode(TEXTS).tobytes() == together.tobytes()


@pytest.mark.skipif(not installed("openvino"), reason="openvino is not installed here")
def test_openvino_reads_the_graph_of_onnx_where_there_is_none_of_its_own(exported: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(exported, alone, ignore=shutil.ignore_patterns("openvino"))
    found = opened(alone, "openvino").encode(TEXTS)
    np.testing.assert_allclose(found, opened(exported, "openvino").encode(TEXTS), atol=1e-6)


@pytest.mark.skipif(installed("openvino"), reason="openvino is installed here")
def test_a_runtime_that_is_not_installed_is_told_at_plan_time() -> None:
    with pytest.raises(MissingExtra, match=r"engine 'openvino' needs .*pip install 'chatlog\[openvino\]'"):
        check_embedder(EmbedConfig(model=MINILM, engine="openvino"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_without_a_graph_is_told_how_to_make_one(engine: str) -> None:
    with pytest.raises(ConfigError, match=r"python -m chatlog\.models\.embedders_export all-MiniLM-L6-v2 FOLDER"):
        opened_once(MINILM, engine)
    with pytest.raises(ConfigError, match=r"holds no onnx/other\.onnx"):
        opened_once(MINILM, engine, file="onnx/other.onnx")


def opened_once(model: str, engine: str, **changed: Any) -> None:
    with opened_embedder(EmbedConfig(model=model, engine=engine, **changed)):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"no graph at all" * 100])
def test_a_damaged_graph_is_told(engine: str, content: bytes, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx").write_bytes(content)
    with pytest.raises(DataError, match="is no graph that"):
        opened(folder, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_that_asks_for_something_else_is_no_embedding_model(
    engine: str, exported: Path, tmp_path: Path
) -> None:
    import onnx

    folder = tmp_path / "model"
    shutil.copytree(exported, folder, ignore=shutil.ignore_patterns("openvino"))
    given = onnx.helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, ["n", 3])
    made = onnx.helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, ["n", 3])
    node = onnx.helper.make_node("Abs", ["pixel_values"], ["last_hidden_state"])
    graph = onnx.helper.make_graph([node], "graph", [given], [made])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "onnx/model.onnx")
    with pytest.raises(ConfigError, match="asks for 'pixel_values'"):
        opened(folder, engine)


@pytest.mark.parametrize("file", ["../model.onnx", "/a/model.onnx", "a/../model.onnx", "a/.b/model.onnx", "model.bin"])
def test_a_graph_stands_within_the_model_s_folder(file: str) -> None:
    with pytest.raises(ValidationError):
        EmbedConfig(engine="onnx", model="m", file=file)
    assert EmbedConfig(file="onnx/model_qint8_avx512-vnni.onnx").file


def test_code_and_pickles_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([modules[0], modules[1] | {"type": "payload.Pooling"}]))
    with pytest.raises(ConfigError, match="code of its own"):
        opened(folder, "onnx")
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Dense/model.safetensors").rename(folder / "2_Dense/pytorch_model.bin")
    with pytest.raises(ConfigError, match="pickle"):
        opened(folder, "onnx")


@pytest.mark.parametrize("mode", ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])
def test_each_way_of_pooling_is_that_of_sentence_transformers(mode: str, tmp_path: Path) -> None:
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling

    pooling = Pooling(8, pooling_mode=mode)  # type: ignore[arg-type, unused-ignore]
    pooling.save(str(tmp_path))
    modules = [
        ("sentence_transformers.models.Transformer", tmp_path),
        ("sentence_transformers.models.Pooling", tmp_path),
    ]
    tokens = np.random.default_rng(0).standard_normal((3, 5, 8)).astype(np.float32)
    given = {"token_embeddings": torch.from_numpy(tokens), "attention_mask": torch.ones(3, 5, dtype=torch.int64)}
    expected = pooling(given)["sentence_embedding"].numpy()
    np.testing.assert_allclose(steps_after("m", modules)(tokens), expected, atol=1e-6)
    # Older models say it by flags.
    flag = {"mean_sqrt_len_tokens": mode, "lasttoken": mode}.get(mode, f"{mode}_token" + "s" * (mode != "cls"))
    (tmp_path / "config.json").write_text(json.dumps({"word_embedding_dimension": 8, f"pooling_mode_{flag}": True}))
    np.testing.assert_allclose(steps_after("m", modules)(tokens), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("kinds", "settings", "message"),
    [
        (["Transformer"], {}, "only engine 'torch' knows"),
        (["WordEmbeddings", "Pooling"], {}, "only engine 'torch' knows"),
        (["Transformer", "Pooling", "LSTM"], {}, "a module LSTM"),
        (["Transformer", "Pooling"], {"pooling_mode": "median"}, "pools by 'median'"),
        (["Transformer", "Pooling", "Dense"], {"activation_function": "torch.nn.ReLU"}, "dense layer of a kind"),
        (["Transformer", "Pooling", "Dense"], {"use_residual": True}, "dense layer of a kind"),
    ],
)
def test_what_is_not_known_is_refused(kinds: list[str], settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=message):
        steps_after("m", [(f"sentence_transformers.models.{kind}", tmp_path) for kind in kinds])


def test_an_export_writes_over_nothing_and_leaves_nothing_wrong(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("kept")
    assert embedders_export.main([str(tiny), str(tmp_path)]) == 1
    assert "name a new folder" in capsys.readouterr().err and (tmp_path / "kept").read_text() == "kept"
    pytest.importorskip("onnxscript", reason="onnxscript is not installed here: pip install 'chatlog[onnx]'")
    monkeypatch.setattr(embedders_export, "open_embedder", lambda *_, **__: Turned(str(tiny)))
    assert embedders_export.main([str(tiny), str(tmp_path / "new")]) == 1
    assert "gives other vectors than torch" in capsys.readouterr().err and not (tmp_path / "new").exists()


class Turned:
    """Gives vectors that the graph does not give."""

    def __init__(self, model: str) -> None:
        self._inner = open_embedder(model, max_tokens=64)

    def encode(self, texts: list[str]) -> Any:
        return self._inner.encode(texts)[:, ::-1]


def test_the_first_graph_that_is_there_is_taken(tmp_path: Path) -> None:
    for file in ("onnx/model.onnx", "openvino/openvino_model.xml", "onnx/own.onnx"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert find_graph("m", tmp_path, "openvino").suffix == ".xml"
    assert find_graph("m", tmp_path, "onnx").name == "model.onnx"
    assert find_graph("m", tmp_path, "openvino", "onnx/own.onnx").name == "own.onnx"
