"""The settings of `embed`: what is embedded, the model, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from chatlog.models.embedders import DEFAULT, MAX_TOKENS
from chatlog.models.embedding_column import DIMENSIONS
from chatlog.models.engines.running import RUNNING, HttpServers, VllmWorkers

Which = Literal["first_user", "user", "conversation"]
"""What of a conversation is embedded."""


class EmbedConfig(HttpServers, VllmWorkers):
    """Settings of `embed`. Keys of a server stand in the environment, never here."""

    model: str = DEFAULT
    """`minilm+use+e5` or `minilm+use` (chatlog.models.embedders_mix), `use-multilingual-v3`, or a sentence-transformers
    model: a carried name, a path, or a Hub id with its revision. http: the model's name on the server."""

    engine: Literal["torch", "onnx", "openvino", "vllm", "http"] = "torch"
    """torch: sentence-transformers, and the carried models above. onnx, openvino: a graph that was exported before.
    vllm: in this process. http: a server. Each gives other last bits, and a server even other ones each time."""

    text: Which = "first_user"
    """What is embedded: the user's first turn that has text (a follow-up such as "shorter, please" has no
    topic of its own); all of the user's turns; or every turn."""

    max_tokens: int = Field(default=MAX_TOKENS, ge=8, le=32_768)
    """Tokens after which the text is cut; not http."""

    max_characters: int = Field(default=2000, ge=50, le=1_000_000)
    """http: characters after which the text is cut, some 500 tokens of English; by halves when that is too much for
    the server."""

    prompt: str = Field(default="", max_length=1000)
    """Put before each text, for models that were trained with an instruction ("query: ")."""

    dimensions: int | None = Field(default=None, ge=1, le=DIMENSIONS)
    """Keep only so many leading dimensions, for models trained for it (Matryoshka); null keeps all."""

    device: Literal["cpu", "cuda"] = "cpu"
    """torch, onnx: where the model runs. A GPU gives other last bits than a CPU, so it is never chosen silently."""

    file: str = Field(default="", pattern=r"^$|^(\w[\w.-]*/)*\w[\w.-]*\.(onnx|xml)$")
    """onnx, openvino: the graph within the model's folder, such as `onnx/model_quantized.onnx`; empty for
    `onnx/model.onnx`, before it `openvino/openvino_model.xml`."""

    cache: str = ""
    """A folder where vectors are kept between runs, by model, settings and text, relative to the pipeline's file;
    empty for none. It holds no text, but is as private as a run: vectors tell much of what a text says."""

    def located(self, base: Path) -> Self:
        """With the cache's absolute path."""
        if not self.cache:
            return self
        return self.model_copy(update={"cache": str((base / Path(self.cache).expanduser()).resolve())})

    def identity(self) -> dict[str, Any]:
        """What decides the values: the model and what it is given, not where and how fast it runs, or what is kept."""
        return {name: value for name, value in super().identity().items() if name not in RUNNING | {"cache"}}
