"""The bundled sample of raw logs, and (in `chatlog.demo.generator`) a generator of logs with known truth.

Every conversation was invented for the sample, and so was every person, number and key in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).parent / "sample"
"""The folder of the bundled raw logs."""

_FILES: Final = {
    "fastchat": "fastchat-conv.json",
    "openai_messages": "openai-messages.jsonl",
    "sharegpt": "sharegpt.json",
    "wildchat": "wildchat.parquet",
}


def sample_paths() -> dict[str, Path]:
    """The bundled raw logs by the name of the reader that understands them."""
    return {reader: SAMPLE / name for reader, name in _FILES.items()}


def truth_path() -> Path:
    """The JSON file that tells what is in the bundled logs: counts, copies, languages, personal data."""
    return SAMPLE / "truth.json"
