"""How well topics' names say what their questions are about, beside the labels that people gave to the questions.

python benchmarks/topic_names.py ../shared/eval/topics/banking77.jsonl.gz --show

Prints a JSON object for each file. `groups` tells which questions were put together: `gold`, those of one label, so
that only the naming is measured; or `found`, the topics of the stages `embed` and `topics` at as many topics as there
are labels, each of which should be named like the label that most of its questions have. A word of a label counts as
held where a word of the name begins alike.

- `hit`: the share of groups whose name holds a word of the label.
- `telling`: the share whose name holds the word of the label that the fewest other labels have.
- `words`: the mean share of the label's words that the name holds.
- `unique`: the share of groups whose name no other group has.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlog.evaluate.labelled import read_rows
from chatlog.models.topic_evidence import TopicEvidence
from chatlog.schema import KEY, MESSAGES
from chatlog.stage import held
from chatlog.stages.embed import EmbedConfig, open_embed
from chatlog.stages.topics import TopicsConfig, run_topics

SMALL = frozenset(
    "a an and by for from i in is my not of on or the to up what where who why how you your it app".split()
)
"""Words of labels that no name needs."""


def label_words(label: str) -> list[str]:
    """The words of `card_arrival`, without small ones where others are left."""
    words = [word for word in re.split(r"[^0-9a-z]+", label.lower()) if word]
    return [word for word in words if word not in SMALL] or words


def alike(one: str, other: str) -> bool:
    """Whether two words may be forms of one: they begin alike, and differ in an ending at most."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    shortest, longest = sorted((len(one), len(other)))
    return shared == longest or (shared >= 3 and shared >= shortest - 1 and longest - shared <= 4)


def measured(names: Sequence[str | None], golds: Sequence[str]) -> dict[str, float]:
    """`hit`, `telling`, `words` and `unique` of names, each beside the label that it should tell."""
    common = Counter(word for label in set(golds) for word in set(label_words(label)))
    shares, telling = [], []
    for name, gold in zip(names, golds, strict=True):
        said = re.split(r"[^0-9a-z]+", (name or "").lower())
        wanted = label_words(gold)
        held_words = [word for word in wanted if any(alike(word, one) for one in said if one)]
        shares.append(len(held_words) / len(wanted))
        rarest = min(common[word] for word in wanted)
        telling.append(any(common[word] == rarest for word in held_words))
    told = Counter(name.casefold() for name in names if name)
    return {
        "hit": round(float(np.mean([share > 0 for share in shares])), 3),
        "telling": round(float(np.mean(telling)), 3),
        "words": round(float(np.mean(shares)), 3),
        "unique": round(float(np.mean([bool(name) and told[name.casefold()] == 1 for name in names])), 3),
    }


def named(table: pa.Table, groups: npt.NDArray[np.int32], config: TopicsConfig) -> list[str | None]:
    """The names of the groups 0, 1, ... of the conversations of a table."""
    rows = np.asarray(table.column(KEY.name), dtype=np.int64)
    about = TopicEvidence(config, rows, int(groups.max()) + 1)
    about.see(table, np.ones(len(rows), dtype=np.bool_), groups, np.zeros(len(rows), dtype=np.float32))
    return [row["label"] for row in about.table().to_pylist()[: int(groups.max()) + 1]]


def conversations(file: Path) -> tuple[pa.Table, list[str]]:
    """Each text as a conversation of one turn, and its label."""
    rows = [row for row in read_rows(file, ("text", "label")) if row["label"] is not None]
    turns = [[{"role": "user", "content": str(row["text"]), "name": None, "created_at": None}] for row in rows]
    table = pa.table({"messages": pa.array(turns, MESSAGES), KEY.name: pa.array(np.arange(len(rows), dtype=np.int64))})
    return table, [str(row["label"]) for row in rows]


def main(file: Path, groups: str, subjects: bool, show: bool) -> dict[str, object]:
    """The figures of one file."""
    table, gold = conversations(file)
    labels = sorted(set(gold))
    if groups == "gold":
        found = np.array([labels.index(label) for label in gold], dtype=np.int32)
        names = named(table, found, TopicsConfig(subjects=subjects))
    else:
        with open_embed(EmbedConfig()) as batch:
            whole = table.append_column("embedding", batch(table).column("embedding"))
        steps = run_topics(TopicsConfig(k=len(labels), subjects=subjects), [held(whole)])
        found = np.asarray(next(steps).column("topic_id"), dtype=np.int32)
        names = told_at_the_end(steps, int(found.max()) + 1)
    majority = [
        Counter(label for label, one in zip(gold, found.tolist(), strict=True) if one == group).most_common(1)[0][0]
        for group in range(len(names))
    ]
    result: dict[str, object] = {
        "file": file.name,
        "groups": groups,
        "subjects": subjects,
        "n": len(gold),
        "names": len(names),
    }
    result |= measured(names, majority)
    if show:
        result["told"] = [f"{label}: {name}" for label, name in zip(majority, names, strict=True)]
    return result


def told_at_the_end(steps: object, count: int) -> list[str | None]:
    """The labels of the topics in the table that the stage returns."""
    try:
        next(steps)  # type: ignore[call-overload]
    except StopIteration as end:
        return [row["label"] for row in end.value["topics"].to_pylist() if 0 <= row["topic_id"] < count]
    raise AssertionError("one shard gives one table")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("labelled", type=Path, nargs="+", help="JSON Lines with `text` and `label`")
    options.add_argument("--groups", choices=("gold", "found"), default="gold")
    options.add_argument("--keywords", action="store_true", help="name by keywords alone")
    options.add_argument("--show", action="store_true", help="tell each label and name")
    given = options.parse_args()
    for one in given.labelled:
        print(json.dumps(main(one, given.groups, not given.keywords, given.show), ensure_ascii=False))
