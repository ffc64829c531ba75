"""Public tests of homework 1, section 2: evaluate a policy."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect_close, expect_shape, question

# The charger: state 0 waits, state 1 is terminal. Action 0 stays and earns 1, action 1 leaves and earns 0.
TRANSITION = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
REWARD = np.array([[1.0, 0.0], [0.0, 0.0]])
STAY = np.array([[1.0, 0.0], [0.5, 0.5]])
UNDECIDED = np.array([[0.5, 0.5], [0.5, 0.5]])


@question("2.1 evaluate_exact", points=0.5)
def test_staying_at_the_charger_is_worth_two(student):
    """A reward of 1 for ever at a discount of 0.5 is worth 2; the terminal state is worth 0."""
    values = student.evaluate_exact(TRANSITION, REWARD, STAY, 0.5)
    expect_shape(
        values, (2,), axes="(S,)", hint="One value for each state: sum over actions and next states."
    )
    expect_close(
        values,
        [2.0, 0.0],
        atol=1e-9,
        rtol=0,
        what="V",
        hint="1 + 0.5 V = V, so V = 2. Is gamma in the matrix?",
    )


@question("2.1 evaluate_exact", points=1)
def test_a_stochastic_policy_averages_both_arrays(student):
    """A policy that stays with probability one half is worth 2/3."""
    values = student.evaluate_exact(TRANSITION, REWARD, UNDECIDED, 0.5)
    # V = 0.5 (1 + 0.5 V)
    expect_close(
        values, [2 / 3, 0.0], atol=1e-9, rtol=0, what="V",
        hint="Average the reward AND the transition over the policy's actions; no maximum, no argmax.",
    )  # fmt: skip


@question("2.2 evaluate_iterative", points=0.5)
def test_stops_within_the_promised_error(student):
    """With a tolerance of 0.2 at a discount of 0.5, the value is within 0.2 of the true 2."""
    values = student.evaluate_iterative(TRANSITION, REWARD, STAY, 0.5, 0.2)
    expect_shape(values, (2,), axes="(S,)", hint="One value for each state.")
    # gamma / (1 - gamma) * tolerance = 0.2, and room for rounding
    expect_close(
        values, [2.0, 0.0], atol=0.2 + 1e-12, rtol=0, what="V",
        hint="Sweep again while the largest change exceeds the tolerance: 1, 1.5, 1.75, 1.875.",
    )  # fmt: skip


@question("2.2 evaluate_iterative", points=1)
def test_costs_are_evaluated_as_well_as_earnings(student):
    """A cost of 1 for ever is worth -2: changes may be negative."""
    values = student.evaluate_iterative(TRANSITION, -REWARD, STAY, 0.5, 1e-9)
    expect_close(
        values, [-2.0, 0.0], atol=1e-8, rtol=0, what="V",
        hint="A fall from 0 to -1 is a change of 1: did you take the absolute value?",
    )  # fmt: skip
