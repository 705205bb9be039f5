"""Compressed files and archives, whole, damaged and made to harm."""

from __future__ import annotations

import gzip
import os
import random
import stat
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from chatlog.errors import DataError
from chatlog.sources import unpack as unpacking
from chatlog.sources.unpack import compression_of, members, unpack

LIMIT = 1 << 30
DATA = random.Random(1).randbytes(3_000_000)


def packed(path: Path, kind: str, data: bytes = DATA) -> Path:
    with pa.output_stream(str(path), compression=kind) as stream:
        stream.write(data)
    return path


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_files_are_known_by_their_bytes(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / "misnamed.jsonl", kind)
    assert compression_of(path) == kind
    assert unpack(path, -1, tmp_path / "flat", LIMIT) == ""
    assert (tmp_path / "flat").read_bytes() == DATA


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_file_of_several_members_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / "a", kind)
    path.write_bytes(path.read_bytes() * 2)
    assert unpack(path, -1, tmp_path / "flat", LIMIT) == ""
    assert (tmp_path / "flat").read_bytes() == DATA * 2


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_of_a_file_that_is_cut_off_the_beginning_is_kept_and_the_loss_is_told(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / "a", kind)
    path.write_bytes(path.read_bytes()[:-200_000])
    fault = unpack(path, -1, tmp_path / "flat", LIMIT)
    kept = (tmp_path / "flat").read_bytes()
    assert DATA.startswith(kept) and len(kept) > len(DATA) - 500_000
    assert fault == f"it is damaged or cut off: {len(kept)} bytes could be unpacked"
    unpack(path, -1, tmp_path / "again", LIMIT)
    assert (tmp_path / "again").read_bytes() == kept
    assert not list(tmp_path.glob("*.tmp"))


def test_garbage_after_a_gzip_member_is_told_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA) + b"garbage")
    told = f"it is damaged or cut off: {len(DATA)} bytes could be unpacked"
    assert unpack(path, -1, tmp_path / "flat", LIMIT) == told
    assert (tmp_path / "flat").read_bytes() == DATA


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_is_cut_at_the_limit(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / "bomb", kind, bytes(50 << 20))
    assert path.stat().st_size < 100_000
    fault = unpack(path, -1, tmp_path / "flat", 3_000_001)
    assert "more than 3000001 bytes" in fault and "ingest.max_unpacked_bytes" in fault
    assert (tmp_path / "flat").stat().st_size == 3_000_001


def test_a_disk_is_never_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ROOM", 1 << 60)
    path = packed(tmp_path / "bomb", "gzip", bytes(80 << 20))
    with pytest.raises(DataError, match="nearly full"):
        unpack(path, -1, tmp_path / "flat", LIMIT)
    assert [item.name for item in tmp_path.iterdir()] == ["bomb"]
    small = packed(tmp_path / "small", "gzip", bytes(1 << 20))
    assert unpack(small, -1, tmp_path / "flat", LIMIT) == "", "a small file is not refused for a full disk"


def archive(path: Path, *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in files:
            with pytest.warns(UserWarning) if name in out.namelist() else _nothing():
                out.writestr(name, data)
    return path


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_what_is_no_log_in_an_archive_is_left_out_and_told(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "export.zip",
        ("conversations.json", b"[]"),
        ("chat.html", b"<html>"),
        ("dalle/image.png", b"png"),
        ("folder/", b""),
        ("inner.zip", b"PK"),
        ("__MACOSX/conversations.json", b"x"),
        (".hidden.json", b"x"),
    )
    assert compression_of(path) == "zip"
    found = {member.name: member.skip for member in members(path, LIMIT)}
    no_log = "no log by its name"
    assert found == {
        "conversations.json": "",
        "chat.html": no_log,
        "dalle/image.png": no_log,
        "inner.zip": "an archive in an archive",
        "__MACOSX/conversations.json": no_log,
        ".hidden.json": no_log,
    }


def test_the_names_in_an_archive_are_labels_and_never_paths(tmp_path: Path) -> None:
    names = ["../../evil.json", "/etc/evil.json", "a\\..\\evil.json", "new\nline\x1b[31m.json", "x" * 5000 + ".json"]
    (tmp_path / "in").mkdir()
    path = archive(tmp_path / "in" / "a.zip", *((name, b"{}") for name in names))
    found = members(path, LIMIT)
    assert len(found) == 5 and all(member.name.isprintable() and len(member.name) <= 200 for member in found)
    for member in found:
        assert unpack(path, member.index, tmp_path / "in" / f"flat{member.index}", LIMIT) == ""
    assert sorted(os.listdir(tmp_path)) == ["in"]
    assert sorted(os.listdir(tmp_path / "in")) == ["a.zip", *(f"flat{number}" for number in range(5))]


def test_members_of_one_name_are_all_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", b"1"), ("a.json", b"2"))
    found = members(path, LIMIT)
    assert [member.name for member in found] == ["a.json", "a.json#2"]
    read = []
    for member in found:
        unpack(path, member.index, tmp_path / "flat", LIMIT)
        read.append((tmp_path / "flat").read_bytes())
    assert read == [b"1", b"2"]


def test_a_link_in_an_archive_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        link = zipfile.ZipInfo("shadow.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/shadow")
    assert [member.skip for member in members(path, LIMIT)] == ["a link"]


def test_encrypted_members_and_strange_methods_are_faults(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", b"{}"), ("b.json", b"{}"))
    data = bytearray(path.read_bytes())
    first = data.find(b"PK\x01\x02")
    data[first + 8] |= 1
    second = data.find(b"PK\x01\x02", first + 4)
    data[second + 10] = 14
    path.write_bytes(data)
    one, two = members(path, LIMIT)
    assert "encrypted" in one.fault and "method 14" in two.fault


def test_a_member_whose_bytes_are_damaged_is_kept_up_to_there(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", DATA))
    data = bytearray(path.read_bytes())
    data[1_500_000:1_500_100] = bytes(100)
    path.write_bytes(data)
    fault = unpack(path, 0, tmp_path / "flat", LIMIT)
    assert "damaged or cut off" in fault
    assert DATA[:1_000_000] == (tmp_path / "flat").read_bytes()[:1_000_000]


def test_the_limit_holds_for_the_files_of_an_archive_together(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", *((f"{number}.json", bytes(1000)) for number in range(5)))
    faults = [bool(member.fault) for member in members(path, 3000)]
    assert faults == [False, False, False, True, True]


def test_a_member_gives_no_more_bytes_than_it_declares(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", bytes(10 << 20)))
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    (member,) = members(path, 2000)
    assert (member.size, member.fault) == (1000, "")
    assert unpack(path, 0, tmp_path / "flat", LIMIT)
    assert (tmp_path / "flat").stat().st_size <= 1000


def test_an_archive_whose_files_overlap_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", DATA[:5000]), ("b.json", DATA[:5000]))
    data = bytearray(path.read_bytes())
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match="lie in one another"):
        members(path, LIMIT)


@pytest.mark.parametrize("keep", [40, 1000])
def test_an_archive_that_is_cut_off_is_an_error(tmp_path: Path, keep: int) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", DATA))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="damaged or cut off"):
        members(path, LIMIT)


def test_a_table_of_contents_that_would_fill_memory_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.json", b"{}"))
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match="table of contents"):
        members(path, LIMIT)
