"""Public tests of homework 1, section 3: value iteration."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_equal, expect_shape, question

# The charger: state 0 waits, state 1 is terminal. Action 0 stays and earns 1, action 1 leaves and earns 0.
TRANSITION = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
REWARD = np.array([[1.0, 0.0], [0.0, 0.0]])


def pair(result, names):
    """Take a result apart into two things, or say what is missing."""
    expect(isinstance(result, tuple | list) and len(result) == 2, f"does not return two things: {names}")
    return result


def actions(policy, num_states, num_actions):
    """Read a policy as integers, or say what it is not."""
    expect_shape(policy, (num_states,), axes="(S,)", what="greedy", hint="One action for each state.")
    policy = np.asarray(policy)
    expect(
        policy.dtype.kind in "iuf" and np.all(policy == np.floor(policy)),
        "greedy holds something but integers",
    )
    expect(np.all((policy >= 0) & (policy < num_actions)), "greedy holds numbers that are not actions")
    return policy.astype(int)


def corridor(num_cells):
    """Return a corridor: action 0 goes left, action 1 right, each step costs 1, the last cell is terminal."""
    transition = np.zeros((num_cells, 2, num_cells))
    reward = np.full((num_cells, 2), -1.0)
    for cell in range(num_cells - 1):
        transition[cell, 0, max(cell - 1, 0)] = 1.0
        transition[cell, 1, cell + 1] = 1.0
    transition[-1, :, -1] = 1.0
    reward[-1] = 0.0
    return transition, reward


@question("3.1 bellman_backup", points=1)
def test_backs_up_the_guess_by_hand(student):
    """From the guess (4, 0) at a discount of 0.5 the backup is (3, 0)."""
    result = student.bellman_backup(TRANSITION, REWARD, np.array([4.0, 0.0]), 0.5)
    backed_up, _ = pair(result, "backed_up, greedy")
    expect_shape(backed_up, (2,), axes="(S,)", hint="The maximum is over actions only.")
    # stay: 1 + 0.5 * 4; leave: 0 + 0.5 * 0
    expect_close(
        backed_up, [3.0, 0.0], atol=1e-12, rtol=0, what="T V", hint="Discount the next value, not the reward."
    )


@question("3.1 bellman_backup", points=0.5)
def test_the_greedy_action_looks_ahead(student):
    """The greedy action counts what comes after, not only the reward."""
    # Leaving is paid 1 now; staying is paid 0 and keeps a state worth 4: 0.5 * 4 = 2 > 1.
    paid_to_leave = np.array([[0.0, 1.0], [0.0, 0.0]])
    result = student.bellman_backup(TRANSITION, paid_to_leave, np.array([4.0, 0.0]), 0.5)
    greedy = actions(pair(result, "backed_up, greedy")[1], 2, 2)
    expect_equal(greedy[0], 0, what="greedy action in state 0", hint="Is it the argmax of r + gamma P V?")


@question("3.2 value_iteration", points=0.5)
def test_keeps_its_guarantee_at_the_charger(student):
    """With a tolerance of 0.2 at a discount of 0.5, the value is within 0.2 of the optimal 2."""
    values, _ = pair(student.value_iteration(TRANSITION, REWARD, 0.5, 0.2), "values, greedy")
    expect_shape(values, (2,), axes="(S,)")
    # gamma / (1 - gamma) * tolerance = 0.2, and room for rounding
    expect_close(
        values, [2.0, 0.0], atol=0.2 + 1e-12, rtol=0, what="V",
        hint="Sweep again while the largest change exceeds the tolerance: 1, 1.5, 1.75, 1.875.",
    )  # fmt: skip


@question("3.2 value_iteration", points=1)
def test_walks_down_a_corridor(student):
    """Each cell of a corridor is worth minus its discounted distance, and the policy walks to the end."""
    transition, reward = corridor(5)
    values, greedy = pair(student.value_iteration(transition, reward, 0.9, 1e-10), "values, greedy")
    # k steps cost 1 + 0.9 + ... + 0.9^(k-1) = (1 - 0.9^k) / 0.1
    expect_close(
        values, [-(1 - 0.9**k) / 0.1 for k in (4, 3, 2, 1, 0)], atol=1e-8, rtol=0, what="V",
        hint="All values fall here: a stop that looks for growth stops at once.",
    )  # fmt: skip
    expect(
        np.all(actions(greedy, 5, 2)[:4] == 1),
        "the greedy policy does not walk right in every cell of the corridor",
        hint="Return the greedy policy of the last sweep, not of the first.",
    )


@question("3.3 error_bound", points=1)
def test_the_bounds_of_one_state(student):
    """One state, reward 1, discount 0.5, from 0: bounds 1 and 2, and 4 more sweeps to 0.1."""
    result = student.error_bound(np.array([0.0]), np.array([1.0]), 0.5, 0.1)
    expect(
        isinstance(result, tuple | list) and len(result) == 3,
        "does not return three numbers: value_error, policy_loss, sweeps_left",
    )
    value_error, policy_loss, sweeps_left = result
    expect_close(
        value_error, 1.0, atol=1e-12, rtol=0, what="value_error",
        hint="The true error of T V is |1 - 2| = 1. Does your bound speak of V instead of T V?",
    )  # fmt: skip
    # 2 * 0.5 * 1 / (1 - 0.5); with a single action a sharper argument may say less, down to 0
    expect_close(
        policy_loss, 1.0, atol=1.0 + 1e-12, rtol=0, what="policy_loss", hint="Twice the bound on the values."
    )
    expect_equal(sweeps_left, 4, what="sweeps_left", hint="1 halves to 0.5, 0.25, 0.125, 0.0625.")
