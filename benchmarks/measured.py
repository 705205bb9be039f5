"""What commands cost: how long they take, and how much memory they hold. Plain Python, for any environment."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Measured(NamedTuple):
    """What a command cost."""

    seconds: float  # of wall time, start-up included
    peak_mb: float  # resident memory of all its processes at once, shared pages counted in each
    output: str


def measured(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """The cost of a command.

    Raises:
        SystemExit: it failed; its last lines are printed.
    """
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], _resident(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        print(output[-3000:], file=sys.stderr)
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    return Measured(time.monotonic() - begun, peak[0] / 2**20, output)


def _resident(root: int) -> float:
    """Bytes of resident memory of a process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    total = 0.0
    for pid in family:
        try:
            total += int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) * 4096
        except (OSError, IndexError):
            continue
    return total


def own_peak_mb() -> float:
    """The peak memory of this process; getrusage would count its parent's from before the start of the program."""
    status = Path("/proc/self/status")
    if status.exists():
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")) / 1024
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
