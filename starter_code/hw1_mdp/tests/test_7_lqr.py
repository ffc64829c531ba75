"""Public tests of section 7: finite differences and the Riccati recursion."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect_close, expect_shape, question

ONE = np.ones((1, 1))


class Bowl:
    """x1' = x1 + x2^2, x2' = 3 x2 + 2 u: quadratic, so that central differences are exact at any width."""

    def step(self, x, u):
        """Return the next state (2,)."""
        x, u = np.asarray(x, dtype=float), np.asarray(u, dtype=float)
        return np.array([x[0] + x[1] ** 2, 3 * x[1] + 2 * u[0]])


@question("7.1 linearise", points=1)
def test_quadratic_step(student, trusted):
    """Central differences are exact on a quadratic step, however wide they are."""
    dynamics = trusted(Bowl(), methods=["step"], budget={"step": 50})
    A, B = student.linearise(dynamics, np.array([0.0, 2.0]), np.array([0.0]), 0.1)
    expect_shape(A, (2, 2), axes="(S, S)", what="A")
    expect_shape(B, (2, 1), axes="(S, A)", what="B")
    expect_close(
        A,
        [[1.0, 4.0], [0.0, 3.0]],  # d(x1 + x2^2)/dx2 = 2 * 2; a one-sided difference with 0.1 gives 4.1
        what="A",
        hint="(f(x0 + eps) - f(x0 - eps)) / (2 eps), one column for each coordinate that you vary.",
    )
    expect_close(B, [[0.0], [2.0]], what="B", hint="Vary the action as you varied the state.")


@question("7.2 lqr", points=1)
def test_one_step(student):
    """With one step left the gain and the cost are those of a parabola."""
    gains, costs = student.lqr(ONE, ONE, ONE, ONE, 3 * ONE, 1)
    expect_shape(gains, (1, 1, 1), axes="(T, A, S)", what="gains")
    expect_shape(costs, (2, 1, 1), axes="(T + 1, S, S)", what="costs")
    # min over u of u^2 + 3 (x + u)^2: u = -3/4 x, and the cost is x^2 (1 + 9/16 + 3/16) = 1.75 x^2.
    expect_close(
        np.ravel(gains), [0.75], what="gain",
        hint="Set the gradient in u of u'Ru + (Ax + Bu)'P(Ax + Bu) to zero; u = -K x.",
    )  # fmt: skip
    expect_close(
        np.ravel(costs), [1.75, 3.0], what="costs", hint="costs[T] is Qf; before it Q + A'P(A - BK)."
    )  # fmt: skip


@question("7.2 lqr", points=1)
def test_gain_changes_with_time(student):
    """Each gain looks one step ahead: the last one sees Qf, the first one the cost from step 1 on."""
    gains, costs = student.lqr(ONE, ONE, ONE, ONE, ONE, 2)
    expect_close(
        np.ravel(gains), [0.6, 0.5], what="gains in the order of time",
        hint="gains[t] uses costs[t + 1]; gains[0] is the first that the robot applies.",
    )  # fmt: skip
    expect_close(
        np.ravel(costs), [1.6, 1.5, 1.0], what="costs in the order of time",
        hint="1.5 = 1 + 1 (1 - 0.5), then 1.6 = 1 + 1.5 (1 - 0.6).",
    )  # fmt: skip
