"""What a user may give to `chatlog run`: archives, standard input, folders of all sorts; and what is told of it."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.cli.test_cli import chatlog, told
from tests.conftest import conversation, parts, write_jsonl
from tests.sources.reader_cases import cases

RECIPE = """
[[source]]
reader = "auto"
paths = ["logs"]
[[stage]]
use = "fingerprint"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(RECIPE)
    return tmp_path


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps(conversation(number)).encode() + b"\n" for number in numbers)


def column(run: Path, name: str) -> list[Any]:
    return [
        value for part in sorted((run / "ingest").glob("*.parquet")) for value in pq.read_table(part)[name].to_pylist()
    ]


def piped(data: bytes | None, *words: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "chatlog.cli.main", "run", "mine.toml", "--out", "run", "--json", *words]
    given = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=240, **given)  # type: ignore[call-overload,no-any-return]


def export(path: Path) -> Path:
    """An account export of ChatGPT, with what one holds beside the conversations."""
    chats = [case["input"] for case in cases("chatgpt_export") if isinstance(case["expected"], list)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("conversations.json", json.dumps(chats))
        out.writestr("user.json", json.dumps({"id": "user-1", "email": "a@example.org"}))
        out.writestr("message_feedback.json", "[]")
        out.writestr("chat.html", "<html></html>")
        out.writestr("file-1.png", b"\x89PNG")
    return path


@pytest.mark.parametrize("reader", ["auto", "chatgpt_export"])
def test_an_account_export_is_read_as_it_was_downloaded(folder: Path, reader: str) -> None:
    (folder / "mine.toml").write_text(RECIPE.replace("auto", reader))
    made = told("run", "mine.toml", "--out", "run", "--input", export(folder / "export.zip"), cwd=folder)
    assert made["rows"] > 3 and made["rejects"] == 0
    assert set(column(folder / "run", "source")) == {"export.zip/conversations.json"}
    read = {file["label"]: (file["reader"], file["framing"]) for file in made["files"]}
    assert read["export.zip/conversations.json"] == ("chatgpt_export", "array")
    left = {name: group["why"] for group in made["left_out"] for name in group["names"]}
    assert left["export.zip/chat.html"] == left["export.zip/file-1.png"] == "no log by its name"
    who = "no reader recognises" if reader == "auto" else "chatgpt_export does not recognise"
    assert left["export.zip/user.json"] == f"{who} its first record"
    assert not (folder / "run" / "spool").exists()
    again = told("run", "mine.toml", "--out", "run", "--input", folder / "export.zip", cwd=folder)
    assert set(again["made"].values()) == {0}


def test_an_archive_gives_the_rows_that_its_files_give(folder: Path) -> None:
    loose = folder / "loose"
    write_jsonl(loose / "a.jsonl", [conversation(number) for number in range(5)])
    write_jsonl(loose / "b" / "c.jsonl", [conversation(number) for number in range(5, 9)])
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.write(loose / "a.jsonl", "a.jsonl")
        out.writestr("b/c.jsonl.gz", gzip.compress((loose / "b" / "c.jsonl").read_bytes()))
    told("run", "mine.toml", "--out", "run", "--input", folder / "all.zip", "--workers", "2", cwd=folder)
    told("run", "mine.toml", "--out", "plain", "--input", loose, cwd=folder)
    for name in ("conversation_id", "messages", "meta"):
        assert column(folder / "run", name) == column(folder / "plain", name)
    assert set(column(folder / "run", "source")) == {"all.zip/a.jsonl", "all.zip/b/c.jsonl.gz"}


def test_a_hostile_archive_is_told_and_writes_nowhere(folder: Path) -> None:
    with zipfile.ZipFile(folder / "evil.zip", "w") as out:
        out.writestr("../../../evil.json", lines(1))
        out.writestr("/tmp/evil-of-chatlog.json", lines(2))
        out.writestr("locked.jsonl", lines(3))
        out.writestr("inner.zip", b"PK")
    data = bytearray((folder / "evil.zip").read_bytes())
    at = data.find(b"locked.jsonl", data.find(b"PK\x01\x02"))
    data[at - 38] |= 1
    (folder / "evil.zip").write_bytes(data)
    made = told("run", "mine.toml", "--out", "run", "--input", folder / "evil.zip", cwd=folder)
    assert (made["rows"], made["rejects"]) == (2, 1)
    (reject,) = told("rejects", "run", cwd=folder)["rejects"]
    assert (reject["source"], reject["reason"]) == ("evil.zip/locked.jsonl", "unreadable_file")
    assert "encrypted" in reject["hint"]
    assert sorted(os.listdir(folder)) == ["evil.zip", "mine.toml", "run"]
    assert not Path("/tmp/evil-of-chatlog.json").exists()
    assert chatlog("run", "mine.toml", "--out", "run", "--input", "evil.zip", "--strict", cwd=folder).returncode == 3


def test_a_compressed_log_that_is_cut_off_gives_its_rows_and_a_reject(folder: Path) -> None:
    whole = lines(*range(2000))
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(whole)[:-5000])
    made = told("run", "mine.toml", "--out", "run", "--input", folder / "cut.jsonl.gz", cwd=folder)
    assert made["rows"] > 1000 and made["rejects"] == 2 and made["records"] == made["rows"] + 2
    last, end = told("rejects", "run", cwd=folder)["rejects"]
    assert (last["reason"], end["reason"]) == ("truncated_json", "unreadable_file")
    assert "damaged or cut off" in end["hint"] and end["record"] == made["rows"] + 1
    assert told("rejects", "run", "--out", "mend.jsonl", cwd=folder)["n"] == 1
    again = told("run", "mine.toml", "--out", "run", "--input", folder / "cut.jsonl.gz", cwd=folder)
    assert set(again["made"].values()) == {0}
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(whole))
    mended = told("run", "mine.toml", "--out", "run", "--input", folder / "cut.jsonl.gz", cwd=folder)
    assert (mended["rows"], mended["rejects"]) == (2000, 0)


def test_a_bomb_is_cut_at_the_limit_and_told(folder: Path) -> None:
    (folder / "bomb.jsonl.gz").write_bytes(gzip.compress(lines(1, 2) + b" " * (64 << 20)))
    limit = ("--set", "ingest.max_unpacked_bytes=1000000")
    made = told("run", "mine.toml", "--out", "run", "--input", folder / "bomb.jsonl.gz", *limit, cwd=folder)
    assert (made["rows"], made["rejects"]) == (2, 1)
    (reject,) = told("rejects", "run", cwd=folder)["rejects"]
    assert reject["reason"] == "unreadable_file" and "ingest.max_unpacked_bytes" in reject["hint"]
    made = told("run", "mine.toml", "--out", "run", "--input", folder / "bomb.jsonl.gz", cwd=folder)
    assert (made["rows"], made["rejects"], made["made"]["ingest"]) == (2, 0, 0), "the shard of the rows is kept"


def test_standard_input_is_kept_and_a_resumed_run_needs_it_no_more(folder: Path) -> None:
    first = json.loads(piped(lines(1, 2, 3), "--input", "-", "--until", "ingest", cwd=folder).stdout)
    assert first["rows"] == 3 and [file["label"] for file in first["files"]] == ["stdin"]
    assert (folder / "run" / "stdin").read_bytes() == lines(1, 2, 3)
    assert (folder / "run" / "stdin").stat().st_mode & 0o077 == 0
    assert set(column(folder / "run", "source")) == {"stdin"}
    resumed = json.loads(piped(None, "--input", "-", cwd=folder).stdout)
    assert resumed["made"] == {"ingest": 0, "fingerprint": 1}
    before = parts(folder / "run")
    assert json.loads(piped(lines(1, 2, 3), "--input", "-", cwd=folder).stdout)["made"] == {
        "ingest": 0,
        "fingerprint": 0,
    }
    assert parts(folder / "run") == before
    assert json.loads(piped(lines(4, 5), "--input", "-", cwd=folder).stdout)["rows"] == 2


def test_standard_input_may_be_compressed_and_stand_beside_files(folder: Path) -> None:
    write_jsonl(folder / "stdin", [conversation(9)])
    made = json.loads(piped(gzip.compress(lines(1, 2)), "--input", "-", "--input", "stdin", cwd=folder).stdout)
    assert sorted(set(column(folder / "run", "source"))) == ["stdin", "stdin#2"] and made["rows"] == 3


def test_standard_input_that_brings_nothing_is_an_error(folder: Path) -> None:
    for data in (None, b""):
        done = piped(data, "--input", "-", cwd=folder)
        assert done.returncode == 1 and b"nothing came on standard input" in done.stderr
    twice = RECIPE.replace("[[stage]]", '[[source]]\nreader = "auto"\npaths = ["-"]\n[[stage]]').replace("logs", "-")
    (folder / "mine.toml").write_text(twice)
    assert b"read once" in piped(b"", cwd=folder).stderr


def test_a_terminal_is_not_waited_for(folder: Path) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "chatlog.cli.main", "run", "mine.toml", "--out", "run", "--input", "-"]
    done = subprocess.run(command, cwd=folder, stdin=follower, capture_output=True, timeout=60)
    os.close(leader)
    os.close(follower)
    assert done.returncode == 1 and b"nothing came on standard input" in done.stderr


def test_run_and_status_tell_which_reader_was_chosen_and_why(folder: Path) -> None:
    (folder / "logs").mkdir()
    for number in range(40):
        write_jsonl(folder / "logs" / f"day-{number:02}.jsonl", [conversation(number)])
    fast = [case["input"] for case in cases("fastchat") if isinstance(case["expected"], list)]
    write_jsonl(folder / "logs" / "web-conv.json", fast)
    (folder / "logs" / "empty.jsonl").write_text("\n")
    (folder / "logs" / "README.md").write_text("about")
    (folder / "logs" / "gone.jsonl").symlink_to("nowhere")
    done = chatlog("run", "mine.toml", "--out", "run", cwd=folder)
    assert done.returncode == 0
    shown = chatlog("status", "run", cwd=folder).stdout
    for text in (done.stdout, shown):
        assert "openai_messages, lines: 40 files (day-00.jsonl, day-01.jsonl, day-02.jsonl and 37 more)" in text
        assert "; recognised its first record with a mean score of 0.80" in text
        assert "fastchat, lines: 1 file (web-conv.json)" in text
        assert "not read: 1 file (empty.jsonl), 1 B; it holds no record" in text
        assert "; no log by its name" in text and "; a link that leads nowhere" in text
        assert len(text.splitlines()) < 15
    stored = told("status", "run", cwd=folder)
    assert stored["files"] == told("run", "mine.toml", "--out", "run", cwd=folder)["files"]
    assert {file["reader"] for file in stored["files"]} == {"openai_messages", "fastchat", ""}
    for file in stored["files"]:
        assert set(file) == {"label", "path", "reader", "framing", "bytes", "why", "score"}


def test_a_file_of_no_known_format_is_an_error_by_name_and_a_reject_in_a_folder(folder: Path) -> None:
    write_jsonl(folder / "logs" / "odd.jsonl", [{"colour": "red"}] * 3)
    (folder / "logs" / "noise.log").write_bytes(os.urandom(3000).replace(b"\n", b"") + b"\n" * 3)
    done = chatlog("run", "mine.toml", "--out", "run", cwd=folder)
    assert done.returncode == 1 and "name one of the readers fastchat" in done.stderr
    write_jsonl(folder / "logs" / "good.jsonl", [conversation(1)])
    made = told("run", "mine.toml", "--out", "run", cwd=folder)
    assert (made["rows"], made["rejects"]) == (1, 2)
    found = {reject["source"]: reject["reason"] for reject in told("rejects", "run", cwd=folder)["rejects"]}
    assert found == {"noise.log": "unknown_format", "odd.jsonl": "unknown_format"}
    done = chatlog("run", "mine.toml", "--out", "run", "--input", "logs", "--input", "logs/odd.jsonl", cwd=folder)
    assert done.returncode == 1 and "odd.jsonl: no reader recognises" in done.stderr


def test_a_file_that_changes_during_the_run_is_an_error_and_one_that_grows_is_not(folder: Path) -> None:
    from chatlog.engine.inputs import check_unchanged
    from chatlog.engine.intake import plan_ingest
    from chatlog.engine.store import Run, lock
    from chatlog.errors import DataError
    from chatlog.pipeline import load

    path = write_jsonl(folder / "logs" / "a.jsonl", [conversation(1), conversation(2)])
    run = Run(folder / "run")
    with lock(run):
        (shard,) = plan_ingest(run, load(folder / "mine.toml"))
    with path.open("ab") as stream:
        stream.write(lines(3))
    check_unchanged(shard.chunk, path, 2)
    path.write_bytes(lines(2, 1, 3))
    with pytest.raises(DataError, match=r"a\.jsonl changed while it was read"):
        check_unchanged(shard.chunk, path, 2)
    path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        check_unchanged(shard.chunk, path, 2)


def test_mended_rejects_are_added_beside_the_old_files_and_only_they_are_run(folder: Path) -> None:
    """From a reject to its row, as a user goes: export, mend, add, run again."""
    logs = folder / "logs"
    write_jsonl(logs / "a.jsonl", [conversation(number) for number in range(3)])
    write_jsonl(logs / "b.jsonl", [conversation(number) for number in range(3, 6)])
    with (logs / "b.jsonl").open("ab") as stream:
        stream.write(lines(6)[:-9] + b"\n" + b'{"event": "heartbeat"}\n')
    made = told("run", "mine.toml", "--out", "run", "--input", logs, cwd=folder)
    assert (made["records"], made["rows"], made["rejects"]) == (8, 6, 2)
    before = parts(folder / "run")

    chosen = ("--reason", "truncated_json", "--out", "mended/from-b.jsonl")
    assert told("rejects", "run", *chosen, cwd=folder)["n"] == 1
    mended = folder / "mended" / "from-b.jsonl"
    assert mended.read_bytes() == lines(6)[:-9] + b"\n"
    mended.write_bytes(mended.read_bytes().rstrip() + lines(6)[-9:])

    again = told("run", "mine.toml", "--out", "run", "--input", "logs", "--input", "mended", cwd=folder)
    assert (again["records"], again["rows"], again["rejects"]) == (9, 7, 2)
    assert again["made"] == {"ingest": 1, "fingerprint": 1}, "the new shard alone"
    after = parts(folder / "run")
    assert {name: after[name] for name in before} == before and len(after) == len(before) + 3
    assert [file["label"] for file in again["files"]] == ["a.jsonl", "b.jsonl", "mended/from-b.jsonl"]
    listed = told("rejects", "run", cwd=folder)
    assert listed["n"] == 2, "what was a reject stays one, so that the accounts of its file hold"
    assert column(folder / "run", "conversation_id")[-1] == "c6"
    assert told("status", "run", cwd=folder)["stages"][0]["left"] == 0


def test_a_file_from_elsewhere_of_the_same_name_has_a_label_of_its_own(folder: Path) -> None:
    write_jsonl(folder / "one" / "a.jsonl", [conversation(1)])
    told("run", "mine.toml", "--out", "run", "--input", "one", cwd=folder)
    write_jsonl(folder / "one" / "two" / "a.jsonl", [conversation(2)])
    write_jsonl(folder / "a.jsonl", [conversation(3)])
    made = told("run", "mine.toml", "--out", "run", "--input", "a.jsonl", "--input", "one", cwd=folder)
    assert made["rows"] == 3 and made["made"]["ingest"] == 2
    assert column(folder / "run", "source") == ["a.jsonl", "a.jsonl#2", "one/two/a.jsonl"]
