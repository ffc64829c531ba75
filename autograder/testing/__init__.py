"""What a scoring test imports: the question mark, expectations that explain themselves, a scale.

    from autograder.testing import question, expect, expect_close, expect_equal, expect_shape, linear

    @question("2.3 gae", points=2)
    def test_bootstraps_through_a_time_limit(student):
        \"\"\"A truncated step still counts the value of the next state.\"\"\"
        expect_close(student.gae(...), [[3.0]], hint="Is the clock treated as a death?")

Fixtures: ``student``, ``reference`` (hidden tests only), ``rng``, ``seed``, ``credit``, ``attach``,
and ``trusted``, which may as well be imported.
"""

from __future__ import annotations

from autograder.testing.expectations import expect, expect_close, expect_equal, expect_shape
from autograder.testing.guests import trusted
from autograder.testing.marks import question
from autograder.testing.mismatch import Mismatch
from autograder.testing.scales import linear

__all__ = [
    "Mismatch",
    "expect",
    "expect_close",
    "expect_equal",
    "expect_shape",
    "linear",
    "question",
    "trusted",
]
