"""Readers of chat logs, one a format."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from chatlog.errors import ConfigError
from chatlog.sources import (
    arena,
    chatgpt_export,
    fastchat,
    fastchat_answers,
    langfuse,
    litellm,
    lmsys_chat,
    oasst,
    openai_messages,
    openwebui,
    otel_genai,
    pairs,
    prompts,
    sharegpt,
    transcript_anthropic,
    transcript_human,
    wildchat,
)
from chatlog.sources.record import REASONS, Draft, Reader, Reject, Turn

__all__ = ["READERS", "REASONS", "Draft", "Reader", "Reject", "Turn", "reader"]

READERS: Final[tuple[Reader, ...]] = (
    fastchat.READER,
    openai_messages.READER,
    sharegpt.READER,
    wildchat.READER,
    lmsys_chat.READER,
    arena.READER,
    fastchat_answers.READER,
    oasst.READER,
    chatgpt_export.READER,
    openwebui.READER,
    litellm.READER,
    langfuse.READER,
    otel_genai.READER,
    transcript_human.READER,
    transcript_anthropic.READER,
    pairs.READER,
    prompts.READER,
)
"""Every reader. Where two recognise a file equally well, the earlier one is taken."""

_BY_NAME: Final = {item.name: item for item in READERS}


def reader(name: str) -> Reader:
    """The reader of this name.

    Raises:
        ConfigError: there is none.
    """
    found = _BY_NAME.get(name)
    if found is None:
        close = get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the readers are {', '.join(_BY_NAME)} (or auto)"
        raise ConfigError(f"no reader is named {name!r}: {hint}")
    return found
