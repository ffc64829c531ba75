"""Public tests of section 2: returns, the policy gradient's loss, a baseline."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question

REWARDS = np.array([[1.0], [2.0], [4.0]])
ESTIMATES = np.array([[10.0], [20.0], [40.0]])
NEVER = np.zeros((3, 1), dtype=bool)
AT_1 = np.array([[False], [True], [False]])


@question("2.1 returns_to_go", points=1)
def test_three_rewards(student):
    """Three rewards of one environment, nothing ends."""
    returns = student.returns_to_go(REWARDS, ESTIMATES, NEVER, NEVER, 0.5)
    expect_shape(returns, (3, 1), axes="(T, N)")
    # 4 + 0.5 * 40 = 24; 2 + 0.5 * 24 = 14; 1 + 0.5 * 14 = 8
    expect_close(returns, [[8.0], [14.0], [24.0]], atol=1e-12, what="the returns",
                 hint="The block ends, the world does not: the last row bootstraps.")  # fmt: skip


@question("2.1 returns_to_go", points=1)
def test_two_ways_to_end(student):
    """The second step terminates, or is truncated."""
    dead = student.returns_to_go(REWARDS, ESTIMATES, AT_1, NEVER, 0.5)
    expect_close(dead, [[2.0], [2.0], [24.0]], atol=1e-12, what="the returns around a termination")
    cut = student.returns_to_go(REWARDS, ESTIMATES, NEVER, AT_1, 0.5)
    # 2 + 0.5 * 20 = 12; 1 + 0.5 * 12 = 7
    expect_close(cut, [[7.0], [12.0], [24.0]], atol=1e-12, what="the returns around a truncation",
                 hint="Is the clock treated as a death?")  # fmt: skip


@question("2.2 policy_gradient_loss", points=1)
def test_two_actions(student):
    """Two actions, one better and one worse than expected."""
    inputs = {"log_probs": torch.tensor([[-1.0, -2.0]]), "returns": torch.tensor([[3.0, 1.0]]),
              "values": torch.tensor([[1.0, 2.0]])}  # fmt: skip
    value, (to_log_probs,) = student.input_gradients("policy_gradient_loss", inputs, ["log_probs"])
    expect_shape(value, (), axes="a scalar")
    # -(-1 * 2 + -2 * -1) / 2 = 0; -(2, -1) / 2
    expect_close(value, 0.0, atol=1e-6, what="the loss")
    expect_close(to_log_probs, [[-1.0, 0.5]], atol=1e-6, what="the gradient to the log-probabilities",
                 hint="Minimising the loss must make the better action more probable.")  # fmt: skip


@question("2.3 baseline", points=1)
def test_three_episodes(student):
    """The mean of the other two of three episodes, and of the one other that is left."""
    returns = np.array([[3.0, 5.0, 10.0], [3.0, 5.0, 10.0]])
    alive = np.array([[True, True, True], [True, True, False]])
    others = student.baseline(returns, alive)
    expect_shape(others, (2, 3), axes="(T, N)")
    expect_close(others[0], [7.5, 6.5, 4.0], atol=1e-12, what="the mean of the others")
    expect_close(others[1][:2], [5.0, 3.0], atol=1e-12, what="the mean of the others that still run",
                 hint="An episode that is over counts in neither the sum nor the number.")  # fmt: skip
    expect(bool(np.all(np.isfinite(others))), "a baseline is not finite")
