"""Public tests of section 8: the Bayes filter and QMDP."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect_close, expect_equal, expect_shape, question

# Two rooms. Action 0 stays; action 1 goes to the other room, and fails in one case of ten.
TRANSITION = np.array([[[1.0, 0.0], [0.1, 0.9]], [[0.0, 1.0], [0.9, 0.1]]])  # (S, A, S)
# Room 0 smells of coffee (observation 1) in 8 cases of ten, room 1 in 3.
SMELL = np.array([[0.2, 0.8], [0.7, 0.3]])  # (S, O)
# Action 0 is a gamble, action 1 is safe.
GAMBLE = np.array([[10.0, 0.0], [-100.0, 0.0]])  # (S, A)


@question("8.1 belief_update", points=1)
def test_weighs_by_the_observation(student):
    """Staying and smelling coffee makes the coffee room likelier, by Bayes' rule."""
    belief = student.belief_update(np.array([0.5, 0.5]), 0, 1, TRANSITION, SMELL)
    expect_shape(belief, (2,), axes="(S,)", what="belief")
    expect_close(
        belief,
        [0.40 / 0.55, 0.15 / 0.55],  # 0.5 * 0.8 and 0.5 * 0.3, divided by their sum
        what="belief",
        hint="Multiply by the probability of what was observed in each state, then normalise.",
    )


@question("8.1 belief_update", points=1)
def test_moves_before_it_looks(student):
    """The observation is made in the state after the move."""
    belief = student.belief_update(np.array([1.0, 0.0]), 1, 1, TRANSITION, SMELL)
    expect_close(
        belief,
        [0.08 / 0.35, 0.27 / 0.35],  # after the move 0.1 and 0.9; then 0.1 * 0.8 and 0.9 * 0.3
        what="belief",
        hint="First predict with the transition of the action taken, then correct.",
    )


@question("8.2 qmdp", points=1)
def test_averages_values_over_the_belief(student):
    """The action is the best on average, not the best of the likeliest state."""
    # The gamble's mean: 0.6 * 10 - 0.4 * 100 = -34 against 0; then 0.95 * 10 - 0.05 * 100 = 4.5 against 0.
    actions, _ = student.qmdp(np.array([[0.6, 0.4], [0.95, 0.05]]), GAMBLE)
    expect_shape(actions, (2,), axes="(N,)", what="actions")
    expect_equal(
        actions, [1, 0], what="actions",
        hint="Weigh the Q-values with the belief, then choose; the likeliest state alone can be fatal.",
    )  # fmt: skip


@question("8.2 qmdp", points=1)
def test_worth_of_knowing(student):
    """Knowing the state is worth the mean of the best less the best of the mean."""
    _, worth = student.qmdp(np.array([[0.6, 0.4], [1.0, 0.0]]), GAMBLE)
    expect_close(
        worth,
        [6.0, 0.0],  # 0.6 * 10 + 0.4 * 0 with the state known, 0 without; nothing to learn when sure
        what="worth of knowing the state",
        hint="The belief's mean of each state's best value, less the mean value of the best single action.",
    )
