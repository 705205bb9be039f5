"""Makes the pictures of README.md from a demo: `python docs/img/make.py demo-out [chromium]`, after `make demo`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from chatlog.browse import browsing
from chatlog.query import connect, rows_of
from chatlog.report import funnel_svg


def main(demo: Path, browser: str) -> None:
    """Writes funnel.svg, report.png and browse.png beside this file."""
    here = Path(__file__).parent
    with connect(demo / "run") as connection:
        (here / "funnel.svg").write_text(funnel_svg(rows_of(connection, "FROM funnel")), encoding="utf-8")
    picture(browser, (demo / "report.html").resolve().as_uri(), here / "report.png", "1200,1500")
    with browsing(demo / "run") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        flagged = server.api.get("search", {"category": ["violence"]})["items"][0]["row_id"]
        address = f"{server.door.link}&duplicate=no+duplicate&duplicate=kept,+has+duplicates&id={flagged}"
        picture(browser, address, here / "browse.png", "1440,900")
        server.shutdown()
        thread.join()


def picture(browser: str, address: str, file: Path, size: str) -> None:
    """Writes what a browser shows at an address."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}"]
    command += ["--virtual-time-budget=8000", f"--screenshot={file}"]
    subprocess.run([*command, address], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "chromium")
