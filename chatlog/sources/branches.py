"""Conversations that are trees of messages, kept as a table of nodes that name their parents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.record import Reject

MAX_NODES: Final = 200_000
"""Messages that all branches of one conversation may hold together; real ones have a few hundred."""

Nodes = Mapping[str, Mapping[str, Any]]


def path_to(nodes: Nodes, leaf: str, parent_key: str) -> list[str]:
    """The ids from the root to `leaf`; a parent that is missing, or met before, ends the path."""
    path: list[str] = []
    seen: set[str] = set()
    at: Any = leaf
    while isinstance(at, str) and at in nodes and at not in seen:
        seen.add(at)
        path.append(at)
        at = nodes[at].get(parent_key)
    path.reverse()
    return path


def leaves(nodes: Nodes, parent_key: str) -> list[str]:
    """The ids that no node has for its parent, in the order of the table."""
    parents = {parent for node in nodes.values() if isinstance(parent := node.get(parent_key), str)}
    return [node for node in nodes if node not in parents]


def branches(nodes: Nodes, parent_key: str, current: Any, *, every: bool) -> list[list[str]]:
    """The branch that ends in `current` (or else in the last leaf), or every branch.

    Raises:
        Reject: too_large.
    """
    if not every:
        if isinstance(current, str) and current in nodes:
            return [path_to(nodes, current, parent_key)]
        ends = leaves(nodes, parent_key)
        return [path_to(nodes, ends[-1], parent_key)] if ends else []
    paths: list[list[str]] = []
    size = 0
    for leaf in leaves(nodes, parent_key):
        path = path_to(nodes, leaf, parent_key)
        size += len(path)
        if size > MAX_NODES:
            raise Reject("too_large", f"the branches hold more than {MAX_NODES} messages")
        paths.append(path)
    return paths
