"""What a run needs and gives at a size that matters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatlog.canaries.measure import measure
from chatlog.demo import sample_paths
from chatlog.demo.curate import CANARIES
from chatlog.demo.generator import generate_logs
from chatlog.engine.run import run
from chatlog.pipeline import load
from chatlog.release.export import export
from tests.conftest import ROOT, parts

RECIPE = """
name = "size"
[[source]]
reader = "auto"
paths = ["made/logs"]
[[stage]]
use = "fingerprint"
[[stage]]
use = "dedup"
[[stage]]
use = "redact"
where = "kept"
[[stage]]
use = "language"
where = "kept"
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_thousand_conversations_stay_below_1500_mb_a_process(tmp_path: Path) -> None:
    made = generate_logs(tmp_path / "made", 20_000, seed=11)
    (tmp_path / "size.toml").write_text(RECIPE)
    # Not ru_maxrss: a process begins with that of the one that starts it, here of all the tests before.
    code = (
        "from pathlib import Path; from chatlog import load, run; s = run(load('size.toml'), 'run', workers=1); "
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]; "
        "print(peak, s.counts['rows'], s.counts['rejects'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    peak, rows, rejects = (int(word) for word in done.stdout.split())
    assert (rows, rejects) == (made.conversations, made.broken)
    assert peak / 1024 < 1500, f"{peak / 1024:.0f} MB"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_demo_is_the_same_with_two_workers(curated: Path, tmp_path: Path) -> None:
    pipeline = load(ROOT / "pipelines" / "demo.toml", inputs=[str(path) for path in sample_paths().values()])
    run(pipeline, tmp_path / "run", workers=2)
    measure(tmp_path / "run", CANARIES)  # the card tells it, so it must be the same too
    export(tmp_path / "run", tmp_path / "dataset")
    assert parts(tmp_path / "run") == parts(curated / "run")
    files = [path.relative_to(curated / "dataset") for path in (curated / "dataset").rglob("*") if path.is_file()]
    assert files
    for name in files:
        assert (tmp_path / "dataset" / name).read_bytes() == (curated / "dataset" / name).read_bytes(), name
