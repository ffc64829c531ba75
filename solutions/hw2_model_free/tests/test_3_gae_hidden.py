"""Hidden tests of section 3: many environments, both ends of lambda, a critic that knows everything."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, question


def block(rng, num_steps=50, num_envs=9, ends=0.1):
    """Draw rewards, values, next values and ends."""
    shape = (num_steps, num_envs)
    terminated, truncated = rng.random(shape) < ends, rng.random(shape) < ends
    return rng.normal(size=shape), 3 * rng.normal(size=shape), 3 * rng.normal(size=shape), terminated, truncated


@question("3.1 gae", points=1)
def test_many_environments(student, reference, rng):
    """Nine environments end and begin anew at different steps, some both ways at once."""
    arguments = block(rng)
    expect_close(student.gae(*arguments, 0.98, 0.9), reference.gae(*arguments, 0.98, 0.9), atol=1e-9,
                 what="the advantages", hint="Bootstrap unless terminated; sum on unless ended.")  # fmt: skip


@question("3.1 gae", points=1)
def test_lambda_0_is_the_critics_error(student, rng):
    """With lambda = 0 each advantage is one step's error of the critic."""
    rewards, values, next_values, terminated, truncated = block(rng)
    expected = rewards + 0.9 * np.where(terminated, 0.0, next_values) - values
    expect_close(student.gae(rewards, values, next_values, terminated, truncated, 0.9, 0.0), expected, atol=1e-9,
                 what="the advantages with lambda = 0")  # fmt: skip


@question("3.1 gae", points=1)
def test_lambda_1_is_the_return_less_the_value(student, reference, rng):
    """With lambda = 1 and values that follow each other, each advantage is the return-to-go less the value."""
    rewards, values, next_values, terminated, truncated = block(rng)
    ended = terminated | truncated
    next_values[:-1] = np.where(ended[:-1], next_values[:-1], values[1:])
    returns = reference.returns_to_go(rewards, next_values, terminated, truncated, 0.95)
    expect_close(student.gae(rewards, values, next_values, terminated, truncated, 0.95, 1.0), returns - values,
                 atol=1e-9, what="the advantages with lambda = 1",
                 hint="Both gamma and lambda decay the sum.")  # fmt: skip


@question("3.1 gae", points=1)
def test_a_perfect_critic_finds_nothing_to_praise(student, rng):
    """Where the critic is right, every advantage is zero, however the episodes end; long blocks do not overflow."""
    gamma, num_steps = 0.9, 5000
    terminated = rng.random((num_steps, 2)) < 0.05
    truncated = rng.random((num_steps, 2)) < 0.05
    next_values = rng.normal(size=(num_steps, 2))
    values = rng.normal(size=(num_steps, 2))
    rewards = values - gamma * np.where(terminated, 0.0, next_values)
    advantages = np.asarray(student.gae(rewards, values, next_values, terminated, truncated, gamma, 0.95))
    expect(advantages.shape == rewards.shape, "another shape than the rewards'")
    expect_close(advantages, np.zeros_like(rewards), atol=1e-9, what="the advantages")
