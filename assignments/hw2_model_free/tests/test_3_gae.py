"""Public tests of section 3: generalised advantage estimation."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect_close, expect_shape, question

NEVER = np.zeros((2, 1), dtype=bool)
AT_0 = np.array([[True], [False]])
BLOCK = (np.array([[1.0], [1.0]]), np.array([[2.0], [2.0]]), np.array([[4.0], [8.0]]))


@question("3.1 gae", points=1)
def test_two_steps(student):
    """Two steps of one environment, nothing ends."""
    advantages = student.gae(*BLOCK, NEVER, NEVER, 0.5, 0.5)
    expect_shape(advantages, (2, 1), axes="(T, N)")
    # deltas 1 + 2 - 2 = 1 and 1 + 4 - 2 = 3; 1 + 0.25 * 3 = 1.75
    expect_close(advantages, [[1.75], [3.0]], atol=1e-12, what="the advantages")


@question("3.1 gae", points=1)
def test_an_end_of_either_kind(student):
    """The first step is truncated, or terminates: the sum stops at both, the bootstrap at one."""
    expect_close(student.gae(*BLOCK, NEVER, AT_0, 0.5, 0.5), [[1.0], [3.0]], atol=1e-12,
                 what="the advantages around a truncation",
                 hint="Is the clock treated as a death?")  # fmt: skip
    expect_close(student.gae(*BLOCK, AT_0, NEVER, 0.5, 0.5), [[-1.0], [3.0]], atol=1e-12,
                 what="the advantages around a termination",
                 hint="The next row is another episode's.")  # 1 + 0 - 2  # fmt: skip
