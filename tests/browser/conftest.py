from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.hostile import make_hostile_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.chromium import Window


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; tests that ask for it are skipped where there is none. A process can drive one alone at a time."""
    pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")
    from tests.browser.chromium import NAMES, executable, launched

    program = executable()
    if program is None:
        pytest.skip(f"no Chromium here ({', '.join(NAMES)}, or CHATLOG_CHROMIUM): no page is opened in a browser")
    with launched(program) as browser:
        yield browser


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows (see open_window); at its end the test fails for anything that went wrong in one."""
    from tests.browser.chromium import open_window

    opened: list[Window] = []

    def new(**how: object) -> Window:
        opened.append(open_window(chromium, **how))  # type: ignore[arg-type]
        return opened[-1]

    yield new
    for one in opened:
        one.context.close()
    assert [problem for one in opened for problem in one.problems] == []


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose logs try to run code, to break out of their place, or to be too much."""
    return make_hostile_run(tmp_path_factory.mktemp("hostile"))
