"""The safety benchmark: the jailbreaks of a run that broke most of the models they were sent to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from chatlog.engine.status import stage_status
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.interval import wilson
from chatlog.models.judgments import Rule
from chatlog.moderation.files import lines, write_private
from chatlog.moderation.jailbreaks import attempts
from chatlog.moderation.reading import JudgedRun, JudgedShard, codes, filled
from chatlog.pipeline import plan
from chatlog.release.rescan import refuse_identifiers
from chatlog.schema import CATEGORIES

_COLUMNS = ("model", "language", "kept", "prompt_cluster_id")


@dataclass
class _Cluster:
    """Attempts whose first prompts are the same or alike."""

    attempts: int = 0
    successes: int = 0
    undetermined: int = 0
    models: dict[str, bool] = field(default_factory=dict)
    best: tuple[float, int] = (-1.0, 0)
    """Of the successes: the answer's highest score, and its row with the sign turned, so that the first row wins."""


@dataclass(frozen=True)
class Benchmark:
    """What was written.

    Attributes:
        file: where.
        conversations: conversations in it, one a prompt cluster.
        clusters: prompt clusters with an attempt.
        broken: those of them with a success.
    """

    file: str
    conversations: int
    clusters: int
    broken: int

    def to_json(self) -> dict[str, Any]:
        """The object `benchmark` of `chatlog moderation --safety-benchmark --json`."""
        return asdict(self)


def safety_benchmark(judged: JudgedRun, out: Path, top: int, rule: Rule | None = None) -> Benchmark:
    """Writes the `top` prompt clusters by attack success as JSON Lines (mode 0600), the best conversation of each.

    A cluster's attack success is the share of the models that it was sent to that gave a flagged answer. Clusters are
    ranked by the lower end of its 95 % interval, so that three models of three come before one of one; then by
    successes.

    Raises:
        ConfigError: the run has no `dedup`, or stages are left to run.
        ReleaseRefused: `messages` was last written by something other than `redact`, or an identifier with a valid
            checksum is left.
    """
    _refuse_unready(judged)
    clusters: dict[int, _Cluster] = {}
    for shard in judged.read(_COLUMNS):
        _count(shard, clusters, rule)
    ranked = sorted(
        ((cluster, told) for cluster, told in clusters.items() if told.successes),
        key=lambda pair: (-_success(pair[1])[1], -pair[1].successes, -pair[1].best[0], pair[0]),
    )
    chosen = {-told.best[1]: (rank, cluster, told) for rank, (cluster, told) in enumerate(ranked[:top], start=1)}
    rows = sorted(_rows(judged, chosen, rule), key=lambda row: int(row["rank"]))
    _refuse_identifiers(rows)
    write_private(out, lines(rows))
    return Benchmark(str(out), len(rows), len(clusters), len(ranked))


def _refuse_unready(judged: JudgedRun) -> None:
    writer = judged.writers["messages"]
    if writer != "redact":
        raise ReleaseRefused(
            f"the last stage that wrote `messages` is {writer}, not redact: put redact last among those that write it"
        )
    if "prompt_cluster_id" not in judged.writers:
        raise ConfigError(
            f"the pipeline {judged.pipeline.name} has no stage `dedup`, which tells which prompts are alike; add it"
        )
    steps = plan(judged.pipeline).steps
    left = {each.stage: each.left for each in stage_status(judged.run, judged.pipeline, steps) if each.left}
    if left:
        missing = ", ".join(f"{stage} ({count} shards)" for stage, count in left.items())
        raise ConfigError(f"{judged.run.root} is not finished: {missing} left; run the pipeline again first")


def _count(shard: JudgedShard, clusters: dict[int, _Cluster], rule: Rule | None) -> None:
    judged = shard.judged
    flagged = judged.flagged if rule is None else rule.decide(judged)[0]
    found = attempts(shard, flagged)
    # A duplicate would count one attempt twice, and only redacted conversations may leave.
    usable = found.attempt & shard.present & filled(shard.columns["kept"])
    answer = np.full(len(usable), -1.0)
    scores = np.where(np.isnan(judged.score), 0.0, judged.score)
    np.maximum.at(answer, judged.row[found.answered], scores[found.answered])
    group, names = codes(shard.columns["model"])
    ids = shard.columns["prompt_cluster_id"].to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(usable).tolist():
        cluster = clusters.setdefault(int(ids[row]), _Cluster())
        if found.undetermined[row]:
            cluster.undetermined += 1
            continue
        success, model = bool(found.success[row]), names[int(group[row])]
        cluster.attempts += 1
        cluster.successes += success
        cluster.models[model] = cluster.models.get(model, False) or success
        if success:
            cluster.best = max(cluster.best, (float(answer[row]), -int(shard.row_id[row])))


def _success(cluster: _Cluster) -> tuple[float, float, float]:
    """The share of models that were broken, with its 95 % interval."""
    broken, models = sum(cluster.models.values()), len(cluster.models)
    return broken / models, *wilson(broken, models)


def _rows(
    judged: JudgedRun, chosen: dict[int, tuple[int, int, _Cluster]], rule: Rule | None
) -> Iterator[dict[str, Any]]:
    for shard in judged.read(_COLUMNS):
        rows = np.flatnonzero(np.isin(shard.row_id, np.array(sorted(chosen), dtype=np.int64)))
        if not len(rows):
            continue
        flagged, categories = (
            (shard.judged.flagged, shard.judged.categories) if rule is None else rule.decide(shard.judged)
        )
        found = attempts(shard, flagged)
        for row, told in zip(rows.tolist(), judged.texts(shard.number, rows, ("conversation_id",)), strict=True):
            rank, cluster, counts = chosen[int(shard.row_id[row])]
            mine = shard.judged.row == row
            rate, low, high = _success(counts)
            named = categories[mine & flagged].any(axis=0)
            yield {
                "rank": rank,
                "conversation_id": told["conversation_id"],
                "prompt_cluster_id": cluster,
                "model": shard.columns["model"][row].as_py(),
                "language": shard.columns["language"][row].as_py(),
                "messages": [{"role": turn["role"], "content": turn["content"]} for turn in told["messages"]],
                "asked": int(found.asked[row]),
                "answered": shard.judged.position[mine & found.answered].tolist(),
                "categories": [name for name, there in zip(CATEGORIES, named.tolist(), strict=True) if there],
                "attack_success": rate,
                "attack_success_low": low,
                "attack_success_high": high,
                "models": len(counts.models),
                "models_broken": sum(counts.models.values()),
                "attempts": counts.attempts,
                "successes": counts.successes,
            }


def _refuse_identifiers(rows: Sequence[dict[str, Any]]) -> None:
    texts = [[turn["content"] or "" for turn in row["messages"]] for row in rows]
    refuse_identifiers(
        pa.table(
            {
                "conversation_id": pa.array([row["conversation_id"] for row in rows], pa.string()),
                "messages": pa.array(texts, pa.list_(pa.string())),
            }
        )
    )
