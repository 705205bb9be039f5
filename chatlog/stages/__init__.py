"""The stages that a pipeline may use: one explicit tuple."""

from __future__ import annotations

from typing import Final

from chatlog.stage import AnyStage
from chatlog.stages.dedup import DEDUP
from chatlog.stages.embed import EMBED
from chatlog.stages.fame import FAME
from chatlog.stages.fingerprint import FINGERPRINT
from chatlog.stages.language import LANGUAGE
from chatlog.stages.moderate import MODERATE
from chatlog.stages.names import NAMES
from chatlog.stages.overlap import OVERLAP
from chatlog.stages.redact import REDACT
from chatlog.stages.semantic import SEMANTIC
from chatlog.stages.threshold import THRESHOLD
from chatlog.stages.topics import TOPICS

STAGES: Final[tuple[AnyStage, ...]] = (
    OVERLAP,
    FINGERPRINT,
    DEDUP,
    NAMES,
    FAME,
    REDACT,
    LANGUAGE,
    EMBED,
    SEMANTIC,
    TOPICS,
    MODERATE,
    THRESHOLD,
)
