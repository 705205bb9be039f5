from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.errors import DataError
from chatlog.sources.chunks import cut
from chatlog.sources.decode import decode
from chatlog.sources.framing import array_spans, framing_of, line_spans, raw_records
from chatlog.sources.record import Reject

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def blocks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.lists(json_values, max_size=8), st.integers(1, 40), st.sampled_from([None, 1]))
def test_the_elements_of_an_array_are_found_whatever_the_blocks(
    values: list[Any], size: int, indent: int | None
) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    inside = blocks(data[1:], size)
    spans = [pair for starts, ends in array_spans(inside, 1) for pair in zip(starts, ends, strict=True)]
    found = [data[start:end].strip() for start, end in spans]
    assert [json.loads(raw.decode("utf-8", "surrogatepass")) for raw in found if raw] == values


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.integers(1, 50),
    st.booleans(),
)
def test_the_lines_of_a_file_are_found_whatever_the_blocks(lines: list[bytes], size: int, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    space = b" \t\r\n"
    spans = [pair for starts, ends in line_spans(blocks(data, size)) for pair in zip(starts, ends, strict=True)]
    found = [data[start:end].strip(space) for start, end in spans]
    assert found == [line.strip(space) for line in data.split(b"\n") if line.strip(space)]


@given(
    st.lists(st.sampled_from(['{"a": 1}', "broken", "", "  ", '{"b": [1, 2]}', "x" * 3000]), max_size=60),
    st.integers(1, 7),
    st.integers(1, 4000),
)
def test_chunks_hold_every_record_once_and_in_order(
    tmp_path_factory: Any, lines: list[str], records: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.jsonl"
    path.write_text("\n".join(lines))
    expected = [line.strip().encode() for line in lines if line.strip()]
    found: list[bytes] = []
    for framing, start, end, first, count, _ in cut(path, max_records=records, max_bytes=size):
        inside = [record.raw for record in raw_records(path, framing, start, end)]
        assert len(inside) == count <= records and first == len(found)
        assert count == 1 or end - start <= size
        found += inside
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines"),
        ('broken\n{"a": 2}\n', "lines"),
        ('{"a": 1', "lines"),
        ("", "lines"),
        ('  [\n {"a": 1},\n {"a": 2}\n]', "array"),
        ('[{"a": 1}, {"a": 2}]', "array"),
        ("[1, 2]\n[3, 4]\n", "lines"),
        ('{\n  "a": [\n    1\n  ]\n}\n', "document"),
        ('\ufeff{"a": 1}\n{"a": 2}\n', "lines"),
    ],
)
def test_framing_is_told_from_the_bytes(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert framing_of(path) == expected


def test_a_truncated_array_keeps_what_is_whole_and_rejects_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, {"a": 2}, {"a": "cut of')
    ((framing, start, end, _, count, _),) = cut(path, max_records=10, max_bytes=1000)
    records = list(raw_records(path, framing, start, end))
    assert count == len(records) == 3
    assert [decode(record.raw) for record in records[:2]] == [{"a": 1}, {"a": 2}]
    with pytest.raises(Reject, match="truncated_json"):
        decode(records[2].raw)


def test_a_damaged_parquet_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": range(100)}), path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="damaged or cut off"):
        list(cut(path, max_records=10, max_bytes=1000))


@given(st.text(alphabet='[]{},"\\ \n1a\x0b', max_size=60), st.integers(1, 5), st.integers(1, 30))
def test_as_many_records_are_read_as_were_cut_whatever_the_bytes(
    tmp_path_factory: Any, text: str, records: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.json"
    path.write_text(text)
    for framing, start, end, _, count, _ in cut(path, max_records=records, max_bytes=size):
        assert len(list(raw_records(path, framing, start, end))) == count


def test_white_space_after_the_last_element_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}' + ", " + " \n" * 5000 + '{"a": 2}' + "," + " \n" * 5000 + "]")
    ((framing, start, end, _, count, _),) = cut(path, max_records=10, max_bytes=1 << 20)
    assert [record.raw for record in raw_records(path, framing, start, end)] == [b'{"a": 1}', b'{"a": 2}']
    assert count == 2


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": 2}', '[{"a": 1}, {"a": 2}]', '{\n "a": 1\n}'])
def test_a_byte_order_mark_is_part_of_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text("\ufeff" + text, encoding="utf-8")
    ((framing, start, end, *_),) = cut(path, max_records=10, max_bytes=1 << 20)
    found = [json.loads(record.raw) for record in raw_records(path, framing, start, end)]
    assert found == ([{"a": 1}, {"a": 2}] if "2" in text else [{"a": 1}])


@pytest.mark.parametrize("text", ['{"a": 1}\nLONG\n{"a": 2}\n', '[{"a": 1},LONG,{"a": 2}]'])
def test_of_a_vast_record_only_the_beginning_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text.replace("LONG", '"' + "x" * (9 << 20) + '"'))
    ((framing, start, end, *_),) = cut(path, max_records=10, max_bytes=1 << 30)
    first, vast, last = raw_records(path, framing, start, end, whole=2 << 20)
    assert (first.raw, last.raw) == (b'{"a": 1}', b'{"a": 2}')
    assert len(vast.raw) == 1 << 20 and vast.size == (9 << 20) + 2
    _, whole, _ = raw_records(path, framing, start, end)
    assert len(whole.raw) == whole.size == vast.size
    assert path.read_bytes()[vast.offset :].startswith(whole.raw)
