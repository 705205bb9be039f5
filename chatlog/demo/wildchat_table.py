"""The columns of the WildChat-like tables that the demo writes."""

from __future__ import annotations

from typing import Final

import pyarrow as pa


def _message_schema() -> pa.DataType:
    text, flag = pa.string(), pa.bool_()
    fields = {"content": text, "role": text, "language": text, "timestamp": pa.timestamp("us", tz="UTC")}
    fields |= {
        "toxic": flag,
        "redacted": flag,
        "turn_identifier": pa.int64(),
        "hashed_ip": text,
        "country": text,
    }
    return pa.struct(list(fields.items()))


WILDCHAT: Final = pa.schema(
    [
        ("conversation_hash", pa.string()),
        ("model", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("conversation", pa.list_(_message_schema())),
        ("turn", pa.int64()),
        ("language", pa.string()),
        ("hashed_ip", pa.string()),
        ("country", pa.string()),
        ("toxic", pa.bool_()),
        ("redacted", pa.bool_()),
        ("header", pa.struct([("accept-language", pa.string()), ("user-agent", pa.string())])),
    ]
)
"""The columns of the WildChat-like table, named as in allenai/WildChat-1M."""
