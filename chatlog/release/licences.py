"""LICENSE of a release: the publisher's own text, or a notice of the licence that is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.engine.store import write_bytes
from chatlog.errors import ConfigError
from chatlog.settings import ReleaseSpec

LICENSE: Final = "LICENSE"
"""The file's name in a release."""


@dataclass(frozen=True)
class Licence:
    """A licence that the Hub knows.

    Attributes:
        spdx: its SPDX identifier.
        name: its full name.
        url: where its steward publishes the text.
        terms: what it asks, in a few words; the text alone counts.
    """

    spdx: str
    name: str
    url: str
    terms: str


def _creative_commons(kind: str, name: str, terms: str) -> Licence:
    url = f"https://creativecommons.org/licenses/{kind}/4.0/"
    return Licence(f"CC-{kind.upper()}-4.0", f"Creative Commons {name} 4.0 International", url, terms)


_NAMED: Final = "the source is named, the licence is linked and changes are told"
_SHARED: Final = "and what is made of the dataset is shared under the same licence"

LICENCES: Final = {
    "cc0-1.0": Licence(
        "CC0-1.0",
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "any use; the holder waives the rights that the law lets him waive",
    ),
    "cc-by-4.0": _creative_commons("by", "Attribution", f"any use, if {_NAMED}"),
    "cc-by-sa-4.0": _creative_commons("by-sa", "Attribution-ShareAlike", f"any use, if {_NAMED}, {_SHARED}"),
    "cc-by-nc-4.0": _creative_commons("by-nc", "Attribution-NonCommercial", f"use that is not commercial, if {_NAMED}"),
    "cc-by-nd-4.0": _creative_commons(
        "by-nd", "Attribution-NoDerivatives", f"any use, if {_NAMED}; no changed dataset is shared"
    ),
    "cc-by-nc-sa-4.0": _creative_commons(
        "by-nc-sa", "Attribution-NonCommercial-ShareAlike", f"use that is not commercial, if {_NAMED}, {_SHARED}"
    ),
    "cc-by-nc-nd-4.0": _creative_commons(
        "by-nc-nd",
        "Attribution-NonCommercial-NoDerivatives",
        f"use that is not commercial, if {_NAMED}; no changed dataset is shared",
    ),
    "odc-by": Licence(
        "ODC-By-1.0",
        "Open Data Commons Attribution License v1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        "any use of the database, if its source is named and this notice is kept",
    ),
    "odbl": Licence(
        "ODbL-1.0",
        "Open Data Commons Open Database License v1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        "any use of the database, if its source is named and databases made of it are shared under the same licence",
    ),
    "pddl": Licence(
        "PDDL-1.0",
        "Open Data Commons Public Domain Dedication and License v1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
        "any use; the holder dedicates the database to the public domain",
    ),
    "cdla-permissive-2.0": Licence(
        "CDLA-Permissive-2.0",
        "Community Data License Agreement Permissive 2.0",
        "https://cdla.dev/permissive-2-0/",
        "any use, if the agreement's text goes along with the data",
    ),
    "apache-2.0": Licence(
        "Apache-2.0",
        "Apache License 2.0",
        "https://www.apache.org/licenses/LICENSE-2.0",
        "any use, if the licence and its notices are kept and changes are told",
    ),
    "mit": Licence("MIT", "MIT License", "https://opensource.org/license/mit", "any use, if the notice is kept"),
}
"""Licences of data that a notice can be written for, by the Hub's identifier."""

_CONVERSATIONS: Final = """Conversations in this dataset

The licence covers the collection and what its publisher added to it. People wrote the prompts and language
models the answers: rights that they, or the providers of the models, have in single texts stay theirs, and the
providers' terms may forbid some uses of the answers, such as training a model that competes with theirs.

Personal data was looked for and taken out, and no tool finds all of it. Whoever uses this dataset

- does not try to find out who wrote a conversation, nor joins it with other data for that end;
- does not publish personal data that is found in it, and tells the publisher of it;
- takes out of own copies what the publisher has removed, once a later release or a request tells of it;
- keeps the law on personal data that holds where it is used.
"""


def licence_of(spec: ReleaseSpec) -> Licence | None:
    """The licence that `license` names; None for `other`, `unknown` and those that no notice is written for."""
    return LICENCES.get(spec.license)


def write_licence(spec: ReleaseSpec, folder: Path) -> None:
    """Writes LICENSE into a release: `license_file` byte for byte, or a notice.

    Raises:
        ConfigError: `license_file` cannot be read or is empty.
    """
    write_bytes(folder / LICENSE, _own(spec.license_file) if spec.license_file else _notice(spec).encode())


def _own(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"[release] license_file: cannot read {path}: {error.strerror}") from error
    if not text.strip():
        raise ConfigError(f"[release] license_file: {path} is empty; give the licence's text, or leave the key out")
    return text


def _notice(spec: ReleaseSpec) -> str:
    known = licence_of(spec)
    lines = [spec.title, ""]
    if spec.holder:
        lines += [f"Published by {spec.holder}.", ""]
    if known is not None:
        lines += [
            f"Licence: {known.name}",
            f"SPDX-License-Identifier: {known.spdx}",
            f"Text: {known.url}",
            "",
            f"In short: {known.terms}. This is no substitute for the text, which alone counts.",
        ]
    elif spec.license_name or spec.license not in ("other", "unknown"):
        lines += [
            f"Licence: {spec.license_name or spec.license}",
            "",
            "Its text is not part of this notice; ask the publisher for it.",
        ]
    else:
        lines += [
            "Licence: none was given. All rights are reserved: ask the publisher before you use the dataset.",
        ]
    lines += [
        "",
        _CONVERSATIONS,
        f"Contact: {spec.contact or spec.homepage or 'the publisher, where this dataset was published'}",
    ]
    return "\n".join(lines) + "\n"
