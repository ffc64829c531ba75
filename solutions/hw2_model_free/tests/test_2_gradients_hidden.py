"""Hidden tests of section 2: many environments, ends at once, gradients, an unbiased and quieter estimate."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question


def block(rng, num_steps=40, num_envs=12):
    """Draw a block in which a fifth of the steps end one way, the other, or both."""
    shape = (num_steps, num_envs)
    terminated, truncated = rng.random(shape) < 0.1, rng.random(shape) < 0.1
    return rng.normal(size=shape), 5 * rng.normal(size=shape), terminated, truncated


@question("2.1 returns_to_go", points=1)
def test_many_environments(student, reference, rng):
    """Twelve environments end and begin anew at different steps."""
    arguments = block(rng)
    expect_close(student.returns_to_go(*arguments, 0.97), reference.returns_to_go(*arguments, 0.97), atol=1e-9,
                 what="the returns", hint="Each environment has its own ends: decide entry by entry.")  # fmt: skip


@question("2.1 returns_to_go", points=1)
def test_both_ends_at_once(student):
    """A death on the clock's last tick is a death; so is one on the last row; a block of one row is a block."""
    rewards, estimates = np.array([[1.0, 1.0], [1.0, 1.0]]), np.full((2, 2), 100.0)
    both = np.array([[True, False], [False, True]])
    returns = student.returns_to_go(rewards, estimates, both, both, 1.0)
    expect_close(returns, [[1.0, 2.0], [101.0, 1.0]], atol=1e-12, what="the returns",
                 hint="Both at once: the state has no future, whatever the clock says.")  # fmt: skip
    one = student.returns_to_go(rewards[:1], estimates[:1], both[:1], both[:1], 0.5)
    expect_close(one, [[1.0, 51.0]], atol=1e-12, what="the returns of one row")


def batch(rng, num_steps=9, num_envs=7):
    """Draw log-probabilities, returns and values."""
    shape = (num_steps, num_envs)
    draw = {"log_probs": -rng.exponential(size=shape), "returns": rng.normal(3.0, 2.0, shape),
            "values": rng.normal(2.0, 1.0, shape)}  # fmt: skip
    return {name: torch.tensor(value) for name, value in draw.items()}


@question("2.2 policy_gradient_loss", points=2)
def test_gradient_to_the_policy(student, rng):
    """The gradient to each log-probability is minus its advantage, divided by the number of steps."""
    inputs = batch(rng)
    value, (gradient,) = student.input_gradients("policy_gradient_loss", inputs, ["log_probs"])
    advantages = inputs["returns"] - inputs["values"]
    expect(gradient is not None, "no gradient reaches the log-probabilities", hint="Detach the judgement, not the act.")
    expect_close(gradient, -advantages / 63, atol=1e-9, what="the gradient to the log-probabilities",
                 hint="The mean over time and environments; no normalising here.")  # fmt: skip
    expect_close(value, -(inputs["log_probs"] * advantages).mean(), atol=1e-9, what="the loss")


@question("2.2 policy_gradient_loss", points=1)
def test_nothing_reaches_the_critic(student, rng):
    """The critic does not learn from the policy's loss, nor does anything behind the returns."""
    _, gradients = student.input_gradients("policy_gradient_loss", batch(rng), ["values", "returns"])
    for gradient in gradients:
        expect(gradient is None or not np.any(np.asarray(gradient)), "a gradient flows through the advantages",
               hint="The critic would learn to call bad actions good: detach.")  # fmt: skip


@question("2.3 baseline", points=1)
def test_of_the_living_others(student, reference, rng):
    """Of twenty episodes of different lengths, down to the last one alive, each gets the mean of the others."""
    lengths = rng.permutation(np.arange(1, 21))
    alive = np.arange(22)[:, None] < lengths
    returns = np.where(alive, rng.normal(5.0, 3.0, (22, 20)), 1e6)  # what is no return must not count
    others = np.asarray(student.baseline(returns, alive))
    expect_shape(others, (22, 20), axes="(T, N)")
    expect_close(np.where(alive, others, 0.0), np.where(alive, reference.baseline(returns, alive), 0.0), atol=1e-9,
                 what="the baseline", hint="Who has no living other gets 0.")  # fmt: skip


@question("2.3 baseline", points=1)
def test_the_same_gradient_with_less_variance(student, rng):
    """A bandit with a known gradient: with the baseline the estimate has the same mean and a tenth of the variance."""
    mean, num_groups, group = 0.5, 4000, 8
    actions = rng.normal(mean, 1.0, (num_groups, group))
    rewards = 20.0 - (actions - 2.0) ** 2  # d E[reward] / d mean = -2 (mean - 2) = 3
    others = np.asarray(student.baseline(rewards.T.copy().T, np.ones(rewards.shape, dtype=bool)))
    without = np.mean((actions - mean) * rewards, axis=1)
    quieter = np.mean((actions - mean) * (rewards - others), axis=1)
    error = 5 * quieter.std() / np.sqrt(num_groups)  # five standard errors: once in a million
    expect(abs(quieter.mean() - 3.0) < error, "with the baseline the gradient has another mean",
           hint="The own return must stay out of its own baseline.")  # fmt: skip
    expect(quieter.var() < 0.2 * without.var(), "the baseline leaves most of the variance")
