"""`chatlog train moderator --base`: a small transformer fine-tuned end to end on the same labelled sets.

The folder that it writes is an ordinary sequence classifier: engine `cpu` runs it by transformers, engine `vllm` by
`LLM.classify`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.moderator.examples import HEADS, Examples, examples, folds
from chatlog.models.moderator.fit import chosen_cut, ordinary
from chatlog.models.moderator.templates import own_sets
from chatlog.models.moderator.train import FOLDS, Rows, TrainingReport, metrics
from chatlog.models.weights import identity, locate
from chatlog.models.weights_code import refuse_code, refuse_pickles

THRESHOLDS: Final = "chatlog_moderator.json"
"""In the model's folder: thresholds by head, chosen on rows that were held out, and what it was made from."""

FEWEST: Final = 10
"""Positives among the fitted rows that a head needs."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """How it is fine-tuned.

    Attributes:
        epochs: as many draws as there are rows are one.
        batch: rows a step.
        rate: the peak of the learning rate, which rises for a tenth of the steps and falls to zero.
        max_tokens: of a text in training; longer ones are read by their beginning there.
    """

    epochs: float = 3
    batch: int = 32
    rate: float = 5e-5
    max_tokens: int = 256


def finetune_moderator(
    sets: Sequence[tuple[str, Rows]],
    out: Path,
    base: str,
    seed: int = 0,
    tuning: Tuning | None = None,
    own: Sequence[tuple[str, Rows]] | None = None,
) -> TrainingReport:
    """A report on the classifier that was made of `base` and written to the folder `out`.

    A fifth of the rows is held out: thresholds are chosen and the figures measured on it, and it is not fitted.

    Args:
        sets: `(name, rows)`, as for train_moderator.
        out: a folder that is not there or empty.
        base: an encoder's weights: a carried name, a path, or a Hub id with its revision.
        seed: of the held-out fold, the draws and the new layer.
        tuning: None takes the defaults.
        own: further sets; None takes those that were written for chatlog.

    Raises:
        ConfigError: `out` holds something, or `base` is not known or would run code.
        DataError: a row is malformed, or there are too few rows of either class.
        MissingExtra: transformers is not installed.
    """
    began = time.perf_counter()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out} is there already; name a folder that is not there")
    every = [*sets, *(own_sets() if own is None else own)]
    data = examples(every)
    data = data.chosen(np.flatnonzero(data.weights > 0))
    held_out = folds(data.texts, FOLDS, seed) == 0
    heads = _heads(data, ~held_out)
    columns = [HEADS.index(head) for head in heads]
    tokenizer, model = _opened(base, heads, seed)
    _fit(tokenizer, model, data, ~held_out, columns, tuning or Tuning(), seed)
    said_of = np.full((len(data.texts), len(heads)), np.nan)
    rows = np.flatnonzero(held_out)
    said_of[rows] = scored(tokenizer, model, [data.texts[row] for row in rows], (tuning or Tuning()).max_tokens)
    thresholds = [_threshold(data, said_of[:, place], column) for place, column in enumerate(columns)]
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    told = {
        "thresholds": dict(zip(heads, thresholds, strict=True)),
        "base": identity(base),
        "sets": data.names,
        "seed": seed,
    }
    (out / THRESHOLDS).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    said = np.nan_to_num(said_of[:, 0], nan=-1.0) >= thresholds[0]

    def measured(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return metrics(data, said_of, said, heads, chosen & held_out)

    return TrainingReport(
        out=out.name,
        rows=sum(len(rows) for _, rows in every),
        fitted=int((~held_out).sum()),
        heads=list(heads),
        seconds=round(time.perf_counter() - began, 1),
        held_out={name: measured(data.sets == index) for index, name in enumerate(data.names)},
        by_language={
            language: measured(np.array(data.languages) == language) for language in sorted(set(data.languages))
        },
    )


def _heads(data: Examples, fitted: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    positives = (data.targets[fitted] == 1).sum(axis=0)
    negatives = (data.targets[fitted] == 0).sum(axis=0)
    if min(positives[0], negatives[0]) < FEWEST:
        raise DataError(f"fewer than {FEWEST} rows of one class are left to fit; give more rows")
    return tuple(
        head for head, more, fewer in zip(HEADS, positives, negatives, strict=True) if min(more, fewer) >= FEWEST
    )


def _threshold(data: Examples, said: Floats, column: int) -> float:
    """As for the mixture: the best F1 on the rows that were held out, and few false alarms on ordinary chats."""
    target = data.targets[:, column]
    used = ~np.isnan(target) & ~np.isnan(said)
    if not (target[used] == 1).any():
        return 0.5
    return float(chosen_cut(said[used], target[used], data.weights[used], ordinary(data)[used]))


def _opened(base: str, heads: Sequence[str], seed: int) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise MissingExtra("train moderator --base", "embed") from error
    folder = locate(base)
    refuse_pickles(base, [folder])
    refuse_code(base, folder)
    torch.manual_seed(seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            num_labels=len(heads),
            id2label=dict(enumerate(heads)),
            label2id={head: number for number, head in enumerate(heads)},
            problem_type="multi_label_classification",
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"--base {base} is no encoder that transformers opens ({type(error).__name__})") from error
    return tokenizer, model


def _fit(
    tokenizer: Any,
    model: Any,
    data: Examples,
    fitted: npt.NDArray[np.bool_],
    columns: Sequence[int],
    tuning: Tuning,
    seed: int,
) -> None:
    import torch
    from transformers import get_linear_schedule_with_warmup

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    rows = np.flatnonzero(fitted)
    steps = max(1, round(tuning.epochs * len(rows) / tuning.batch))
    optimizer = torch.optim.AdamW(model.parameters(), lr=tuning.rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, max(1, steps // 10), steps)
    targets = torch.from_numpy(data.targets[:, list(columns)])
    for drawn in _draws(rows, data.weights[rows], steps, tuning.batch, seed):
        given = tokenizer(
            [data.texts[row] for row in drawn],
            truncation=True,
            max_length=tuning.max_tokens,
            padding=True,
            split_special_tokens=True,
            return_tensors="pt",
        ).to(device)
        wanted = targets[torch.from_numpy(drawn)].to(device)
        known = ~torch.isnan(wanted)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            model(**given).logits, torch.nan_to_num(wanted), reduction="none"
        )
        # What nobody annotated says nothing. The message's own flag counts as much as all categories together.
        share = known.float()
        share[:, 1:] /= max(1, len(columns) - 1)
        loss = (losses * share).sum() / share.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _draws(
    rows: npt.NDArray[np.int64], weights: Floats, steps: int, batch: int, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows by their weights, with replacement: what the mixture weighs, this one sees more often."""
    rng = np.random.default_rng(seed)
    chances = weights / weights.sum()
    for _ in range(steps):
        yield rng.choice(rows, size=batch, p=chances)


def scored(tokenizer: Any, model: Any, texts: Sequence[str], max_tokens: int, batch: int = 64) -> Floats:
    """Probabilities, `(texts, labels) float64`; texts are read by their first `max_tokens` tokens."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    found = np.zeros((len(texts), model.config.num_labels))
    for start in range(0, len(texts), batch):
        places = order[start : start + batch]
        given = tokenizer(
            [texts[place] for place in places],
            truncation=True,
            max_length=max_tokens,
            padding=True,
            split_special_tokens=True,
            return_tensors="pt",
        )
        found[places] = probabilities(model, given)
    return found


def probabilities(model: Any, given: Any) -> Floats:
    """What a classifier says of a batch, `(rows, labels) float64`, by the activation that its config names."""
    import torch

    with torch.inference_mode():
        logits = model(**given.to(model.device)).logits.float().cpu()
    config = model.config
    several = config.problem_type == "multi_label_classification" or config.num_labels == 1
    made: Floats = (torch.sigmoid(logits) if several else torch.softmax(logits, dim=-1)).double().numpy()
    return made
