"""The guards by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chatlog.errors import ConfigError
from chatlog.models.guards import Guard
from chatlog.models.guards_classifier import SequenceClassifier, check_labels
from chatlog.models.guards_granite import GraniteGuardian
from chatlog.models.guards_llama import LlamaGuard3, LlamaGuard3Small, LlamaGuard4
from chatlog.models.guards_policy import PolicyGuard, read_policy
from chatlog.models.guards_qwen import Qwen3Guard
from chatlog.models.guards_shieldgemma import ShieldGemma
from chatlog.models.guards_wildguard import WildGuard

_GUARDS: Final[tuple[type[Guard], ...]] = (
    PolicyGuard,
    LlamaGuard3,
    LlamaGuard3Small,
    LlamaGuard4,
    Qwen3Guard,
    ShieldGemma,
    WildGuard,
    GraniteGuardian,
    SequenceClassifier,
)

GUARDS: Final[dict[str, type[Guard]]] = {guard.name: guard for guard in _GUARDS}


def open_guard(name: str, policy: str = "", labels: Mapping[str, str] | None = None) -> Guard:
    """The guard `name`.

    Args:
        name: one of GUARDS.
        policy: the rules of guard `policy`: a file, or empty for our own.
        labels: the labels of guard `classifier`.

    Raises:
        ConfigError: the name is unknown, or what the guard needs is missing.
    """
    check_guard(name, policy, labels or {})
    if name == "policy":
        return PolicyGuard(read_policy(policy))
    if name == "classifier":
        return SequenceClassifier(labels or {})
    return GUARDS[name]()  # one that knows its family, and needs nothing


def check_guard(name: str, policy: str, labels: Mapping[str, str]) -> None:
    """Nothing, when `open_guard` can make this guard.

    Raises:
        ConfigError: as open_guard.
    """
    if name not in GUARDS:
        raise ConfigError(f"unknown guard {name!r}; expected one of {', '.join(GUARDS)}")
    if policy and not Path(policy).expanduser().is_file():
        raise ConfigError(f"guard policy: {policy} is not a file; give a text file with the rules")
    if name == "classifier":
        check_labels(labels)
