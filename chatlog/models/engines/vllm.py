"""The `vllm` engine: a guard model in this process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from chatlog.errors import MissingExtra
from chatlog.models.engines.shown import shown
from chatlog.models.guards import Answer, Guard, Judgment, Message, Thresholds, UnreadableAnswer, failed
from chatlog.models.guards_classifier import SequenceClassifier
from chatlog.models.weights import locate

LOGPROBS: Final = 20
"""Alternatives asked for at each token: vLLM's default limit."""


def check_vllm() -> None:
    """Nothing, when vLLM is installed.

    Raises:
        MissingExtra: it is not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("moderate: engine 'vllm'", "vllm")


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
        pieces = [shown(conversation, self._limit) for conversation in conversations]
        if isinstance(self._guard, SequenceClassifier):
            return self._classify(self._guard, pieces)
        return self._generate(pieces)

    def _generate(self, pieces: Sequence[tuple[list[Message], dict[str, object]]]) -> list[Judgment]:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        structured = StructuredOutputsParams(choice=list(self._guard.choices)) if self._guard.choices else None
        sampling = SamplingParams(
            temperature=0, max_tokens=self._guard.max_tokens, logprobs=LOGPROBS, structured_outputs=structured
        )
        prompts = [self._tokens(self._guard.prompt(messages, len(messages) - 1)) for messages, _ in pieces]
        found: list[Judgment] = [failed("prompt too long")] * len(prompts)
        # Never truncated in silence: a prompt that does not fit is an error, with its length in reach of a setting.
        fitting = [place for place, tokens in enumerate(prompts) if len(tokens) <= self._room]
        outputs = self._llm.generate(
            [{"prompt_token_ids": prompts[place]} for place in fitting], sampling, use_tqdm=False
        )
        for place, output in zip(fitting, outputs, strict=True):
            found[place] = self._judgment(output.outputs[0], pieces[place][1])
        return found

    def _tokens(self, prompt: Any) -> list[int]:
        if isinstance(prompt, str):
            return list(self._tokenizer.encode(prompt, add_special_tokens=False))
        rendered = self._tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
        return list(self._tokenizer.encode(rendered, add_special_tokens=False))

    def _judgment(self, output: Any, native: dict[str, object]) -> Judgment:
        tokens = [
            {str(entry.decoded_token): float(entry.logprob) for entry in place.values()}
            for place in output.logprobs or ()
        ]
        try:
            return self._thresholds.decide(self._guard.parse(Answer(output.text, tokens, native)))
        except UnreadableAnswer:
            return failed("unreadable answer")

    def _classify(
        self, guard: SequenceClassifier, pieces: Sequence[tuple[list[Message], dict[str, object]]]
    ) -> list[Judgment]:
        encoded, natives = [], []
        for messages, native in pieces:
            # Text of users must not become a special token of the classifier.
            inner = self._tokenizer.encode(messages[-1].content, add_special_tokens=False, split_special_tokens=True)
            whole = self._tokenizer.build_inputs_with_special_tokens(inner)
            room = self._room - (len(whole) - len(inner))
            if len(inner) > room:
                native = {**native, "cut_tokens": len(inner) - room}
                whole = self._tokenizer.build_inputs_with_special_tokens(inner[:room])
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
    yield VllmEngine(llm, guard, thresholds, max_characters, max_model_len)
