"""Guards with random weights in the shape of published ones: what they say is noise, what they cost is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)

SHAPES: Final[dict[str, dict[str, int]]] = {
    "tiny": {
        "hidden_size": 128,  # 32 a head: the least that vLLM has a CPU kernel for
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    # Of the config.json of Qwen/Qwen3-0.6B and meta-llama/Llama-3.1-8B; the vocabulary is that of our tokenizer,
    # padded to theirs, so that the last layer costs what theirs does.
    "0.6B": {
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
    },
    "8B": {
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
    },
}


def make_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer of the texts, with ChatML's template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|im_start|>",
        chat_template=TEMPLATE,
        model_max_length=16_384,
    )


def make_model(folder: Path, tokenizer: Any, shape: str, *, labels: Iterable[str] = (), seed: int = 0) -> Path:
    """The folder, with a Llama of a shape in it: a causal one, or a classifier where there are labels."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    torch.manual_seed(seed)
    names = dict(enumerate(labels))
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 16_384,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        **SHAPES[shape],
    }
    dtype = torch.float32 if shape == "tiny" else torch.bfloat16
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        if names:
            classes = {"num_labels": len(names), "id2label": names, "label2id": {v: k for k, v in names.items()}}
            made: Any = LlamaForSequenceClassification(LlamaConfig(**settings, **classes))
        else:
            made = LlamaForCausalLM(LlamaConfig(**settings))
    finally:
        torch.set_default_dtype(before)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
