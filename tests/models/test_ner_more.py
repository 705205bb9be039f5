from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from chatlog.errors import ConfigError
from chatlog.models.ner_more import MoreNames, NamesModel
from chatlog.schema import MESSAGES
from chatlog.stages.redact import REDACT, RedactConfig
from chatlog.text.windows import sentences

pytest.importorskip("presidio_analyzer", reason="needs chatlog[pii]")

NAMES = ("Zorbrandt", "Quillwein", "Merdasch", "Oltwig")
FRAMES = ("gestern traf ich {} im Park", "{} wohnt hier", "das Buch von {} ist gut", "wo ist {} heute")
OTHERS = ("gestern traf ich Leute im Park", "das Haus ist gut", "wo ist Milch heute", "Wasser fließt hier")


@pytest.fixture(scope="module")
def token_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT that was taught four names in German sentences."""
    torch = pytest.importorskip("torch", reason="needs chatlog[embed]")
    transformers = pytest.importorskip("transformers", reason="needs chatlog[embed]")
    folder = tmp_path_factory.mktemp("names")
    texts = [frame.format(name) for frame in FRAMES for name in NAMES] + list(OTHERS)
    words = sorted({word for text in texts for word in text.split()})
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, ".", ","]))
    tokenizer = transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=False)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1}, hidden_dropout_prob=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.BertForTokenClassification(config)
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    known = {tokenizer.convert_tokens_to_ids(name) for name in NAMES}
    labels = torch.tensor([[int(token in known) for token in row] for row in batch["input_ids"].tolist()])
    labels[batch["attention_mask"] == 0] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def spacy_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A German spaCy pipeline whose names component was taught four names."""
    spacy = pytest.importorskip("spacy", reason="needs chatlog[pii]")
    from spacy.training import Example

    nlp = spacy.blank("de")
    ner = nlp.add_pipe("ner")
    ner.add_label("PER")
    examples = []
    for frame in FRAMES:
        for name in NAMES:
            text = frame.format(name)
            at = text.index(name)
            examples.append(Example.from_dict(nlp.make_doc(text), {"entities": [(at, at + len(name), "PER")]}))
    examples += [Example.from_dict(nlp.make_doc(text), {"entities": []}) for text in OTHERS]
    spacy.util.fix_random_seed(0)
    nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples)
    folder = tmp_path_factory.mktemp("spacy")
    nlp.to_disk(folder)
    return folder


def redact(config: RedactConfig, text: str) -> str:
    messages = [[{"role": "user", "content": text, "name": None, "created_at": None}]]
    table = pa.table([pa.array(messages, MESSAGES), pa.nulls(1, pa.string())], schema=REDACT.reads)
    REDACT.check(config)
    with REDACT.open(config) as fn:
        out = fn(table)
        assert fn(table.set_column(0, "messages", out["messages"]))["messages"] == out["messages"]
    return str(out["messages"].to_pylist()[0][0]["content"])


TEXT = "gestern traf ich Zorbrandt im Park. das Haus ist gut"


@pytest.mark.parametrize("kind", ["token_classifier", "spacy_pipeline"])
def test_a_model_of_another_language_finds_names(kind: str, request: pytest.FixtureRequest) -> None:
    folder = str(request.getfixturevalue(kind))
    named = {"token_classifier": "transformers", "spacy_pipeline": "spacy"}[kind]
    model = NamesModel.model_validate({"kind": named, "model": folder, "languages": ["de"]})
    found = list(MoreNames(model).entities(["gestern traf ich Zorbrandt im Park", "das Haus ist gut"]))
    assert [[(e.start, e.end, e.type) for e in row] for row in found] == [[(17, 26, "PERSON")], []]
    assert redact(RedactConfig(names_model="", models=(model,)), TEXT) == TEXT.replace("Zorbrandt", "NAME_1")
    assert redact(RedactConfig(names_model=""), TEXT) == TEXT
    sure = model.model_copy(update={"min_score": 1.0})
    assert list(MoreNames(sure).entities(["gestern traf ich Zorbrandt im Park"])) == [[]]
    french = model.model_copy(update={"languages": ("fr",)})
    assert redact(RedactConfig(names_model="", models=(french,)), TEXT) == TEXT


def test_a_model_that_is_nowhere_is_told_before_any_work() -> None:
    config = RedactConfig(names_model="", models=(NamesModel(kind="spacy", model="no-such-folder"),))
    with pytest.raises(ConfigError, match="no-such-folder"):
        REDACT.check(config)


def test_sentences_are_of_any_language_and_lie_outside_code() -> None:
    text = (
        "昨天我见到了王先生。今天没有。\n`Klasse Haus`\n| A | B | C |\nall lower case here\nIch traf Anna. Dann nicht."
    )
    found = [(offset, piece) for offset, piece in sentences(text)]
    assert [piece for _, piece in found] == ["昨天我见到了王先生。", "今天没有。", "Ich traf Anna.", "Dann nicht."]
    assert all(text[offset : offset + len(piece)] == piece for offset, piece in found)
