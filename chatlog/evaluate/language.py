"""`chatlog eval language`: accuracy of the stage `language` on labelled texts."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.schema import MESSAGES
from chatlog.stages.language import LANGUAGE, LanguageConfig
from chatlog.text.languages import UNKNOWN_CODE, fold_code


def accuracy(gold: Sequence[str], found: Sequence[str]) -> float | None:
    """The share of equal codes; None for no rows."""
    return sum(g == f for g, f in zip(gold, found, strict=True)) / len(gold) if gold else None


def macro_f1(gold: Sequence[str], found: Sequence[str]) -> float | None:
    """The mean over gold languages of each one's F1; None for no rows."""
    if not gold:
        return None
    hits: Counter[str] = Counter(g for g, f in zip(gold, found, strict=True) if g == f)
    wanted, given = Counter(gold), Counter(found)
    return sum(2 * hits[code] / (wanted[code] + given[code]) for code in wanted) / len(wanted)


def measure(gold: Sequence[str], found: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    """The task's metrics from raw codes, which are folded here (see `fold_code`)."""
    want = [fold_code(code) for code in gold]
    have = [fold_code(code) for code in found]
    by_kind: dict[str, list[int]] = defaultdict(list)
    for position, kind in enumerate(kinds):
        by_kind[kind].append(position)
    return {
        "accuracy": accuracy(want, have),
        "macro_f1": macro_f1(want, have),
        "unknown_rate": have.count(UNKNOWN_CODE) / len(have) if have else None,
        "by_kind": {
            kind: accuracy([want[i] for i in at], [have[i] for i in at]) for kind, at in sorted(by_kind.items())
        },
    }


def mixture(gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> dict[str, float | None]:
    """How well mixed texts are told, from raw codes, which are folded here.

    `recall`: over texts of several languages, the mean share of them that were told; `told`: the share of
    these texts that were told as mixed at all; `false`: the share of texts of one language that were.
    """
    want = [{fold_code(code) for code in codes} for codes in gold]
    have = [{fold_code(code) for code in codes} - {UNKNOWN_CODE} for codes in found]
    mixed = [(w, h) for w, h in zip(want, have, strict=True) if len(w) > 1]
    plain = [h for w, h in zip(want, have, strict=True) if len(w) == 1]
    return {
        "recall": sum(len(w & h) / len(w) for w, h in mixed) / len(mixed) if mixed else None,
        "told": sum(len(h) > 1 for _, h in mixed) / len(mixed) if mixed else None,
        "false": sum(len(h) > 1 for h in plain) / len(plain) if plain else None,
    }


def share_error(gold: Sequence[Mapping[str, float]], found: Sequence[Mapping[str, float]]) -> float | None:
    """The mean share of a text that is given to a wrong language, or to none; from raw codes, which are folded here."""
    errors = []
    for want, have in zip(map(_folded, gold), map(_folded, found), strict=True):
        if want:
            errors.append(1 - sum(min(share, have.get(code, 0.0)) for code, share in want.items()))
    return sum(errors) / len(errors) if errors else None


def _folded(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares by folded code, adding up to 1; an unknown language has none."""
    found: dict[str, float] = defaultdict(float)
    for code, share in shares.items():
        if (folded := fold_code(code)) != UNKNOWN_CODE:
            found[folded] += share
    total = sum(found.values())
    return {code: share / total for code, share in found.items()} if total else {}


def token_shares(row: dict[str, Any]) -> dict[str, float]:
    """The letters of each language's tokens, where a row has them; `_` and `other` are no language."""
    found: dict[str, float] = defaultdict(float)
    for token, code in zip(row.get("tokens", ()), row.get("token_languages", ()), strict=False):
        if language := _plain(code):
            found[language] += sum(map(str.isalnum, token))
    return found


def _plain(code: str) -> str:
    """The language of a code of the mixed set: `ar_dz` is `ar`, and so is its `msa`, modern standard Arabic."""
    first = str(code).replace("_", "-").split("-")[0]
    return {"msa": "ar", "other": ""}.get(first, first)


def accepted(row: dict[str, Any], found: str) -> str:
    """The row's gold code; of several (mixed text), the one found if it is among them."""
    if row.get("language") is not None:
        return str(row["language"])
    languages = _languages(row)
    folded = {fold_code(code): code for code in languages}
    return folded.get(fold_code(found), languages[0] if languages else UNKNOWN_CODE)


def _languages(row: dict[str, Any]) -> list[str]:
    if row.get("language") is not None:
        return [str(row["language"])]
    return [code for code in map(_plain, row.get("languages", ())) if code]


def evaluate(path: Path, config: LanguageConfig | None = None) -> Evaluation:
    """The metrics of `language` on a labelled file of `{id, text, language, kind}` rows.

    Each text is the one user turn of a conversation and goes through the stage's own batch function.

    Raises:
        DataError: the file is missing or not in the format.
    """
    rows = read_rows(path, ("text", "kind"))
    messages = [[{"role": "user", "content": row["text"], "name": None, "created_at": None}] for row in rows]
    table = pa.table([pa.array(messages, MESSAGES)], schema=LANGUAGE.reads)
    with LANGUAGE.open(config or LanguageConfig()) as batch:
        started = time.perf_counter()
        made = batch(table)
        found = made.column("language_code").to_pylist()
        seconds = time.perf_counter() - started
    gold = [accepted(row, code) for row, code in zip(rows, found, strict=True)]
    metrics = measure(gold, found, [str(row["kind"]) for row in rows])
    told = [{one["code"]: one["share"] for one in shares} for shares in made.column("language_shares").to_pylist()]
    error = share_error([token_shares(row) for row in rows], told)
    metrics["mixture"] = mixture([_languages(row) for row in rows], [*map(list, told)]) | {"share_error": error}
    return Evaluation("language", path.name, len(rows), seconds, metrics)
