"""The stages that a pipeline may use: one explicit tuple."""

from __future__ import annotations

from typing import Final

from chatlog.stage import AnyStage
from chatlog.stages.dedup import DEDUP
from chatlog.stages.fingerprint import FINGERPRINT

STAGES: Final[tuple[AnyStage, ...]] = (FINGERPRINT, DEDUP)
