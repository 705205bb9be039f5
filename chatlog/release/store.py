"""A place behind an fsspec URL, with its errors in one line each."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from chatlog.errors import ConfigError, MissingExtra, RemoteError
from chatlog.release.hub_client import AGAIN

_FLAT: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Stores without folders: to make one there could make a bucket, which is its owner's to do."""

_FAILURES: Final = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp.client_exceptions", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
)
"""What clients raise that is no OSError; a client that is not loaded raises none."""

_BLOCK: Final = 1 << 20


class Store:
    """Files below a URL; names are relative to it, with `/`.

    Attributes:
        url: without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        """Finds the client of the URL's protocol.

        Raises:
            ConfigError: the URL is none, or holds a password.
            MissingExtra: the client is not installed.
        """
        self.url = url.rstrip("/")
        protocol = re.match(r"([a-z][a-z0-9+.-]*)://.", self.url)
        if protocol is None or "::" in url:
            raise ConfigError("--to should be a URL with one protocol, such as s3://bucket/path or file:///path")
        if protocol[1] == "hf":
            raise ConfigError("--to does not take the Hub; use --repo ORG/NAME")
        if re.search(r"://[^/]*@", self.url):
            raise ConfigError(
                "--to holds a name or password, which others would see in lists of processes; give it to the store's "
                "client in the environment or in its own file"
            )
        try:
            from fsspec.core import url_to_fs

            with self._told():
                # A client from before has the keys of before, and its listings hide what another process did.
                self._fs: Any
                self._fs, root = url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            raise MissingExtra(f"pushing to {protocol[1]}://", "s3") from error
        self._root = root.rstrip("/")
        self._flat = protocol[1] in _FLAT

    def sizes(self, below: str = "") -> dict[str, int]:
        """Name to bytes, of every file below the URL, or below a folder there."""
        with self._told():
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._path(below) if below else self._root, detail=True)
            except FileNotFoundError:
                if self._flat:
                    raise
                return {}
        # Some clients give a protocol or a slash in front of what they list.
        start = self._fs._strip_protocol(self._root).rstrip("/") + "/"
        paths = {self._fs._strip_protocol(path): info for path, info in found.items()}
        return {path.removeprefix(start): int(info["size"]) for path, info in paths.items() if path.startswith(start)}

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file, None when it is not there."""
        with self._told():
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Puts a small file."""
        with self._told():
            self._parent(name)
            self._fs.pipe_file(self._path(name), data)

    def send(self, source: Path, name: str) -> None:
        """Puts a file of any size, in parts where the store takes parts."""
        with self._told():
            self._parent(name)
            self._fs.put_file(str(source), self._path(name))

    def copy(self, source: str, name: str) -> None:
        """Lets the store copy one of its files."""
        with self._told():
            self._parent(name)
            self._fs.cp_file(self._path(source), self._path(name))

    def delete(self, names: Sequence[str]) -> None:
        """Deletes files that may be there."""
        for name in names:
            with self._told():
                try:
                    self._fs.rm_file(self._path(name))
                except FileNotFoundError:
                    continue
                self._empty(name)

    def mark(self, name: str) -> str:
        """The store's own mark of a file, another one once the file was written again."""
        with self._told():
            self._fs.invalidate_cache()
            return str(self._fs.checksum(self._path(name)))

    def sha256(self, name: str) -> str:
        """SHA-256 of a file, read again."""
        hashed = hashlib.sha256()
        with self._told(), self._fs.open(self._path(name), "rb") as stream:
            while block := stream.read(_BLOCK):
                hashed.update(block)
        return hashed.hexdigest()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _parent(self, name: str) -> None:
        if not self._flat:
            self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    def _empty(self, name: str) -> None:
        """Removes the folders that a file left empty."""
        folder = name.rpartition("/")[0]
        while folder and not self._flat and not self._fs.ls(self._path(folder)):
            self._fs.rmdir(self._path(folder))
            folder = folder.rpartition("/")[0]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what clients raise into one line that holds no address of theirs, which may be signed.

        Raises:
            ConfigError: there is no such protocol.
            RemoteError: anything else.
        """
        try:
            yield
        except FileNotFoundError as error:
            raise RemoteError(f"{self.url} cannot be used: there is no such bucket or folder; make it first") from error
        except PermissionError as error:
            raise RemoteError(f"{self.url} may not be read or written with the keys that its client found") from error
        except _failures() as error:
            name = type(error).__name__
            if "Credential" in name or "Token" in name:
                told = f"{self.url}: its client found no keys that it can use ({name}); give them in the environment"
            else:
                told = (
                    f"{self.url} does not answer as it should ({name}); look at the network and the keys, then {AGAIN}"
                )
            raise RemoteError(told) from error
        except ValueError as error:
            raise ConfigError(f"{self.url} is no URL that fsspec can use ({type(error).__name__})") from error


def _failures() -> tuple[type[BaseException], ...]:
    loaded = [getattr(sys.modules.get(module), name, None) for module, name in _FAILURES]
    return (OSError, *[kind for kind in loaded if isinstance(kind, type) and issubclass(kind, Exception)])
