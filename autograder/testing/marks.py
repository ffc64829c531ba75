"""The mark that ties a test to a question and gives it points."""

from __future__ import annotations

import re
from typing import Any

LABEL = re.compile(r"^\d+(\.\d+)? [A-Za-z_]\w*$")


def question(label: str, *, points: float) -> Any:
    """Mark a test as scoring one question.

    Works with ``pytest.mark.parametrize``: the points belong to the function, its cases share them equally.

    Args:
        label: id and name as in the manifest, ``"2.3 gae"``.
        points: what the test is worth; public and hidden tests of a question sum to the manifest's points.

    Raises:
        TypeError: the label is no text or the points are no number.
        ValueError: the label is not ``"<id> <name>"`` or the points are not positive.
    """
    import pytest

    if not isinstance(label, str):
        raise TypeError(f'question: the label is {label!r}, expected text such as "2.3 gae"')
    if not LABEL.match(label):
        raise ValueError(f'question: the label is {label!r}, expected "<id> <name>" such as "2.3 gae"')
    if isinstance(points, bool) or not isinstance(points, int | float):
        raise TypeError(f"question {label}: points is {points!r}, expected a number")
    if not 0 < points < float("inf"):
        raise ValueError(f"question {label}: points is {points!r}, expected a positive number")
    return pytest.mark.question(label, points=float(points))
