"""What code made a run: the version of chatlog, a hash of its source, and the packages that it ran with."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import chatlog
from chatlog.engine.identity import digest
from chatlog.engine.store import Run

FILE: Final = "environment.json"

_SOURCE: Final = frozenset({".py", ".sql", ".toml", ".txt", ".json", ".j2"})

_TOLD: Final = (
    "duckdb",
    "numpy",
    "polars",
    "pyarrow",
    "scikit-learn",
    "sentence-transformers",
    "spacy",
    "torch",
    "vllm",
)
"""Packages whose versions are told by name, where they are installed; the hash is over all that are."""


@cache
def environment() -> dict[str, Any]:
    """Version and source hash of chatlog, Python's version, a hash of all installed packages, and some by name."""
    installed = {
        found.name.lower().replace("_", "-"): found.version for found in metadata.distributions() if found.name
    }
    return {
        "chatlog": chatlog.__version__,
        "source": _source_hash(Path(chatlog.__file__).parent),
        "python": platform.python_version(),
        "lock": digest(sorted(installed.items())),
        "packages": {name: installed[name] for name in _TOLD if name in installed},
    }


def _source_hash(package: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in _SOURCE and path.is_file():
            total.update(path.relative_to(package).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def record_environment(run: Run) -> None:
    """Adds this environment to those that the run folder was made by, where it is another one."""
    made_by = environments(run)
    if environment() not in made_by:
        run.write_json(FILE, {"made_by": [*made_by, environment()]})


def environments(run: Run) -> list[dict[str, Any]]:
    """Those that the run folder was made by, in the order in which each came first."""
    return list((run.read_json(FILE) or {}).get("made_by", []))
