"""Public tests of section 7: SAC, piece by piece, and one step worked by hand."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question


@question("7.1 critic_target", points=1)
def test_one_target_by_hand(student):
    """The target of one step, by hand: it goes on, and it terminated."""
    twice = torch.ones(2)
    targets = student.critic_target(
        rewards=twice, terminated=torch.tensor([False, True]), next_q1=4 * twice, next_q2=3 * twice,
        next_log_probs=-2 * twice, alpha=torch.tensor(0.5), gamma=0.9,
    )  # fmt: skip
    expect_shape(targets, (2,), axes="(B,)")
    # 1 + 0.9 (3 - 0.5 * -2); terminated: 1
    expect_close(targets, [4.6, 1.0], atol=1e-5, what="the targets",
                 hint="The lesser critic, plus the entropy; neither where it terminated.")  # fmt: skip


@question("7.2 sample_action", points=1)
def test_without_noise_and_with_it(student):
    """One action without noise, and one half a standard deviation off, with their log-probabilities."""
    actions, log_probs = student.sample_action(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
    expect_shape(actions, (1, 1), axes="(B, A)")
    expect_shape(log_probs, (1,), axes="(B,)")
    expect_close(actions, [[0.0]], atol=1e-6, what="the action")
    expect_close(log_probs, [-0.918939], atol=1e-5, what="the log-probability")
    # std 2, noise 0.5: u = 0.25 + 1; log N = -0.125 - log 2 - 0.918939; log(1 - tanh(1.25)^2) = -1.271485
    log_std, noise = torch.full((1, 1), np.log(2.0)), torch.full((1, 1), 0.5)
    actions, log_probs = student.sample_action(torch.full((1, 1), 0.25), log_std, noise)
    expect_close(actions, [[0.848284]], atol=1e-5, what="the action", hint="log_std is a logarithm.")
    expect_close(log_probs, [-0.465601], atol=1e-5, what="the log-probability",
                 hint="That of the action, after the squash.")  # fmt: skip


@question("7.3 temperature_loss", points=1)
def test_too_little_entropy(student):
    """An entropy of -2 that shall be -1: the loss is -2, and descending it raises the temperature."""
    log_alpha, log_probs = torch.tensor(2.0).log(), torch.tensor([1.0, 3.0])
    inputs = {"log_alpha": log_alpha, "log_probs": log_probs, "target_entropy": -1.0}
    value, (gradient,) = student.input_gradients("temperature_loss", inputs, ["log_alpha"])
    expect_shape(value, (), axes="a scalar")
    expect_close(value, -2.0, atol=1e-5, what="the loss")
    expect(gradient is not None, "no gradient reaches log_alpha")
    expect_close(gradient, -2.0, atol=1e-5, what="the gradient to log_alpha")


@question("7.4 sac_step", points=1)
def test_the_step_worked_by_hand(student):
    """From parameters that are all 0, one step moves each the way that was worked by hand."""
    lr, tau = 0.01, 0.25
    agent = student.Sac(1, 1, hidden=[], gamma=0.9, lr=lr, tau=tau)
    agent.load({name: np.zeros_like(numbers) for name, numbers in agent.numbers().items()})
    one = torch.ones(1, 1)
    batch = {"observation": 0 * one, "action": one, "reward": one[0], "next_observation": one,
             "terminated": torch.tensor([False])}  # fmt: skip
    notes = student.sac_step(agent, batch, 0 * one, 0 * one)
    after = agent.numbers()
    for k in (0, 1):
        name = f"critic {k + 1}"
        expect_close(after[f"critics.{k}.0.weight"], [[0.0, lr]], atol=1e-4, what=f"the weights of {name}")
        expect_close(after[f"critics.{k}.0.bias"], [lr], atol=1e-4, what=f"the bias of {name}")
        slow = after[f"slow_critics.{k}.0.bias"]
        expect_close(slow, [tau * lr], atol=1e-4, what=f"the bias of slow {name}",
                     hint="It follows at the end of the step, a share tau of the way.")  # fmt: skip
    expect_close(after["actor.0.bias"], [lr, lr], atol=1e-4, what="the policy's biases, mean and log_std",
                 hint="The policy goes where the critics have just learned that it is better.")  # fmt: skip
    expect_close(after["log_alpha"], -lr, atol=1e-4, what="log alpha")
    expect_close([notes["entropy"], notes["alpha"]], [0.918939, 1.0], atol=1e-4, what="entropy and alpha",
                 hint="alpha is the one that the step was made with.")  # fmt: skip
    expect_close(notes["q"], lr, atol=1e-4, what="q, which is the critics' bias after their step")
