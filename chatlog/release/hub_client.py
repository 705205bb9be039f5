"""The Hub as a push needs it: a client, what lies in a dataset repository, and its errors in one line each."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chatlog.errors import ConfigError, MissingExtra, RemoteError
from chatlog.release.checksums import CHECKSUMS, parse_checksums

KIND: Final = "dataset"

_ASK: Final = 30.0
"""Seconds to wait for an answer to the first questions; without a number the client waits for ever."""

AGAIN: Final = "run the same command again: what has been sent is kept"


class Conflict(RemoteError):
    """Somebody else committed to the branch since it was read."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the Hub.

    Attributes:
        size: bytes.
        oid: git's SHA-1 of the file, or of its pointer.
        sha256: of a file in the large file storage, else None.
    """

    size: int
    oid: str
    sha256: str | None


@dataclass(frozen=True)
class Remote:
    """A branch of a dataset repository.

    Attributes:
        exists: whether the repository does, for this token.
        branch: whether the branch does.
        head: its commit.
        files: name to file.
        earlier: names in its SHA256SUMS: files of the release that lies there.
        private: whether it is.
        gated: False, `auto` or `manual`.
    """

    exists: bool = False
    branch: bool = False
    head: str = ""
    files: dict[str, RemoteFile] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    private: bool = False
    gated: str | bool = False


@contextmanager
def without_bars() -> Iterator[None]:
    """Lets huggingface_hub draw no bars of its own."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    if shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


class Hub:
    """A client of the Hub that HF_ENDPOINT names at the time of the call.

    Attributes:
        api: `huggingface_hub.HfApi`.
        endpoint: address, without a slash at the end.
        known: whether there is a token.
    """

    def __init__(self) -> None:
        """Takes the token from where huggingface_hub does: HF_TOKEN, or what `hf auth login` stored."""
        try:
            from huggingface_hub import HfApi, constants, get_token
        except ImportError as error:
            raise MissingExtra("pushing to the Hub", "hub") from error
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise RemoteError("HF_HUB_OFFLINE is set, so the Hub is not asked; unset it to push")
        # Its own constant is as old as its import.
        self.endpoint: str = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        if not re.fullmatch(r"https?://[\w.\-\[\]:]+(/[\w./\-]*)?", self.endpoint):
            raise ConfigError("HF_ENDPOINT is no address of a Hub; it should look like https://huggingface.co")
        with self.told(self.endpoint):
            self._token: str | None = get_token()
        self.known = self._token is not None
        self.api: Any = HfApi(endpoint=self.endpoint, token=self._token or False)

    def needs_token(self) -> None:
        """Returns when there is a token.

        Raises:
            RemoteError: there is none.
        """
        if not self.known:
            raise RemoteError(
                "no token for the Hub: put one that may write into the environment as HF_TOKEN, or log in with: "
                "hf auth login"
            )

    def look(self, repo: str, revision: str) -> Remote:
        """What lies on a branch.

        Raises:
            RemoteError: the Hub cannot be asked.
        """
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        with self.told(repo):
            try:
                info = self.api.dataset_info(repo, timeout=_ASK)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError as error:
                # So does the Hub answer a token that it does not know, or no token where the repository is private.
                if error.response.status_code == 401 and self.known:
                    raise
                return Remote()
            private, gated = bool(info.private), info.gated or False
            try:
                head = self.api.dataset_info(repo, revision=revision, timeout=_ASK).sha
            except RevisionNotFoundError:
                return Remote(exists=True, private=private, gated=gated)
            files = self.files(repo, head)
            earlier = self._checksums(repo, head) if CHECKSUMS in files else frozenset()
        return Remote(True, True, head, files, earlier, private, gated)

    def files(self, repo: str, commit: str) -> dict[str, RemoteFile]:
        """The files of a commit, by name."""
        with self.told(repo):
            tree = list(self.api.list_repo_tree(repo, revision=commit, recursive=True, repo_type=KIND))
        return {
            item.path: RemoteFile(item.size, item.blob_id, item.lfs and item.lfs.sha256)
            for item in tree
            if hasattr(item, "blob_id")
        }

    def _checksums(self, repo: str, commit: str) -> frozenset[str]:
        """The names in a commit's SHA256SUMS; none when that is not one of ours."""
        with tempfile.TemporaryDirectory(prefix="chatlog-push-") as folder:
            with without_bars():
                self.api.hf_hub_download(repo, CHECKSUMS, repo_type=KIND, revision=commit, local_dir=folder)
            return frozenset(parse_checksums((Path(folder) / CHECKSUMS).read_bytes()))

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Turns what huggingface_hub raises into one clear line that holds no token and no signed address.

        Raises:
            ConfigError: the name of a repository or branch is none.
            Conflict: the branch has moved.
            RemoteError: anything else.
        """
        from huggingface_hub import errors

        try:
            yield
        except errors.OfflineModeIsEnabled as error:
            raise RemoteError("huggingface_hub was loaded with HF_HUB_OFFLINE set; unset it to push") from error
        except (errors.OIDCError, errors.DeviceCodeError) as error:
            raise RemoteError(
                f"cannot get a token for the Hub ({type(error).__name__}); log in with: hf auth login"
            ) from error
        except errors.HFValidationError as error:
            raise ConfigError(f"{what!r} is no name on the Hub; it should look like ORG/NAME") from error
        except errors.HfHubHTTPError as error:
            raise self._answered(error, what) from error
        except errors.HTTPError as error:
            raise RemoteError(
                f"cannot reach {self.endpoint} ({type(error).__name__}): look at the network, then {AGAIN}"
            ) from error
        except RuntimeError as error:
            # So does huggingface_hub tell that one of several files could not be sent.
            cause = error.__cause__
            if isinstance(cause, errors.HfHubHTTPError):
                raise self._answered(cause, what) from error
            raise RemoteError(f"sending to {what} broke off ({type(cause or error).__name__}); {AGAIN}") from error
        except OSError as error:
            raise RemoteError(f"sending to {what} broke off ({type(error).__name__}); {AGAIN}") from error
        except (ValueError, KeyError) as error:
            raise RemoteError(
                f"{self.endpoint} answered what is not expected of a Hub: {self._clean(str(error))}"
            ) from error

    def _answered(self, error: Any, what: str) -> RemoteError:
        code: int = error.response.status_code
        said = self._clean(error.server_message or error.response.headers.get("X-Error-Message") or "")
        said = f": {said}" if said else ""
        if code in (409, 412):
            return Conflict(f"{what} was changed by somebody else meanwhile ({code}){said}; {AGAIN}")
        advice = {
            401: f"the Hub does not know the token (401); make one that may write at {self.endpoint}/settings/tokens",
            403: f"the token may not do this to {what} (403){said}; take one that may write there",
            404: f"{what} is not there, or not for this token (404); look at its name and at who may see it",
            413: f"{what}: too large for the Hub (413){said}",
            429: f"the Hub takes no more requests for now (429){said}; wait, then {AGAIN}",
        }
        if code in advice:
            return RemoteError(advice[code])
        if code >= 500:
            return RemoteError(f"the Hub fails ({code}){said}; {AGAIN}")
        return RemoteError(f"the Hub refuses to do this to {what} ({code}){said}")

    def _clean(self, text: str) -> str:
        """The first 300 characters on one line, without the token."""
        line = " ".join(text.split())
        return (line.replace(self._token, "...") if self._token else line)[:300]
