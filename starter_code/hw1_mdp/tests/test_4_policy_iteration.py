"""Public tests of homework 1, section 4: policy iteration."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_equal, expect_shape, question

# The charger: state 0 waits, state 1 is terminal. Action 0 stays and earns 1, action 1 leaves and earns 0.
TRANSITION = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
REWARD = np.array([[1.0, 0.0], [0.0, 0.0]])


def triple(result, names):
    """Take a result apart into three things, or say what is missing."""
    expect(isinstance(result, tuple | list) and len(result) == 3, f"does not return three things: {names}")
    return result


def actions(policy, num_states, num_actions):
    """Read a policy as integers, or say what it is not."""
    expect_shape(
        policy, (num_states,), axes="(S,)", what="policy", hint="One action, an integer, for each state."
    )
    policy = np.asarray(policy)
    expect(
        policy.dtype.kind in "iuf" and np.all(policy == np.floor(policy)),
        "the policy holds something but integers",
    )
    expect(np.all((policy >= 0) & (policy < num_actions)), "the policy holds numbers that are not actions")
    return policy.astype(int)


def count(number, name):
    """Read a count, or say that it is none."""
    expect_shape(number, (), what=name, hint="One whole number.")
    return int(np.asarray(number))


def iterate(student, transition, reward, gamma):
    """Run the student's policy iteration and take its result apart."""
    result = student.policy_iteration(transition, reward, gamma)
    values, policy, num_evaluations = triple(result, "values, policy, num_evaluations")
    expect_shape(values, (len(reward),), axes="(S,)", what="values")
    return values, actions(policy, *reward.shape), count(num_evaluations, "num_evaluations")


def modified(student, transition, reward, gamma, num_backups, tolerance):
    """Run the student's modified policy iteration and take its result apart."""
    result = student.modified_policy_iteration(transition, reward, gamma, num_backups, tolerance)
    values, greedy, num_improvements = triple(result, "values, greedy, num_improvements")
    expect_shape(values, (len(reward),), axes="(S,)", what="values")
    return values, actions(greedy, *reward.shape), count(num_improvements, "num_improvements")


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


@question("4.1 policy_iteration", points=1)
def test_stays_at_the_charger(student):
    """The optimal policy stays at the charger, which is worth exactly 2."""
    values, policy, _ = iterate(student, TRANSITION, REWARD, 0.5)
    expect_close(
        values,
        [2.0, 0.0],
        atol=1e-9,
        rtol=0,
        what="V",
        hint="Return the values of the last policy evaluated.",
    )
    expect_equal(policy[0], 0, what="action in state 0")


@question("4.1 policy_iteration", points=1)
def test_walks_down_a_corridor(student):
    """Each cell of a corridor is worth minus its discounted distance, and the policy walks to the end."""
    transition, reward = corridor(8)
    values, policy, _ = iterate(student, transition, reward, 0.9)
    # k steps cost 1 + 0.9 + ... + 0.9^(k-1) = (1 - 0.9^k) / 0.1
    expect_close(
        values, [-(1 - 0.9**k) / 0.1 for k in range(7, -1, -1)], atol=1e-8, rtol=0, what="V",
        hint="Do you improve until nothing improves? One round of improvement is not enough here.",
    )  # fmt: skip
    expect(np.all(policy[:7] == 1), "the policy does not walk right in every cell of the corridor")


@question("4.1 policy_iteration", points=0.5)
def test_counts_its_evaluations(student):
    """Two or three evaluations are enough at the charger, and at least one is needed."""
    _, _, num_evaluations = iterate(student, TRANSITION, REWARD, 0.5)
    # 1 if you start with the best policy; 2 otherwise; 3 with one more look at the end
    expect(
        1 <= num_evaluations <= 3,
        f"num_evaluations is {num_evaluations}, expected 1 to 3",
        hint="Count policies evaluated, not sweeps or states.",
    )


@question("4.2 modified_policy_iteration", points=0.5)
def test_without_evaluation_it_is_value_iteration(student):
    """With no evaluation sweeps it is value iteration: 1, 1.5, 1.75, 1.875 at the charger."""
    values, greedy, num_improvements = modified(student, TRANSITION, REWARD, 0.5, 0, 0.2)
    # gamma / (1 - gamma) * tolerance = 0.2, and room for rounding
    expect_close(values, [2.0, 0.0], atol=0.2 + 1e-12, rtol=0, what="V")
    expect_equal(greedy[0], 0, what="action in state 0")
    expect(
        4 <= num_improvements <= 5,
        f"num_improvements is {num_improvements}, expected 4 (or 5 with a last look)",
    )


@question("4.2 modified_policy_iteration", points=0.5)
def test_evaluation_sweeps_save_improvements(student):
    """At a discount of 0.99, fifty evaluation sweeps a round save most of the improvements."""
    values, _, few = modified(student, TRANSITION, REWARD, 0.99, 50, 1e-4)
    _, _, many = modified(student, TRANSITION, REWARD, 0.99, 0, 1e-4)
    expect_close(
        values, [100.0, 0.0], atol=0.99 / 0.01 * 1e-4, rtol=0, what="V", hint="1 / (1 - 0.99) = 100."
    )
    # 51 sweeps a round: about 918 / 51 = 18 rounds against 918
    expect(
        few * 10 < many,
        f"{few} improvements with 50 evaluation sweeps, {many} with none: hardly fewer",
        hint="Between two improvements, sweep the greedy policy's own Bellman equation num_backups times.",
    )
