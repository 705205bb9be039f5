"""The guards by name."""

from __future__ import annotations

from collections.abc import Mapping
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


def open_guard(name: str, policy: str = "", labels: Mapping[str, str] | None = None, digest: str = "") -> Guard:
    """The guard `name`.

    Args:
        name: one of GUARDS.
        policy: the rules of guard `policy`: a file, or empty for our own.
        labels: the labels of guard `classifier`.
        digest: the SHA-256 that the policy file must have; empty for any.

    Raises:
        ConfigError: the name is unknown, or what the guard needs is missing or wrong.
    """
    if name not in GUARDS:
        raise ConfigError(f"unknown guard {name!r}; expected one of {', '.join(GUARDS)}")
    if policy and name != PolicyGuard.name:
        raise ConfigError(f"guard {name!r} has a policy of its own; `policy` is for guard {PolicyGuard.name!r}")
    if name == PolicyGuard.name:
        return PolicyGuard(read_policy(policy, digest))
    if name == SequenceClassifier.name:
        check_labels(labels or {})
        return SequenceClassifier(labels or {})
    return GUARDS[name]()  # one that knows its family, and needs nothing
