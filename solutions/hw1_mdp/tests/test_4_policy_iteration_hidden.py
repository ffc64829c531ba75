"""Hidden tests of homework 1, section 4: random worlds, ties, patience."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, question

from .tabular_worlds import (
    actions,
    balance,
    beside_an_end,
    chain,
    number,
    numbers,
    optimal_values,
    policy_values,
    random_mdp,
    take,
    torus,
)


def iterate(student, transition, reward, gamma):
    """Call the student's policy iteration and read its result."""
    result = student.policy_iteration(transition, reward, gamma)
    values, policy, num_evaluations = take(result, "values, policy, num_evaluations")
    return (
        numbers(values, len(reward)),
        actions(policy, *reward.shape, what="policy"),
        number(num_evaluations, "num_evaluations"),
    )


@question("4.1 policy_iteration", points=2)
def test_finds_the_optimum(student, rng):
    """In random worlds, with many actions and with one, its values are the optimal ones, and its policy earns them."""
    for num_actions in (5, 5, 5, 1):
        transition, reward = random_mdp(rng, 30, num_actions)
        values, policy, _ = iterate(student, transition, reward, 0.95)
        best = optimal_values(transition, reward, 0.95)
        # stopping at gains below 1e-9 leaves at most 1e-9 / (1 - 0.95) = 2e-8; 1e-6 leaves room for other stops
        expect_close(values, best, atol=1e-6, rtol=0, what="V", hint="Improve until nothing improves.")
        expect(
            np.max(best - policy_values(transition, reward, policy, 0.95)) <= 1e-6,
            "the policy earns less than the optimal values",
            hint="Are values and policy of the same round? Return the policy that attains the values.",
        )


@question("4.1 policy_iteration", points=1)
def test_ends_where_actions_tie(student, rng):
    """Where several actions are equally good everywhere, it still ends, at the optimum."""
    for side in (3, 4, 4, 5, 5, 6):
        transition, reward = torus(rng, side, 0.2)
        values, _, _ = iterate(student, transition, reward, 0.95)
        # as above
        expect_close(
            values, optimal_values(transition, reward, 0.95), atol=1e-6, rtol=0, what="V",
            hint="Change an action only where the new one is better by more than rounding.",
        )  # fmt: skip


@question("4.1 policy_iteration", points=1)
def test_looks_past_a_small_prize(student):
    """A prize at the end of a long chain is worth walking for, and each evaluation brings one more state to it."""
    transition, reward = chain(20, prize=10.0)
    reward[:-1, 0] = 0.01  # going back pays a little at once
    values, policy, num_evaluations = iterate(student, transition, reward, 0.95)
    expect_close(values, optimal_values(transition, reward, 0.95), atol=1e-6, rtol=0, what="V")
    expect(
        np.all(policy[:-1] == 1),
        "the policy takes the small prize at hand instead of the large one ahead",
        hint="Greedy means greedy for reward plus discounted value of the present policy.",
    )
    # The last state is right after one improvement, the last two after two, and so on, whatever the first policy:
    # 19 improvements at most, so 20 evaluations, or 21 with a last look.
    expect(
        num_evaluations <= 21,
        "more evaluations are counted than policy iteration can need",
        hint="Improve in all states at once, and count each evaluation once.",
    )


@question("4.1 policy_iteration", points=1)
def test_needs_few_evaluations(student, rng):
    """Patience costs it nothing: two evaluations at least, and a dozen or two at most, at a discount of 0.999."""
    counts = []
    for _ in range(3):
        transition, reward = random_mdp(rng, 40, 6)
        values, _, num_evaluations = iterate(student, transition, reward, 0.999)
        # rounding of the linear solve is 1e-12; a gain of 1e-9 left out is worth 1e-6 at this discount
        expect_close(values, optimal_values(transition, reward, 0.999), atol=1e-5, rtol=0, what="V")
        counts.append(num_evaluations)
    # 4 to 9 in 2000 random worlds of this size, where no first policy is the best by chance; value iteration
    # would need thousands of sweeps
    expect(
        min(counts) >= 2 and max(counts) <= 25,
        "num_evaluations is not the small number that policy iteration is known for",
        hint="Evaluate exactly, then improve in ALL states at once; count evaluations, not sweeps.",
    )


@question("4.1 policy_iteration", points=0.5)
def test_ends_where_large_values_tie(student, rng):
    """Where every step costs millions and several actions are equally good, it ends at the optimum too."""
    for side in (3, 4, 5):
        transition, reward = torus(rng, side, 0.2)
        values, _, _ = iterate(student, *beside_an_end(transition, 1e6 * reward - 1e7), 0.95)
        expected = 1e6 * optimal_values(transition, reward, 0.95) - 1e7 / (1 - 0.95)
        # leaving out gains of 1e-9 of the largest value loses at most 1e-9 / (1 - 0.95) = 2e-8 of it
        expect_close(
            values, np.append(expected, 0.0), rtol=1e-6, atol=0, what="V of large costs",
            hint="Rounding grows with the size of the values, and so must what counts as better.",
        )  # fmt: skip


def modified(student, transition, reward, gamma, num_backups, tolerance):
    """Call the student's modified policy iteration and read its result."""
    result = student.modified_policy_iteration(transition, reward, gamma, num_backups, tolerance)
    values, greedy, num_improvements = take(result, "values, greedy, num_improvements")
    return (
        numbers(values, len(reward)),
        actions(greedy, *reward.shape),
        number(num_improvements, "num_improvements"),
    )


@question("4.2 modified_policy_iteration", points=1)
def test_keeps_its_promise_for_any_number_of_backups(student, rng):
    """Values and policy are within the promise for none, one, five and two hundred evaluation sweeps."""
    for num_backups, offset in ((0, 0.0), (1, -3.0), (5, 0.0), (5, -3.0), (200, 0.0)):  # -3: every step costs
        transition, reward = random_mdp(rng, 25, 4)
        reward[:-1] += offset
        values, greedy, _ = modified(student, transition, reward, 0.9, num_backups, 1e-4)
        best = optimal_values(transition, reward, 0.9)
        promise = 0.9 / 0.1 * 1e-4 + 1e-9
        expect_close(
            values, best, atol=promise, rtol=0, what="V",
            hint="Test for the end on the change that the improvement made, before the evaluation sweeps.",
        )  # fmt: skip
        expect(
            np.max(best - policy_values(transition, reward, greedy, 0.9)) <= 2 * promise,
            "the greedy policy loses more than promised",
        )


@question("4.2 modified_policy_iteration", points=1)
def test_spans_from_value_iteration_to_policy_iteration(student, rng):
    """More evaluation sweeps a round mean fewer improvements: hundreds, then dozens, then a handful."""
    transition, reward = random_mdp(rng, 25, 4)
    counts = [modified(student, transition, reward, 0.98, m, 1e-4)[2] for m in (0, 10, 500)]
    # in 200 random worlds of this size: 393 to 473, 37 to 45, and 3 to 7
    expect(
        counts[0] > 4 * counts[1] and counts[1] > counts[2] and counts[2] <= 25,
        "more evaluation sweeps a round do not save improvements as they should",
        hint="num_backups sweeps with the greedy policy's own matrix and reward, after every improvement.",
    )
    transition, reward = balance()  # one action: every sweep shrinks the change by the same factor
    alone, *others = [modified(student, transition, reward, 0.9, m, 1e-6)[2] for m in (0, 1, 2)]
    for num_backups, count in zip((1, 2), others):
        # as many sweeps in all, so a half and a third of the improvements, up to rounding and a last look
        expect(
            count <= alone / (num_backups + 1) + 2,
            "with num_backups evaluation sweeps a round, there are too many improvements",
            hint="num_backups sweeps after each improvement: one means one.",
        )


@question("4.2 modified_policy_iteration", points=1)
def test_is_not_fooled_by_a_quiet_evaluation(student):
    """It goes on while improvements still change something, even where evaluation has settled."""
    transition, reward = chain(30)
    values, greedy, _ = modified(student, transition, reward, 0.9, 300, 1e-6)
    best = np.append(0.9 ** np.arange(28, -1, -1), 0.0)
    expect_close(
        values, best, atol=0.9 / 0.1 * 1e-6 + 1e-9, rtol=0, what="V",
        hint="A policy that is evaluated to the end changes no more, and may still be a bad policy.",
    )  # fmt: skip
    expect(np.all(greedy[:-1] == 1), "the policy does not walk to the prize")
