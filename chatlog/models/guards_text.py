"""Untrusted text made harmless for a prompt, and probabilities read from log-probabilities."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

_NAMES: Final = (
    # Mistral and Llama 2, Gemma, sentencepiece, T5, BERT; reasoning and tool tags of Qwen and DeepSeek.
    r"start_of_turn|end_of_turn|start_of_image|end_of_image|eos|bos|pad|unk|mask|s|extra_id_\d+"
    r"|think|tool_call|tool_response|tools|tool_result|image|audio|video|reserved_special_token_\d+"
    # The frames of Granite Guardian's prompts.
    r"|(?:start|end)_of_(?:risk_definition|conversation)"
)

_SQUARE: Final = (
    r"INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|SYSTEM_PROMPT|IMG|IMG_BREAK|IMG_END"
    r"|PREFIX|MIDDLE|SUFFIX|REFERENCE_DOC_\d+|THINK|CLS|SEP|PAD|UNK|MASK|ARGS|CALL_ID|gMASK|sop|eop"
)

_CONTROL: Final = re.compile(
    # <|im_start|>, <|start_header_id|>, <|eot_id|>, <|endoftext|>, <|assistant|> and DeepSeek's ｜ and ▁
    r"<(?=[|｜][^<>|｜\n]{1,64}[|｜]>)"
    rf"|<(?=/?(?:{_NAMES})\s*/?>)"
    r"|<(?=</?SYS>>)"
    rf"|\[(?=/?(?:{_SQUARE})\])"
    # The frames of guard prompts: a message must not close the conversation that it stands in.
    r"|<(?=(?:BEGIN|END) (?:CONVERSATION|UNSAFE CONTENT CATEGORIES|SAFETY POLICY|REFUSAL POLICY|MESSAGE)>)",
    re.IGNORECASE,
)

_SHOWN: Final = {"<": "‹", "[": "⟦"}


def neutral(text: str) -> str:
    """The text with the opening bracket of every chat-template token replaced, so that none is one any more.

    The tokens of Llama 2 to 4, Qwen and other ChatML families, Gemma, Mistral, DeepSeek, Phi and BERT are
    known. Nothing else changes: the model still reads what was written.
    """
    return _CONTROL.sub(lambda match: _SHOWN[match[0]], text.encode("utf-8", "replace").decode("utf-8"))


def one_line(text: str) -> str:
    """The text, neutralised, without spaces around it."""
    return neutral(text).strip()


def share(tokens: Mapping[str, float], positive: Sequence[str], negative: Sequence[str]) -> float | None:
    """The probability of `positive` against `negative` among one position's log-probabilities.

    A token counts for a word that it begins (`un` for `unsafe`), so that it works for any tokenizer.
    None when no token of either side is among them.
    """
    mass = {True: 0.0, False: 0.0}
    for token, logprob in tokens.items():
        word = token.replace("Ġ", " ").replace("▁", " ").strip()
        if not word or not math.isfinite(logprob):
            continue
        begins = {
            side: any(choice.startswith(word) for choice in choices)
            for side, choices in ((True, positive), (False, negative))
        }
        # A token that begins both ("S" of Safe and of Sexual) tells nothing.
        if begins[True] != begins[False]:
            mass[begins[True]] += math.exp(logprob)
    total = mass[True] + mass[False]
    return mass[True] / total if total > 0 else None
