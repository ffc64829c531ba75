"""Public tests of section 5: PPO's losses, its minibatch loop, the swing-up policy."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question
from environments import pendulum

FOUR = {
    "log_probs": torch.tensor([1.5, 0.5, 1.5, 0.5]).log(), "old_log_probs": torch.zeros(4),
    "advantages": torch.tensor([1.0, 1.0, -1.0, -1.0]), "epsilon": 0.2,
}  # fmt: skip


@question("5.1 clipped_objective", points=1)
def test_four_cases(student):
    """Two good and two bad actions, more and less probable than before: the loss and its gradient by hand."""
    value, (gradient,) = student.input_gradients("clipped_objective", FOUR, ["log_probs"])
    expect_shape(value, (), axes="a scalar")
    expect_close(value, 0.15, atol=1e-6, what="the loss", hint="A loss is minimised: which sign has it?")
    expect(gradient is not None, "no gradient reaches the log-probabilities", hint="Is too much detached?")
    # the minimum clips what flatters: the first and the last; the others have -ratio * advantage / 4
    expect_close(gradient, [0.0, -0.125, 0.375, 0.0], atol=1e-6, what="the gradient to the log-probabilities",
                 hint="Take the smaller of each pair of products, then the mean.")  # fmt: skip


@question("5.2 value_loss", points=0.5)
def test_two_predictions(student):
    """Two predictions, one that has moved far enough and one that has moved away; then without the clip."""
    inputs = {"values": torch.tensor([2.0, 2.0]), "old_values": torch.zeros(2),
              "targets": torch.tensor([3.0, 0.0])}  # fmt: skip
    value, (gradient,) = student.input_gradients("value_loss", {**inputs, "epsilon": 0.5}, ["values"])
    expect_close(value, 2.5625, atol=1e-6, what="the loss")  # (6.25 + 4) / 2 / 2
    expect(gradient is not None, "no gradient reaches the values")
    expect_close(gradient, [0.0, 1.0], atol=1e-6, what="the gradient to the values",
                 hint="The larger of the two squared errors.")  # fmt: skip
    plain, _ = student.input_gradients("value_loss", {**inputs, "epsilon": np.inf}, ["values"])
    expect_close(plain, 1.25, atol=1e-6, what="the loss without the clip")  # (1 + 4) / 2 / 2


EYE = {"directions": torch.eye(4), "advantages": torch.tensor([1.0, 3.0, 1.0, 3.0]), "learning_rate": 0.1}
LOOP = {"num_epochs": 4, "minibatch_size": 2, "max_grad_norm": 10.0, "max_kl": 0.02}


@question("5.3 ppo_update", points=1)
def test_four_steps_in_pairs(student):
    """Four epochs of two minibatches use every step once an epoch, and move every coordinate by 0.05."""
    diary = student.rehearse_update(**EYE, kls=[], seed=0, **LOOP)
    expect(len(diary["indices"]) == 8, "loss_of was not called once for each of eight minibatches")
    for epoch in range(4):
        asked = np.sort(np.concatenate(diary["indices"][2 * epoch : 2 * epoch + 2]))
        expect_close(asked, [0, 1, 2, 3], what="the steps of an epoch", hint="Cut a permutation into pieces.")
    # advantages -1, 1, -1, 1; each pair moves its two coordinates by 0.1 / 2 against the sign
    expect_close(diary["points"][-1], [0.2, -0.2, 0.2, -0.2], atol=1e-5, what="the parameters at the end",
                 hint="Normalise the advantages; gradients add up until they are set to zero.")  # fmt: skip
    expect_close(diary["num_steps"], 8, what="the number of steps that is returned")


@question("5.3 ppo_update", points=0.5)
def test_stops_where_the_policy_has_moved_too_far(student):
    """Where the sixth minibatch finds that the policy has moved too far, five steps were taken, no more."""
    diary = student.rehearse_update(**EYE, kls=[0.0, 0.01, 0.0, 0.02, 0.0, 0.03], seed=1, **LOOP)
    expect(len(diary["indices"]) == 6, "minibatches were asked for after the policy had moved too far",
           hint="Leave both loops.")  # fmt: skip
    expect_close(diary["num_steps"], 5, what="the number of steps that is returned")
    expect_close(diary["points"][-1], diary["points"][-2], atol=1e-9, what="the parameters after the stop",
                 hint="Look at the KL before the step.")  # fmt: skip


@question("5.4 swing_up", points=1)
def test_balances(student):
    """The policy that is handed in gives a torque in [-1, 1] for each rod, and balances for a second."""
    policy = student.load_policy("swing_up.npz")
    states = np.stack([np.linspace(-0.05, 0.05, 6), np.zeros(6)], axis=1)  # six rods that are nearly upright
    for _ in range(20):
        actions = policy.act(pendulum.observe(states))
        expect_shape(actions, (6, 1), axes="(N, A)", what="actions", hint="Is this the pendulum's policy?")
        actions = np.asarray(actions, dtype=float)
        expect(bool(np.all(np.abs(actions) <= 1.0)), "an action is outside [-1, 1], or no number")
        states = pendulum.step_states(states, pendulum.TORQUE_LIMIT * actions[:, 0])
    expect(bool(np.all(np.abs(states[:, 0]) < 0.2)), "a rod that began upright is 0.2 rad off after a second",
           hint="Look at the curve of the return: it ends above -250.")  # fmt: skip
