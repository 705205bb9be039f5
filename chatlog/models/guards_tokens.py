"""Control tokens of chat models and frames of guard prompts, as patterns over folded text.

Folded text (chatlog.models.guards_fold) has ASCII brackets, bars and letters for their compatibility forms, and
no invisible characters.
"""

from __future__ import annotations

import re
from typing import Final

OPENERS: Final = re.compile("[<＜﹤≮\\[［﹇\\]］﹈|｜:：﹕︓⩴]")
"""Every character that may become one that a pattern begins or ends with, under NFKD (Unicode 14.0)."""

SHOWN: Final = {"<": "‹", "[": "⟦", "]": "⟧", "|": "¦", ":": "꞉"}
"""What stands for a character that made a token: alike to read, and under no normal form the same again."""

_ANGLE: Final = (
    # Llama 2 and Mistral (sentencepiece), T5, BERT's kin, Gemma, Command-R, GLM, InternLM, Nemotron, Baichuan, Seed
    r"s|bos|eos|pad|unk|mask|cls|sep|sop|eop|eod|eot|eoh|eoa|eom|2mass|escape|extra_id_\d{1,5}|unused_?\d{1,5}"
    r"|reserved_\d{1,5}|reserved_special_token_\d{1,5}|special_\d{1,5}|tokens_unused_\d{1,5}|\w{1,40}_token"
    r"|seed:\w{1,40}"
    # Gemma and FunctionGemma; the frames of ShieldGemma and Granite Guardian
    r"|(?:start|end)_of_\w{1,40}|(?:start|end)_function_\w{1,40}|guardian|score"
    # reasoning, tools and pictures of Qwen, DeepSeek, Granite and others
    r"|think|thinking|tool|tools|tool_call|tool_calls|tool_response|tool_result|tool_results"
    r"|image|audio|video"
    # StarCoder, whose vocabulary Granite has
    r"|fim_\w{1,40}|file_sep|filename|gh_stars|repo_name|reponame|issue_\w{1,40}|jupyter_\w{1,40}|commit_\w{1,40}"
    r"|empty_output"
)

_SQUARE: Final = (
    # Llama 2 and every Mistral (v1 to v13, Voxtral)
    r"INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS?|TOOL_RESULTS?|TOOL_CONTENT|SYSTEM_PROMPT|IMG(?:_BREAK|_END)?|PREFIX|MIDDLE"
    r"|SUFFIX|REFERENCE_DOC_\d{1,5}|THINK|ARGS|CALL_ID|AUDIO|BEGIN_AUDIO|TRANSCRIBE|MODEL_SETTINGS"
    r"|STREAMING_(?:PAD|WORD)|control_\d{1,5}"
    # BERT, GLM, Gemma, Kimi
    r"|CLS|SEP|PAD|UNK|MASK|BOS|EOS|EOT|unused\d{1,5}|gMASK|sMASK|sop|eop|multimodal|@BOS@"
)

CONTROL: Final = re.compile(
    # <|im_start|>, <|eot_id|>, <|user|>, DeepSeek's <｜end▁of▁sentence｜>; F#'s `a <| b |> c` has spaces inside
    r"<(?=\|[^\s<>|‹](?:[^<>|‹]{0,62}[^\s<>|‹])?\|>)"
    # Gemma 4: <|turn>, <turn|>, <|"|>
    r'|<(?=\|[\w"]{1,64}>|/?\w{1,64}\|>)'
    rf"|<(?=/?(?:{_ANGLE})\s{{0,8}}/?>)"
    r"|<(?=</?SYS>>)"
    # The frames of guard prompts: a message must not close the conversation that it stands in.
    r"|<(?=\s{0,4}/?\s{0,4}(?:BEGIN|END)\s{1,4}"
    r"(?:CONVERSATION|UNSAFE\s{1,4}CONTENT\s{1,4}CATEGORIES|(?:SAFETY|REFUSAL)\s{1,4}POLICY|MESSAGE)\s{0,4}>)"
    rf"|\[(?=/?(?-i:{_SQUARE})\])"
    # In lower case too, but for `scores[mask]` in somebody's code: there is no such token.
    rf"|(?<![\w)\]])\[(?=/?(?:{_SQUARE})\])"
    # DeepSeek V3.2's tools; MiniMax
    r"|\|(?=DSML\|)|\](?=~!?b[\[\]])|\[(?=e~\[)",
    re.IGNORECASE,
)
"""Of each token the character that is replaced. Every part of it is bounded: time is linear in the text."""

_LINE: Final = r"(?:^|(?<=[\r\u2028\u2029]))[^\S\n\r\u2028\u2029]*"

LABEL: Final = re.compile(
    rf"{_LINE}"
    # Llama Guard; Qwen3Guard; ShieldGemma; WildGuard; Granite Guardian
    r"(?:User|Agent|USER|ASSISTANT|Human\s{1,4}Question|Chatbot\s{1,4}Response|Human\s{1,4}user|AI\s{1,4}assistant|Answers"
    r"|(?:User|Assistant)\s{1,4}Message)[^\S\n]{0,8}:",
    re.MULTILINE,
)
"""A line that begins like a turn of a guard's prompt, to its colon, which is replaced."""

ROLE: Final = re.compile(
    rf"{_LINE}\[(?=(?:system|user|assistant|tool)\][^\S\n\r\u2028\u2029]*(?:$|[\r\u2028\u2029]))",
    re.MULTILINE | re.IGNORECASE,
)
"""A line that is a role, as guard `policy` writes turns, to its bracket, which is replaced."""

MARKUP: Final = re.compile(
    r"</?(?:a|b|i|u|s|p|q|br|hr|h[1-6]|em|strong|sub|sup|code|pre|blockquote|table|caption|thead|tbody|tfoot|tr|th|td|ul|ol"
    r"|li|dl|dt|dd|div|span|img)>"
)
"""HTML that Gemma's vocabulary holds whole, as words and not as control tokens."""
