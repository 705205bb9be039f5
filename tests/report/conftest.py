from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from chatlog.report import write_report
from tests.report.run_views import connection


@pytest.fixture(scope="module")
def views() -> duckdb.DuckDBPyConnection:
    return connection()


@pytest.fixture(scope="module")
def file(views: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the made-up run, which has something for every figure."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(views, out)
    return out
