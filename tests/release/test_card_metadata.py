"""The YAML of a card: what the Hub's client and `datasets` read of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.release.columns import hub_features
from chatlog.release.metadata import to_yaml
from tests.release.described import another, front, readme


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return another(tmp_path_factory.mktemp("small"))


def test_the_hub_s_own_client_reads_the_metadata(curated: Path, small: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    for folder, title, license_ in ((curated, "chatlog demo", "other"), (small, "Another log", "odc-by")):
        card = hub.DatasetCard.load(folder / "dataset" / "README.md")
        data = card.data
        assert isinstance(data, hub.DatasetCardData)
        assert (data.pretty_name, data.license) == (title, license_)
        rows = pq.read_table(folder / "dataset/data").num_rows
        assert data.size_categories == ["n<1K" if rows < 1000 else "1K<n<10K"]
        assert data.task_categories == ["text-generation"]
        assert all(re.fullmatch("[a-z]{2,3}", code) for code in data.language or [])
        # What the client writes back is the same metadata.
        assert hub.DatasetCard(str(card)).data.to_dict() == data.to_dict()
    assert front(curated / "dataset")["license_link"] == "LICENSE"
    assert "license_link" not in front(small / "dataset")


def test_datasets_takes_features_and_sizes_from_the_card(
    curated: Path, small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    datasets = pytest.importorskip("datasets")
    for folder in (curated / "dataset", small / "dataset"):
        told = front(folder)["dataset_info"]
        features = datasets.Features._from_yaml_list(told["features"])
        assert features == datasets.Features.from_arrow_schema(pq.read_schema(next((folder / "data").iterdir())))
        builder = datasets.load_dataset_builder(str(folder), cache_dir=str(tmp_path))
        assert builder.info.features == features and builder.info.splits is not None
        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
        assert loaded["train"].features == features
        (split,) = told["splits"]
        assert split["num_examples"] == len(loaded["train"])
        # `datasets` writes batches of its own, whose offsets and bitmaps take a few bytes more or less.
        assert split["num_bytes"] == pytest.approx(loaded["train"].data.nbytes, rel=0.02)
        assert told["download_size"] == sum(path.stat().st_size for path in (folder / "data").iterdir())
        assert told["dataset_size"] == split["num_bytes"]
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


def test_datasets_refuses_rows_that_the_card_does_not_count(curated: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    shutil.copytree(curated / "dataset", tmp_path / "dataset")
    text = readme(tmp_path / "dataset")
    (tmp_path / "dataset/README.md").write_text(re.sub(r"num_examples: \d+", "num_examples: 7", text))
    with pytest.raises(datasets.exceptions.DatasetsError):
        datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("us", tz="UTC"),
        pa.list_(pa.list_(pa.string())),
        pa.struct([("x", pa.float32()), ("y", pa.struct([("z", pa.bool_())]))]),
        pa.list_(pa.struct([("l", pa.list_(pa.int32()))])),
        pa.date32(),
        pa.binary(),
        pa.float64(),
        pa.large_list(pa.float16()),
    ],
    ids=str,
)
def test_features_are_written_as_datasets_writes_them(kind: pa.DataType) -> None:
    datasets = pytest.importorskip("datasets")
    schema = pa.schema([("a b", kind)])
    assert hub_features(schema) == datasets.Features.from_arrow_schema(schema)._to_yaml_list()


def test_what_is_written_as_yaml_is_read_as_it_was() -> None:
    yaml = pytest.importorskip("yaml")
    value = {
        "title": 'a: "b" # c\n- d \\ é 😀 \u2028 \x85 \x7f',
        "answer": "no",
        "a/b": [1, 2.5, None, True, "yes", "1.0"],
        "deep": [{"x": [{"y": {"z": []}}, {"y": {}}]}, {"name": "~", "list": "string"}],
    }
    assert yaml.safe_load(to_yaml(value)) == value
