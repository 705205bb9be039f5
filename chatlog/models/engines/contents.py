"""The tokenizer of a model on this machine, opened without code of the model's, and messages as plain text to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chatlog.errors import DataError
from chatlog.models.engines.shown import shown
from chatlog.models.guards import Message
from chatlog.models.guards_text import neutral_for
from chatlog.models.weights_code import refuse_pickles


def open_tokenizer(name: str, folder: Path) -> Any:
    """The tokenizer in the model's folder, by transformers; nothing is fetched and no code of the folder runs.

    Raises:
        ConfigError: the folder holds pickled weights.
        DataError: it holds no tokenizer, a damaged one, or one that is code of its own.
    """
    refuse_pickles(name, [folder])
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"model {name}: no tokenizer can be opened from {folder} ({type(error).__name__}); it needs the files of "
            "one that transformers knows, and code that a model brings is never run"
        ) from error


def added_tokens(tokenizer: Any) -> dict[str, bool]:
    """The tokens that a tokenizer finds in a text before all else, and whether each is a special one."""
    found = {str(token): True for token in getattr(tokenizer, "all_special_tokens", ())}
    for token in getattr(tokenizer, "added_tokens_decoder", {}).values():
        found[token.content] = token.special or found.get(token.content, False)
    if hasattr(tokenizer, "get_added_vocab"):
        for content in tokenizer.get_added_vocab():
            found.setdefault(content, False)
    return found


def shown_as_text(tokenizer: Any) -> Callable[[Sequence[Message], int], tuple[list[Message], dict[str, object]]]:
    """`shown`, with contents in which this tokenizer finds no token of its own; see guards_text.neutral_for."""
    harmless = neutral_for(added_tokens(tokenizer))

    def shown_to_it(conversation: Sequence[Message], limit: int) -> tuple[list[Message], dict[str, object]]:
        messages, native = shown(conversation, limit)
        return [Message(message.role, harmless(message.content)) for message in messages], native

    return shown_to_it
