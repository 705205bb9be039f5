"""Makes the bundled sample from the authored conversations: ``python -m chatlog.demo.build_sample``.

The files are the same for the same authored text, so the committed ones can be checked against it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.demo import sample_paths, truth_path
from chatlog.demo.authoring import Conversation, read_authored, read_copies
from chatlog.demo.sample_formats import (
    ERRORS,
    Logged,
    fastchat_records,
    log,
    openai_record,
    sharegpt_record,
    wildchat_row,
)
from chatlog.demo.sample_truth import Sample, truth_text
from chatlog.demo.wildchat_table import WILDCHAT

AUTHORING: Final = Path(__file__).parent / "authoring"

# Where a conversation goes that asks for no file of its own; FastChat gets the most.
_ROTA = "fastchat fastchat wildchat openai_messages fastchat sharegpt".split()
_ALIASES = {"openai": "openai_messages"}

# What breaks a line: a name for the truth, and the bytes (a blank line is no record).
_BROKEN_LINES: Final[dict[str, list[tuple[str, bytes]]]] = {
    "fastchat": [
        (
            "truncated_json",
            b'{"tstamp": 1741390011.7, "type": "chat", "model": "larch-13b", "state": {"messages": [["US',
        ),
        ("not_json", b"Traceback (most recent call last): worker larch-13b stopped answering"),
        (
            "no_messages",
            b'{"tstamp": 1741400113.25, "type": "chat", "model": "osprey-mini", "ip": "203.0.113.9"}',
        ),
        (
            "messages_wrong_type",
            b'{"tstamp": 1741400200.5, "type": "chat", "model": "osprey-mini", "state": {"roles": '
            b'["USER", "ASSISTANT"], "messages": "USER: hi", "offset": 0, "conv_id": "0badc0de"}}',
        ),
        (
            "invalid_utf8",
            b'{"tstamp": 1741400300.5, "type": "chat", "model": "tansy-34b-chat", "state": {"offset": 0, '
            b'"roles": ["USER", "ASSISTANT"], "messages": [["USER", "caf\xe9 \xff\xfe"]]}}',
        ),
        ("not_an_object", b'["chat", 1741400400.5]'),
        ("blank", b""),
        ("blank", b"   "),
    ],
    "openai_messages": [
        (
            "truncated_json",
            b'{"id": "chat-0badc0de0001", "model": "osprey-mini", "messages": [{"role": "user", "cont',
        ),
        ("not_json", b"-- log rotated at 00:00 --"),
        ("no_messages", b'{"id": "chat-0badc0de0002", "model": "osprey-mini", "created": 1741400000}'),
        ("messages_wrong_type", b'{"id": "chat-0badc0de0003", "model": "osprey-mini", "messages": 7}'),
        (
            "invalid_utf8",
            b'{"id": "chat-0badc0de0004", "messages": [{"role": "user", "content": "\xc3\x28"}]}',
        ),
        ("not_an_object", b"null"),
        ("blank", b""),
    ],
}
_BROKEN_ENTRIES: Final[list[tuple[str, Any]]] = [
    ("not_an_object", "a stray string"),
    ("not_an_object", None),
    ("not_an_object", 42),
    ("no_messages", {"id": "0badc0d_0", "model": "quill-2-large"}),
    ("messages_wrong_type", {"id": "0badc0e_0", "conversations": 17}),
    ("messages_wrong_type", {"id": "0badc0f_0", "conversations": ["hello", "hi there"]}),
]


def _file_for(conversation: Conversation, ordinal: int) -> str:
    options = conversation.options
    if "to" in options:
        return _ALIASES.get(options["to"], options["to"])
    if options.keys() & {"battle", "regen", "vote", "flag", "end"} or conversation.turns[-1].text in ERRORS:
        return "fastchat"
    file = _ROTA[ordinal % len(_ROTA)]
    has_system = any(turn.role in ("system", "developer") for turn in conversation.turns)
    # WildChat's tables have no place for a system prompt.
    return "fastchat" if has_system and file == "wildchat" else file


def assemble(folder: Path = AUTHORING) -> Sample:
    """The authored conversations and their copies, each in the file that will log it."""
    sample = Sample()
    originals = read_authored(folder)
    for ordinal, conversation in enumerate(originals):
        file = _file_for(conversation, ordinal)
        sample.files[file].append(log(conversation, file))
    for copy, original, kind in read_copies(folder / "copies.txt", originals):
        file = _file_for(copy, 0)
        sample.files[file].append(log(copy, file))
        sample.copies[original].append((copy.key, kind))
    return sample


def _lines(
    events: list[tuple[float, dict[str, Any], Logged]], broken: list[tuple[str, bytes]]
) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a file of JSON lines in the order of their times, and its counts."""
    lines: list[tuple[str, bytes, Logged | None]] = []
    for _, record, logged in sorted(events, key=lambda event: event[0]):
        kind = str(record.get("type", "conversation"))
        lines.append((kind, json.dumps(record, ensure_ascii=False).encode(), logged))
    step = len(lines) // (len(broken) + 1)
    for place, (kind, raw) in enumerate(broken, start=1):
        lines.insert(place * step + place, (kind, raw, None))
    rejects, kinds, record_number = [], Counter[str](), 0
    for line_number, (kind, raw, owner) in enumerate(lines, start=1):
        if not raw.strip():
            continue
        if owner is None:
            rejects.append({"record": record_number, "line": line_number, "kind": kind})
        else:
            kinds[kind] += 1
            owner.records.append(record_number)
        record_number += 1
    counts = {
        "lines": len(lines),
        "blank_lines": len(lines) - record_number,
        "records": record_number,
        "kinds": dict(sorted(kinds.items())),
        "rejects": rejects,
    }
    return b"\n".join(raw for _, raw, _ in lines) + b"\n", counts


def _array(file: list[Logged]) -> tuple[bytes, dict[str, Any]]:
    entries: list[tuple[str, Any, Logged | None]] = [("conversation", sharegpt_record(one), one) for one in file]
    step = len(entries) // (len(_BROKEN_ENTRIES) + 1)
    for place, (kind, value) in enumerate(_BROKEN_ENTRIES, start=1):
        entries.insert(place * step + place, (kind, value, None))
    rejects = []
    for number, (kind, _, owner) in enumerate(entries):
        if owner is None:
            rejects.append({"record": number, "kind": kind})
        else:
            owner.records.append(number)
    body = json.dumps([value for _, value, _ in entries], ensure_ascii=False, indent=1) + "\n"
    counts = {"records": len(entries), "kinds": {"conversation": len(file)}, "rejects": rejects}
    return body.encode(), {"lines": body.count("\n"), **counts}


def _table(file: list[Logged]) -> tuple[pa.Table, dict[str, Any]]:
    rows = [wildchat_row(logged) for logged in file]
    lost = len(rows) // 2
    rows.insert(lost, {"conversation_hash": "0badc0de" * 4, "model": "larch-13b", "conversation": None})
    for number, logged in enumerate(file):
        logged.records.append(number + (number >= lost))
    rejects = [{"record": lost, "kind": "no_messages"}]
    counts = {
        "lines": len(rows),
        "records": len(rows),
        "kinds": {"conversation": len(file)},
        "rejects": rejects,
    }
    return pa.Table.from_pylist(rows, WILDCHAT), counts


def build(out: Path) -> None:
    """Write the four raw logs and their truth into a folder that exists."""
    sample = assemble()
    names = {reader: path.name for reader, path in sample_paths().items()}
    counts: dict[str, Any] = {}
    fastchat = [
        (record["tstamp"], record, logged) for logged in sample.files["fastchat"] for record in fastchat_records(logged)
    ]
    openai = [(logged.start, openai_record(logged), logged) for logged in sample.files["openai_messages"]]
    for reader, events in (("fastchat", fastchat), ("openai_messages", openai)):
        raw, counts[reader] = _lines(events, _BROKEN_LINES[reader])
        (out / names[reader]).write_bytes(raw)
    raw, counts["sharegpt"] = _array(sample.files["sharegpt"])
    (out / names["sharegpt"]).write_bytes(raw)
    table, counts["wildchat"] = _table(sample.files["wildchat"])
    pq.write_table(table, out / names["wildchat"], compression="zstd")
    (out / truth_path().name).write_text(truth_text(sample, counts), "utf-8")


if __name__ == "__main__":
    build(truth_path().parent)
