"""croissant.json, read by mlcroissant without a network."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.release.described import ARENA, WILDCHAT, a_release, described

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlcroissant: Any = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("croissant.json made its reader open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def opened(folder: Path, caplog: pytest.LogCaptureFixture) -> Any:
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert dataset.metadata.ctx.issues.errors == set()
    return dataset


def column_values(dataset: Any, split: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """Rows of a split as their columns were: what mlcroissant spreads over ids is put together again."""
    return [
        {field.name: _value(record, f"{split}/{field.name}", field.type) for field in schema}
        for record in dataset.records(split)
    ]


def _value(record: dict[str, Any], identity: str, kind: pa.DataType) -> Any:
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        fields = [kind.value_type.field(at) for at in range(kind.value_type.num_fields)]
        told = {field.name: _spread(record, identity, field) for field in fields}
        length = len(next(iter(told.values())))
        return [{name: values[at] for name, values in told.items()} for at in range(length)]
    if pa.types.is_struct(kind):
        return {kind.field(at).name: _leaf(record, identity, kind.field(at)) for at in range(kind.num_fields)}
    return _plain(record[identity])


def _spread(record: dict[str, Any], identity: str, field: pa.Field) -> list[Any]:
    """The values of one field of a list's structs."""
    inner = f"{identity}/{field.name.replace('/', '_')}"
    if not pa.types.is_struct(field.type):
        return [_plain(item[inner]) for item in record[identity]]
    columns = {
        field.type.field(at).name: record[inner][f"{inner}/{field.type.field(at).name.replace('/', '_')}"]
        for at in range(field.type.num_fields)
    }
    return [
        {name: _plain(values[at]) for name, values in columns.items()}
        for at in range(len(next(iter(columns.values()))))
    ]


def _leaf(record: dict[str, Any], identity: str, field: pa.Field) -> Any:
    inner = f"{identity}/{field.name.replace('/', '_')}"
    if pa.types.is_struct(field.type):
        return {
            field.type.field(at).name: _leaf(record, inner, field.type.field(at)) for at in range(field.type.num_fields)
        }
    return _plain(record[identity][inner])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def test_the_demo_s_records_are_those_of_its_parquet_file(curated: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = opened(curated / "dataset", caplog)
    table = pq.read_table(curated / "dataset/data")
    assert column_values(dataset, "train", table.schema) == table.to_pylist()
    assert list(dataset.records("splits")) == [{"splits/name": "train"}]


@pytest.mark.parametrize("schema", [ARENA, WILDCHAT], ids=["arena", "wildchat"])
def test_splits_in_several_files_are_read_whole(
    curated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: pa.Schema
) -> None:
    files = a_release(tmp_path, schema, {"train": (7, 6), "test": (3,)})
    card = Path(__file__).parents[2] / "data_cards" / ("arena.md.j2" if schema is ARENA else "wildchat.md.j2")
    described(curated, tmp_path, files, card=card)
    dataset = opened(tmp_path, caplog)
    for split in ("train", "test"):
        expected = pa.concat_tables(pq.read_table(tmp_path / name) for name in files if f"/{split}-" in name)
        assert column_values(dataset, split, schema) == expected.to_pylist()
    assert [row["splits/name"] for row in dataset.records("splits")] == ["train", "test"]


def test_nothing_that_is_recommended_is_missing_when_the_settings_tell_it(
    curated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = a_release(tmp_path, WILDCHAT, {"train": (2,)})
    settings = {
        "license": "cc-by-4.0",
        "holder": "An Institute",
        "contact": "data@example.org",
        "homepage": "https://example.org/data",
        "published": "2031-05-06",
        "version": "2.1.0",
    }
    described(curated, tmp_path, files, **settings)
    metadata = opened(tmp_path, caplog).metadata
    assert metadata.ctx.issues.warnings == set() and not caplog.records
    assert metadata.license == ["https://creativecommons.org/licenses/by/4.0/"]
    assert (metadata.version, metadata.url) == ("2.1.0", "https://example.org/data")
    assert metadata.date_published.isoformat().startswith("2031-05-06")
    assert metadata.publisher[0].name == "An Institute"
    assert "data@example.org" in metadata.data_release_maintenance_plan


def test_the_responsible_ai_properties_arrive(curated: Path, caplog: pytest.LogCaptureFixture) -> None:
    metadata = opened(curated / "dataset", caplog).metadata
    told = json.loads((curated / "dataset/provenance.json").read_bytes())
    assert f"{told['counts']['records']:,} were told" in metadata.data_collection
    months = sorted(filter(None, pq.read_table(curated / "dataset/data")["month"].to_pylist()))
    first, last = metadata.data_collection_timeframe
    assert (first.strftime("%Y-%m-%d"), last.strftime("%Y-%m")) == (f"{months[0]}-01", months[-1])
    assert (last + timedelta(days=1)).day == 1
    assert f"date from {months[0]} to {months[-1]}." in metadata.data_collection
    assert any("moderator-v2" in tool for tool in metadata.machine_annotation_tools)
    assert any("EMAIL_ADDRESS" in text for text in metadata.personal_sensitive_information)
    for name in (
        "data_biases",
        "data_limitations",
        "data_use_cases",
        "data_preprocessing_protocol",
        "data_annotation_protocol",
        "data_collection_missing_data",
        "data_collection_raw_data",
        "data_social_impact",
        "annotations_per_item",
        "data_release_maintenance_plan",
    ):
        assert getattr(metadata, name), name


def test_each_file_stands_in_it_with_its_checksum(curated: Path) -> None:
    folder = curated / "dataset"
    told = json.loads((folder / "croissant.json").read_bytes())
    files = {one["contentUrl"]: one["sha256"] for one in told["distribution"] if one["@type"] == "cr:FileObject"}
    assert files == {
        f"data/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "data").iterdir()
    }
