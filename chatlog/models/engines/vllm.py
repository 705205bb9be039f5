"""The `vllm` engine: a guard model in this process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from chatlog.errors import MissingExtra
from chatlog.models.engines.shown import shown
from chatlog.models.guards import (
    Answer,
    Guard,
    Judgment,
    Message,
    Question,
    Thresholds,
    UnreadableAnswer,
    failed,
)
from chatlog.models.guards_classifier import SequenceClassifier
from chatlog.models.weights import locate

LOGPROBS: Final = 20
"""Alternatives asked for at each token: vLLM's default limit."""

_SHORTEST: Final = 50
"""Characters below which a cut message is no message any more."""


def check_vllm() -> None:
    """Nothing, when vLLM is installed.

    Raises:
        MissingExtra: it is not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("moderate: engine 'vllm'", "vllm")


_Encoded = tuple[list[int], Question]


@dataclass(frozen=True)
class _Task:
    """A message as a guard is shown it, what was cut of it, and its questions with their tokens."""

    messages: list[Message]
    native: dict[str, object]
    questions: list[_Encoded]


def _answer(output: Any) -> Answer:
    tokens = [
        {str(entry.decoded_token): float(entry.logprob) for entry in place.values()} for place in output.logprobs or ()
    ]
    return Answer(output.text, tokens)


class VllmEngine:
    """Judges messages with `LLM.generate` or, for a classifier, `LLM.classify`."""

    def __init__(self, llm: Any, guard: Guard, thresholds: Thresholds, max_characters: int, max_model_len: int) -> None:
        self._llm = llm
        self._guard = guard
        self._thresholds = thresholds
        self._limit = max_characters
        self._tokenizer = llm.get_tokenizer()
        self._room = max_model_len - max(guard.max_tokens, 1)

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, in order."""
        if not conversations:
            return []
        if isinstance(self._guard, SequenceClassifier):
            return self._classify(self._guard, [shown(conversation, self._limit) for conversation in conversations])
        return self._generate(conversations)

    def _generate(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        tasks = [self._fitting(conversation) for conversation in conversations]
        asked = [task for task in tasks if task is not None]
        firsts = self._answers([task.questions for task in asked])
        seconds = self._answers(
            [self._more(task, answers) for task, answers in zip(asked, firsts, strict=True)],
        )
        judged = iter(
            [
                self._judgment(task, [*first, *second])
                for task, first, second in zip(asked, firsts, seconds, strict=True)
            ]
        )
        return [failed("prompt too long") if task is None else next(judged) for task in tasks]

    def _fitting(self, conversation: Sequence[Message]) -> _Task | None:
        """Prompts within the model's length, and what was cut for them; None when not even short ones fit."""
        limit = self._limit
        while limit >= _SHORTEST:
            messages, native = shown(conversation, limit)
            questions = [self._encoded(question) for question in self._guard.ask(messages)]
            length = max(len(tokens) for tokens, _ in questions)
            if length <= self._room:
                return _Task(messages, native, questions)
            # The message, not the guard's instructions, has to give way: never the engine's own truncation.
            longest = min(limit, max(len(message.content) for message in messages))
            limit = int(longest * min(0.9, self._room / length))
        return None

    def _more(self, task: _Task, answers: Sequence[Answer]) -> list[_Encoded]:
        try:
            return [self._encoded(question) for question in self._guard.more(task.messages, answers)]
        except UnreadableAnswer:
            return []  # `read` meets it again

    def _answers(self, questions: Sequence[Sequence[_Encoded]]) -> list[list[Answer]]:
        """The answers to each task's questions, in order."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        flat = [pair for group in questions for pair in group]
        if not flat:
            return [[] for _ in questions]
        sampling = [
            SamplingParams(
                temperature=0,
                max_tokens=question.max_tokens,
                logprobs=LOGPROBS,
                structured_outputs=StructuredOutputsParams(choice=list(question.choices)) if question.choices else None,
            )
            for _, question in flat
        ]
        prompts = [{"prompt_token_ids": tokens} for tokens, _ in flat]
        outputs = iter(self._llm.generate(prompts, sampling, use_tqdm=False))
        return [[_answer(next(outputs).outputs[0]) for _ in group] for group in questions]

    def _encoded(self, question: Question) -> _Encoded:
        return self._tokens(question.prompt), question

    def _tokens(self, prompt: Any) -> list[int]:
        if isinstance(prompt, str):
            return list(self._tokenizer.encode(prompt, add_special_tokens=False))
        rendered = self._tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
        return list(self._tokenizer.encode(rendered, add_special_tokens=False))

    def _judgment(self, task: _Task, answers: Sequence[Answer]) -> Judgment:
        try:
            verdict = self._guard.read(task.messages, answers)
        except UnreadableAnswer:
            return failed("unreadable answer")
        return self._thresholds.decide(replace(verdict, native={**verdict.native, **task.native}))

    def _classify(
        self, guard: SequenceClassifier, pieces: Sequence[tuple[list[Message], dict[str, object]]]
    ) -> list[Judgment]:
        encoded, natives = [], []
        for messages, native in pieces:
            # Text of users must not become a special token of the classifier.
            given = {"text": messages[-1].content, "split_special_tokens": True}
            whole = self._tokenizer(**given)["input_ids"]
            if len(whole) > self._room:
                native = {**native, "cut_tokens": len(whole) - self._room}
                whole = self._tokenizer(**given, truncation=True, max_length=self._room)["input_ids"]
            encoded.append({"prompt_token_ids": list(whole)})
            natives.append(native)
        labels = self._llm.llm_engine.model_config.hf_config.id2label
        outputs = self._llm.classify(encoded, use_tqdm=False)
        return [
            self._thresholds.decide(
                guard.verdict({labels[place]: float(p) for place, p in enumerate(output.outputs.probs)}, native)
            )
            for output, native in zip(outputs, natives, strict=True)
        ]


@contextmanager
def open_vllm(
    model: str,
    guard: Guard,
    thresholds: Thresholds,
    *,
    max_characters: int,
    max_model_len: int,
    gpu_memory: float,
    dtype: str,
    eager: bool,
) -> Iterator[VllmEngine]:
    """The engine with its weights loaded.

    Args:
        model: weights, as in chatlog.models.weights.
        guard: how the model is asked.
        thresholds: from which scores flag.
        max_characters: of a message, and of its context, that the guard is shown.
        max_model_len: tokens of prompt and answer together.
        gpu_memory: share of the GPU's memory.
        dtype: of weights and activations; auto is the weights' own, and bfloat16 for float32.
        eager: no CUDA graphs.

    Raises:
        MissingExtra: vLLM is not installed.
        DataError: the weights cannot be found.
    """
    check_vllm()
    from vllm import LLM

    settings: dict[str, Any] = {
        "model": str(locate(model)),
        "max_model_len": max_model_len,
        "gpu_memory_utilization": gpu_memory,
        "dtype": dtype,
        "enforce_eager": eager,
        "trust_remote_code": False,
        "seed": 0,
        "disable_log_stats": True,
    }
    if isinstance(guard, SequenceClassifier):
        settings["runner"] = "pooling"
    else:
        settings["enable_prefix_caching"] = True
    llm = LLM(**settings)
    try:
        yield VllmEngine(llm, guard, thresholds, max_characters, max_model_len)
    finally:
        # Its process holds the GPU's memory, which the next stage may want.
        llm.llm_engine.engine_core.shutdown()
