"""The models on the Hub that the guards know, each with a commit of its repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Known:
    """A model of one of the guards' families.

    Attributes:
        guard: how it is asked.
        revision: the commit that is taken when a config names none; empty where a config has to name one.
    """

    guard: str
    revision: str = ""


KNOWN: Final = {
    "meta-llama/Llama-Guard-3-8B": Known("llama-guard-3", "7327bd9f6efbbe6101dc6cc4736302b3cbb6e425"),
    "meta-llama/Llama-Guard-3-1B": Known("llama-guard-3-1b", "acf7aafa60f0410f8f42b1fa35e077d705892029"),
    "meta-llama/Llama-Guard-4-12B": Known("llama-guard-4", "87acb4b94e930c3d679e6e7ee9d57e2feab9ea71"),
    "Qwen/Qwen3Guard-Gen-0.6B": Known("qwen3guard-gen", "fada3b2f655b89601929198343c94cd2f64d93cc"),
    "Qwen/Qwen3Guard-Gen-4B": Known("qwen3guard-gen", "ec9748ae4e3acd5abc74f62d93ffbd458f1ca38e"),
    "Qwen/Qwen3Guard-Gen-8B": Known("qwen3guard-gen", "4505cb1a6f1864f21f8b27f7daf1b9a1aab6edbb"),
    "google/shieldgemma-2b": Known("shieldgemma", "d1dffc9c8c9237a90aab09c61383791e718ef9e8"),
    "google/shieldgemma-9b": Known("shieldgemma", "b8b636016df4540721a098c7aab91c97ec6ee508"),
    "google/shieldgemma-27b": Known("shieldgemma"),
    "allenai/wildguard": Known("wildguard", "cbba4823f3e8020e5a74a5e29bf85072def6f2ff"),
    "ibm-granite/granite-guardian-3.0-2b": Known("granite-guardian"),
    "ibm-granite/granite-guardian-3.0-8b": Known("granite-guardian"),
    "ibm-granite/granite-guardian-3.1-2b": Known("granite-guardian", "81145486e85c6c82c01e759c0356d9d6da4d21a5"),
    "ibm-granite/granite-guardian-3.1-8b": Known("granite-guardian"),
    "ibm-granite/granite-guardian-3.2-3b-a800m": Known("granite-guardian", "3de033d89b499a18d9a573b5192bf3b967ef48c5"),
    "ibm-granite/granite-guardian-3.2-5b": Known("granite-guardian", "43e35985198a4cc97db3d489455aa96d1dd8a80e"),
}
"""By Hub id. The commits are those that public code and records name for these repositories; none was fetched here."""

_BY_NAME: Final = {name.lower(): known for name, known in KNOWN.items()}


def guard_of(model: str) -> str | None:
    """The guard that a model is known to be asked by, by its Hub id with or without a revision; None for others."""
    known = _BY_NAME.get(model.partition("@")[0].lower())
    return known.guard if known else None


def pinned(model: str) -> str:
    """The Hub id with the commit that is known; what has one, is a path or is not known stays as it is."""
    known = KNOWN.get(model)
    return f"{model}@{known.revision}" if known and known.revision and not Path(model).exists() else model
