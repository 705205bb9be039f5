"""The `vllm` engine: a guard model on this machine, in a worker process for each GPU or group of GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from chatlog.models.engines.contents import open_tokenizer, shown_as_text
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.shown import shown
from chatlog.models.engines.vllm_worker import Prompt, Said, Task
from chatlog.models.engines.vllm_workers import check_vllm, open_workers
from chatlog.models.engines.watched import Watched
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

_SHORTEST: Final = 50
"""Characters below which a cut message is no message any more."""

_ROUND: Final = 256
"""Conversations whose prompts are tokenized in one call."""


@dataclass(frozen=True)
class VllmSettings:
    """How the model is run.

    Attributes:
        model, max_characters, max_model_len: as in ModerateConfig.
        workers: the processes that hold it.
        ordered: whether prompts are asked in the order of their tokens.
        cache_blocks: of the prefix cache; None for as many as the memory holds.
    """

    model: str
    max_characters: int
    max_model_len: int
    workers: VllmWorkers
    ordered: bool = True
    cache_blocks: int | None = None


_Encoded = tuple[list[int], Question]


@dataclass(frozen=True)
class _Task:
    """A message as a guard is shown it, what was cut of it, and its questions with their tokens."""

    messages: list[Message]
    native: dict[str, object]
    questions: list[_Encoded]


class VllmEngine:
    """Judges messages with `LLM.generate` or, for a classifier, `LLM.classify`, in workers that are watched."""

    def __init__(
        self,
        workers: Watched,
        tokenizer: Any,
        labels: Any,
        guard: Guard,
        thresholds: Thresholds,
        settings: VllmSettings,
    ) -> None:
        self._workers = workers
        self._tokenizer = tokenizer
        self._shown = shown_as_text(tokenizer)
        self._labels = labels
        self._guard = guard
        self._thresholds = thresholds
        self._settings = settings
        self._room = settings.max_model_len - max(guard.max_tokens, 1)
        self._counts = {"prompts": 0, "prompt_tokens": 0, "cached_tokens": 0}

    @property
    def counts(self) -> dict[str, int]:
        """Prompts and tokens that were sent so far, tokens that the prefix cache held, and restarts of workers."""
        return {**self._counts, "restarts": self._workers.restarts}

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, in order."""
        if not conversations:
            return []
        if isinstance(self._guard, SequenceClassifier):
            return self._classify(self._guard, conversations)
        return self._generate(conversations)

    def _generate(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        tasks = [
            task
            for start in range(0, len(conversations), _ROUND)
            for task in self._tasks(conversations[start : start + _ROUND])
        ]
        asked = [task for task in tasks if task is not None]
        firsts = self._answers([task.questions for task in asked])
        further = [self._more(task, answers) for task, answers in zip(asked, firsts, strict=True)]
        seconds = self._answers([questions or [] for questions in further])
        judged = iter(
            [
                failed("prompt too long") if questions is None else self._judgment(task, [*first, *second])
                for task, first, questions, second in zip(asked, firsts, further, seconds, strict=True)
            ]
        )
        return [failed("prompt too long") if task is None else next(judged) for task in tasks]

    def _tasks(self, conversations: Sequence[Sequence[Message]]) -> list[_Task | None]:
        """Prompts within the model's length; most fit as they are, and are tokenized together."""
        given = [self._shown(conversation, self._settings.max_characters) for conversation in conversations]
        asked = [self._guard.ask(messages) for messages, _ in given]
        tokens = iter(self._tokens([question.prompt for questions in asked for question in questions]))
        tasks: list[_Task | None] = []
        for conversation, (messages, native), questions in zip(conversations, given, asked, strict=True):
            encoded = [(next(tokens), question) for question in questions]
            if max(len(own) for own, _ in encoded) <= self._room:
                tasks.append(_Task(messages, native, encoded))
            else:
                tasks.append(self._fitting(conversation))
        return tasks

    def _fitting(self, conversation: Sequence[Message]) -> _Task | None:
        """Prompts cut to the model's length, and what was cut for them; None when not even short ones fit."""
        limit = min(self._settings.max_characters, max(len(message.content) for message in conversation))
        while limit >= _SHORTEST:
            messages, native = self._shown(conversation, limit)
            questions = self._encoded(self._guard.ask(messages))
            length = max(len(tokens) for tokens, _ in questions)
            if length <= self._room:
                return _Task(messages, native, questions)
            # The message, not the guard's instructions, has to give way: never the engine's own truncation.
            longest = min(limit, max(len(message.content) for message in messages))
            limit = int(longest * min(0.9, self._room / length))
        return None

    def _more(self, task: _Task, answers: Sequence[Answer | None]) -> list[_Encoded] | None:
        """What is left to ask of a message; None when a prompt of it is longer than the guard said it could be."""
        told = [answer for answer in answers if answer is not None]
        if len(told) < len(answers):
            return []
        try:
            questions = self._encoded(self._guard.more(task.messages, told))
        except UnreadableAnswer:
            return []  # `read` meets it again
        fits = all(len(tokens) + question.max_tokens <= self._settings.max_model_len for tokens, question in questions)
        return questions if fits else None

    def _answers(self, questions: Sequence[Sequence[_Encoded]]) -> list[list[Answer | None]]:
        """The answers to each task's questions, in order; None where no worker survived one."""
        prompts = [
            Prompt(tokens, question.max_tokens, question.choices, question.schema)
            for group in questions
            for tokens, question in group
        ]
        answers = iter([None if said is None else Answer(said.text, said.tokens) for said in self._ask(prompts)])
        return [[next(answers) for _ in group] for group in questions]

    def _ask(self, prompts: Sequence[Prompt]) -> list[Said | None]:
        """What the model says to each prompt, in order; asked in the order of their tokens.

        Prompts that begin alike then follow each other, the policy first and each conversation's turns after it, and
        the prefix cache still holds what they share.
        """
        places = list(range(len(prompts)))
        if self._settings.ordered:
            places.sort(key=lambda place: prompts[place].tokens)
        said: list[Said | None] = [None] * len(prompts)
        for place, answer in zip(places, self._workers.ask([prompts[place] for place in places]), strict=True):
            said[place] = answer
        self._counts["prompts"] += len(prompts)
        self._counts["prompt_tokens"] += sum(len(prompt.tokens) for prompt in prompts)
        self._counts["cached_tokens"] += sum(answer.cached for answer in said if answer is not None)
        return said

    def _encoded(self, questions: Sequence[Question]) -> list[_Encoded]:
        return list(zip(self._tokens([question.prompt for question in questions]), questions, strict=True))

    def _tokens(self, prompts: Sequence[Any]) -> list[list[int]]:
        rendered = [
            prompt
            if isinstance(prompt, str)
            else self._tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
            for prompt in prompts
        ]
        if not rendered:
            return []
        encoded: list[list[int]] = self._tokenizer(rendered, add_special_tokens=False)["input_ids"]
        return encoded

    def _judgment(self, task: _Task, answers: Sequence[Answer | None]) -> Judgment:
        told = [answer for answer in answers if answer is not None]
        if len(told) < len(answers):
            return failed("engine died")
        try:
            verdict = self._guard.read(task.messages, told)
        except UnreadableAnswer:
            return failed("unreadable answer")
        return self._thresholds.decide(replace(verdict, native={**verdict.native, **task.native}))

    def _classify(self, guard: SequenceClassifier, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        prompts, natives = [], []
        for conversation in conversations:
            messages, native = shown(conversation, self._settings.max_characters)
            # Text of users must not become a special token of the classifier.
            given = {"text": messages[-1].content, "split_special_tokens": True}
            whole = self._tokenizer(**given)["input_ids"]
            if len(whole) > self._room:
                native = {**native, "cut_tokens": len(whole) - self._room}
                whole = self._tokenizer(**given, truncation=True, max_length=self._room)["input_ids"]
            prompts.append(Prompt(list(whole)))
            natives.append(native)
        found = []
        for said, native in zip(self._ask(prompts), natives, strict=True):
            if said is None:
                found.append(failed("engine died"))
                continue
            labels = {self._labels[place]: value for place, value in enumerate(said.probabilities)}
            found.append(self._thresholds.decide(guard.verdict(labels, native)))
        return found


@contextmanager
def open_vllm(settings: VllmSettings, guard: Guard, thresholds: Thresholds) -> Iterator[VllmEngine]:
    """The engine with its weights loaded, once for every `tensor_parallel` GPUs that are visible.

    Raises:
        MissingExtra, ConfigError, DataError: vLLM, the weights or the tokenizer is not there; the weights are pickled.
    """
    check_vllm("moderate")
    folder = locate(settings.model)
    tokenizer = open_tokenizer(settings.model, folder)
    arguments: dict[str, Any] = {}
    if settings.cache_blocks is not None:
        arguments["num_gpu_blocks_override"] = settings.cache_blocks
    task: Task = "classify" if isinstance(guard, SequenceClassifier) else "generate"
    if task == "generate":
        arguments["enable_prefix_caching"] = True
    with open_workers(folder, task, settings.max_model_len, settings.workers, arguments) as (workers, labels):
        yield VllmEngine(workers, tokenizer, labels, guard, thresholds, settings)
