"""The error tree.

    ChatlogError
    ├── ConfigError      a pipeline, option or setting is wrong; found before any work
    ├── DataError        an input or a file of a run is missing, unreadable or damaged
    ├── ContractError    a stage broke its promise (rows, order, schema): a defect, never the user's
    ├── MissingExtra     an optional dependency is absent; the message says what to install
    ├── RemoteError      a server did not answer as it should, after every retry
    └── ReleaseRefused   a release would leak or does not add up

Messages say where, what was found, what was expected and what to do. They never hold
conversation text or matched personal data: they end up in logs.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path


class ChatlogError(Exception):
    """The root of every error that chatlog raises on purpose; told in one line, exit code 1."""


class ConfigError(ChatlogError):
    """A pipeline, an option or a setting is wrong."""


class DataError(ChatlogError):
    """An input, or a file of a run folder, is missing, unreadable or damaged."""


class ContractError(ChatlogError):
    """A stage returned something other than it declared."""


class MissingExtra(ChatlogError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Tell that `what` needs the optional dependencies named `extra`."""
        super().__init__(f"{what} needs an optional part. Install it: pip install 'chatlog[{extra}]'")
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Lets the error cross from a worker process."""
        return MissingExtra, (self.what, self.extra)


class RemoteError(ChatlogError):
    """A remote service failed for good."""


class ReleaseRefused(ChatlogError):
    """A release is not safe, or its accounts do not balance.

    Attributes:
        rows: ids of the rows that it is refused for, where there are such: row_id, or the published id.
    """

    def __init__(self, message: str, rows: Sequence[object] = ()) -> None:
        """Tell why, and for which rows."""
        super().__init__(message)
        self.rows = list(rows)


def without_text(error: BaseException) -> str:
    """The kind of an exception and where it arose, without its message, which might quote a conversation."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"
