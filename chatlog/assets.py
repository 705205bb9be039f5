"""Where the recipes, queries and card templates that ship with chatlog lie."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from chatlog.errors import DataError


def asset(relative: str) -> Path:
    """The path of a shipped file such as `sql/views.sql` or `pipelines/demo.toml`.

    In a checkout these folders lie beside the package; a wheel installs them under the
    environment's data folder.

    Raises:
        DataError: the file is in neither place.
    """
    checkout = Path(__file__).parent.parent / relative
    if checkout.exists():
        return checkout
    installed = Path(sysconfig.get_path("data")) / "share" / "chatlog" / relative
    if installed.exists():
        return installed
    raise DataError(f"{relative} is not part of this installation: looked in {checkout.parent} and {installed.parent}")
