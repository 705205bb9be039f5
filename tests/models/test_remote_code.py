"""No model's own code runs: neither classes that its folder names, nor what a pickle would call."""

from __future__ import annotations

import ast
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.models.embedders import MINILM, open_embedder
from chatlog.models.engines.contents import open_tokenizer
from chatlog.models.ner_more import MoreNames, NamesModel
from chatlog.models.weights import locate
from chatlog.models.weights_code import refuse_code, refuse_pickles
from tests.conftest import ROOT

SOURCES = sorted(
    path for folder in ("chatlog", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
)
PICKLING = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def trees(*folders: str) -> list[tuple[Path, ast.AST]]:
    return [
        (path, ast.parse(path.read_text(encoding="utf-8")))
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in folders
    ]


def test_nowhere_is_remote_code_trusted() -> None:
    found = []
    for path, tree in trees("chatlog", "tests", "benchmarks", "docs"):
        for node in ast.walk(tree):
            values: list[ast.expr | None] = []
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                values.append(node.value)
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                values += [
                    value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "trust_remote_code"
                ]
            found += [(path.name, value) for value in values]
    assert len(found) >= 3
    assert all(isinstance(value, ast.Constant) and value.value is False for _, value in found), found


def test_the_package_unpickles_nothing_evaluates_nothing_and_opens_models_without_their_code() -> None:
    for path, tree in trees("chatlog"):
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & PICKLING, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in PICKLING, where
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert called not in ("eval", "exec", "compile", "__import__", "torch.load"), where
            assert given.get("allow_pickle", "False") == "False", where
            if called.endswith(".from_pretrained") or called == "SentenceTransformer":
                assert (given.get("trust_remote_code"), given.get("local_files_only")) == ("False", "True"), where


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.marker),))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def payload(tmp_path: Path, marker: Path) -> Path:
    """A folder with a tokenizer and settings that name classes of the folder's own."""
    from transformers import PreTrainedTokenizerFast

    from tests.models.test_neutral import tokenizer

    folder = tmp_path / "payload"
    made = tokenizer("", ["<|im_end|>"], normalized=False)
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>").save_pretrained(folder)
    (folder / "code.py").write_text(
        f"import os\nos.mkdir({str(marker)!r})\n"
        "from transformers import PretrainedConfig, PreTrainedTokenizerFast\n"
        "class Own(PreTrainedTokenizerFast): pass\n"
        "class OwnConfig(PretrainedConfig): model_type = 'own'\n"
    )
    (folder / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "code.OwnConfig", "AutoModel": "code.OwnConfig"}})
    )
    return folder


def with_own_tokenizer(folder: Path) -> None:
    told = folder / "tokenizer_config.json"
    settings = json.loads(told.read_text())
    told.write_text(
        json.dumps(settings | {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "code.Own"]}})
    )


def opened(folder: Path) -> Any:
    try:
        return open_tokenizer("m", folder)
    except DataError as error:
        return error


def test_code_in_a_folder_is_not_run_for_its_tokenizer(
    payload: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = opened(payload)
    assert not marker.exists()
    with_own_tokenizer(payload)
    refused = opened(payload)
    assert not marker.exists()
    for one in (found, refused):
        if isinstance(one, DataError):
            assert "never run" in str(one)
        else:
            assert type(one).__name__ != "Own" and one.convert_tokens_to_ids("<|im_end|>") is not None
    with pytest.raises(ConfigError, match="never run"):
        refuse_code("m", payload)
    # The trap is one: with trust, here alone, it springs.
    from transformers import AutoTokenizer, dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(payload.parent / "modules"))
    monkeypatch.syspath_prepend(str(payload.parent / "modules"))
    trusted = dict([("trust_remote_code", True)])
    AutoTokenizer.from_pretrained(str(payload), local_files_only=True, **trusted)
    assert marker.exists()


@pytest.fixture
def minilm(tmp_path: Path) -> Path:
    """The carried embedder as a folder that can be added to."""
    carried = locate("all-MiniLM-L6-v2")
    folder = tmp_path / "minilm"
    for file in carried.rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(carried)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    return folder


def test_an_embedder_is_loaded_without_the_code_and_the_pickle_beside_it(minilm: Path, marker: Path) -> None:
    expected = open_embedder(MINILM).encode(["kept as it is"])
    settings = json.loads((minilm / "config.json").read_text())
    (minilm / "config.json").unlink()
    (minilm / "config.json").write_text(json.dumps(settings | {"auto_map": {"AutoModel": "code.Own"}}))
    (minilm / "code.py").write_text(f"import os\nos.mkdir({str(marker)!r})\nclass Own: pass\n")
    (minilm / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(marker)))
    found = open_embedder(str(minilm)).encode(["kept as it is"])
    assert np.array_equal(found, expected)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "model.ckpt"])
def test_pickled_weights_are_refused_before_anything_is_loaded(
    minilm: Path, payload: Path, marker: Path, name: str
) -> None:
    trap = pickle.dumps(Trap(marker))
    for folder in (minilm, payload):
        (folder / name).write_bytes(trap)
        (folder / "model.safetensors").unlink(missing_ok=True)
    (payload / "config.json").unlink()
    with pytest.raises(ConfigError, match="safetensors"):
        open_embedder(str(minilm))
    with pytest.raises(ConfigError, match="safetensors"):
        open_tokenizer("m", payload)
    for kind in ("transformers", "gliner"):
        with pytest.raises(ConfigError, match="safetensors"):
            MoreNames(NamesModel(kind=kind, model=str(payload)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="safetensors"):
        refuse_pickles("m", [payload / name])
    assert not marker.exists()


def test_a_names_model_that_brings_code_is_refused(payload: Path, marker: Path) -> None:
    with pytest.raises(ConfigError, match="never run"):
        MoreNames(NamesModel(kind="transformers", model=str(payload)))
    assert not marker.exists()
