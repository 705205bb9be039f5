"""Writes small fastText models, so that other label sets than lid.176's can be tried with no download.

The layout is that of fastText 0.9 (`fasttext.cc`, `dictionary.cc`, `args.cc`): magic, version, arguments, dictionary,
input matrix, output matrix, all little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

_MAGIC, _VERSION = 793712314, 12
_SOFTMAX, _SUPERVISED = 3, 3


def write_model(path: Path, words: Mapping[str, str]) -> Path:
    """The path of a model that gives each word its label; a line of no known word falls to the first label.

    Args:
        path: what is written.
        words: label by word.
    """
    labels = list(dict.fromkeys(words.values()))
    dim = len(labels)
    # dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t
    parts = [
        struct.pack("<ii", _MAGIC, _VERSION),
        struct.pack("<12id", dim, 5, 1, 1, 5, 1, _SOFTMAX, _SUPERVISED, 0, 0, 0, 100, 1e-4),
    ]
    entries = [("</s>", 0), *((word, 0) for word in words), *((f"__label__{label}", 1) for label in labels)]
    parts.append(struct.pack("<iiiqq", len(entries), len(words) + 1, dim, len(words) + 1, -1))
    parts += [text.encode() + b"\0" + struct.pack("<qb", 1, kind) for text, kind in entries]
    inputs = [[0.0] * dim, *([10.0 * (label == words[word]) for label in labels] for word in words)]
    outputs = [[float(row == column) * 4 for column in range(dim)] for row in range(dim)]
    for matrix in (inputs, outputs):
        parts.append(struct.pack("<?qq", False, len(matrix), dim))
        parts += [struct.pack(f"<{dim}f", *row) for row in matrix]
    path.write_bytes(b"".join(parts))
    return path
