"""Makes the pictures of README.md from a demo: `python docs/img/make.py demo-out [chromium]`, after `make demo`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chatlog.query import connect, rows_of
from chatlog.report import funnel_svg


def main(demo: Path, browser: str) -> None:
    """Writes funnel.svg and report.png beside this file."""
    here = Path(__file__).parent
    with connect(demo / "run") as connection:
        (here / "funnel.svg").write_text(funnel_svg(rows_of(connection, "FROM funnel")), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1500"]
    command += ["--virtual-time-budget=8000", f"--screenshot={here / 'report.png'}"]
    subprocess.run([*command, (demo / "report.html").resolve().as_uri()], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "chromium")
