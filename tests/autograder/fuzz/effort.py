"""How hard to try: a fixed few examples in the default suite, many fresh ones in ``make fuzz``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("FUZZ", "0"))  # times the usual examples, drawn anew; 0: the same few every time


def tries(number: int, **more: object) -> settings:
    """Return hypothesis settings for ``number`` examples in the default suite."""
    return settings(
        max_examples=number * max(FACTOR, 1), derandomize=not FACTOR, database=None, deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large), **more,  # type: ignore[arg-type]
    )  # fmt: skip
