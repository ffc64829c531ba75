"""Public tests of section 4: Gaussian and squashed Gaussian policies."""

from __future__ import annotations

import torch

from autograder.testing import expect_close, expect_shape, question

ZERO = torch.zeros(1, 2)


@question("4.1 gaussian_log_prob", points=1)
def test_two_dimensions(student):
    """Two dimensions: at the mean, one standard deviation off, and narrow."""
    expect_shape(student.gaussian_log_prob(ZERO, ZERO, torch.zeros(2)), (1,), axes="(...)")
    expect_close(student.gaussian_log_prob(ZERO, ZERO, torch.zeros(2)), [-1.837877], atol=1e-5,
                 what="the log-density at the mean")  # fmt: skip
    off = torch.tensor([[1.0, 0.0]])
    expect_close(student.gaussian_log_prob(off, ZERO, torch.zeros(2)), [-2.337877], atol=1e-5,
                 what="the log-density one standard deviation off")  # fmt: skip
    narrow = torch.full((2,), 0.1).log()
    expect_close(student.gaussian_log_prob(ZERO, ZERO, narrow), [2.767293], atol=1e-5,
                 what="the log-density of a narrow Gaussian", hint="log_std is a logarithm.")  # fmt: skip


@question("4.2 gaussian_entropy", points=1)
def test_three_entropies(student):
    """One dimension, three dimensions, and a narrow one."""
    expect_close(student.gaussian_entropy(torch.zeros(1)), 1.418939, atol=1e-5, what="the entropy with std 1")
    expect_close(student.gaussian_entropy(torch.zeros(3)), 4.256816, atol=1e-5, what="the entropy of three")
    expect_close(student.gaussian_entropy(torch.tensor([0.1]).log()), -0.883647, atol=1e-5,
                 what="the entropy with std 0.1")  # fmt: skip


@question("4.3 squashed_log_prob", points=1)
def test_the_middle_and_the_wall(student):
    """At u = 0 nothing changes; at u = 20 the log-density grows by 40 - log 4."""
    u = torch.tensor([[0.0], [20.0]])
    got = student.squashed_log_prob(u, torch.tensor([-1.0, -1.0]))
    expect_close(got, [-1.0, 37.613706], atol=1e-4, what="the log-densities",
                 hint="log(1 - tanh(u)^2) overflows; use the identity.")  # fmt: skip
