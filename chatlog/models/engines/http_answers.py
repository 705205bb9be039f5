"""The requests of OpenAI's API, and its answers read strictly: what has another form is no answer."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from chatlog.models.engines.http_calls import Again
from chatlog.models.guards import Answer, Question, Verdict
from chatlog.schema import CATEGORIES

LOGPROBS: Final = 20
"""Alternatives asked for at each token: the most that OpenAI's chat API gives."""

_PLAIN_LOGPROBS: Final = 5
"""The same of its completions API; vLLM gives LOGPROBS there too."""


def request(question: Question, model: str, extended: bool) -> tuple[str, dict[str, Any]]:
    """The path and the body that ask a question.

    Args:
        question: one prompt.
        model: its name on the server.
        extended: with what some servers alone know: an answer out of the choices or of the schema, and no
            second first token before a prompt that was rendered here.
    """
    body: dict[str, Any] = {"model": model, "max_tokens": question.max_tokens, "temperature": 0}
    # One token of a choice needs no grammar: its log-probabilities are what counts, and what it was not held to.
    if question.choices and question.max_tokens > 1 and extended:
        body["structured_outputs"] = {"choice": list(question.choices)}
    if isinstance(question.prompt, str):
        more = {"logprobs": LOGPROBS, "add_special_tokens": False} if extended else {"logprobs": _PLAIN_LOGPROBS}
        return "completions", body | {"prompt": question.prompt} | more
    if question.schema:
        # OpenAI's own setting, which vLLM, SGLang and llama.cpp know too; an older server may refuse it.
        schema = {"name": "answer", "strict": True, "schema": orjson.loads(question.schema)}
        held = {"response_format": {"type": "json_schema", "json_schema": schema}} if extended else {}
        return "chat/completions", body | {"messages": question.prompt} | held
    return "chat/completions", body | {"messages": question.prompt, "logprobs": True, "top_logprobs": LOGPROBS}


def has_extensions(question: Question) -> bool:
    """Whether `request` has anything that some servers may refuse."""
    held = bool(question.schema) or (bool(question.choices) and question.max_tokens > 1)
    return held or isinstance(question.prompt, str)


def read_answer(body: Any, question: Question) -> Answer:
    """The answer to a question.

    Raises:
        Again: the server answered in another form.
    """
    try:
        choice = body["choices"][0]
        told = choice.get("logprobs") or {}
        if isinstance(question.prompt, str):
            text, places = choice["text"], told.get("top_logprobs") or ()
            tokens = [_logprobs(place.items()) for place in places if place]
        else:
            text, places = choice["message"]["content"], told.get("content") or ()
            tokens = [_logprobs((at["token"], at["logprob"]) for at in place["top_logprobs"]) for place in places]
        if not isinstance(text, str):
            raise TypeError("text")
        return Answer(text, tokens)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Again("answer of another form") from None


def read_usage(body: Any) -> tuple[int, int]:
    """Tokens of the prompt, and how many of them the server had in its prefix cache; 0 where it does not tell."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    told = (usage.get("prompt_tokens"), details.get("cached_tokens") if isinstance(details, dict) else None)
    sent, cached = (number if isinstance(number, int) and 0 <= number < 2**40 else 0 for number in told)
    return sent, cached


def read_moderations(body: Any, count: int) -> list[Verdict | None]:
    """The verdicts on `count` inputs, in order; None where one's result has another form.

    Raises:
        Again: there are not as many results as inputs, so that none can be told to be whose.
    """
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise Again("answer of another form", by_input=True)
    return [_moderation(result) for result in results]


def read_embeddings(body: Any, count: int) -> list[npt.NDArray[np.float32] | None]:
    """The vectors of `count` inputs, in their order; None where one is no list of finite numbers that are not all zero.

    A vector is an array of JSON, or the base64 of little-endian float32.

    Raises:
        Again: `index` does not name each input once, so that none can be told to be whose.
    """
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or len(data) != count:
        raise Again("answer of another form", by_input=True)
    found: dict[int, Any] = {}
    for entry in data:
        place = entry.get("index") if isinstance(entry, dict) else None
        if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < count:
            found[place] = entry.get("embedding")
    if len(found) != count:
        raise Again("answer of another form", by_input=True)
    return [_vector(found[place]) for place in range(count)]


def _vector(told: Any) -> npt.NDArray[np.float32] | None:
    if isinstance(told, str):
        try:
            vector = np.frombuffer(base64.b64decode(told, validate=True), "<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            return None
    elif isinstance(told, list) and set(map(type, told)) <= {int, float}:
        with np.errstate(over="ignore"):
            vector = np.array(told, dtype=np.float64).astype(np.float32)
    else:
        return None
    return vector if np.isfinite(vector).all() and vector.any() else None


def _moderation(result: Any) -> Verdict | None:
    try:
        told: Mapping[str, Any] = result["category_scores"]
        scores = {name: _number(told[name]) for name in CATEGORIES if told.get(name) is not None}
        if not isinstance(result["flagged"], bool) or not scores or not all(0 <= one <= 1 for one in scores.values()):
            return None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    # The endpoint's own verdict stands beside its scores: ours follows from the thresholds.
    return Verdict(max(scores.values()), scores, {"flagged": result["flagged"]})


def _logprobs(pairs: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for token, logprob in pairs:
        if not isinstance(token, str):
            raise TypeError("token")
        found[token] = _number(logprob)
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no finite number")
    return float(value)
