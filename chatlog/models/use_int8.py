"""The multilingual Universal Sentence Encoder in products of integers: twice as fast as its graph, in any batch.

The graph (chatlog.models.embedders_use) spends most of its time between its 779 nodes, and scales activations by call,
so that each text is a call of its own. Here texts go through together: activations are scaled by token, and before a
convolution by text. First turns have a cosine of 0.99 to 1.00 with the graph's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra
from chatlog.models.bert_int8 import integer_product, quantised
from chatlog.models.embedders_tokens import Embedder, Flags, Vectors, unicode_text
from chatlog.models.embedders_use import DIMENSIONS, EMBEDDED_CHARACTERS, NAME
from chatlog.models.use_file import SHARDS, UseFile, read_use
from chatlog.models.weights import locate

_WIDTH: Final = 256
_ORDERS: Final = (2, 3, 5)
"""Tokens that the convolutions read at once."""

_GAP: Final = 2
# Rows of zeros between two texts: the widest convolution reads so many tokens to either side.

_EPSILON: Final = 1e-12
_PACK: Final = 512
# Tokens that go through the network together, as in chatlog.models.bert_int8.

_BEGIN: Final = 1
_END: Final = 2


class IntegerUse(Embedder):
    """Unit vectors of texts in 15 languages. It counts in characters: a text is cut after `max_tokens` of them."""

    def __init__(self, file: UseFile, characters: int) -> None:
        self.name = NAME
        self.dim = DIMENSIONS
        self.max_tokens = characters
        self._tokenizer = _tokenizer(file)
        self._network = _Network(file)

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Characters that `encode` reads of each text, `(len(texts),) int32`."""
        return np.array([min(len(text), self.max_tokens) for text in texts], dtype=np.int32)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, with those that begin and end it."""
        # A NUL marks the pieces that no text may hold.
        prepared = [unicode_text(text[: self.max_tokens]).replace("\0", " ") for text in texts]
        return [[_BEGIN, *found.ids, _END] for found in self._tokenizer.encode_batch(prepared)]

    def _made(self, texts: list[str]) -> tuple[Vectors, Flags]:
        import torch

        tokens = self.tokens(texts)
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        with torch.inference_mode():
            for pack in _packs([len(ids) for ids in tokens]):
                vectors[pack] = self._network([tokens[row] for row in pack]).numpy()
        return vectors, np.array([len(text) > self.max_tokens for text in texts], dtype=bool)


def _packs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices in packs of about `_PACK` tokens, short texts first."""
    pack: list[int] = []
    filled = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if pack and filled + lengths[row] > _PACK:
            yield pack
            pack, filled = [], 0
        pack.append(row)
        filled += lengths[row] + _GAP
    if pack:
        yield pack


def _tokenizer(file: UseFile) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    # Text is data: "</s>" in a message is four characters. Texts have no NUL, so that none holds these pieces.
    pieces = [(piece if plain else f"\0{piece}", score) for piece, score, plain in file.vocabulary]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    spaces = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(file.characters), *spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return tokenizer


class _Network:
    def __init__(self, file: UseFile) -> None:
        import torch

        def floats(name: str) -> Any:
            return torch.from_numpy(file.tensors[name].astype(np.float32).reshape(-1))

        def weight(name: str) -> tuple[Any, float]:
            return (
                torch.from_numpy(file.tensors[f"{name}_quantized"].copy()),
                float(file.tensors[f"{name}_scale"].reshape(-1)[0]),
            )

        self._product = integer_product()
        self._pieces = torch.from_numpy(file.pieces)
        self._piece_scales = torch.from_numpy(file.piece_scales)
        self._orders = []
        projections = []
        for order in _ORDERS:
            name = f"CNN_layers/ngram_order_{order}"
            matrix, scale = weight(f"{name}/input_size_projection/dense/kernel:0")
            projections.append(matrix)
            bias = floats(f"{name}/input_size_projection/dense/bias:0")
            norm = floats(f"{name}/LayerNorm/gamma:0"), floats(f"{name}/LayerNorm/beta:0")
            layers = [f"{name}/Ngram-{order}-{layer}" for layer in ("Conv", "Conv_1")]
            convolutions = [(*weight(f"{layer}/weights:0"), floats(f"{layer}/bias:0")) for layer in layers]
            self._orders.append((order, scale, bias, norm, convolutions))
        self._projections = torch.cat(projections, 1)
        self._norm = floats("CNN_layers/LayerNorm/gamma:0"), floats("CNN_layers/LayerNorm/beta:0")
        self._dense = weight("CNN_layers/dense/kernel:0")
        self._dense_bias = floats("CNN_layers/dense/bias:0")
        hidden = [f"DNN/ResidualHidden_{number}" for number in range(4)]
        self._hidden = [weight(f"{name}/dense/kernel:0") for name in hidden]
        self._skipping = [weight(f"{name}/AdjustDepth/projection/kernel:0") for name in hidden[1::2]]

    def __call__(self, tokens: Sequence[Sequence[int]]) -> Any:
        """Unit vectors, `(texts, 512) float32`, of token ids."""
        import torch
        from torch.nn.functional import layer_norm, normalize

        texts = len(tokens)
        # Rows of zeros stand before, between and after the texts; they belong to none.
        ids, owners = [0] * _GAP, [texts] * _GAP
        for number, own in enumerate(tokens):
            ids += [*own, *[0] * _GAP]
            owners += [number] * len(own) + [texts] * _GAP
        id, owner = torch.tensor(ids), torch.tensor(owners)
        there = (owner < texts).float()[:, None]
        pieces, scale = self._pieces[id], self._piece_scales[id % SHARDS][:, None]
        read = torch.empty((len(ids), DIMENSIONS + _WIDTH * len(_ORDERS)))
        torch.mul(pieces, scale, out=read[:, :DIMENSIONS])
        projected = self._product(pieces, self._projections).float().mul_(scale).split(_WIDTH, 1)
        for place, (order, factor, bias, norm, layers) in enumerate(self._orders):
            x = layer_norm(projected[place].mul(factor).add_(bias), (_WIDTH,), *norm, _EPSILON).mul_(there)
            for layer in layers:
                x = self._convolved(x, order, *layer, owner, texts).mul_(there)
            start = DIMENSIONS + place * _WIDTH
            read[:, start : start + _WIDTH] = x
        read = layer_norm(read, (read.shape[1],), *self._norm, _EPSILON)
        read = self._linear(quantised(read), self._dense).add_(self._dense_bias)
        sums = torch.zeros((texts + 1, DIMENSIONS)).index_add_(0, owner, read)[:texts]
        lengths = torch.tensor([len(own) for own in tokens], dtype=torch.float32)
        return normalize(self._top(sums / lengths.sqrt()[:, None]))

    def _convolved(self, x: Any, order: int, weight: Any, factor: float, bias: Any, owner: Any, texts: int) -> Any:
        """`x` and what `order` tokens around each row add to it."""
        import torch

        # The tokens of a window have one scale: that of their text, whatever stands beside it.
        most = torch.maximum(x.amax(1), x.amin(1).neg_())
        scale = torch.zeros(texts + 1).scatter_reduce_(0, owner, most, "amax").clamp_min_(1e-12).mul_(1 / 127)
        scale = scale[owner][:, None]
        integers = torch.div(x, scale).round_().to(torch.int8)
        rows = len(x) - order + 1
        windows = integers.as_strided((rows, order * _WIDTH), (_WIDTH, 1)).contiguous()
        before = (order - 1) // 2
        middle = slice(before, before + rows)
        added = self._product(windows, weight).float().mul_(scale[middle] * factor).add_(bias).relu_()
        x = x.clone()
        x[middle] += added
        return x

    def _linear(self, x: tuple[Any, Any], weight: tuple[Any, float]) -> Any:
        integers, scale = x
        matrix, factor = weight
        return self._product(integers, matrix).float().mul_(scale).mul_(factor)

    def _top(self, x: Any) -> Any:
        given = quantised(x)
        x = self._linear(given, self._hidden[0]).relu_()
        x = (self._linear(quantised(x), self._hidden[1]) + self._linear(given, self._skipping[0])).relu_()
        given = quantised(x)
        x = self._linear(given, self._hidden[2]).relu_()
        return (self._linear(quantised(x), self._hidden[3]) + self._linear(given, self._skipping[1])).tanh_()


def open_integer_use(characters: int = EMBEDDED_CHARACTERS, threads: int = 1) -> IntegerUse:
    """The encoder, loaded from the package that carries it.

    Args:
        characters: a text is cut after so many.
        threads: of torch, for the whole process.

    Raises:
        DataError: its file is damaged.
        MissingExtra: torch or the package is not installed.
    """
    path = locate(NAME)
    try:
        import tokenizers  # noqa: F401
        import torch
    except ImportError as error:
        raise MissingExtra(f"model {NAME}", "embed") from error
    torch.set_num_threads(threads)
    return IntegerUse(read_use(path), characters)
