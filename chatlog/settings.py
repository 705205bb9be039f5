"""The settings tables of a pipeline beside its stages, and how settings are checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatlog.errors import ConfigError
from chatlog.stage import Config

Model = TypeVar("Model", bound=BaseModel)


class ShardLimits(Config):
    """How ingest cuts its sources; part of every shard's identity, but for what bounds whole files."""

    shard_rows: int = Field(20_000, ge=1, le=1_000_000)
    """Rows of a shard at most; a record that tells two conversations counts for two."""
    shard_bytes: int = Field(128 << 20, ge=1024, le=1 << 31)
    """Bytes of decompressed source that a shard covers at most."""
    max_record_bytes: int = Field(64 << 20, ge=1024, le=1 << 31)
    """Bytes of one record at most; a larger one is a reject."""
    max_unpacked_bytes: int = Field(64 << 30, ge=1024)
    """Bytes that one compressed file, or all files of one archive, may unpack to; what follows is a reject."""

    def of_shards(self) -> dict[str, Any]:
        """The limits that decide what a shard holds."""
        return self.model_dump(exclude={"max_unpacked_bytes"})


class SourceSpec(BaseModel):
    """One `[[source]]` table; keys beside these are the reader's settings."""

    model_config = ConfigDict(extra="allow", frozen=True)
    reader: str
    paths: tuple[str, ...]


class ReleaseSpec(Config):
    """The `[release]` table."""

    select: Path
    """SQL file: which rows are dropped and why, and what is published of the others."""
    card: Path
    """Jinja2 template of the dataset card."""
    format: str = Field("lmsys-chat-1m", pattern="^lmsys-chat-1m$")
    """The published format that the columns of `publish` are held to."""
    title: str = "Conversations"
    """The dataset's name on its card."""
    license: str = Field("other", pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """Licence identifier as the Hub knows it, in lower case: `cc-by-4.0`, `odc-by`, ... or `other`."""
    license_name: str = ""
    """Name of a licence that the Hub has no identifier for; of no use with another `license` than `other`."""
    license_file: Path | None = None
    """The licence's whole text, which becomes the release's LICENSE; a notice is written where none is given."""
    holder: str = ""
    """Who gives the licence, and whom the citation names."""
    contact: str = ""
    """Where to ask for removal: an address of mail or of a page."""
    version: str = Field("1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """The release's version, MAJOR.MINOR.PATCH."""
    published: str = Field("", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """Day of publication, YYYY-MM-DD; given here because the same run makes the same bytes on any day."""
    homepage: str = ""
    """The page that tells of the dataset."""
    citation: str = ""
    """BibTeX by which to cite the dataset; made of title, holder and homepage where none is given."""
    shard_rows: int = Field(100_000, ge=1)
    """Rows of one Parquet file of the release at most."""


def like(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is closest, empty when none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def valid(model: type[Model], data: Any, where: str) -> Model:
    """The settings in `data`.

    Raises:
        ConfigError: a key is unknown or a value not valid; `where` says in what.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "value"
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "none"
            raise ConfigError(
                f"{where}: unknown key {key!r}{like(key, model.model_fields)}; there are {known}"
            ) from None
        raise ConfigError(f"{where}: {key}: {first['msg']}") from None
