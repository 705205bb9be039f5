"""Records of one conversation are gathered into one line, wherever they stand in the file."""

from __future__ import annotations

import io
from pathlib import Path

import orjson

from chatlog.sources import reader
from chatlog.sources.chunks import cut
from chatlog.sources.framing import raw_records
from chatlog.sources.grouping import write_groups

LINES = [
    b'{"message_id":"a1","parent_id":null,"message_tree_id":"a","role":"prompter","text":"Hi"}',
    b'{"message_id":"b1","parent_id":null,"message_tree_id":"b","role":"prompter","text":"Yo"}',
    b'{"broken": ',
    b'{"message_id":"a2","parent_id":"a1","message_tree_id":"a","role":"assistant","text":"Hello."}',
    b'{"message_id":"c1","parent_id":null,"role":"prompter","text":"alone"}',
]


def _grouped(path: Path) -> list[bytes]:
    oasst = reader("oasst")
    assert oasst.group is not None
    target = io.BytesIO()
    framing, start, end, *_ = next(cut(path, max_records=100, max_bytes=1 << 20))
    records = raw_records(path, framing, start, end)
    count = write_groups(records, path, oasst.group, target)
    lines = target.getvalue().splitlines()
    assert count == len(lines)
    return lines


def test_messages_of_a_tree_are_gathered(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    tree_a, tree_b, broken, alone = _grouped(path)
    assert orjson.loads(tree_a) == [orjson.loads(LINES[0]), orjson.loads(LINES[3])]
    assert orjson.loads(tree_b) == [orjson.loads(LINES[1])]
    assert broken == LINES[2].strip()
    assert alone == LINES[4]
    drafts = reader("oasst").parse(orjson.loads(tree_a), reader("oasst").config())
    assert [[turn.content for turn in draft.messages] for draft in drafts] == [["Hi", "Hello."]]


def test_line_ends_inside_a_record_do_not_break_the_line(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    whole = [orjson.loads(line) for line in LINES if b"broken" not in line]
    path.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    lines = _grouped(path)
    assert [orjson.loads(line) for line in lines] == [[whole[0], whole[2]], [whole[1]], whole[3]]
