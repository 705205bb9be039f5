"""A calibration: from the score that a guard gives a message to the probability that people would flag it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chatlog.errors import ConfigError

Floats = npt.NDArray[np.float64]

_EDGE: Final = 1e-6
"""Scores are stored with six decimals: what is nearer to 0 or 1 is not told apart."""

_KNOTS: Final = 100_000


class Calibration(BaseModel):
    """A rising function of the score, as plain numbers.

    Attributes:
        kind: platt is a logistic curve over the score's log-odds; isotonic is a rising line through knots.
        slope: of platt.
        intercept: of platt.
        x: scores of isotonic's knots, rising.
        y: probabilities there, never falling.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    format: Literal["chatlog-calibration/1"] = "chatlog-calibration/1"
    kind: Literal["platt", "isotonic"]
    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0
    x: tuple[float, ...] = Field(default=(), max_length=_KNOTS)
    y: tuple[float, ...] = Field(default=(), max_length=_KNOTS)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.x) != len(self.y) or (self.kind == "isotonic" and not self.x):
            raise ValueError("isotonic needs knots: as many x as y")
        if any(low >= high for low, high in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("x should rise")
        if any(low > high for low, high in zip(self.y, self.y[1:], strict=False)):
            raise ValueError("y should never fall")
        if self.y and not (0 <= self.y[0] and self.y[-1] <= 1):
            raise ValueError("y should lie between 0 and 1")
        return self

    def apply(self, scores: Floats) -> Floats:
        """Probabilities `(n,) float64`, with six decimals as scores are stored; NaN stays NaN."""
        if self.kind == "platt":
            found = 1 / (1 + np.exp(-(self.slope * log_odds(scores) + self.intercept)))
        else:
            found = np.interp(scores, self.x, self.y)
        rounded: Floats = np.round(found, 6)
        return rounded

    def to_json(self) -> dict[str, Any]:
        """What of it a file needs."""
        told: dict[str, Any] = {"format": self.format, "kind": self.kind}
        if self.kind == "platt":
            return told | {"slope": self.slope, "intercept": self.intercept}
        return told | {"x": list(self.x), "y": list(self.y)}


def log_odds(scores: Floats) -> Floats:
    """Log-odds of probabilities, finite for 0 and 1 too."""
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    found: Floats = np.log(inside / (1 - inside))
    return found


def load_calibration(path: Path) -> Calibration:
    """The calibration in a file that `chatlog moderation --calibrate` wrote.

    Raises:
        ConfigError: the file is missing, or holds none.
    """
    try:
        told = orjson.loads(path.read_bytes())
        return Calibration.model_validate({"format": None, **told})
    except OSError as error:
        raise ConfigError(f"cannot read the calibration {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise ConfigError(f"{path} is no calibration: {where}: {first['msg']}") from error
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ConfigError(f"{path} is no calibration: expected a JSON object") from error
