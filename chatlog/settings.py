"""The settings tables of a pipeline beside its stages, and how settings are checked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

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


Parameter = bool | int | float | str | tuple[str, ...]
"""A value that a release query asks for with getvariable."""


class ReleaseSpec(Config):
    """The `[release]` table."""

    select: Path
    """SQL file: which rows are dropped and why, and what is published of the others."""
    card: Path
    """Jinja2 template of the dataset card."""
    format: Literal["lmsys-chat-1m", "chatbot_arena_conversations", "wildchat-1m", "training"] = "lmsys-chat-1m"
    """The published format that the columns of `publish` are held to."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Values for the query file, which reads one as getvariable('NAME') and says what it is for."""
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
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 1.0})
    """Names of splits and their shares, which sum to 1."""
    split_by: str = ""
    """Column whose equal values stay in one split; empty for prompt_cluster_id, or conversation_id without `dedup`."""
    sample: int | float | None = Field(None, gt=0)
    """Rows that are released: a number, or a share of those that `decide` keeps. The rest is 'not sampled'."""
    stratify: tuple[str, ...] = ()
    """Columns of `conversations` whose combinations a sample keeps in proportion."""
    seed: int = 0
    """Draws other splits and another sample."""
    sort: tuple[str, ...] | None = None
    """Published columns by which each file is sorted; none given: the format's own. [] keeps the order of the logs."""
    shard_rows: int = Field(100_000, ge=1)
    """Rows of one Parquet file of the release at most."""
    shard_bytes: int = Field(256 << 20, ge=1 << 16)
    """Bytes of text in one Parquet file, before compression, from which the next one is begun."""
    min_users: int = Field(10, ge=1)
    """Users that a published group, such as a topic, has at least; 1 lets any be published."""
    groups: tuple[str, ...] = ("topic", "country", "state", "region")
    """Published columns whose values name groups of users, where the release has them."""
    canaries: Path | None = None
    """File of texts that must never be published, one a line."""

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[str, float]) -> dict[str, float]:
        for name, share in splits.items():
            if not re.fullmatch(r"\w+(\.\w+)*", name):
                raise ValueError(f"{name!r} is no name of a split: letters, digits, _ and . between them")
            if not 0 < share <= 1:
                raise ValueError(f"the share of {name} should be above 0 and at most 1")
        if abs(sum(splits.values()) - 1) > 1e-9:
            raise ValueError(f"the shares should sum to 1, found {sum(splits.values()):g}")
        # In an order that does not turn on how they are written: a run folder keeps them sorted by name.
        usual = ("train", "validation", "valid", "dev", "test")
        place = {name: usual.index(name) if name in usual else len(usual) for name in splits}
        return {name: splits[name] for name in sorted(splits, key=lambda name: (place[name], name))}

    @model_validator(mode="after")
    def _sampled(self) -> Self:
        if isinstance(self.sample, float) and self.sample > 1:
            raise ValueError("sample is a whole number of rows, or a share of at most 1.0")
        if self.stratify and self.sample is None:
            raise ValueError("stratify keeps strata of a sample in proportion; give sample, too")
        return self

    @property
    def unit(self) -> str | None:
        """The column that rows told together share: the battle's, or None where each row stands alone."""
        return "battle_id" if self.format == "chatbot_arena_conversations" else None


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
