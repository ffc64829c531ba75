"""Hidden tests of section 4: shapes, torch's own distributions, densities that integrate to one, far tails."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question


@question("4.1 gaussian_log_prob", points=1)
def test_against_torch(student, rng):
    """For batches of any shape the log-density is torch's own, with one log_std for all or one each."""
    for shape in ((5, 3), (4, 6, 2), (7, 1)):
        actions, mean = torch.tensor(rng.normal(size=shape)), torch.tensor(rng.normal(size=shape))
        for log_std in (torch.tensor(rng.normal(size=shape[-1:])), torch.tensor(rng.normal(size=shape))):
            expected = torch.distributions.Normal(mean, log_std.exp()).log_prob(actions).sum(-1)
            got = student.gaussian_log_prob(actions, mean, log_std)
            expect_shape(got, shape[:-1], axes="one number an action")
            expect_close(got, expected, atol=1e-9, what="the log-density")


@question("4.1 gaussian_log_prob", points=1)
def test_gradients(student, rng):
    """The gradients to mean and log_std are the score: error / variance, and squared error less one."""
    actions, mean, log_std = torch.tensor(rng.normal(size=(1, 4))), torch.zeros(1, 4).double(), torch.zeros(4).double()
    log_std = log_std + 0.3
    inputs = {"actions": actions[0], "mean": mean[0], "log_std": log_std}
    _, (to_mean, to_log_std) = student.input_gradients("gaussian_log_prob", inputs, ["mean", "log_std"])
    error = actions[0] / np.exp(0.6)
    expect(to_mean is not None and to_log_std is not None, "no gradient reaches mean or log_std")
    expect_close(to_mean, error, atol=1e-9, what="the gradient to the mean")
    expect_close(to_log_std, actions[0] ** 2 / np.exp(0.6) - 1, atol=1e-9, what="the gradient to log_std")


@question("4.2 gaussian_entropy", points=1)
def test_any_shape(student, rng):
    """For batches of any shape the entropy is torch's own, and its gradient to log_std is one."""
    for shape in ((3,), (5, 2), (4, 3, 6)):
        log_std = torch.tensor(rng.normal(size=shape))
        expected = torch.distributions.Normal(torch.zeros(()), log_std.exp()).entropy().sum(-1)
        got = student.gaussian_entropy(log_std)
        expect_shape(got, shape[:-1], axes="one number an action")
        expect_close(got, expected, atol=1e-9, what="the entropy")
    _, (gradient,) = student.input_gradients("gaussian_entropy", {"log_std": torch.zeros(4)}, ["log_std"])
    expect(gradient is not None, "no gradient reaches log_std")
    expect_close(gradient, np.ones(4), atol=1e-6, what="the gradient to log_std")


@question("4.3 squashed_log_prob", points=1)
def test_integrates_to_one(student):
    """In two dimensions the density of the actions integrates to one."""
    u = torch.linspace(-9, 9, 361).double()
    grid = torch.stack(torch.meshgrid(u, u, indexing="ij"), dim=-1)
    gaussian = torch.distributions.Normal(torch.tensor([0.7, -0.4]), torch.tensor([0.8, 1.1])).log_prob(grid).sum(-1)
    log_probs = np.asarray(student.squashed_log_prob(grid, gaussian))
    expect_shape(log_probs, (361, 361), axes="one number an action")
    # change of variables: da = (1 - tanh(u)^2) du in each dimension; the trapezium rule is exact to 1e-6 here
    slope = 1 / np.cosh(u.numpy()) ** 2
    total = np.sum(np.exp(log_probs) * slope[:, None] * slope[None, :]) * 0.05**2
    expect_close(total, 1.0, atol=1e-4, what="the integral", hint="Is the Jacobian summed over the dimensions?")


@question("4.3 squashed_log_prob", points=1)
def test_against_torchs_tanh(student, rng):
    """For moderate u the log-density is that of torch's transformed distribution."""
    u, mean, std = (torch.tensor(rng.normal(size=(6, 5, 3))) for _ in range(3))
    base = torch.distributions.Normal(mean, std.exp())
    squashed = torch.distributions.TransformedDistribution(base, torch.distributions.TanhTransform(cache_size=1))
    expected = squashed.log_prob(torch.tanh(u)).sum(-1)
    got = student.squashed_log_prob(u, base.log_prob(u).sum(-1))
    expect_close(got, expected, atol=1e-6, what="the log-density")


@question("4.3 squashed_log_prob", points=1)
def test_far_out(student):
    """At |u| up to 1000, in float32, the log-density and its gradient are finite and right."""
    u = torch.tensor([-1000.0, -20.0, 12.0, 20.0, 1000.0])
    log_probs = student.squashed_log_prob(u[:, None], torch.zeros(5))
    expect(bool(np.isfinite(np.asarray(log_probs)).all()), "a log-density is not finite", hint="Which form has no overflow?")
    # -log(1 - tanh(u)^2) -> 2 |u| - log 4; float32 has 7 digits
    expect_close(log_probs, 2 * u.abs() - np.log(4.0), rtol=1e-5, atol=1e-4, what="the log-densities")
    inputs = {"pre_squash": u, "gaussian_log_probs": torch.zeros(())}
    _, (gradient,) = student.input_gradients("squashed_log_prob", inputs, ["pre_squash"])
    expect(gradient is not None and bool(np.isfinite(np.asarray(gradient)).all()), "a gradient is not finite")
    expect_close(gradient, 2 * torch.tanh(u), atol=1e-4, what="the gradient",
                 hint="With a small number inside the logarithm it vanishes at the wall.")  # fmt: skip
