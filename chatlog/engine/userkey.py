"""The key under which user ids and IPs are hashed."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.engine.store import Run, private, write_bytes
from chatlog.errors import ConfigError

VARIABLE: Final = "CHATLOG_USER_KEY"
_FILE: Final = "user.key"
_LENGTH: Final = 32
"""Hex characters kept of a hash: 128 bits."""


@dataclass(frozen=True)
class UserKey:
    """A secret that turns ids into pseudonyms."""

    secret: bytes

    def hash(self, *parts: bytes) -> str:
        """HMAC-SHA256 of the parts, each preceded by its length; 32 hex characters."""
        message = b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])
        return hmac.digest(self.secret, message, "sha256").hex()[:_LENGTH]

    def of_user(self, user: str) -> str:
        """The `user_key` of a user's id or IP address, as a source tells it."""
        return self.hash(b"user", user.encode("utf-8", "replace"))

    @property
    def id(self) -> str:
        """A public name of the key, for fingerprints; tells nothing of the key."""
        return self.hash(b"chatlog key id")


def user_key(run: Run) -> UserKey:
    """The key of CHATLOG_USER_KEY, or of the run folder's `user.key` (mode 0600).

    A run folder without a key takes over the one in the user's own state folder
    (`$XDG_STATE_HOME/chatlog/user.key`, made at random once), so that one operator's runs name a
    user alike and give the same bytes; where that folder cannot be written, a random one.

    Raises:
        ConfigError: the variable holds fewer than 16 characters, or a key file is not readable.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        if len(given) < 16:
            raise ConfigError(f"{VARIABLE} should hold at least 16 characters, found {len(given)}")
        return UserKey(given.encode())
    path = run.root / _FILE
    if not path.exists():
        _write(path, _operators_key())
    return UserKey(_read(path))


def state_folder() -> Path:
    """The operator's own folder: `$XDG_STATE_HOME/chatlog`, by default in `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(state) / "chatlog"


def _operators_key() -> bytes:
    path = state_folder() / _FILE
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_hex(32).encode())
        return _read(path)
    except FileExistsError:
        return _read(path)  # another run made it a moment ago
    except (OSError, ConfigError):
        return secrets.token_hex(32).encode()


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the user key {path}: {error.strerror}") from error
    if len(key) < 16:
        raise ConfigError(
            f"{path} should hold at least 16 bytes, found {len(key)}; "
            f"put the key back, or remove the file for a new one"
        )
    return key


def _write(path: Path, key: bytes) -> None:
    with private():
        write_bytes(path, key)
