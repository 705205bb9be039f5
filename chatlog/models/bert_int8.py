"""Small BERTs in integers of 8 bits: several times as fast as in floats on a CPU, and the same bytes in any batch.

Weights are scaled by output, activations by token, as in LLM.int8() (Dettmers et al. 2022, arXiv 2208.07339). The sums
of a product of integers are exact in whatever order they are taken; all that is in floats is of one token or one text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

DIMENSIONS: Final = 384
"""Of the vectors of MiniLM-L6 and of multilingual-e5-small, which have heads and norms alike."""

_HEADS: Final = 12
_EPSILON: Final = 1e-12
_LEVELS: Final = 127

_PACK: Final = 384
# Tokens that go through the network together: enough for the products to be fast, and few enough that what lies
# between them (2 MB) stays in a core's cache.

Vectors = npt.NDArray[np.float32]


def encoded(network: Network, tokens: Sequence[Sequence[int]]) -> Vectors:
    """Vectors of unit length, `(len(tokens), 384) float32`, of texts as token ids, in their order."""
    import torch

    vectors = np.zeros((len(tokens), DIMENSIONS), dtype=np.float32)
    with torch.inference_mode():
        for pack in _packs([len(ids) for ids in tokens]):
            runs = [torch.tensor([tokens[row] for row in run]) for run in pack]
            vectors[[row for run in pack for row in run]] = network(runs).numpy()
    return vectors


def _packs(lengths: Sequence[int]) -> Iterator[list[list[int]]]:
    """Indices in packs of about `_PACK` tokens, each in runs of one length; short texts first."""
    pack: list[list[int]] = []
    filled = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if pack and filled + lengths[row] > _PACK:
            yield pack
            pack, filled = [], 0
        if pack and lengths[pack[-1][0]] == lengths[row]:
            pack[-1].append(row)
        else:
            pack.append([row])
        filled += lengths[row]
    if pack:
        yield pack


class _Linear:
    def __init__(self, weight: Any, bias: Any, product: Callable[[Any, Any], Any]) -> None:
        import torch

        self._scale = weight.abs().amax(1).clamp_min(1e-12) / _LEVELS
        self._weight = torch.round(weight / self._scale[:, None]).to(torch.int8).t()
        self._bias = bias
        self._product = product

    def __call__(self, x: Any) -> Any:
        """`x` times the weight plus the bias, `(tokens, outputs) float32`."""
        integers, scale = quantised(x)
        return self._product(integers, self._weight).float().mul_(scale).mul_(self._scale).add_(self._bias)


def quantised(x: Any) -> tuple[Any, Any]:
    """`x`, `(rows, n) float32`, as integers, `(rows, n) int8`, and what each of their rows is multiplied by."""
    import torch

    # Two passes that only read are faster than one that writes the absolute values.
    most = torch.maximum(x.amax(1, keepdim=True), x.amin(1, keepdim=True).neg_())
    scale = most.clamp_min_(1e-12).mul_(1 / _LEVELS)
    return torch.div(x, scale).round_().to(torch.int8), scale


class Network:
    """The encoder, its mean pooling, and the scaling to unit length.

    Args:
        weights: its float32 tensors by the names of Hugging Face's `BertModel`; those of words are not read.
        words: rows of the table of words, `(..., 384) float32`, by token ids, `(...) int64`.
    """

    def __init__(self, weights: Mapping[str, Any], words: Callable[[Any], Any]) -> None:
        import torch

        product = integer_product()

        def linear(*names: str) -> _Linear:
            return _Linear(
                torch.cat([weights[f"{name}.weight"] for name in names]),
                torch.cat([weights[f"{name}.bias"] for name in names]),
                product,
            )

        def norm(name: str) -> tuple[Any, Any]:
            return weights[f"{name}.weight"], weights[f"{name}.bias"]

        self._words = words
        # Every token is of the first type.
        types = weights["embeddings.token_type_embeddings.weight"]
        self._positions = weights["embeddings.position_embeddings.weight"] + types[0]
        self._norm = norm("embeddings.LayerNorm")
        self._layers = []
        layers = {name.split(".")[2] for name in weights if name.startswith("encoder.layer.")}
        for name in (f"encoder.layer.{number}" for number in range(len(layers))):
            attended = linear(*(f"{name}.attention.self.{part}" for part in ("query", "key", "value")))
            self._layers.append(
                (
                    attended,
                    linear(f"{name}.attention.output.dense"),
                    norm(f"{name}.attention.output.LayerNorm"),
                    linear(f"{name}.intermediate.dense"),
                    linear(f"{name}.output.dense"),
                    norm(f"{name}.output.LayerNorm"),
                )
            )

    def __call__(self, runs: Sequence[Any]) -> Any:
        """Unit vectors, `(texts, 384) float32`, of the token ids of `runs`, each `(texts, length) int64`."""
        import torch
        from torch.nn.functional import gelu, layer_norm, normalize

        def normed(x: Any, weights: tuple[Any, Any]) -> Any:
            return layer_norm(x, (DIMENSIONS,), *weights, _EPSILON)

        embedded = [self._words(ids) + self._positions[: ids.shape[1]] for ids in runs]
        x = normed(torch.cat([one.reshape(-1, DIMENSIONS) for one in embedded]), self._norm)
        for attended, output, first, wide, narrow, second in self._layers:
            x = normed(output(_attention(attended(x), runs)).add_(x), first)
            x = normed(narrow(gelu(wide(x))).add_(x), second)
        parts = x.split([ids.numel() for ids in runs])
        means = [part.view(*ids.shape, DIMENSIONS).mean(1) for part, ids in zip(parts, runs, strict=True)]
        return normalize(torch.cat(means))


def _attention(attended: Any, runs: Sequence[Any]) -> Any:
    """What each token takes from the others of its text, `(tokens, 384) float32`."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    done = []
    for part, ids in zip(attended.split([ids.numel() for ids in runs]), runs, strict=True):
        heads = part.view(*ids.shape, 3, _HEADS, DIMENSIONS // _HEADS).permute(2, 0, 3, 1, 4)
        done.append(scaled_dot_product_attention(*heads).transpose(1, 2).reshape(-1, DIMENSIONS))
    return torch.cat(done)


def integer_product() -> Callable[[Any, Any], Any]:
    """The fastest function here that multiplies `(m, k) int8` by `(k, n) int8` to the exact `(m, n) int32`."""
    import torch

    fast = getattr(torch, "_int_mm", None)
    if fast is None or not torch.backends.mkldnn.is_available():
        return exact_product
    # Processors without VNNI may add in 16 bits, and lose what is above.
    rows = torch.full((8, 512), _LEVELS, dtype=torch.int8)
    rows[::2] = -_LEVELS
    columns = rows.t().contiguous()
    try:
        same = bool((fast(rows, columns) == exact_product(rows, columns)).all())
    except RuntimeError:
        return exact_product
    return fast if same else exact_product


def exact_product(x: Any, weight: Any) -> Any:
    """As `integer_product`, by floats on any processor."""
    import torch

    total = torch.zeros((x.shape[0], weight.shape[1]), dtype=torch.int32)
    # A sum of 1,024 products of at most 127 by 127 is below 2 to the 24th: every sum on the way is exact.
    for start in range(0, x.shape[1], 1024):
        part = slice(start, start + 1024)
        total += (x[:, part].float() @ weight[part].float()).to(torch.int32)
    return total
