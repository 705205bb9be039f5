"""Prompts of guards beside the templates that their publishers give: see fixtures/guards/README.md."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chatlog.models.guards import Answer, Message
from chatlog.models.guards_open import open_guard
from tests.models.test_guards import FIXTURES

TEMPLATES = FIXTURES / "templates"

CHATS = (
    [("user", "How do I bake rye bread?")],
    [("user", "Two\n\nlines, {braces} and %s"), ("assistant", "Ein Brot; 面包 \U0001f35e")],
    [("user", "Hi"), ("assistant", "Hello"), ("user", "safe")],
    [("user", "Hi"), ("assistant", "Hello"), ("user", "And?"), ("assistant", "Nothing.\nYes")],
)
chats = pytest.mark.parametrize("chat", CHATS, ids=range(1, len(CHATS) + 1))

Chat = list[tuple[str, str]]


def rendered(name: str, chat: Chat, **settings: Any) -> str:
    """A published chat template's rendering, as transformers does it."""

    def refuse(reason: str) -> str:
        raise AssertionError(reason)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string((TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8"))
    messages = [{"role": role, "content": content} for role, content in chat]
    return template.render(**{"messages": messages, "add_generation_prompt": True} | settings)


def prompts(name: str, chat: Chat, said: str = "") -> list[Any]:
    """A guard's prompts; with those that follow when it says `said`."""
    guard = open_guard(name)
    messages = [Message(role, content) for role, content in chat]
    questions = guard.ask(messages)
    if said:
        questions += guard.more(messages, [Answer(said)] * len(questions))
    return [question.prompt for question in questions]


@chats
def test_llama_guard_3_8b(chat: Chat) -> None:
    # The published one begins with a space, before the token that begins a text, and leaves two newlines to the model.
    expected = rendered("llama-guard-3", chat).removeprefix(" ") + "\n\n"
    assert prompts("llama-guard-3", chat, "unsafe") == [expected, f"{expected}unsafe\nS"]


@chats
def test_llama_guard_3_1b(chat: Chat) -> None:
    parts = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in chat]
    expected = rendered("llama-guard-3-1b", chat, messages=parts) + "\n\n"
    assert prompts("llama-guard-3-1b", chat, "unsafe") == [expected, f"{expected}unsafe\nS"]


@chats
def test_shieldgemma(chat: Chat) -> None:
    guidelines = json.loads((TEMPLATES / "shieldgemma-guidelines.json").read_text())[chat[-1][0]]
    assert prompts("shieldgemma", chat) == [
        rendered("shieldgemma", chat, bos_token="<bos>", guideline=guideline) for guideline in guidelines
    ]


@chats
def test_granite_guardian(chat: Chat) -> None:
    risks = ["harm", "social_bias", "jailbreak", "profanity", "sexual_content", "unethical_behavior", "violence"]
    if chat[-1][0] == "assistant":
        risks.remove("jailbreak")  # of a response it is another definition, and is not asked
    assert prompts("granite-guardian", chat, "Yes") == [
        rendered("granite-guardian", chat, guardian_config={"risk_name": risk}) for risk in risks
    ]


@chats
def test_wildguard(chat: Chat) -> None:
    template = (TEMPLATES / "wildguard.txt").read_text()
    (*_, (_, request)), response = (chat[:-1], chat[-1][1]) if chat[-1][0] == "assistant" else (chat, "")
    expected = f"{template.format(prompt=request, response=response)}Harmful request:"
    refusal = f"{expected} yes\nResponse refusal:"
    further = [f"{refusal}{said}\nHarmful response:" for said in (" yes", " no")]
    assert prompts("wildguard", chat, " yes") == [expected, *([refusal, *further] if response else [])]


def test_qwen3guard_goes_on_in_its_own_format() -> None:
    (first, category) = prompts("qwen3guard-gen", CHATS[0], " Unsafe")
    assert category == f"{first} Unsafe\nCategories:"
    # What would be safe is asked about as what it would be if it were not.
    guard, messages = open_guard("qwen3guard-gen"), [Message("user", "x")]
    (question,) = guard.more(messages, [Answer(" Safe", [{" Safe": -0.1, " Contro": -2.5, " Unsafe": -5.0}])])
    assert str(question.prompt).endswith("Safety: Controversial\nCategories:")
    assert " None" not in question.choices and " Jailbreak" in question.choices
