"""What embedders do with texts before a model sees them: each text once, as tokens, in batches of one length."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError
from chatlog.models.weights_code import refuse_pickles

_CHARACTERS_PER_TOKEN: Final = 64
# A tokenizer reads a text to its end before it cuts, so that a message of 50 MB would cost minutes. Ordinary
# text has 1 to 6 characters a token: what is cut here lies behind the token limit.

_TOKENS_PER_BATCH: Final = 8192
# Activations of one layer then stay near the size of a CPU's last cache; larger batches are slower there.

Vectors = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class TextTokens:
    """Texts as a model's tokens, special ones around them, cut at a limit.

    Args:
        tokenizer: of transformers.
        max_tokens: where a text is cut, special tokens included.
        prompt: put before each text.
    """

    def __init__(self, tokenizer: Any, max_tokens: int, prompt: str) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._prompt = prompt

    def of(self, texts: Sequence[str]) -> tuple[list[list[int]], Flags]:
        """The tokens of each text, and which texts were cut, `(len(texts),) bool`."""
        if not texts:
            return [], np.zeros(0, dtype=bool)
        width = self._max_tokens * _CHARACTERS_PER_TOKEN
        whole = [self._prompt + text for text in texts]
        # Text is data: "[SEP]" in a message is five characters, not a separator; hence split_special_tokens.
        encoded = self._tokenizer(
            [unicode_text(text[:width]) for text in whole],
            truncation=True,
            max_length=self._max_tokens,
            split_special_tokens=True,
        )
        ids: list[list[int]] = encoded["input_ids"]
        if encoded.encodings is None:
            cut = [len(own) == self._max_tokens for own in ids]
        else:  # they tell a text that ends at the limit from one that goes on
            cut = [bool(own.overflowing) for own in encoded.encodings]
        return ids, np.array(cut) | np.array([len(text) > width for text in whole])

    def counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """How many tokens are read of each text, `(len(texts),) int32`."""
        return np.array([len(ids) for ids in self.of(texts)[0]], dtype=np.int32)


class Embedder(ABC):
    """A model that turns texts into vectors; each distinct text of a call is embedded once.

    Attributes:
        name: as in the config.
        dim: length of a vector.
        max_tokens: a text is read up to so many tokens, or whatever else `token_counts` counts.
        unit: whether vectors are scaled to unit length (those of zeros stay so). The lengths of `minilm+use+e5` and
            `minilm+use` say which of their halves are there; compare them by cosine, or by distance as they are.
    """

    name: str
    dim: int
    max_tokens: int
    unit: ClassVar[bool] = True

    @property
    def counts(self) -> dict[str, int]:
        """What an engine of its own counts beside texts, since it was opened: tokens, restarts."""
        return {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors, `(len(texts), dim) float32`, in the order of `texts`; see encode_and_tell."""
        return self.encode_and_tell(texts)[0]

    def encode_and_tell(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """As `encode`; and which texts were cut, `(len(texts),) bool`.

        Raises:
            DataError: an engine of its own died over a text, again and again, or gave no number.
            RemoteError: a server gave a text no vector.
        """
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32), np.zeros(0, dtype=bool)
        distinct = list(dict.fromkeys(texts))
        vectors, cut = self._made(distinct)
        if self.unit:
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            norms[norms == 0] = 1
            vectors = vectors / norms
        row = {text: place for place, text in enumerate(distinct)}
        rows = [row[text] for text in texts]
        return vectors[rows], cut[rows]

    @abstractmethod
    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Tokens that `encode` reads of each text, `(len(texts),) int32`; `max_tokens` where it was cut."""

    @abstractmethod
    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        """Vectors of distinct texts, one at least, and which were cut."""


def unicode_text(text: str) -> str:
    """The text with lone surrogates replaced: they are a valid str and no valid UTF-8, which models refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def by_length(
    tokens: Sequence[list[int]], dim: int, run: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.floating]]
) -> Vectors:
    """What a model makes of each text, `(len(tokens), dim) float32`.

    Batches hold texts of one token length only. No text is padded then, and its vector does not depend on its
    neighbours: what is left is the last bit that a matrix product may round otherwise in a batch of another height,
    about 1e-7, a thousandth of what float16 can tell apart.

    Args:
        tokens: of each text.
        dim: leading dimensions that are kept.
        run: makes vectors, `(n, at least dim)`, of tokens, `(n, length) int64`.
    """
    vectors = np.zeros((len(tokens), dim), dtype=np.float32)
    for batch in _batches([len(ids) for ids in tokens]):
        vectors[batch] = run(np.array([tokens[place] for place in batch], dtype=np.int64))[:, :dim]
    return vectors


def check_fits(name: str, *, full: int, dim: int | None, limit: int | None, max_tokens: int) -> None:
    """Nothing, when a model can do what the config asks.

    Args:
        name: of the model.
        full: its dimensions.
        dim: how many of them are to be kept; None for all.
        limit: the longest input in tokens; None where it is not known.
        max_tokens: the longest that is to be read.

    Raises:
        ConfigError: it cannot.
    """
    if dim is not None and dim > full:
        raise ConfigError(f"model {name} gives {full} dimensions, the config asks for {dim}")
    if limit is not None and max_tokens > limit:
        raise ConfigError(f"model {name} reads {limit} tokens at most, the config asks for {max_tokens}")


def position_limit(positions: int | None, tokenizer: Any) -> int | None:
    """The longest input in tokens, or None where neither the network's `positions` nor the tokenizer tells one."""
    told = (positions, getattr(tokenizer, "model_max_length", None))
    # Tokenizers without a limit tell 1e30.
    known = [int(n) for n in told if n is not None and 0 < n < 1_000_000]
    return min(known, default=None)


def told_number(folder: Path, file: str, key: str) -> int | None:
    """A number in a settings file of a model's; None where there is none."""
    try:
        settings = orjson.loads((folder / file).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    number = settings.get(key) if isinstance(settings, dict) else None
    return number if isinstance(number, int) else None


def module_folders(name: str, folder: Path) -> list[tuple[str, Path]]:
    """The modules of a sentence-transformers model: of each its class and its folder.

    sentence-transformers would run a class that `modules.json` names from a local folder, and unpickle a
    module that has no safetensors file.

    Raises:
        ConfigError: the folder is none of such a model, or holds pickled weights or classes of its own.
    """
    if not folder.is_dir():
        raise ConfigError(f"model {name}: {folder.name} is a file; a sentence-transformers model is a folder")
    try:
        modules = orjson.loads((folder / "modules.json").read_bytes())
        found = [(str(module["type"]), folder / str(module["path"])) for module in modules]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"model {name}: {folder} holds no readable modules.json; it is no sentence-transformers model"
        ) from error
    foreign = [kind for kind, _ in found if not kind.startswith("sentence_transformers.")]
    if foreign:
        raise ConfigError(f"model {name} brings code of its own ({foreign[0]}), which is never run")
    refuse_pickles(name, {folder, *(path for _, path in found)})
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices, grouped by equal length, at most `_TOKENS_PER_BATCH` tokens a group; long texts first."""
    groups: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        groups.setdefault(length, []).append(index)
    for length in sorted(groups, reverse=True):
        indices = groups[length]
        size = max(1, _TOKENS_PER_BATCH // max(1, length))
        for start in range(0, len(indices), size):
            yield indices[start : start + size]
