"""A run that embeds through a server that fails in the middle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.cli.test_cli import chatlog
from tests.conftest import write_jsonl
from tests.models.loopback import loopback, vector

ROWS = 4100


def test_a_run_stops_where_a_server_gives_no_vector_and_goes_on_there(tmp_path: Path) -> None:
    # The last row has no text: it is null, and the only one.
    texts = [f"text {number}" for number in range(ROWS - 1)] + [""]
    records = [{"id": f"c{n}", "messages": [{"role": "user", "content": text}]} for n, text in enumerate(texts)]
    write_jsonl(tmp_path / "a.jsonl", records)
    with loopback() as server:
        (tmp_path / "mine.toml").write_text(
            '[[source]]\nreader = "openai_messages"\npaths = ["a.jsonl"]\n[[stage]]\nuse = "embed"\nengine = "http"\n'
            f'model = "m"\nurls = ["{server.url}"]\nretries = 0\ninputs_per_call = 256\n'
        )
        server.fails = "text 4050"
        stopped = chatlog("run", "mine.toml", "--out", "run", "--workers", "1", cwd=tmp_path)
        assert stopped.returncode == 1
        assert "gave no vector (status 503)" in stopped.stderr and "run again" in stopped.stderr
        assert "text 4050" not in stopped.stderr + stopped.stdout and "Traceback" not in stopped.stderr
        server.fails = ""
        assert chatlog("run", "mine.toml", "--out", "run", "--workers", "1", cwd=tmp_path).returncode == 0
        # What was finished is not asked for again; the column has no text for the last row alone.
        assert {server.calls[text] for text in texts[:4000]} == {1} and server.calls["text 4050"] == 2
        made = pq.read_table(tmp_path / "run/embed/part-00000.parquet")
        assert made["embedding"].null_count == 1 and made["embedding"][-1].as_py() is None
    counts = json.loads((tmp_path / "run/embed/part-00000.json").read_text())["counts"]
    assert counts == {"texts": 99, "embedded": 99, "repeated": 0, "cached": 0, "cut": 0, "prompt_tokens": 99 * 9}
    found = np.array(made["embedding"][: ROWS - 1].to_pylist(), dtype=np.float32)[:, :8]
    rows = np.stack([vector(text, 8) for text in texts[:-1]])
    np.testing.assert_allclose(found, rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-3)
