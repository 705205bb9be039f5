"""Sentence-transformers models whose network was exported as a graph, run by ONNX Runtime or OpenVINO.

The packages that sentence-transformers itself takes for this (optimum-onnx, optimum-intel) want another transformers
than it does; the graph, the tokenizer and the modules of the model's folder are all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.embedders_pooling import Floats, Step, steps_after
from chatlog.models.embedders_tokens import (
    Embedder,
    Flags,
    TextTokens,
    Vectors,
    by_length,
    check_fits,
    module_folders,
    position_limit,
    told_number,
)
from chatlog.models.engines.contents import open_tokenizer
from chatlog.models.weights import locate

Ids = npt.NDArray[np.int64]

_INPUTS: Final[dict[str, Callable[[Ids], npt.NDArray[Any]]]] = {
    "input_ids": lambda ids: ids,
    "attention_mask": np.ones_like,
    "token_type_ids": np.zeros_like,
    "position_ids": lambda ids: np.broadcast_to(np.arange(ids.shape[1]), ids.shape).copy(),
}
"""What a graph may ask for, of texts that are not padded."""

_OUTPUTS: Final = ("last_hidden_state", "token_embeddings", "sentence_embedding")
"""What of a graph's outputs is taken, the first that is there: vectors of tokens, else of texts."""

_GRAPHS: Final = {"onnx": ("onnx/model.onnx",), "openvino": ("openvino/openvino_model.xml", "onnx/model.onnx")}

Run = Callable[[Mapping[str, npt.NDArray[Any]]], npt.NDArray[Any]]


class RuntimeEmbedder(Embedder):
    """A graph with what stands before and after it. At one thread a text has the same bytes in one worker or many."""

    def __init__(
        self, name: str, run: Run, inputs: Sequence[str], after: Step, tokens: TextTokens, max_tokens: int
    ) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self._run = run
        self._inputs = inputs
        self._after = after
        self._tokens = tokens
        self.dim = len(self._given(np.array(tokens.of(["bread"])[0], dtype=np.int64))[0])

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`."""
        return self._tokens.counts(texts)

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        tokens, cut = self._tokens.of(texts)
        return by_length(tokens, self.dim, self._given), cut

    def _given(self, ids: Ids) -> Floats:
        made = self._run({name: _INPUTS[name](ids) for name in self._inputs}).astype(np.float32)
        return self._after(made) if made.ndim == 3 else made


def open_runtime(
    name: str,
    engine: str,
    *,
    file: str = "",
    max_tokens: int,
    prompt: str = "",
    dim: int | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> RuntimeEmbedder:
    """The sentence-transformers model `name`, its network from a graph; nothing is exported here.

    Args:
        name: as in chatlog.models.weights.
        engine: `onnx` or `openvino`.
        file: the graph within the model's folder; empty for the usual one.
        max_tokens: where a text is cut.
        prompt: put before each text.
        dim: leading dimensions that are kept; None for all.
        device: cpu or cuda; OpenVINO runs on the CPU alone.
        threads: of the runtime; another number may give other last bits.

    Raises:
        ConfigError: the folder holds no graph, pickles or code, or cannot do what is asked of it.
        DataError: its files are damaged.
        MissingExtra: the runtime is not installed.
    """
    folder = locate(name)
    modules = module_folders(name, folder)
    after = steps_after(name, modules)
    tokenizer = open_tokenizer(name, folder)
    limit = position_limit(told_number(modules[0][1], "config.json", "max_position_embeddings"), tokenizer)
    check_fits(name, full=0, dim=None, limit=limit, max_tokens=max_tokens)
    graph = find_graph(name, folder, engine, file)
    run, inputs = (_onnx if engine == "onnx" else _openvino)(name, graph, device, threads)
    unknown = sorted(set(inputs) - _INPUTS.keys())
    if unknown:
        raise ConfigError(f"model {name}: {graph.name} asks for {unknown[0]!r}; it is no graph of an embedding model")
    made = RuntimeEmbedder(name, run, inputs, after, TextTokens(tokenizer, max_tokens, prompt), max_tokens)
    check_fits(name, full=made.dim, dim=dim, limit=None, max_tokens=max_tokens)
    made.dim = dim or made.dim
    return made


def find_graph(name: str, folder: Path, engine: str, file: str = "") -> Path:
    """The graph in a model's folder.

    Raises:
        ConfigError: there is none; the message says how to make one.
    """
    wanted = (file,) if file else _GRAPHS[engine]
    for one in wanted:
        if (folder / one).is_file():
            return folder / one
    raise ConfigError(
        f"model {name} holds no {' or '.join(wanted)} for engine {engine!r}; export it once, and name the folder as "
        f"`model`: python -m chatlog.models.embedders_export {name} FOLDER"
    )


def _onnx(name: str, graph: Path, device: str, threads: int) -> tuple[Run, list[str]]:
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise MissingExtra(f"model {name} on engine 'onnx'", "embed") from error
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise ConfigError(
            f"model {name}: this ONNX Runtime has no {provider}; install onnxruntime-gpu, or set device = 'cpu'"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its errors have no root of their own.
    kinds = (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile, state.InvalidArgument,
             state.NotImplemented, state.RuntimeException, RuntimeError, ValueError)  # fmt: skip
    try:
        session = onnxruntime.InferenceSession(str(graph), options, providers=[provider])
    except kinds as error:
        raise DataError(
            f"model {name}: {graph} is no graph that ONNX Runtime opens ({type(error).__name__})"
        ) from error
    outputs = [each.name for each in session.get_outputs()]
    output = next((each for each in _OUTPUTS if each in outputs), outputs[0])

    def run(given: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = session.run([output], dict(given))[0]
        return found

    return run, [each.name for each in session.get_inputs()]


def _openvino(name: str, graph: Path, device: str, threads: int) -> tuple[Run, list[str]]:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra(f"model {name} on engine 'openvino'", "openvino") from error
    if device != "cpu":
        raise ConfigError(f"model {name}: engine 'openvino' runs on the CPU; set device = 'cpu', or take engine 'onnx'")
    # It would take bfloat16 where the CPU has it, and as many threads as there are cores.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    try:
        compiled = openvino.Core().compile_model(str(graph), "CPU", settings)
    except RuntimeError as error:
        raise DataError(f"model {name}: {graph} is no graph that OpenVINO opens ({type(error).__name__})") from error
    named = {told: place for place, port in enumerate(compiled.outputs) for told in port.get_names()}
    output = next((named[each] for each in _OUTPUTS if each in named), 0)
    # A port may have several names; the known one is its own.
    inputs = [next((each for each in _INPUTS if each in port.get_names()), port.any_name) for port in compiled.inputs]
    request = compiled.create_infer_request()

    def run(given: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        request.infer(dict(given))
        found: npt.NDArray[Any] = np.array(request.get_output_tensor(output).data)
        return found

    return run, inputs
