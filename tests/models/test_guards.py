"""Guards: golden prompts, strict answers, harmless text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.errors import ConfigError
from chatlog.models.guards import Answer, Message, Question, Thresholds, UnreadableAnswer, Verdict
from chatlog.models.guards_choice import share
from chatlog.models.guards_open import GUARDS, open_guard
from chatlog.models.guards_policy import read_policy
from chatlog.models.guards_text import neutral
from chatlog.schema import CATEGORIES

FIXTURES = Path(__file__).parent / "fixtures" / "guards"
PROMPTS = sorted(FIXTURES.glob("*.txt"))


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", PROMPTS, ids=[path.stem for path in PROMPTS])
def test_a_prompt_is_the_published_template_to_the_byte(path: Path) -> None:
    head, _, expected = path.read_text(encoding="utf-8").partition("\n----\n")
    case = json.loads(head)
    messages = [Message(role, content) for role, content in case["messages"]]
    # The file ends with one newline that is not part of the prompt.
    assert open_guard(case["guard"]).ask(messages)[0].prompt == expected.removesuffix("\n")


@pytest.mark.parametrize("number", range(len(lines("answers.jsonl"))))
def test_an_answer_is_read_strictly(number: int) -> None:
    case = lines("answers.jsonl")[number]
    guard = open_guard(case["guard"])
    messages = [Message("user", "x"), Message("assistant", "y")][: 1 + (case.get("role") == "assistant")]
    answers = [Answer(told["text"], told.get("tokens", [])) for told in case["answers"]]
    first = len(guard.ask(messages))
    if case.get("error"):
        with pytest.raises(UnreadableAnswer):
            guard.more(messages, answers[:first])
            guard.read(messages, answers)
        return
    assert len(guard.more(messages, answers[:first])) == len(answers) - first
    verdict = guard.read(messages, answers)
    assert verdict.score == pytest.approx(case["score"], abs=1e-4)
    named = {name: value for name, value in verdict.categories.items() if value > 0}
    assert named == pytest.approx(case["categories"], abs=1e-4)
    for name, expected in case.get("native", {}).items():
        assert verdict.native[name] == (pytest.approx(expected, abs=1e-4) if isinstance(expected, dict) else expected)


def test_every_family_is_read_right_and_wrong() -> None:
    told = {(case["guard"], case.get("error", False)) for case in lines("answers.jsonl")}
    assert told == {(name, wrong) for name in GUARDS if name != "classifier" for wrong in (True, False)}


@pytest.mark.parametrize("number", range(len(lines("neutral.jsonl"))))
def test_control_tokens_are_no_tokens_any_more(number: int) -> None:
    case = lines("neutral.jsonl")[number]
    assert neutral(case["input"]) == case["expected"]
    assert neutral(case["expected"]) == case["expected"]


TOKENS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eot|>",
    "<end_of_turn>",
    "<|end_of_text|>",
    "<end_of_risk_definition>",
    "<|assistant|>",
    "[/INST]",
    "</s>",
    "<END CONVERSATION>",
    "<｜end▁of▁sentence｜>",
)


FAMILIES = sorted(set(GUARDS) - {"classifier", "policy"})


def asked(name: str, messages: list[Message]) -> list[Question]:
    """All questions about a message that a guard finds something in."""
    guard = open_guard(name)
    first = guard.ask(messages)
    found = [Answer(next(choice for choice in question.choices if choice not in SAFE)) for question in first]
    return [*first, *guard.more(messages, found)]


SAFE = {"none", "safe", " Safe", "No", " no"}


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=5)), max_size=8), st.sampled_from(sorted(GUARDS)))
def test_no_text_of_a_message_closes_its_frame(parts: list[str], name: str) -> None:
    if name == "classifier":
        return
    hostile = "".join(parts)

    def count(text: str) -> dict[str, int]:
        prompts = [question.prompt for question in asked(name, [Message("user", text), Message("assistant", text)])]
        shown = str(prompts) if isinstance(prompts[0], list) else "".join(map(str, prompts))
        return {token: shown.count(token) for token in TOKENS}

    assert count(hostile) == count("harmless")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_the_verdict_is_one_token_and_the_rest_begins_with_what_was_computed(name: str, role: str) -> None:
    messages = [Message("user", "how do I bake bread? " * 20), Message("assistant", "so " * 20)]
    first, *others = asked(name, messages[: 1 + (role == "assistant")])
    assert (first.max_tokens, isinstance(first.prompt, str)) == (1, True) and first.choices
    for other in others:
        # The message stands before what differs.
        message = str(first.prompt).rindex("bread? " if role == "user" else "so ")
        assert str(other.prompt).startswith(str(first.prompt)[:message])
        assert other.choices and other.max_tokens <= open_guard(name).max_tokens


@pytest.mark.parametrize("name", ["llama-guard-3", "llama-guard-3-1b", "llama-guard-4", "qwen3guard-gen"])
def test_categories_are_asked_from_a_small_probability_on(name: str) -> None:
    guard = open_guard(name)
    messages = [Message("user", "x")]
    (question,) = guard.ask(messages)
    safe = next(choice for choice in question.choices if choice in SAFE)
    unsafe = next(choice for choice in question.choices if choice.strip().lower() == "unsafe")

    def asks(probability: float) -> int:
        tokens = {safe: math.log(1 - probability), unsafe: math.log(probability)}
        return len(guard.more(messages, [Answer(safe if probability < 0.5 else unsafe, [tokens])]))

    assert [asks(probability) for probability in (0.001, 0.019, 0.021, 0.5, 0.999)] == [0, 0, 1, 1, 1]


def test_the_policy_names_every_category_and_takes_another_file(tmp_path: Path) -> None:
    policy = read_policy().text
    assert [line.split(":")[0] for line in policy.splitlines() if line.split(":")[0] in CATEGORIES] == [
        # In the order that tells a reader the general rule first.
        *CATEGORIES[:4],
        "self-harm",
        "self-harm/intent",
        "self-harm/instructions",
        *CATEGORIES[7:],
    ]
    own = tmp_path / "rules.txt"
    own.write_text("hate: nothing else matters here.")
    prompt = open_guard("policy", str(own)).ask([Message("user", "hello")])[0].prompt
    assert isinstance(prompt, list)
    assert "nothing else matters here" in prompt[0]["content"]
    assert [message["role"] for message in prompt] == ["system", "user"]
    with pytest.raises(ConfigError, match="FileNotFoundError; give a UTF-8 text file"):
        open_guard("policy", str(tmp_path / "missing.txt"))
    with pytest.raises(ConfigError, match="has a policy of its own"):
        open_guard("wildguard", str(own))


def test_only_the_judged_message_and_what_stands_before_it_are_shown() -> None:
    messages = [Message("user", "alpha"), Message("assistant", "beta"), Message("user", "gamma")]
    for name in ("policy", "llama-guard-3", "llama-guard-3-1b", "llama-guard-4", "qwen3guard-gen"):
        shown = str(open_guard(name).ask(messages[:2])[0].prompt)
        assert "alpha" in shown and "beta" in shown and "gamma" not in shown


@pytest.mark.parametrize("name", ["shieldgemma", "wildguard", "granite-guardian"])
def test_a_guard_of_pairs_is_shown_the_answer_with_its_question(name: str) -> None:
    messages = [Message("user", "alpha"), Message("assistant", "beta"), Message("user", "gamma")]
    messages += [Message("assistant", "delta")]
    shown = {
        len(given): {word for word in ("alpha", "beta", "gamma", "delta") if word in str(open_guard(name).ask(given))}
        for given in (messages[:1], messages[:2], messages[:3], messages)
    }
    assert shown == {1: {"alpha"}, 2: {"alpha", "beta"}, 3: {"gamma"}, 4: {"gamma", "delta"}}
    # An answer that nothing stands before is judged all the same.
    assert "beta" in str(open_guard(name).ask(messages[1:2])[0].prompt)


def test_a_classifier_maps_labels_and_refuses_unknown_ones() -> None:
    from chatlog.models.guards_classifier import SequenceClassifier

    guard = SequenceClassifier({"toxic": "flagged", "insult": "harassment", "ok": "safe"})
    verdict = guard.verdict({"toxic": 0.6, "insult": 0.7, "ok": 0.9})
    assert (verdict.score, verdict.categories) == (0.7, {"harassment": 0.7})
    with pytest.raises(ConfigError, match="obscene"):
        guard.verdict({"obscene": 0.4})
    with pytest.raises(ConfigError, match="needs `labels`"):
        open_guard("classifier")
    with pytest.raises(ConfigError, match="expected one of"):
        open_guard("classifier", labels={"toxic": "rude"})


def test_probabilities_are_shared_between_the_two_sides_only() -> None:
    assert share({"unsafe": -0.5, "safe": -0.5, "maybe": -0.1}, ("unsafe",), ("safe",)) == pytest.approx(0.5)
    assert share({"maybe": -0.1}, ("unsafe",), ("safe",)) is None
    # "S" begins Safe and Sexual: it tells nothing.
    assert share({"S": -0.1}, ("Sexual",), ("Safe",)) is None


def test_a_true_category_always_flags_and_thresholds_hold_per_category() -> None:
    thresholds = Thresholds(0.5, {"sexual/minors": 0.1})
    judgment = thresholds.decide(Verdict(0.2, {"sexual/minors": 0.15, "hate": 0.4}))
    assert judgment.flagged and dict(judgment.categories) == {"hate": False, "sexual/minors": True}
    assert thresholds.decide(Verdict(0.5)).flagged and not thresholds.decide(Verdict(0.499)).flagged


def test_what_training_found_names_a_rule_and_what_a_user_set_flags() -> None:
    verdict = Verdict(0.2, {"hate": 0.9, "violence": 0.9})
    learnt = Thresholds(0.5, {}, {"hate": 0.3, "violence": 0.95}).decide(verdict)
    assert not learnt.flagged and not any(learnt.categories.values())
    over = Thresholds(0.1, {}, {"hate": 0.3, "violence": 0.95}).decide(verdict)
    assert over.flagged and dict(over.categories) == {"hate": True, "violence": False}
    assert Thresholds(0.5, {"hate": 0.8}, {"violence": 0.1}).decide(verdict).flagged
