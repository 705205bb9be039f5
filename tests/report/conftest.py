from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatlog.report import write_report
from tests.report.browser import launched
from tests.report.run_views import connection


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


@pytest.fixture(scope="module")
def views() -> duckdb.DuckDBPyConnection:
    return connection()


@pytest.fixture(scope="module")
def file(views: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the made-up run, which has something for every figure."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(views, out)
    return out
