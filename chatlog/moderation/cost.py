"""What moderating a run will take, told before it from a short measured sample."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError, DataError
from chatlog.models.engines.config import ModerateConfig
from chatlog.moderation.volume import Volume, drawn, given, volume
from chatlog.pipeline import Pipeline
from chatlog.schema import MESSAGES
from chatlog.stages.moderate import MODERATE

GROUPS: Final = 8
"""Parts of the sample, asked one after another: how they differ tells how sure the estimate is."""

_T: Final = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""The 97.5th percentile of Student's t distribution by number of groups."""

_SHARED: Final = ("prompts", "prompt_tokens", "cached_tokens")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """An estimate with its 95 % interval; None where the sample is too small to tell one."""

    value: float
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> Range:
        """All three, multiplied."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Range(self.value * factor, low, high)

    def plus(self, other: Range) -> Range:
        """All three, added: as unsure as if both erred alike."""
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        return Range(self.value + other.value, low, high)


@dataclass(frozen=True)
class Cost:
    """What moderating a run takes.

    Attributes:
        engine, guard, model: as the pipeline has them.
        volume: of the whole run; counted, not estimated.
        sample: of what was measured.
        errors: messages of the sample whose judgment failed.
        start_s: seconds until the model was loaded.
        prompts: calls to the model; a text that came before in the same context is asked once.
        prompt_tokens: sent; None where the engine does not count them.
        computed_tokens: sent and not found in the prefix cache.
        seconds: of work, without `start_s`, on the machine that measured and at its concurrency.
        gpus: that work at once.
        gpu_hours: seconds x gpus / 3600.
        cost: gpu_hours x the price of one, or tokens x the price of a million, or both; None without a price.
    """

    engine: str
    guard: str
    model: str
    volume: Volume
    sample: Volume
    errors: int
    start_s: float
    prompts: Range | None
    prompt_tokens: Range | None
    computed_tokens: Range | None
    seconds: Range
    gpus: int
    gpu_hours: Range
    cost: Range | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Prices:
    """What is paid, in whatever currency: for a GPU's hour, and for a million tokens that are sent."""

    gpu_hour: float | None = None
    million_tokens: float | None = None


def estimate(
    root: str,
    pipeline: Pipeline | None = None,
    *,
    count: int = 400,
    seed: int = 0,
    gpus: int | None = None,
    prices: Prices | None = None,
) -> Cost:
    """Moderates `count` conversations of the run, drawn at random, and tells what all would take.

    Args:
        root: a run folder; what comes before `moderate` should be done.
        pipeline: whose settings of `moderate` count; None for the run's own.
        count: conversations of the sample.
        seed: the same seed draws the same sample.
        gpus: that work at once; None for those that engine `vllm` sees here, and 0 for the others.
        prices: for `cost`.

    Raises:
        ConfigError: no run, no `moderate`, or nothing to moderate.
        DataError: the model cannot be loaded, or judged nothing.
    """
    recipe = pipeline or pipeline_of(root)[1]
    step = next((step for step in recipe.steps if isinstance(step.config, ModerateConfig)), None)
    if step is None or not isinstance(step.config, ModerateConfig):
        raise ConfigError(f"the pipeline {recipe.name} has no stage `moderate`; name one that has it with --pipeline")
    config = step.config
    source = given(root, recipe, step.where)
    volumes = [_volume(messages, config) for messages in source.messages()]
    whole = sum(volumes, Volume())
    if not whole.messages:
        raise ConfigError(f"{root} holds no message to moderate")
    MODERATE.check(config)
    sampled = drawn(source, [each.conversations for each in volumes], count, seed)
    measured = _measured(sampled, config)
    return _told(config, whole, measured, gpus, prices or Prices())


def _volume(messages: pa.Array, config: ModerateConfig) -> Volume:
    cpu = config.engine == "cpu"
    # Our classifier reads stretches of 800 characters; a guard, what `shown` leaves.
    return volume(messages, config.own_window, config.max_windows * 800 if cpu else config.max_characters)


@dataclass(frozen=True)
class _Measured:
    """One row a group: volumes, what was counted, seconds."""

    start_s: float
    volumes: list[Volume]
    counts: list[dict[str, int]]
    seconds: list[float]
    errors: int


def _measured(messages: pa.Array, config: ModerateConfig) -> _Measured:
    groups = min(GROUPS, len(messages))
    bounds = np.linspace(0, len(messages), groups + 1).astype(int).tolist()
    begun = time.monotonic()
    volumes, counts, seconds, errors = [], [], [], 0
    with MODERATE.open(config) as function:
        # What a first call sets up is no work of the run's: one conversation takes it on itself.
        function(pa.table({"messages": messages[:1].cast(MESSAGES)}))
        start_s = time.monotonic() - begun
        counted: Callable[[], dict[str, int]] = getattr(function, "counts", dict)
        for first, end in pairwise(bounds):
            part = messages[first:end]
            before, started = counted(), time.monotonic()
            made = function(pa.table({"messages": part.cast(MESSAGES)}))
            seconds.append(time.monotonic() - started)
            counts.append({name: total - before.get(name, 0) for name, total in counted().items()})
            volumes.append(_volume(part, config))
            errors += sum(item["status"] == "error" for row in made["moderation"].to_pylist() for item in row or ())
    if errors == sum(each.messages for each in volumes):
        raise DataError("every judgment of the sample failed; mend the engine's settings first")
    return _Measured(start_s, volumes, counts, seconds, errors)


def _told(config: ModerateConfig, whole: Volume, measured: _Measured, gpus: int | None, prices: Prices) -> Cost:
    sizes = np.array([[each.messages, each.characters] for each in measured.volumes], dtype=np.float64)
    target = np.array([whole.messages, whole.characters], dtype=np.float64)
    counts = {
        name: np.array([each[name] for each in measured.counts], dtype=np.float64)
        for name in _SHARED
        if all(name in each for each in measured.counts)
    }
    tokens = counts.get("prompt_tokens")
    computed = None if tokens is None else tokens - counts.get("cached_tokens", np.zeros(len(tokens)))
    seconds = extrapolated(sizes, np.array(measured.seconds), target)
    at_once = _gpus(config) if gpus is None else gpus
    hours = seconds.times(at_once / 3600)
    sent = None if tokens is None else extrapolated(sizes, tokens, target)
    return Cost(
        engine=config.engine,
        guard="" if config.engine == "cpu" or config.api == "moderations" else config.guard,
        model=config.model,
        volume=whole,
        sample=sum(measured.volumes, Volume()),
        errors=measured.errors,
        start_s=measured.start_s,
        prompts=extrapolated(sizes, counts["prompts"], target) if "prompts" in counts else None,
        prompt_tokens=sent,
        computed_tokens=None if computed is None else extrapolated(sizes, computed, target),
        seconds=seconds,
        gpus=at_once,
        gpu_hours=hours,
        cost=_price(hours, sent, prices),
    )


def _gpus(config: ModerateConfig) -> int:
    if config.engine != "vllm":
        return 0
    import os

    from chatlog.models.engines.vllm_workers import shared_out, visible_devices

    return len(shared_out(visible_devices(os.environ), config.tensor_parallel)) * config.tensor_parallel


def _price(hours: Range, tokens: Range | None, prices: Prices) -> Range | None:
    by_hour = None if prices.gpu_hour is None else hours.times(prices.gpu_hour)
    if prices.million_tokens is None:
        return by_hour
    if tokens is None:
        raise ConfigError("this engine counts no tokens, so a price of tokens tells nothing; give that of GPU hours")
    by_token = tokens.times(prices.million_tokens / 1e6)
    return by_token if by_hour is None else by_hour.plus(by_token)


def extrapolated(sizes: Floats, found: Floats, target: Floats) -> Range:
    """The total of a quantity, and its interval by leaving one group out at a time (delete-a-group jackknife).

    The quantity is taken to be so much a message and so much a character, neither below zero.

    Args:
        sizes: `(groups, 2)`, messages and characters of each group.
        found: `(groups,)`, the quantity.
        target: `(2,)`, messages and characters of the whole.
    """
    value = float(_fitted(sizes, found) @ target)
    groups = len(found)
    if groups not in _T:
        return Range(value)
    rest = [np.arange(groups) != left for left in range(groups)]
    without = np.array([_fitted(sizes[kept], found[kept]) @ target for kept in rest])
    error = float(np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum()))
    return Range(value, max(0.0, value - _T[groups] * error), value + _T[groups] * error)


def _fitted(sizes: Floats, found: Floats) -> Floats:
    from scipy.optimize import nnls

    # In units of the sample's own means, so that neither column's size decides the fit.
    scale = np.maximum(sizes.mean(axis=0), 1e-9)
    weights, _ = nnls(sizes / scale, found)
    return np.asarray(weights / scale, dtype=np.float64)
