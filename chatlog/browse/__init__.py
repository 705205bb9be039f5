"""A page to search the conversations of a run, to read one, and to label messages: `chatlog browse`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatlog.browse.access import is_loopback
from chatlog.browse.api import open_api
from chatlog.browse.server import BrowseServer

__all__ = ["BrowseServer", "browsing", "is_loopback"]


@contextmanager
def browsing(
    root: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    labels: Path | None = None,
    as_logged: bool = False,
    memory: str = "2GB",
) -> Iterator[BrowseServer]:
    """A server of a run that is bound and not yet serving: call `serve_forever` on it. `door.link` is its address.

    Args:
        root: the run folder.
        host: the address to listen on.
        port: its port; 0 takes a free one.
        labels: a file of `chatlog moderation --sample` to label.
        as_logged: whether texts are shown as they were logged, before redaction.
        memory: for DuckDB, as 2GB.

    Raises:
        ConfigError: no run, labels of another run, or an address that cannot be bound.
        DataError: a file is damaged.
    """
    with (
        open_api(root, labels=labels, as_logged=as_logged, memory=memory) as api,
        BrowseServer(api, host, port) as made,
    ):
        yield made
