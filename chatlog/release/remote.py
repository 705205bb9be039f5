"""`chatlog push DIR --to URL`: a verified release in any store that fsspec can write to, such as S3.

A store of objects cannot replace many at once. So each release has a folder of its own, named after its bytes, which
nothing ever overwrites: `URL/release-0123456789ab/`. Its SHA256SUMS comes last, and then `URL/LATEST`, one line
with the folder's name. Who follows LATEST finds the earlier release or this one, whole.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from chatlog.errors import RemoteError
from chatlog.release.checksums import CHECKSUMS, parse_checksums
from chatlog.release.published import Published, ids_in, record_published, withdraw
from chatlog.release.sealed import File, Item, Push, Sealed, State, Tell, content_of, seal
from chatlog.release.store import Store

LATEST: Final = "LATEST"

JOURNAL: Final = ".sent.json"
"""In a release's folder while it is being sent: what is there, and the store's own mark of it."""

_RELEASE: Final = re.compile(r"release-[0-9a-f]{12}")
_SMALL: Final = 1 << 20
_SAVE_EVERY: Final = 5.0
"""Seconds between two writings of the journal: a push that is killed sends again what came since."""


@dataclass(frozen=True)
class _There:
    """What lies at the URL.

    Attributes:
        latest: name of the release that LATEST tells, or "".
        sizes: path below the URL to bytes, of everything in folders of releases.
        sent: the journal of this release's folder: name to SHA-256 and mark.
        whole: whether this release's own SHA256SUMS is there.
        copies: SHA-256 to path and size, of files of the latest release.
    """

    latest: str
    sizes: Mapping[str, int]
    sent: Mapping[str, list[str]]
    whole: bool
    copies: Mapping[str, tuple[str, int]]


def push(
    folder: str | Path,
    url: str,
    *,
    execute: bool = False,
    read_back: bool = False,
    prune: bool = False,
    run: str | Path | None = None,
    tell: Tell = lambda line: None,
) -> Push:
    """Sends a release to a URL; without `execute`, tells what would be sent and writes nothing anywhere.

    A file is not sent again when the journal of a push that broke off tells its SHA-256, and the store still its mark.
    One that the latest release there has too is copied by the store itself.

    Args:
        folder: the release.
        url: any that fsspec knows: `s3://bucket/path`, `gs://`, `file:///`, `memory://`. Access keys come from where
            its client takes them, never from the URL.
        execute: do it.
        read_back: read every file again there, and compare its SHA-256.
        prune: delete the earlier releases there at the end.
        run: the run that the release is of, which remembers what was published.
        tell: takes lines of progress.

    Raises:
        ConfigError: the URL is none, or `run` is no run, or not the release's.
        DataError: `folder` is no release, or it changed meanwhile.
        MissingExtra: the store's client is not installed.
        ReleaseRefused: it does not verify.
        RemoteError: the store refuses or does not answer.
    """
    store = Store(url)
    sealed = seal(folder)
    if run is not None:
        ids_in(run, folder)
    made = Push(store.url, sealed.name, sealed.digest, sealed.provenance, [], False)
    try:
        there = _look(store, sealed)
    except RemoteError as error:
        if execute:
            raise
        unknown = [Item(f"{sealed.name}/{file.name}", file.size, "not compared") for file in sealed.files]
        return replace(made, items=unknown, note=str(error))
    items = _compare(store, sealed, there, prune)
    made = replace(made, items=items)
    if not execute:
        return made
    _send(store, sealed, there, items, tell)
    _check(store, sealed, read_back, tell)
    store.write(LATEST, f"{sealed.name}\n".encode())
    # Only now: until then LATEST may have told who reads to take the earlier release.
    store.delete([item.name for item in items if item.state == "deleted"])
    target = f"{store.url}/{sealed.name}"
    if run is not None:
        gone = {item.name.split("/")[0] for item in items if item.state == "deleted"} - {sealed.name}
        withdraw(run, [f"{store.url}/{name}" for name in gone])
        entry = Published("url", target, "", "", "", sealed.name, sealed.digest, sealed.provenance)
        record_published(run, sealed.folder, entry)
    return replace(made, executed=True, url=target)


def _look(store: Store, sealed: Sealed) -> _There:
    sizes = {name: size for name, size in store.sizes().items() if _RELEASE.fullmatch(name.split("/")[0])}
    latest = (store.read(LATEST) or b"").decode(errors="replace").strip()
    latest = latest if _RELEASE.fullmatch(latest) else ""
    own = f"{sealed.name}/{CHECKSUMS}"
    sums = store.read(own) if own in sizes else None
    return _There(
        latest,
        sizes,
        _journal(store.read(f"{sealed.name}/{JOURNAL}")) if f"{sealed.name}/{JOURNAL}" in sizes else {},
        sums is not None and hashlib.sha256(sums).hexdigest() == sealed.digest,
        _copies(store, latest, sizes) if latest not in ("", sealed.name) else {},
    )


def _journal(data: bytes | None) -> dict[str, list[str]]:
    try:
        told = orjson.loads(data or b"{}")
        return {str(name): [str(sha256), str(mark)] for name, (sha256, mark) in told.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _copies(store: Store, latest: str, sizes: Mapping[str, int]) -> dict[str, tuple[str, int]]:
    """Where the latest release has a file of a SHA-256; none where its SHA256SUMS is missing or damaged."""
    sums = parse_checksums(store.read(f"{latest}/{CHECKSUMS}") or b"")
    paths = {f"{latest}/{name}": sha256 for name, sha256 in sums.items()}
    return {sha256: (path, sizes[path]) for path, sha256 in paths.items() if path in sizes}


def _compare(store: Store, sealed: Sealed, there: _There, prune: bool) -> list[Item]:
    items = [Item(f"{sealed.name}/{file.name}", file.size, _state(store, sealed, file, there)) for file in sealed.files]
    own = {item.name for item in items} | {f"{sealed.name}/{JOURNAL}"}
    for name, size in sorted(there.sizes.items()):
        if name not in own:
            stale = name.startswith(f"{sealed.name}/") or prune
            items.append(Item(name, size, "deleted" if stale else "kept"))
    return items


def _state(store: Store, sealed: Sealed, file: File, there: _There) -> State:
    name = f"{sealed.name}/{file.name}"
    size = there.sizes.get(name)
    if size == file.size:
        # The folder's name stands for its bytes, so its own checksums say that all of them came.
        if there.whole or (file.name in there.sent and there.sent[file.name] == [file.sha256, store.mark(name)]):
            return "unchanged"
    if there.copies.get(file.sha256, ("", -1))[1] == file.size:
        return "copied"
    return "new" if size is None else "changed"


def _send(store: Store, sealed: Sealed, there: _There, items: list[Item], tell: Tell) -> None:
    """Brings every file that is not there; SHA256SUMS is the last of them, and takes the journal's place."""
    states = {item.name: item.state for item in items}
    sent = dict(there.sent)
    wanted = [file for file in sealed.files if states[f"{sealed.name}/{file.name}"] != "unchanged"]
    journal = f"{sealed.name}/{JOURNAL}"
    saved = time.monotonic()
    dirty = False
    try:
        for number, file in enumerate(wanted, start=1):
            name = f"{sealed.name}/{file.name}"
            # Last of all comes what says that the release is whole; until then one look a file is enough.
            sealed.unchanged(None if file.name == CHECKSUMS else file)
            if states[name] == "copied":
                store.copy(there.copies[file.sha256][0], name)
            elif file.size <= _SMALL:
                store.write(name, content_of(file, sealed.folder))
            else:
                store.send(file.path, name)
                sealed.unchanged(file)
            if file.name != CHECKSUMS:
                sent[file.name] = [file.sha256, store.mark(name)]
                dirty = True
                if time.monotonic() - saved > _SAVE_EVERY:
                    store.write(journal, orjson.dumps(sent))
                    saved, dirty = time.monotonic(), False
            tell(f"sent {number} of {len(wanted)} files")
    except BaseException:
        if dirty:
            _save(store, journal, sent)
        raise
    store.delete([journal])


def _save(store: Store, journal: str, sent: Mapping[str, list[str]]) -> None:
    """Keeps the journal of a push that broke off, where the store still takes it; what broke it off is told."""
    try:
        store.write(journal, orjson.dumps(sent))
    except RemoteError:
        return


def _check(store: Store, sealed: Sealed, read_back: bool, tell: Tell) -> None:
    """Returns when the store has every file in its size, and with `read_back` with its SHA-256."""
    sizes = store.sizes(sealed.name)
    wrong = [file.name for file in sealed.files if sizes.get(f"{sealed.name}/{file.name}") != file.size]
    for number, file in enumerate(sealed.files if read_back and not wrong else [], start=1):
        if store.sha256(f"{sealed.name}/{file.name}") != file.sha256:
            wrong.append(file.name)
        tell(f"read back {number} of {len(sealed.files)} files")
    if wrong:
        raise RemoteError(
            f"{store.url}/{sealed.name} differs from the release in {', '.join(wrong[:5])}"
            f"{f' and {len(wrong) - 5} more' if len(wrong) > 5 else ''}, and LATEST was left as it was; delete that "
            "folder and push again"
        )
