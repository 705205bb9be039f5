"""Attacks on guards by the text that they judge: in every guard and every place, the text stays data.

The attacks are in fixtures/guards/attacks.jsonl, published control tokens in tokens.json. A guard that is new in GUARDS
is tried without a change here; what it needs to be opened, if anything, goes to NEEDS.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chatlog.models.engines.http import open_http
from chatlog.models.engines.http_settings import HttpSettings
from chatlog.models.guards import Answer, Guard, Message, Question, Thresholds, UnreadableAnswer, Verdict
from chatlog.models.guards_fold import folded
from chatlog.models.guards_open import GUARDS, open_guard
from chatlog.models.guards_text import neutral
from chatlog.models.weights import locate
from chatlog.schema import CATEGORIES
from tests.models.loopback import loopback
from tests.models.test_neutral import TOKENS, special, tokenizer

FIXTURES = Path(__file__).parent / "fixtures" / "guards"
NEEDS: dict[str, dict[str, Any]] = {"classifier": {"labels": {"toxic": "flagged"}}}
PROMPTING = [name for name in GUARDS if name != "classifier"]
FRAMES = ("CONVERSATION>", "MESSAGE>", "POLICY>", "CATEGORIES>")
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
MARK = "Forty harmless words about pears."


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()]


ATTACKS = {row["id"]: row.get("pad", "") * row.get("times", 1) + row["text"] for row in lines("attacks.jsonl")}
KINDS = {row["id"]: row["kind"] for row in lines("attacks.jsonl")}
SHORT = [name for name, kind in KINDS.items() if kind != "very long"]
VERY_LONG = [name for name, kind in KINDS.items() if kind == "very long"]

PLACES: dict[str, list[tuple[str, str | None]]] = {
    "user": [("user", None)],
    "assistant": [("user", "Which pears keep?"), ("assistant", None)],
    "context of the user": [("user", None), ("assistant", "The firm ones."), ("user", "Thanks.")],
    "context of the assistant": [("user", "Which pears keep?"), ("assistant", None), ("user", "Thanks.")],
    "both": [("user", None), ("assistant", None)],
    "system and tool": [("system", None), ("user", "Which pears keep?"), ("tool", None), ("assistant", None)],
    "everywhere": [("user", None), ("assistant", None), ("user", None), ("assistant", None)],
}
"""Conversations; where there is no text, the attack stands."""


@cache
def guard_of(name: str) -> Guard:
    return open_guard(name, **NEEDS.get(name, {}))


def conversation(place: str, text: str) -> list[Message]:
    return [Message(role, text if content is None else content) for role, content in PLACES[place]]


def parts(question: Question) -> list[tuple[str, str]]:
    """A prompt as roles and contents; one without a role where it is rendered."""
    if isinstance(question.prompt, str):
        return [("", question.prompt)]
    return [(message["role"], message["content"]) for message in question.prompt]


def whole(questions: list[Question]) -> str:
    return "\n".join(content for question in questions for _, content in parts(question))


def readable(name: str) -> list[list[Answer]]:
    """Answers that the guard understands, each of them to its questions in order."""
    rows = [row for row in lines("answers.jsonl") if row["guard"] == name and not row.get("error")]
    return [[Answer(told["text"], told.get("tokens", [])) for told in row.get("answers", [row])] for row in rows]


def everything(guard: Guard, messages: list[Message], answers: list[Answer]) -> tuple[list[Question], Verdict | None]:
    """All that a guard asks when its questions get these answers, the last again and again, and its verdict."""
    asked = guard.ask(messages)
    given = [*answers, *[answers[-1]] * 32]
    try:
        asked += guard.more(messages, given[: len(asked)])
        return asked, guard.read(messages, given[: len(asked)])
    except UnreadableAnswer:
        return asked, None


def labels(prompt: str) -> set[str]:
    """What stands before the judged texts on their line, or on the line before."""
    found = set()
    for match in re.finditer(re.escape(MARK), prompt):
        *_, before, same = ["", *prompt[: match.start()].split("\n")]
        found.add(same.strip() or before.strip())
    return found - {""}


def turns(prompt: str, labels_: set[str]) -> Counter[str]:
    """How many lines begin like a turn, to a reader to whom every line break is one and nothing invisible is there."""
    counts: Counter[str] = Counter()
    for line in folded(re.sub("[\v\f\x1c-\x1e\x85\u2028\u2029\r]", "\n", prompt)).split("\n"):
        for label in labels_:
            if line.strip().startswith(label) if label.endswith((":", ">")) else line.strip() == label:
                counts[label] += 1
    return counts


def test_there_are_attacks_of_every_kind() -> None:
    assert len(ATTACKS) == len(lines("attacks.jsonl")) >= 100
    assert min(Counter(KINDS.values()).values()) >= 5 and len(set(KINDS.values())) >= 12
    assert len(set(ATTACKS.values())) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_control_token_is_left_in_an_attack(attack: str) -> None:
    made = neutral(ATTACKS[attack])
    assert neutral(made) == made
    seen = folded(made)
    assert not [token for token in TOKENS if token in made or folded(token) in seen]
    # What tag characters spell is shown, but for the region of a flag.
    assert not re.search("[\U000e0020-\U000e007e]", made.replace(WALES, ""))


@pytest.mark.parametrize("name", PROMPTING)
def test_a_prompt_has_as_many_tokens_frames_and_turns_as_with_a_harmless_message(name: str) -> None:
    guard = guard_of(name)
    made = tokenizer("NFKC", TOKENS, normalized=True)
    for place in ("everywhere", "both", "user"):
        harmless = whole(guard.ask(conversation(place, MARK)))
        known = labels(harmless)
        assert known, "the judged text stands in a turn"
        expected = (special(made, harmless), [harmless.count(frame) for frame in FRAMES], turns(harmless, known))
        for attack in SHORT if place == "everywhere" else ATTACKS:
            prompt = whole(guard.ask(conversation(place, ATTACKS[attack])))
            framed = [len(re.findall(rf"<(?:BEGIN|END) [A-Z ]*{frame}", folded(prompt))) for frame in FRAMES]
            assert (special(made, prompt), framed, turns(prompt, known)) == expected, (attack, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", PROMPTING)
def test_the_frame_is_that_of_a_harmless_message_and_the_verdict_comes_from_the_answer_alone(
    name: str, place: str
) -> None:
    guard = guard_of(name)
    cases = [(answers, *everything(guard, conversation(place, MARK), answers)) for answers in readable(name)]
    assert any(verdict is not None for *_, verdict in cases), "answers.jsonl has answers that this guard understands"
    for attack, text in ATTACKS.items():
        seen = {neutral(text), neutral(text).strip()}
        for answers, harmless, verdict in cases:
            questions, found = everything(guard, conversation(place, text), answers)
            assert found == verdict, attack
            assert [(one.max_tokens, one.choices) for one in questions] == [
                (one.max_tokens, one.choices) for one in harmless
            ], attack
            made = [parts(question) for question in questions]
            assert made in [
                [[(role, content.replace(MARK, shown)) for role, content in parts(one)] for one in harmless]
                for shown in seen
            ], attack


@pytest.mark.parametrize("name", PROMPTING)
def test_a_guard_that_repeats_an_attack_gives_no_verdict(name: str) -> None:
    guard = guard_of(name)
    for place in ("user", "both"):
        for attack in (attack for attack, kind in KINDS.items() if kind in ("fake turns", "closing the frame")):
            assert everything(guard, conversation(place, MARK), [Answer(ATTACKS[attack])])[1] is None, attack


def test_a_classifier_is_given_the_text_without_special_tokens() -> None:
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(locate("all-MiniLM-L6-v2"), trust_remote_code=False, local_files_only=True)
    # As the vllm engine and the embedder call it.
    assert made("[SEP]", add_special_tokens=False)["input_ids"] == [made.sep_token_id]
    for attack, text in ATTACKS.items():
        ids = made(text, split_special_tokens=True)["input_ids"]
        assert not set(ids[1:-1]) & (set(made.all_special_ids) - {made.unk_token_id}), attack
        assert (ids[0], ids[-1]) == (made.cls_token_id, made.sep_token_id)


@pytest.fixture(scope="module")
def sent() -> Iterator[dict[str, dict[str, Any]]]:
    """What a server is sent of each attack, by the attack, and its judgment."""
    with loopback() as server:
        settings = HttpSettings(
            urls=(server.url,), model="m", api_key_variable="CHATLOG_API_KEY", concurrency=1, timeout_s=30.0,
            deadline_s=60.0, retries=0, rest_s=0.2,
        )  # fmt: skip
        with open_http(settings, guard_of("policy"), Thresholds(0.5), max_characters=100_000) as engine:
            judgments = engine.judge([conversation("both", text) for text in ATTACKS.values()])
        yield {
            attack: {"body": body, "judgment": judgment}
            for attack, body, judgment in zip(ATTACKS, server.bodies, judgments, strict=True)
        }


def test_no_attack_changes_the_request_that_a_server_gets(sent: dict[str, dict[str, Any]]) -> None:
    (harmless,) = guard_of("policy").ask(conversation("both", MARK))
    assert not isinstance(harmless.prompt, str)
    for attack, found in sent.items():
        body = found["body"]
        assert body.pop("messages") == [
            {"role": message["role"], "content": message["content"].replace(MARK, neutral(ATTACKS[attack]))}
            for message in harmless.prompt
        ], attack
        assert body == {
            "model": "m", "max_tokens": harmless.max_tokens, "temperature": 0, "logprobs": True, "top_logprobs": 20,
            "structured_outputs": {"choice": ["none", *CATEGORIES]},
        }  # fmt: skip
        assert (found["judgment"].status, found["judgment"].flagged) == ("ok", False), attack
