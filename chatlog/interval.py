"""How sure a share is that was counted in a sample."""

from __future__ import annotations

import math
from typing import Final

Z: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution, for 95 % intervals."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of the share `hits` / `n` (E. B. Wilson, JASA 22, 1927); 0 to 1 for no draws at all."""
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, Z * Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # At the ends rounding would give -1e-17 and the like.
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == n else middle + half)
