"""Finite worlds for the hidden tests of sections 2 to 4, and readers of what a student's function returned."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_shape


def take(result, names):
    """Take a result apart into the things that ``names`` lists, or say what is missing."""
    num = names.count(",") + 1
    expect(isinstance(result, tuple | list) and len(result) == num, f"does not return {num} things: {names}")
    return result


def numbers(values, num_states, what="values"):
    """Read one finite number for each state."""
    expect_shape(values, (num_states,), axes="(S,)", what=what, hint="One number for each state.")
    values = np.asarray(values)
    expect(values.dtype.kind in "iuf" and np.all(np.isfinite(values)), f"{what}: not finite numbers")
    return values.astype(float)


def number(value, what):
    """Read one finite number."""
    expect_shape(value, (), what=what, hint="One number.")
    value = np.asarray(value)
    expect(value.dtype.kind in "iuf" and bool(np.isfinite(value)), f"{what}: not a finite number")
    return float(value)


def actions(policy, num_states, num_actions, what="greedy"):
    """Read a policy as integers, or say what it is not."""
    policy = numbers(policy, num_states, what)
    expect(np.all(policy == np.floor(policy)), f"{what}: holds something but integers")
    expect(np.all((policy >= 0) & (policy < num_actions)), f"{what}: holds numbers that are not actions")
    return policy.astype(int)


def random_mdp(rng, num_states, num_actions, *, successors=5):
    """Draw a sparse random MDP with rewards of both signs; the last state is terminal."""
    transition = np.zeros((num_states, num_actions, num_states))
    for state in range(num_states - 1):
        for action in range(num_actions):
            nexts = rng.choice(num_states, size=min(successors, num_states), replace=False)
            transition[state, action, nexts] = rng.dirichlet(np.ones(len(nexts)))
    reward = rng.normal(size=(num_states, num_actions))
    transition[-1, :, -1] = 1.0
    reward[-1] = 0.0
    return transition, reward


def random_policy(rng, num_states, num_actions):
    """Draw a stochastic policy."""
    return rng.dirichlet(np.ones(num_actions), size=num_states)


def chain(num_states, prize=1.0):
    """Return a chain: `on` moves to the next state, `back` to the first; entering the terminal end pays."""
    transition = np.zeros((num_states, 2, num_states))
    reward = np.zeros((num_states, 2))
    for state in range(num_states - 1):
        transition[state, 0, 0] = 1.0
        transition[state, 1, state + 1] = 1.0
    transition[-1, :, -1] = 1.0
    reward[-2, 1] = prize
    return transition, reward


def balance():
    """Return two states that never meet: one earns 1 a step, the other pays 1; the changes cancel in a sum."""
    transition = np.zeros((2, 1, 2))
    transition[0, 0, 0] = transition[1, 0, 1] = 1.0
    return transition, np.array([[1.0], [-1.0]])


def torus(rng, side, slip):
    """Return a slippery torus with a symmetric landscape: everywhere several actions are equally good."""
    moves = ((1, 0), (0, 1), (-1, 0), (0, -1))
    height = rng.normal(size=(side, side))
    height = height + height.T
    height = height + height[::-1, ::-1]
    transition = np.zeros((side * side, 4, side * side))
    for row in range(side):
        for column in range(side):
            for action in range(4):
                for turn, probability in ((0, 1 - slip), (1, slip / 2), (3, slip / 2)):
                    down, right = moves[(action + turn) % 4]
                    to = (row + down) % side * side + (column + right) % side
                    transition[row * side + column, action, to] += probability
    return transition, np.repeat(height.reshape(-1, 1), 4, axis=1)


def beside_an_end(transition, reward):
    """Add a terminal state, worth nothing, that nobody comes to: the values around it may be of any size."""
    num_states, num_actions = reward.shape
    larger = np.zeros((num_states + 1, num_actions, num_states + 1))
    larger[:-1, :, :-1] = transition
    larger[-1, :, -1] = 1.0
    return larger, np.append(reward, np.zeros((1, num_actions)), axis=0)


def policy_values(transition, reward, policy, gamma):
    """Return the values of a deterministic policy, (S,) int, by a linear solve."""
    states = np.arange(len(reward))
    return np.linalg.solve(np.eye(len(reward)) - gamma * transition[states, policy], reward[states, policy])


def optimal_values(transition, reward, gamma):
    """Return the optimal values, by policy iteration that stops where nothing improves."""
    policy = np.zeros(len(reward), dtype=int)
    while True:
        values = policy_values(transition, reward, policy, gamma)
        action_values = reward + gamma * transition @ values
        better = action_values.max(axis=1) > values + 1e-10
        if not better.any():
            return values
        policy = np.where(better, action_values.argmax(axis=1), policy)
