"""Llama Guard 3 and 4: their prompts, and how their answers are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatlog.models.guards import Answer, Message, Question, Verdict
from chatlog.models.guards_choice import ASK_FROM, by_category, chances, labels
from chatlog.models.guards_text import one_line

HAZARDS: Final = (
    "Violent Crimes",
    "Non-Violent Crimes",
    "Sex Crimes",
    "Child Exploitation",
    "Defamation",
    "Specialized Advice",
    "Privacy",
    "Intellectual Property",
    "Indiscriminate Weapons",
    "Hate",
    "Self-Harm",
    "Sexual Content",
    "Elections",
    "Code Interpreter Abuse",
)
"""S1 to S14, as the chat templates of meta-llama/Llama-Guard-3-8B and Llama-Guard-4-12B name them."""

CATEGORY: Final[dict[str, str | None]] = {
    "S1": "violence",
    "S4": "sexual/minors",
    "S9": "violence",
    "S10": "hate",
    "S11": "self-harm",
    "S12": "sexual",
}
"""The hazards that are OpenAI categories; the others flag a message and stand in `native` alone."""

_ROLES: Final = {"user": "User", "assistant": "Agent", "system": "User", "tool": "User"}
# It knows two speakers. What is not the model's own word is input to it.

_VERDICTS: Final = ("unsafe", "safe")


class LlamaGuard3:
    """Llama Guard 3, 8B.

    It is asked for one token, the verdict. Few messages are asked about once more, for a hazard: the `S` of its
    name is given too, and its number is one token of Llama's tokenizers.

    The model begins its answer with two newlines, which the published template leaves to it. They are given here,
    so that the verdict is the first token.
    """

    name = "llama-guard-3"
    context = True
    max_tokens = 16  # the verdict, or what is given before a hazard's number, in whatever tokens
    hazards: tuple[str, ...] = HAZARDS
    open = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
    policy = "our"
    gap = "\n\n"
    close = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

    def ask(self, messages: Sequence[Message]) -> list[Question]:
        """The model's own template, rendered, for `safe` or `unsafe`."""
        return [Question(self._prompt(messages), 1, _VERDICTS)]

    def more(self, messages: Sequence[Message], answers: Sequence[Answer]) -> list[Question]:
        """The hazard's number, of a message that may be unsafe."""
        if self._score(answers[0]) < ASK_FROM:
            return []
        return [Question(f"{self._prompt(messages)}unsafe\nS", 1, self._numbers())]

    def read(self, messages: Sequence[Message], answers: Sequence[Answer]) -> Verdict:
        """The score is the probability of `unsafe`; `native` has the hazards with theirs."""
        score = self._score(answers[0])
        shares: dict[str, float] = {}
        if len(answers) > 1:
            told = chances(answers[1], self._numbers(), self.name)
            shares = {f"S{number}": share for number, share in told.items()}
        native = {"verdict": "unsafe" if score >= 0.5 else "safe", "categories": labels(shares)}
        return Verdict(score, by_category(score, shares, CATEGORY), native)

    def _prompt(self, messages: Sequence[Message]) -> str:
        role = _ROLES[messages[-1].role]
        hazards = "\n".join(f"S{number}: {name}." for number, name in enumerate(self.hazards, start=1))
        turns = "".join(f"{_ROLES[message.role]}: {one_line(message.content)}\n\n" for message in messages)
        return (
            f"{self.open}Task: Check if there is unsafe content in '{role}' messages in conversations according "
            f"{self.policy} safety policy with the below categories.\n\n"
            f"<BEGIN UNSAFE CONTENT CATEGORIES>\n{hazards}\n<END UNSAFE CONTENT CATEGORIES>\n\n"
            f"<BEGIN CONVERSATION>{self.gap}{turns}<END CONVERSATION>\n\n"
            f"Provide your safety assessment for ONLY THE LAST {role} message in the above conversation:\n"
            " - First line must read 'safe' or 'unsafe'.\n"
            f" - If unsafe, a second line must include a comma-separated list of violated categories.{self.close}"
        )

    def _score(self, answer: Answer) -> float:
        return chances(answer, _VERDICTS, self.name)["unsafe"]

    def _numbers(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(1, len(self.hazards) + 1))


class LlamaGuard3Small(LlamaGuard3):
    """Llama Guard 3, 1B: 13 hazards, and a space before the end of the turn."""

    name = "llama-guard-3-1b"
    hazards = HAZARDS[:13]
    close = f" {LlamaGuard3.close}"


class LlamaGuard4(LlamaGuard3):
    """Llama Guard 4, 12B: the tokens of Llama 4."""

    name = "llama-guard-4"
    open = "<|begin_of_text|><|header_start|>user<|header_end|>\n\n"
    policy = "to our"
    gap = "\n"
    close = " <|eot|><|header_start|>assistant<|header_end|>\n\n"
