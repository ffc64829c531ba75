"""Hidden tests of homework 1, section 3: random worlds, ties, stops that come too early, bounds that hold."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_equal, question

from .tabular_worlds import (
    actions,
    balance,
    chain,
    number,
    numbers,
    optimal_values,
    policy_values,
    random_mdp,
    take,
    torus,
)


def back_up(student, transition, reward, values, gamma):
    """Call the student's backup and read its result."""
    result = student.bellman_backup(transition, reward, values, gamma)
    backed_up, greedy = take(result, "backed_up, greedy")
    return numbers(backed_up, len(reward), "backed_up"), actions(greedy, *reward.shape)


@question("3.1 bellman_backup", points=1)
def test_backup_of_a_random_guess(student, rng):
    """In a random world, every state gets the best of its actions."""
    transition, reward = random_mdp(rng, 40, 6)
    values = rng.normal(scale=5.0, size=40)
    backed_up, _ = back_up(student, transition, reward, values, 0.9)
    best = [
        max(reward[s, a] + 0.9 * transition[s, a] @ values for a in range(6)) for s in range(40)
    ]  # the definition, spelled out
    expect_close(
        backed_up, best, atol=1e-10, rtol=0, what="T V",
        hint="The expectation is over next states, the maximum over actions.",
    )  # fmt: skip


@question("3.1 bellman_backup", points=0.5)
def test_backup_of_costs(student, rng):
    """Where every action costs, the backup is the smallest cost, not zero."""
    transition, reward = random_mdp(rng, 8, 3)
    reward = -1.0 - np.abs(reward)
    backed_up, _ = back_up(student, transition, reward, np.full(8, -10.0), 0.9)
    best = (reward + 0.9 * transition @ np.full(8, -10.0)).max(axis=1)
    expect_close(backed_up, best, atol=1e-10, rtol=0, what="T V", hint="A maximum need not be positive.")


@question("3.1 bellman_backup", points=1)
def test_greedy_actions_attain_the_maximum(student, rng):
    """The greedy action attains the maximum; any of several equally good ones will do."""
    for transition, reward in (random_mdp(rng, 30, 5), torus(rng, 5, 0.2)):
        values = rng.normal(size=len(reward))
        _, greedy = back_up(student, transition, reward, values, 0.95)
        action_values = reward + 0.95 * transition @ values
        lost = action_values.max(axis=1) - action_values[np.arange(len(reward)), greedy]
        # rounding of a sum of a few products of order 1
        expect(
            np.all(lost <= 1e-9),
            "a greedy action is not the best one for the given values",
            hint="The argmax of the same table whose maximum you return.",
        )


@question("3.1 bellman_backup", points=0.5)
def test_backup_is_a_contraction(student, rng):
    """Two guesses are closer after the backup, by the discount at least."""
    transition, reward = random_mdp(rng, 20, 4)
    one, other = rng.normal(scale=10.0, size=(2, 20))
    after = (
        back_up(student, transition, reward, one, 0.5)[0]
        - back_up(student, transition, reward, other, 0.5)[0]
    )
    expect(
        np.max(np.abs(after)) <= 0.5 * np.max(np.abs(one - other)) + 1e-9,
        "two guesses are not brought closer by the factor gamma",
        hint="Is the next value multiplied by gamma, and by probabilities that sum to one?",
    )


@question("3.1 bellman_backup", points=0.5)
def test_backup_with_one_action_and_without_a_future(student, rng):
    """A single action is its own maximum, and at discount 0 only the reward counts."""
    transition, reward = random_mdp(rng, 7, 1)
    values = rng.normal(size=7)
    backed_up, greedy = back_up(student, transition, reward, values, 0.9)
    expect_close(backed_up, (reward + 0.9 * transition @ values)[:, 0], atol=1e-10, rtol=0, what="T V")
    expect(np.all(greedy == 0), "with one action the greedy action is not that one")
    transition, reward = random_mdp(rng, 7, 4)
    backed_up, _ = back_up(student, transition, reward, values, 0.0)
    expect_close(backed_up, reward.max(axis=1), atol=1e-12, rtol=0, what="T V at discount 0")


def iterate(student, transition, reward, gamma, tolerance):
    """Call the student's value iteration and read its result."""
    values, greedy = take(student.value_iteration(transition, reward, gamma, tolerance), "values, greedy")
    return numbers(values, len(reward)), actions(greedy, *reward.shape)


def promised(gamma, tolerance):
    """Return the value error that the docstring promises, with room for rounding."""
    return gamma / (1 - gamma) * tolerance + 1e-9


@question("3.2 value_iteration", points=1)
def test_values_keep_the_promise(student, rng):
    """In random worlds the values are within the promised error, at a fine and at a coarse tolerance."""
    for tolerance in (1e-8, 1e-2):
        transition, reward = random_mdp(rng, 25, 4)
        values, _ = iterate(student, transition, reward, 0.9, tolerance)
        expect_close(
            values, optimal_values(transition, reward, 0.9), atol=promised(0.9, tolerance), rtol=0, what="V",
            hint="Sweep until the largest absolute change is at most the tolerance.",
        )  # fmt: skip


@question("3.2 value_iteration", points=1)
def test_policy_keeps_the_promise(student, rng):
    """The policy that is returned loses no more than promised against the optimal one."""
    for _ in range(3):
        transition, reward = random_mdp(rng, 20, 5)
        _, greedy = iterate(student, transition, reward, 0.9, 1e-3)
        lost = optimal_values(transition, reward, 0.9) - policy_values(transition, reward, greedy, 0.9)
        expect(
            np.max(lost) <= 2 * promised(0.9, 1e-3),
            "the greedy policy loses more than 2 gamma / (1 - gamma) * tolerance",
            hint="Return the policy that is greedy for the final values.",
        )


@question("3.2 value_iteration", points=0.5)
def test_sees_changes_that_cancel(student):
    """One state that rises while another falls is a change."""
    transition, reward = balance()
    values, _ = iterate(student, transition, reward, 0.9, 1e-6)
    expect_close(
        values, [10.0, -10.0], atol=promised(0.9, 1e-6), rtol=0, what="V",
        hint="Take the absolute change of each state before you take the largest.",
    )  # fmt: skip


@question("3.2 value_iteration", points=0.5)
def test_sees_a_change_in_a_single_state(student):
    """In a long chain one state changes at a time, and that counts."""
    transition, reward = chain(80)
    values, _ = iterate(student, transition, reward, 0.9, 0.02)
    # mean change in the first sweep: 1 / 80 = 0.0125, below the tolerance; largest change: 1
    expect_close(
        values, np.append(0.9 ** np.arange(78, -1, -1), 0.0), atol=promised(0.9, 0.02), rtol=0, what="V",
        hint="The guarantee is about the largest change over states; a mean hides a single state.",
    )  # fmt: skip


@question("3.2 value_iteration", points=0.5)
def test_is_patient(student):
    """At a discount of 0.99 it sweeps until the promise is kept, however many sweeps that takes."""
    transition, reward = balance()
    values, _ = iterate(student, transition, reward, 0.99, 1e-5)
    expect_close(
        values, [100.0, -100.0], atol=promised(0.99, 1e-5), rtol=0, what="V",
        hint="A fixed number of sweeps is not a stopping rule.",
    )  # fmt: skip


def bounds(student, values, backed_up, gamma, accuracy):
    """Call the student's bound and read its result."""
    result = student.error_bound(values, backed_up, gamma, accuracy)
    value_error, policy_loss, sweeps_left = take(result, "value_error, policy_loss, sweeps_left")
    return (
        number(value_error, "value_error"),
        number(policy_loss, "policy_loss"),
        number(sweeps_left, "sweeps_left"),
    )


def early(rng, gamma, num_sweeps, guess=0.0):
    """Return a random world, an estimate a few sweeps after a guess, its backup and its greedy policy."""
    transition, reward = random_mdp(rng, 20, 4)
    values = guess + rng.normal(scale=3.0, size=20)
    for _ in range(num_sweeps):
        values = (reward + gamma * transition @ values).max(axis=1)
    action_values = reward + gamma * transition @ values
    return transition, reward, values, action_values.max(axis=1), action_values.argmax(axis=1)


@question("3.3 error_bound", points=1)
def test_bounds_hold(student, rng):
    """In random worlds, stopped early, neither the values nor the policy is worse than its bound."""
    for num_sweeps, guess in ((0, 0.0), (1, -30.0), (3, 30.0), (10, 30.0)):  # too low rises, too high falls
        transition, reward, values, backed_up, greedy = early(rng, 0.8, num_sweeps, guess)
        value_error, policy_loss, _ = bounds(student, values, backed_up, 0.8, 0.01)
        best = optimal_values(transition, reward, 0.8)
        expect(
            np.max(np.abs(backed_up - best)) <= value_error + 1e-9,
            "the true error of the values is larger than the bound",
            hint="The residual is the largest ABSOLUTE change; is there a 1 - gamma below?",
        )
        expect(
            np.max(best - policy_values(transition, reward, greedy, 0.8)) <= policy_loss + 1e-9,
            "the greedy policy loses more than the bound",
        )
    # The world that meets the policy bound: the guess calls the rich state poor, and staying loses 2 eps for ever.
    transition = np.zeros((2, 2, 2))
    transition[0, 0, 0] = transition[0, 1, 1] = 1.0
    transition[1, :, 1] = 1.0
    # In units of the residual, 0.37: V* = (9, 9), staying in state 0 earns -9. A bound that is rounded is too low.
    reward, values = 0.37 * np.array([[-0.9, 0.9], [0.9, 0.9]]), 0.37 * np.array([1.0, -1.0])
    backed_up, greedy = back_up_here(transition, reward, values, 0.9)
    _, policy_loss, _ = bounds(student, values, backed_up, 0.9, 0.01)
    lost = optimal_values(transition, reward, 0.9) - policy_values(transition, reward, greedy, 0.9)
    expect(
        np.max(lost) <= policy_loss + 1e-9,
        "in a world made to be hard, the greedy policy loses more than the bound",
        hint="Two errors add up: that of the optimal values, and that of the policy's own.",
    )


def back_up_here(transition, reward, values, gamma):
    """Back up once, ties to the first action."""
    action_values = reward + gamma * transition @ values
    return action_values.max(axis=1), action_values.argmax(axis=1)


@question("3.3 error_bound", points=1)
def test_bounds_are_not_looser_than_the_derivation(student, rng):
    """The bounds are no looser than the derivation gives."""
    for gamma in (0.5, 0.9, 0.99):
        transition, reward, values, backed_up, _ = early(rng, gamma, 2)
        value_error, policy_loss, _ = bounds(student, values, backed_up, gamma, 0.01)
        residual = np.max(np.abs(backed_up - values))
        expect(  # a constant is not looser either
            np.max(np.abs(backed_up - optimal_values(transition, reward, gamma))) <= value_error + 1e-9,
            "the true error of the values is larger than the bound",
            hint="A bound must hold before it can be tight.",
        )
        expect(
            value_error <= gamma * residual / (1 - gamma) * (1 + 1e-9),
            "value_error is looser than the derivation",
            hint="Which of the two vectors does your bound speak of, V or T V? T V is nearer by gamma.",
        )
        expect(
            policy_loss <= 2 * gamma * residual / (1 - gamma) * (1 + 1e-9),
            "policy_loss is looser than the derivation",
            hint="Twice the bound on the values, and no second 1 - gamma.",
        )


@question("3.3 error_bound", points=0.5)
def test_sweeps_left_are_the_fewest(student, rng):
    """After the sweeps that are left the bound is small enough, and one sweep earlier it is not."""
    for gamma, scale in ((0.5, 1.0), (0.9, 1.0), (0.99, 1.0), (0.9, 1e-3)):  # large rewards and small ones
        _, _, values, backed_up, _ = early(rng, gamma, 1)
        accuracy = 1e-3 * scale
        value_error, _, sweeps_left = bounds(student, scale * values, scale * backed_up, gamma, accuracy)
        expect(
            gamma**sweeps_left * value_error <= accuracy * (1 + 1e-9),
            "the bound is not yet small enough after sweeps_left sweeps",
            hint="gamma to the power n times the bound: round n up.",
        )
        expect(
            gamma ** (sweeps_left - 1) * value_error > accuracy * (1 - 1e-9),
            "fewer sweeps would do",
            hint="Each sweep multiplies the bound on the VALUES by gamma.",
        )


@question("3.3 error_bound", points=0.5)
def test_no_sweeps_are_left_where_the_bound_is_small(student):
    """Where the bound is small enough already, or the residual or the discount is 0, no sweep is left."""
    guess = np.array([1.0, -2.0])
    _, _, sweeps_left = bounds(student, guess, guess + 1.0, 0.5, 0.1)
    expect(sweeps_left > 0, "no sweeps are left though the bound is 1 and 0.1 is asked for")
    for backed_up, gamma in ((guess + 1e-3, 0.5), (guess, 0.9), (guess + 1.0, 0.0)):
        _, _, sweeps_left = bounds(student, guess, backed_up, gamma, 0.1)
        expect_equal(
            sweeps_left,
            0,
            what="sweeps_left",
            hint="Compare the bound with the accuracy before taking logarithms.",
        )
