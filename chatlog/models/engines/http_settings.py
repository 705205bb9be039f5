"""How servers are called: settings, and their checks before any call."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from chatlog.errors import ConfigError


@dataclass(frozen=True)
class HttpSettings:
    """How servers are called; as the settings of the same names in ModerateConfig."""

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


def check_http(urls: Sequence[str], weights: Sequence[float] = (), variables: Sequence[str] = ()) -> None:
    """Nothing, when there are servers to call, each once, with a weight and a variable each or none at all.

    Raises:
        ConfigError: they are not. A secret in a URL is not repeated.
    """
    if not urls:
        raise ConfigError("moderate: engine 'http' needs `urls`, such as ['http://localhost:8000/v1']")
    for number, url in enumerate(urls, start=1):
        problem = _problem(url)
        if problem:
            raise ConfigError(f"moderate: entry {number} of `urls` {problem}; expected one like http://gpu1:8000/v1")
    if len({url.rstrip("/") for url in urls}) < len(urls):
        raise ConfigError("moderate: `urls` names a server twice; give it a larger weight in `weights` instead")
    for name, values in (("weights", weights), ("api_key_variables", variables)):
        if values and len(values) != len(urls):
            raise ConfigError(f"moderate: `{name}` has {len(values)} entries for {len(urls)} `urls`; give one for each")


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
    shared = _key(settings.api_key_variable, needed=False)
    named = settings.api_key_variables or ("",) * len(settings.urls)
    keys = [_key(variable, needed=True) if variable else shared for variable in named]
    weights = settings.weights or (1.0,) * len(settings.urls)
    return [(url.rstrip("/"), key, weight) for url, key, weight in zip(settings.urls, keys, weights, strict=True)]


def _key(variable: str, *, needed: bool) -> str:
    key = os.environ.get(variable, "").strip()
    if needed and not key:
        raise ConfigError(f"moderate: `api_key_variables` names {variable}, which is not set; export it")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(f"moderate: the variable {variable} holds characters that a key cannot have")
    return key
