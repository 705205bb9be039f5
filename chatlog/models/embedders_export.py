"""Exports a model's network as a graph, which engines `onnx` and `openvino` of `embed` run."""

from __future__ import annotations

import argparse
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from chatlog.errors import ChatlogError, ConfigError, DataError, MissingExtra
from chatlog.models.embedders import open_embedder
from chatlog.models.embedders_runtimes import open_runtime
from chatlog.models.embedders_tokens import module_folders
from chatlog.models.weights import locate

_TOLERANCE: Final = 1e-4
"""How far a number of a unit vector may be off torch's; float16, in which vectors are kept, is off by up to 2e-4."""

_LARGEST: Final = 1_500_000_000
"""Bytes of weights that are kept in the graph's own file; one of protobuf ends at two gigabytes."""

_PROBES: Final = ("bread", "How do I bake bread at home?", "word " * 40, "Le chat dort sur le canapé. 如何做面包?")


def export(name: str, out: Path, *, openvino: bool = False) -> list[Path]:
    """The graphs that were written, each compared with torch.

    The folder holds what the engines need: the graph, the tokenizer, and what follows the network. It is no model for
    engine `torch`, since the weights stand in the graph.

    Args:
        name: of a sentence-transformers model, as in chatlog.models.weights.
        out: the folder; it must be new or empty.
        openvino: writes OpenVINO's own format too.

    Raises:
        ConfigError: the folder is not empty, or the model is none that the engines know.
        DataError: a graph gives other vectors than torch.
        MissingExtra: a package is not installed.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already; name a new folder")
    folder = locate(name)
    modules = module_folders(name, folder)
    out.mkdir(parents=True, exist_ok=True)
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix in (".json", ".txt", ".model"):
                shutil.copyfile(path, out / path.name)
        for _, part in modules:
            if part.is_dir() and part.resolve() != folder.resolve():
                shutil.copytree(part, out / part.relative_to(folder), ignore=_weights_of_network(part, modules[0][1]))
        graphs = [_to_onnx(name, modules[0][1], out / "onnx" / "model.onnx")]
        if openvino:
            graphs.append(_to_openvino(graphs[0], out / "openvino" / "openvino_model.xml"))
        for graph, engine in zip(graphs, ("onnx", "openvino"), strict=False):
            _compare(name, out, engine, graph)
    except ChatlogError:
        shutil.rmtree(out)
        raise
    return graphs


def _weights_of_network(part: Path, network: Path) -> Any:
    return shutil.ignore_patterns("*.safetensors") if part == network else None


def _to_onnx(name: str, network: Path, graph: Path) -> Path:
    try:
        import onnx  # noqa: F401 - torch says nothing of what it lacks
        import onnxscript  # noqa: F401
        import torch
        from transformers import AutoModel
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtra("the export of a graph", "onnx") from error
    transformers_logging.disable_progress_bar()
    try:
        model = AutoModel.from_pretrained(
            str(network), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        ).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"model {name} cannot be opened from {network} ({type(error).__name__})") from error
    types = (getattr(model.config, "type_vocab_size", 0) or 0) > 1
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]

    class Tokens(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return self.model(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state

    ids = torch.ones((2, 7), dtype=torch.int64)
    values = dict(zip(names, (ids, torch.ones_like(ids), torch.zeros_like(ids)), strict=False))
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    graph.parent.mkdir()
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about its insides
        try:
            torch.onnx.export(
                Tokens(),
                tuple(values.values()),
                str(graph),
                input_names=names,
                output_names=["last_hidden_state"],
                dynamic_shapes=tuple(axes for _ in names),
                dynamo=True,
                external_data=size > _LARGEST,
                verbose=False,
            )
        except RuntimeError as error:  # every error of the exporter's is one
            raise DataError(f"model {name}: torch cannot make a graph of it ({type(error).__name__})") from error
    return graph


def _to_openvino(graph: Path, made: Path) -> Path:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("the export for OpenVINO", "openvino") from error
    made.parent.mkdir()
    openvino.save_model(openvino.Core().read_model(str(graph)), str(made), compress_to_fp16=False)
    return made


def _compare(name: str, out: Path, engine: str, graph: Path) -> None:
    found = open_runtime(str(out), engine, file=str(graph.relative_to(out)), max_tokens=64).encode(_PROBES)
    expected = open_embedder(name, max_tokens=64).encode(_PROBES)
    furthest = float(np.abs(found - expected).max())
    if furthest > _TOLERANCE:
        raise DataError(f"the graph that was made of {name} gives other vectors than torch (off by {furthest:.1g})")


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m chatlog.models.embedders_export", description=__doc__)
    parser.add_argument("model", help="a carried name, a path, or a Hub id with its revision")
    parser.add_argument("folder", type=Path, help="what is made; new or empty")
    parser.add_argument("--openvino", action="store_true", help="write OpenVINO's format too")
    given = parser.parse_args(arguments)
    try:
        for graph in export(given.model, given.folder, openvino=given.openvino):
            sys.stdout.write(f"{graph}\n")
    except ChatlogError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
