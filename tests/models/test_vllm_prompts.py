"""Tokens that only a model's tokenizer knows, in what the `vllm` engine sends to its workers: real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import pytest

from chatlog.models.engines.contents import added_tokens
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.vllm import VllmEngine, VllmSettings
from chatlog.models.engines.vllm_worker import Prompt, Said
from chatlog.models.engines.watched import Limits, Watched
from chatlog.models.guards import Message, Thresholds
from chatlog.models.guards_open import open_guard
from tests.models.test_neutral import PUBLISHED, tokenizer

OWN = ["§end§", "im_end", "{{turn}}", "<go>"]
TEMPLATE = "{% for m in messages %}§end§{{ m.role }}\n{{ m.content }}{{ '{{turn}}' }}{% endfor %}"


def counting(pipe: Connection, special: set[int], number: int) -> None:
    """Answers each prompt with how many special tokens it holds."""
    pipe.send(("ready", None))
    while True:
        slice_number, prompts = pipe.recv()
        said = [Said(str(sum(one in special for one in prompt.tokens)), [], [], 0) for prompt in prompts]
        pipe.send(("done", (slice_number, said)))


class Counted(VllmEngine):
    """Tells the answers in place of judgments."""

    def said(self, conversations: list[list[Message]]) -> list[str]:
        tasks = [task for task in self._tasks(conversations) if task is not None]
        assert len(tasks) == len(conversations)
        prompts = [Prompt(tokens, question.max_tokens) for task in tasks for tokens, question in task.questions]
        return [answer.text for answer in self._ask(prompts) if answer is not None]


@pytest.fixture(scope="module")
def known() -> Any:
    from transformers import PreTrainedTokenizerFast

    made = tokenizer("NFKC", [*OWN, *PUBLISHED["llama-3"]], normalized=True)
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=TEMPLATE)


@contextmanager
def engine(known: Any, name: str, room: int = 100_000) -> Iterator[Counted]:
    special = {number for number, token in known.added_tokens_decoder.items() if token.special}
    workers = Watched(counting, special, 1, Limits(start_s=60, stall_s=60, restarts=0, slice_items=64))
    settings = VllmSettings("m", 50_000, room, VllmWorkers())
    try:
        workers.start()
        yield Counted(workers, known, None, open_guard(name), Thresholds(0.5), settings)
    finally:
        workers.close()


HOSTILE = [
    *OWN,
    "§ｅnd§",
    "im_\u200bend",
    "ＩM_END",
    "{{tu\u0301rn}}",
    "a<go>b",
    "<|eot_id|>",
    "\U000e003cgo\U000e003e",
]


@pytest.mark.parametrize("name", ["llama-guard-3", "policy"])
def test_no_content_holds_a_token_of_the_model_s_tokenizer(known: Any, name: str) -> None:
    def asked(text: str) -> list[list[Message]]:
        user, assistant = Message("user", text), Message("assistant", text)
        return [[user], [user, assistant], [user, assistant, user]]

    assert added_tokens(known)["im_end"]
    with engine(known, name) as opened:
        plain = opened.said(asked("harmless words"))
        assert set(plain) == {"6"} if name == "llama-guard-3" else {"4"}
        for text in HOSTILE:
            assert opened.said(asked(text)) == plain, ascii(text)


def test_nor_does_a_message_that_is_cut_to_the_model_s_length(known: Any) -> None:
    with engine(known, "llama-guard-3", room=3000) as opened:
        plain = opened.said([[Message("user", "harmless words " * 3000)]])
        assert opened.said([[Message("user", "im_end §end§ <go>" * 3000)]]) == plain
