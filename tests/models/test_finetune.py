"""A tiny encoder fine-tuned end to end, and what engine `cpu` makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from chatlog.cli.main import app
from chatlog.errors import ConfigError, DataError
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.moderator.finetune import THRESHOLDS, Tuning, finetune_moderator
from chatlog.schema import MESSAGES
from chatlog.stages.moderate import MODERATE

transformers = pytest.importorskip("transformers")

PLAIN = "bread river piano summer number walk table window music garden".split()
TUNING = Tuning(epochs=10, batch=16, rate=2e-3, max_tokens=64)


def rows(count: int = 400) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    made: list[dict[str, Any]] = []
    for number in range(count):
        flagged, hate = number % 2, number % 4 == 1
        words = [str(word) for word in rng.choice(PLAIN, rng.integers(1, 61))]
        words.insert(int(rng.integers(len(words) + 1)), "zorp" if hate else "blag" if flagged else "calm")
        labels = {"hate": int(hate), "violence": int(bool(flagged) and not hate)}
        made.append({"text": " ".join(words), "lang": "en", "flagged": flagged, "labels": labels})
    return made


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums are split by thread; and threads cost more than such small products."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def tiny_bert(folder: Path) -> Path:
    """A BERT of two layers with random weights."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(
        [row["text"] for row in rows()], trainers.WordPieceTrainer(vocab_size=400, special_tokens=special)
    )
    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **names)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,  # 32 a head: the least that vLLM has a CPU kernel for
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,  # the least that vLLM is asked for
        initializer_range=0.2,  # the usual 0.02 is for wide layers: these would start from nearly nothing
        hidden_dropout_prob=0.0,
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / "model"
    report = finetune_moderator([("mine", rows())], out, str(base), 0, TUNING, own=())
    assert report.heads[0] == "flagged" and {"hate", "violence"} <= set(report.heads)
    assert report.held_out["mine"]["auprc"] > 0.95 and report.held_out["mine"]["categories"]["hate"] > 0.95
    # A fifth is held out: it was not fitted, and the figures are of it alone.
    assert report.fitted + report.held_out["mine"]["n"] == 400 and 40 < report.held_out["mine"]["n"] < 120
    return out


def moderated(model: Path, texts: list[str], **changed: Any) -> list[dict[str, Any]]:
    config = ModerateConfig(engine="cpu", model=str(model), **changed)
    MODERATE.check(config)
    given = pa.table({"messages": pa.array([[{"role": "user", "content": text}] for text in texts], MESSAGES)})
    with MODERATE.open(config) as function:
        return [row[0] for row in function(given)["moderation"].to_pylist()]


def test_engine_cpu_judges_by_it_with_the_thresholds_that_were_chosen(tuned: Path) -> None:
    texts = ["river bread zorp walk", "walk table blag", "piano music calm garden"]
    hate, violence, calm = moderated(tuned, texts)
    assert [hate["flagged"], violence["flagged"], calm["flagged"]] == [True, True, False]
    assert hate["categories"]["hate"] and not hate["categories"]["violence"] and violence["categories"]["violence"]
    assert hate["categories"]["self-harm"] is None or not hate["categories"]["self-harm"]
    told = json.loads((tuned / THRESHOLDS).read_text())["thresholds"]
    score = json.loads(calm["native"])["score"]
    assert score < told["flagged"] <= json.loads(hate["native"])["score"]
    assert moderated(tuned, texts, threshold=0.0)[2]["flagged"]
    assert not [file for file in tuned.iterdir() if file.suffix in (".bin", ".pt", ".pkl")]


def test_it_says_what_transformers_says_and_reads_a_long_message_in_windows(tuned: Path) -> None:
    import torch

    model = transformers.AutoModelForSequenceClassification.from_pretrained(tuned).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned)
    text = "walk zorp table"
    with torch.no_grad():
        expected = torch.sigmoid(model(**tokenizer(text, return_tensors="pt")).logits[0]).tolist()
    (found,) = moderated(tuned, [text])
    told = json.loads(found["native"])["labels"]
    assert [told[model.config.id2label[n]] for n in range(len(expected))] == pytest.approx(expected, abs=1e-5)
    # The only bad word stands in the fourth window of 62 tokens.
    long = " ".join([*(PLAIN * 6), PLAIN[0], "calm"] * 3 + PLAIN * 3 + ["zorp"])
    assert moderated(tuned, [long])[0]["flagged"]
    (cut,) = moderated(tuned, [long], max_windows=2)
    assert not cut["flagged"] and json.loads(cut["native"])["cut_tokens"] == 3 * 62 + 31 - 2 * 62
    # The tokenizer's own special tokens are text in a message.
    assert moderated(tuned, ["walk [SEP] zorp"])[0]["flagged"] and moderated(tuned, [""])[0]["status"] == "skipped"


def test_the_same_seed_gives_the_same_weights(base: Path, tuned: Path, tmp_path: Path) -> None:
    finetune_moderator([("mine", rows())], tmp_path / "again", str(base), 0, TUNING, own=())
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (tuned / "model.safetensors").read_bytes()


def test_the_command_trains_it(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(200)))
    words = ["train", "moderator", str(file), "--base", str(base), "--epochs", "0.05", "--json"]
    made = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "made")])
    assert made.exit_code == 0 and json.loads(made.stdout)["heads"][0] == "flagged"
    with pytest.raises(ConfigError, match="is there already"):
        finetune_moderator([("mine", rows())], tmp_path / "made", str(base), own=())


def test_what_cannot_be_trained_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fewer than 10 rows"):
        finetune_moderator([("mine", rows(16))], tmp_path / "x", str(base), own=())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no encoder"):
        finetune_moderator([("mine", rows())], tmp_path / "x", str(tmp_path / "empty"), own=())


def test_another_classifier_needs_labels(base: Path, tmp_path: Path) -> None:
    model = transformers.BertForSequenceClassification.from_pretrained(base, num_labels=2)
    model.config.id2label = {0: "fine", 1: "toxic"}
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="needs `labels`"):
        moderated(tmp_path, ["walk"])
    (found,) = moderated(tmp_path, ["walk"], guard="classifier", labels={"fine": "safe", "toxic": "harassment"})
    told = json.loads(found["native"])["labels"]
    assert sum(told.values()) == pytest.approx(1, abs=1e-5)
    assert found["category_scores"]["harassment"] == pytest.approx(told["toxic"], abs=1e-5)
