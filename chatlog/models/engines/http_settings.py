"""How servers are called: settings, and their checks before any call."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import urlsplit

from chatlog.errors import ConfigError
from chatlog.models.engines.running import HttpServers


@dataclass(frozen=True)
class HttpSettings:
    """How servers are called; as the settings of the same names in HttpServers.

    Attributes:
        model: its name on the servers.
        stage: whose settings they are, for what is said of them.
    """

    urls: tuple[str, ...]
    model: str
    api_key_variable: str
    concurrency: int
    timeout_s: float
    deadline_s: float
    retries: int
    weights: tuple[float, ...] = ()
    api_key_variables: tuple[str, ...] = ()
    server_concurrency: int | None = None
    rest_s: float = 30.0
    give_up_s: float = 600.0
    inputs_per_call: int = 32
    stage: str = "moderate"

    @classmethod
    def of(cls, config: HttpServers, model: str, stage: str) -> Self:
        """Those of a stage's config."""
        names = {field.name for field in fields(cls)} & HttpServers.model_fields.keys()
        return cls(**{name: getattr(config, name) for name in names}, model=model, stage=stage)


def check_http(config: HttpServers, stage: str) -> None:
    """Nothing, when there are servers to call, each once, with a weight and a variable each or none at all.

    Raises:
        ConfigError: they are not. A secret in a URL is not repeated.
    """
    urls = config.urls
    if not urls:
        raise ConfigError(f"{stage}: engine 'http' needs `urls`, such as ['http://localhost:8000/v1']")
    for number, url in enumerate(urls, start=1):
        problem = _problem(url)
        if problem:
            raise ConfigError(f"{stage}: entry {number} of `urls` {problem}; expected one like http://gpu1:8000/v1")
    if len({url.rstrip("/") for url in urls}) < len(urls):
        raise ConfigError(f"{stage}: `urls` names a server twice; give it a larger weight in `weights` instead")
    for name in ("weights", "api_key_variables"):
        count = len(getattr(config, name))
        if count not in (0, len(urls)):
            raise ConfigError(f"{stage}: `{name}` has {count} entries for {len(urls)} `urls`; give one for each")


def _problem(url: str) -> str:
    # The URL itself is not told: what is wrong in it may be a key.
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if not re.fullmatch(r"[!-~]+", url):
        return "has spaces or characters that are not ASCII"
    if parts.scheme not in ("http", "https") or not host:
        return "is not http(s)"
    if "@" in parts.netloc:
        return "has a user or key in it: keys come from the environment (`api_key_variable`)"
    if "?" in url or "#" in url:
        return "has a query or a fragment"
    return ""


def servers(settings: HttpSettings) -> list[tuple[str, str, float]]:
    """URL, key and weight of each server; the key is empty where none is sent.

    Raises:
        ConfigError: a variable of `api_key_variables` is not set, or what a variable holds is no key.
    """
    shared = _key(settings, settings.api_key_variable, needed=False)
    named = settings.api_key_variables or ("",) * len(settings.urls)
    keys = [_key(settings, variable, needed=True) if variable else shared for variable in named]
    weights = settings.weights or (1.0,) * len(settings.urls)
    return [(url.rstrip("/"), key, weight) for url, key, weight in zip(settings.urls, keys, weights, strict=True)]


def _key(settings: HttpSettings, variable: str, *, needed: bool) -> str:
    key = os.environ.get(variable, "").strip()
    if needed and not key:
        raise ConfigError(f"{settings.stage}: `api_key_variables` names {variable}, which is not set; export it")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(f"{settings.stage}: the variable {variable} holds characters that a key cannot have")
    return key
