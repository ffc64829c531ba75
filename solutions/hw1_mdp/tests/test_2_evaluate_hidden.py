"""Hidden tests of homework 1, section 2: random worlds, long horizons, changes that hide."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, question

from .tabular_worlds import balance, chain, numbers, random_mdp, random_policy


def averages(transition, reward, policy):
    """Return the matrix and the reward of a stochastic policy."""
    return np.einsum("sa,sat->st", policy, transition), np.einsum("sa,sa->s", policy, reward)


@question("2.1 evaluate_exact", points=1.5)
def test_exact_values_satisfy_bellmans_equation(student, rng):
    """In a random world, V = r + gamma P V holds to rounding in every state."""
    transition, reward = random_mdp(rng, 40, 5)
    policy = random_policy(rng, 40, 5)
    values = numbers(student.evaluate_exact(transition, reward, policy, 0.95), 40)
    matrix, earned = averages(transition, reward, policy)
    # condition number below (1 + gamma) / (1 - gamma) = 39: rounding stays below 1e-12; 1e-9 leaves room
    expect_close(
        values, earned + 0.95 * matrix @ values, atol=1e-9, rtol=0, what="r + gamma P V against V",
        hint="Rows of the matrix are where you are, columns where you go. Is one of them transposed, or an "
        "action's average missing?",
    )  # fmt: skip


@question("2.1 evaluate_exact", points=0.5)
def test_exact_without_a_future(student, rng):
    """At discount 0 a policy is worth its expected immediate reward."""
    transition, reward = random_mdp(rng, 12, 3)
    policy = random_policy(rng, 12, 3)
    values = numbers(student.evaluate_exact(transition, reward, policy, 0.0), 12)
    expect_close(
        values, (policy * reward).sum(axis=1), atol=1e-12, rtol=0, what="V at discount 0",
        hint="Only next values are discounted, not the reward of now.",
    )  # fmt: skip


@question("2.1 evaluate_exact", points=1)
def test_exact_far_sighted(student):
    """At a discount of 0.9999 a prize far down a chain is still worth its discounted self."""
    transition, reward = chain(60)
    forward = np.tile([0.0, 1.0], (60, 1))
    values = numbers(student.evaluate_exact(transition, reward, forward, 0.9999), 60)
    away = np.arange(58, -1, -1)
    # condition number at most 2e4: rounding below 1e-11
    expect_close(
        values, np.append(0.9999**away, 0.0), atol=1e-9, rtol=0, what="V",
        hint="The prize is paid on the way in; did you forget that a terminal state earns nothing more?",
    )  # fmt: skip


@question("2.1 evaluate_exact", points=0.5)
def test_exact_for_one_action_and_for_many(student, reference, rng):
    """Worlds with one action, and with more actions than states."""
    for num_states, num_actions in ((6, 1), (3, 9)):
        transition, reward = random_mdp(rng, num_states, num_actions)
        policy = random_policy(rng, num_states, num_actions)
        values = numbers(student.evaluate_exact(transition, reward, policy, 0.9), num_states)
        expect_close(
            values, reference.evaluate_exact(transition, reward, policy, 0.9), atol=1e-9, rtol=0, what="V",
            hint="Is the number of states or actions taken from the wrong axis?",
        )  # fmt: skip


def promised(gamma, tolerance):
    """Return the error that the docstring promises, with room for rounding."""
    return gamma / (1 - gamma) * tolerance + 1e-9


@question("2.2 evaluate_iterative", points=1)
def test_iterative_reaches_the_exact_values(student, reference, rng):
    """In a random world the error is within the promise, at a fine and at a coarse tolerance."""
    transition, reward = random_mdp(rng, 30, 4)
    policy = random_policy(rng, 30, 4)
    exact = reference.evaluate_exact(transition, reward, policy, 0.9)
    for tolerance in (1e-9, 1e-2):
        values = numbers(student.evaluate_iterative(transition, reward, policy, 0.9, tolerance), 30)
        expect_close(
            values, exact, atol=promised(0.9, tolerance), rtol=0, what="V",
            hint="Average over the policy's actions: this is evaluation, not control.",
        )  # fmt: skip


@question("2.2 evaluate_iterative", points=0.5)
def test_iterative_sees_changes_that_cancel(student):
    """One state that rises while another falls is a change."""
    transition, reward = balance()
    values = numbers(student.evaluate_iterative(transition, reward, np.ones((2, 1)), 0.9, 1e-6), 2)
    expect_close(
        values, [10.0, -10.0], atol=promised(0.9, 1e-6), rtol=0, what="V",
        hint="Take the absolute change of each state before you take the largest.",
    )  # fmt: skip


@question("2.2 evaluate_iterative", points=1)
def test_iterative_sees_a_change_in_a_single_state(student):
    """In a long chain one state changes at a time, and that counts."""
    transition, reward = chain(80)
    forward = np.tile([0.0, 1.0], (80, 1))
    values = numbers(student.evaluate_iterative(transition, reward, forward, 0.9, 0.02), 80)
    away = np.arange(78, -1, -1)
    # mean change in the first sweep: 1 / 80 = 0.0125, below the tolerance; largest change: 1
    expect_close(
        values, np.append(0.9**away, 0.0), atol=promised(0.9, 0.02), rtol=0, what="V",
        hint="The guarantee is about the largest change over states; a mean hides a single state.",
    )  # fmt: skip


@question("2.2 evaluate_iterative", points=0.5)
def test_iterative_is_patient(student):
    """At a discount of 0.99 it sweeps until the promise is kept, however many sweeps that takes."""
    transition, reward = balance()
    values = numbers(student.evaluate_iterative(transition, reward, np.ones((2, 1)), 0.99, 1e-8), 2)
    expect_close(
        values, [100.0, -100.0], atol=promised(0.99, 1e-8), rtol=0, what="V",
        hint="A fixed number of sweeps is not a stopping rule.",
    )  # fmt: skip


@question("2.2 evaluate_iterative", points=0.5)
def test_iterative_does_not_depend_on_the_terminal_state(student, rng):
    """The terminal state is worth nothing, and a world that is all terminal is worth nothing."""
    transition, reward = random_mdp(rng, 10, 2)
    policy = random_policy(rng, 10, 2)
    values = numbers(student.evaluate_iterative(transition, reward, policy, 0.9, 1e-6), 10)
    nothing = numbers(
        student.evaluate_iterative(np.ones((1, 2, 1)), np.zeros((1, 2)), np.full((1, 2), 0.5), 0.9, 1e-6), 1
    )
    expect(
        abs(values[-1]) <= promised(0.9, 1e-6) and abs(nothing[0]) <= promised(0.9, 1e-6),
        "a terminal state has a value",
        hint="Did you forget that a terminal state earns nothing more?",
    )
