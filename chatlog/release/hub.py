"""`chatlog push DIR --repo ORG/NAME`: a verified release as a dataset on the Hub."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from chatlog.errors import ConfigError, DataError, RemoteError
from chatlog.release.hub_client import KIND, Conflict, Hub, Remote, without_bars
from chatlog.release.published import Published, ids_in, record_published
from chatlog.release.sealed import File, Item, Push, Sealed, State, Tell, changed, content_of, git_oid, is_data, seal

MAIN: Final = "main"

COMMIT_FILES: Final = 1_000
"""Files in one commit at most. Up to here the branch goes from one release to the next in one step; with more, the last
commit brings the card and the checksums. The Hub's own client never makes commits of more either."""

SEND_FILES: Final = 50
SEND_BYTES: Final = 2 * 10**9
"""What is sent between two looks at the local folder."""

_SMALL: Final = 1 << 20
"""A file up to this size is read once, so that what is sent is what was checked."""

_ATTEMPTS: Final = 4

_T = TypeVar("_T")


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    gated: Literal["auto", "manual"] | None = None,
    revision: str = MAIN,
    execute: bool = False,
    run: str | Path | None = None,
    tell: Tell = lambda line: None,
) -> Push:
    """Sends a release to the Hub; without `execute`, tells what would be sent and writes nothing anywhere.

    Content goes first, addressed by its checksum, and is on no branch until one commit adds, replaces and deletes all:
    who reads the branch finds the earlier release or this one. A push that broke off sends only what is not there yet.
    `upload_folder` of huggingface_hub is not used: it commits in between, so that a branch would hold parts of two.

    Args:
        folder: the release.
        repo: `ORG/NAME`; made when it is not there.
        private: make it private; False leaves one that is there as it is.
        gated: readers must ask first, and get access at once (`auto`) or from you (`manual`); None leaves it as it is.
        revision: the branch; made from `main` when it is not there.
        execute: do it.
        run: the run that the release is of, which remembers what was published.
        tell: takes lines of progress.

    Raises:
        ConfigError: a name is none, or `run` is no run, or not the release's.
        DataError: `folder` is no release, or it changed meanwhile.
        MissingExtra: huggingface_hub is not installed.
        ReleaseRefused: it does not verify.
        RemoteError: no token, no network, or the Hub refuses.
    """
    if len(parts := repo.split("/")) != 2 or not all(parts):
        raise ConfigError(f"--repo should look like ORG/NAME, not {repo!r}")
    sealed = seal(folder)
    if run is not None:
        ids_in(run, folder)
    if not execute:
        return _dry(sealed, repo, revision)
    hub = Hub()
    hub.needs_token()
    _prepare(hub, repo, hub.look(repo, revision), private, gated, revision)
    for attempt in range(1, _ATTEMPTS + 1):
        remote = hub.look(repo, revision)
        items = compare(sealed, remote)
        try:
            commit = _send(hub, repo, revision, sealed, remote, items, tell)
            break
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
            tell(f"{repo} was changed meanwhile; looking at it again")
            time.sleep(attempt)
    _check(hub, repo, commit, sealed, items)
    with hub.told(repo):
        # The name stands for every byte of the release, so one that is there already is of the same files.
        hub.api.create_tag(repo, tag=sealed.name, revision=commit, repo_type=KIND, exist_ok=True)
    if run is not None:
        entry = Published("hub", repo, hub.endpoint, revision, commit, sealed.name, sealed.digest, sealed.provenance)
        record_published(run, sealed.folder, entry)
    url = f"{hub.endpoint}/datasets/{repo}/tree/{commit}"
    return Push(repo, sealed.name, sealed.digest, sealed.provenance, items, True, revision, commit, url)


def compare(sealed: Sealed, remote: Remote) -> list[Item]:
    """What becomes of each file, those of the release first.

    A file there is stale when the SHA256SUMS that lies there names it, or when it is a data file in a folder of this
    release, where readers would take it for a part. Any other is somebody's own, such as a picture, and is kept.
    """
    items = [Item(file.name, file.size, _state(file, remote)) for file in sealed.files]
    own = {file.name for file in sealed.files}
    folders = {file.name.rpartition("/")[0] for file in sealed.files if is_data(file.name)}
    for name, found in sorted(remote.files.items()):
        # .gitattributes is the Hub's.
        if name not in own and not name.startswith("."):
            stray = is_data(name) and name.rpartition("/")[0] in folders
            items.append(Item(name, found.size, "deleted" if stray or name in remote.earlier else "kept"))
    return items


def _state(file: File, remote: Remote) -> State:
    there = remote.files.get(file.name)
    if there is None:
        return "new"
    if there.sha256 is not None:
        return "unchanged" if there.sha256 == file.sha256 else "changed"
    return "unchanged" if there.size == file.size and there.oid == git_oid(file) else "changed"


def _dry(sealed: Sealed, repo: str, revision: str) -> Push:
    told = Push(repo, sealed.name, sealed.digest, sealed.provenance, [], False, revision)
    try:
        hub = Hub()
        remote = hub.look(repo, revision)
    except RemoteError as error:
        items: list[Item] = [Item(file.name, file.size, "not compared") for file in sealed.files]
        return replace(told, items=items, note=str(error))
    note = "" if hub.known else "no token: a private repository looks as if it were not there"
    if not remote.exists:
        note = f"{repo} is not there and would be made" + (f"; {note}" if note else "")
    elif not remote.branch:
        note = f"the branch {revision} is not there and would be made from {MAIN}"
        remote = hub.look(repo, MAIN)
    return replace(told, items=compare(sealed, remote), note=note)


def _prepare(
    hub: Hub, repo: str, remote: Remote, private: bool, gated: Literal["auto", "manual"] | None, revision: str
) -> None:
    """The repository, who may read it, and the branch: before any data is there to be read."""
    with hub.told(repo):
        if not remote.exists:
            # None leaves it to what the organisation has set for new ones.
            hub.api.create_repo(repo, repo_type=KIND, private=private or None, exist_ok=True)
        settings: dict[str, Any] = {}
        if private and remote.exists and not remote.private:
            settings["private"] = True
        if gated is not None and gated != remote.gated:
            settings["gated"] = gated
        if settings:
            hub.api.update_repo_settings(repo, repo_type=KIND, **settings)
        if not remote.branch and revision != MAIN:
            hub.api.create_branch(repo, branch=revision, repo_type=KIND, exist_ok=True)


def _send(hub: Hub, repo: str, revision: str, sealed: Sealed, remote: Remote, items: Sequence[Item], tell: Tell) -> str:
    """Sends what is not there and commits; the commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    wanted = {item.name for item in items if item.state in ("new", "changed")}
    stale = [CommitOperationDelete(item.name, is_folder=False) for item in items if item.state == "deleted"]
    adds: list[Any] = []
    for batch in _batches([file for file in sealed.files if file.name in wanted]):
        sealed.unchanged()
        operations = [
            CommitOperationAdd(file.name, content_of(file, sealed.folder) if file.size <= _SMALL else str(file.path))
            for file in batch
        ]
        try:
            with hub.told(repo), nullcontext() if sys.stderr.isatty() else without_bars():
                hub.api.preupload_lfs_files(repo, operations, repo_type=KIND, revision=revision)
        except RemoteError:
            # The Hub refuses content that is not of the size, or the SHA-256, that was told.
            sealed.unchanged()
            raise
        _same(batch, operations, sealed)
        adds += operations
        tell(f"sent {len(adds)} of {len(wanted)} files")
    sealed.unchanged()
    commit = remote.head
    for group in commits(adds, stale):
        with hub.told(repo):
            made = hub.api.create_commit(
                repo,
                group,
                commit_message=f"Release {sealed.name.removeprefix('release-')}",
                commit_description=f"SHA-256 of SHA256SUMS: {sealed.digest}",
                repo_type=KIND,
                revision=revision,
                parent_commit=commit,
            )
        commit = made.oid
    return commit


def commits(adds: Sequence[_T], stale: Sequence[_T]) -> list[list[_T]]:
    """What goes into each commit: one as long as it can be, else the card, the checksums and deletions in the last."""
    groups = [list(adds[start : start + COMMIT_FILES]) for start in range(0, len(adds), COMMIT_FILES)]
    if not groups:
        return [list(stale)] if stale else []
    groups[-1] += stale
    return groups


def _batches(files: Sequence[File]) -> Iterator[list[File]]:
    """Files in their order, so many at a time as SEND_FILES and SEND_BYTES allow."""
    rest = iter(files)
    while batch := list(islice(rest, 1)):
        size = batch[0].size
        while size < SEND_BYTES and len(batch) < SEND_FILES and (more := next(rest, None)) is not None:
            batch.append(more)
            size += more.size
        yield batch


def _same(batch: Sequence[File], operations: Sequence[Any], sealed: Sealed) -> None:
    """Returns when what was sent is what was verified."""
    pairs = zip(batch, operations, strict=True)
    if other := [file.name for file, operation in pairs if operation.upload_info.sha256.hex() != file.sha256]:
        raise DataError(changed(other, sealed.folder))


def _check(hub: Hub, repo: str, commit: str, sealed: Sealed, items: Sequence[Item]) -> None:
    """Returns when the Hub's own list of the commit agrees with the release, file by file."""
    there = Remote(files=hub.files(repo, commit))
    wrong = [file.name for file in sealed.files if _state(file, there) != "unchanged"]
    wrong += [item.name for item in items if item.state == "deleted" and item.name in there.files]
    if wrong:
        raise RemoteError(
            f"{repo} at {commit[:12]} differs from the release in {', '.join(wrong[:5])}"
            f"{f' and {len(wrong) - 5} more' if len(wrong) > 5 else ''}; look at the .gitignore there, then push again"
        )
