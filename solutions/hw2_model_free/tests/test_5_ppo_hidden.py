"""Hidden tests of section 5: gradients and what must get none, the clip from both sides, every minibatch, a swing-up."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import numpy as np
import torch

import environments  # registers the pendulum
from autograder.testing import expect, expect_close, expect_shape, linear, question

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


def actions(rng, num=200):
    """Draw log-probabilities before and after, and advantages: every case of the clip, many times."""
    old = -rng.exponential(size=num) - 0.5
    draw = {"log_probs": old + rng.normal(0.0, 0.4, num), "old_log_probs": old, "advantages": rng.normal(0.3, 2.0, num)}
    return {name: torch.tensor(values) for name, values in draw.items()}


@question("5.1 clipped_objective", points=1)
def test_loss_of_many_actions(student, rng):
    """For two hundred actions and several widths of the clip the loss is that of equation (7)."""
    inputs = actions(rng)
    ratio = np.exp(inputs["log_probs"].numpy() - inputs["old_log_probs"].numpy())
    advantages = inputs["advantages"].numpy()
    for epsilon in (0.05, 0.2, 0.9):
        pessimist = np.minimum(ratio * advantages, np.clip(ratio, 1 - epsilon, 1 + epsilon) * advantages)
        value, _ = student.input_gradients("clipped_objective", {**inputs, "epsilon": epsilon}, ["log_probs"])
        expect_close(value, -pessimist.mean(), atol=1e-9, what="the loss", hint="One minimum for each action.")


@question("5.1 clipped_objective", points=1)
def test_gradient_of_many_actions(student, rng):
    """A gradient flows exactly where moving on is not yet, or no longer, rewarded."""
    inputs, epsilon = actions(rng), 0.2
    ratio = np.exp(inputs["log_probs"].numpy() - inputs["old_log_probs"].numpy())
    advantages = inputs["advantages"].numpy()
    silent = np.where(advantages > 0, ratio > 1 + epsilon, ratio < 1 - epsilon)
    _, (gradient,) = student.input_gradients("clipped_objective", {**inputs, "epsilon": epsilon}, ["log_probs"])
    expect(gradient is not None, "no gradient reaches the log-probabilities")
    expect_close(gradient, np.where(silent, 0.0, -ratio * advantages / 200), atol=1e-9,
                 what="the gradient to the log-probabilities",
                 hint="A mistake must be corrected however far it has gone.")  # fmt: skip


@question("5.1 clipped_objective", points=1)
def test_data_get_no_gradient(student, rng):
    """No gradient reaches the old log-probabilities nor the advantages."""
    names = ["old_log_probs", "advantages"]
    _, gradients = student.input_gradients("clipped_objective", {**actions(rng), "epsilon": 0.2}, [*names, "log_probs"])
    expect(gradients[2] is not None and bool(np.any(np.asarray(gradients[2]))), "nothing reaches the log-probabilities")
    for name, gradient in zip(names, gradients[:2], strict=True):
        expect(gradient is None or not np.any(np.asarray(gradient)), f"a gradient reaches {name}",
               hint="What was collected is data: detach it.")  # fmt: skip


def predictions(rng, num=150):
    """Draw values before and after, and targets on every side of them."""
    old = rng.normal(0.0, 2.0, num)
    draw = {"values": old + rng.normal(0.0, 1.0, num), "old_values": old, "targets": old + rng.normal(0.0, 2.0, num)}
    return {name: torch.tensor(values) for name, values in draw.items()}


@question("5.2 value_loss", points=0.75)
def test_loss_and_gradient_of_many_predictions(student, rng):
    """For many predictions, with and without a clip, the loss and its gradient are those of the formula."""
    inputs = predictions(rng)
    values, old, targets = (inputs[name].numpy() for name in ("values", "old_values", "targets"))
    for epsilon in (0.3, 1.5, np.inf):
        moved = values - old
        near = old + np.clip(moved, -epsilon, epsilon)
        far, close = (values - targets) ** 2, (near - targets) ** 2
        value, (gradient,) = student.input_gradients("value_loss", {**inputs, "epsilon": epsilon}, ["values"])
        expect_close(value, 0.5 * np.maximum(far, close).mean(), atol=1e-9, what="the loss", hint="Half of the mean.")
        expect(gradient is not None, "no gradient reaches the values")
        alive = (np.abs(moved) <= epsilon) | (far > close)
        expect_close(gradient, np.where(alive, (values - targets) / 150, 0.0), atol=1e-9,
                     what="the gradient to the values", hint="Clip around the old prediction, not around 0.")  # fmt: skip


@question("5.2 value_loss", points=0.75)
def test_targets_and_old_values_get_no_gradient(student, rng):
    """No gradient reaches the targets nor the old values, with and without a clip."""
    for epsilon in (0.3, np.inf):
        inputs = {**predictions(rng), "epsilon": epsilon}
        _, (own, *others) = student.input_gradients("value_loss", inputs, ["values", "old_values", "targets"])
        expect(own is not None and bool(np.any(np.asarray(own))), "no gradient reaches the values")
        for gradient in others:
            expect(gradient is None or not np.any(np.asarray(gradient)), "a gradient reaches the targets or old values",
                   hint="The critic moves towards its targets, not they towards it.")  # fmt: skip


def follow(diary, problem, max_grad_norm):
    """Where the point should have gone, (calls + 1, D), if every minibatch asked for led to a step."""
    advantages = problem["advantages"].numpy()
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    directions, points = problem["directions"].numpy(), [np.zeros(problem["directions"].shape[1])]
    for indices in diary["indices"]:
        gradient = np.mean(advantages[indices, None] * directions[indices], axis=0)
        gradient *= min(1.0, max_grad_norm / (np.linalg.norm(gradient) + 1e-12))
        points.append(points[-1] - problem["learning_rate"] * gradient)
    return np.array(points)


def problem(rng, num=46):
    """Draw a rehearsal in which some gradients are longer than one, and none of its parts always is."""
    directions = torch.tensor(rng.normal(size=(num, 3)) * np.array([4.0, 1.0, 3.0]))
    return {"directions": directions, "advantages": torch.tensor(rng.normal(5.0, 3.0, num)), "learning_rate": 0.02}


def read_indices(diary, num):
    """The steps of each minibatch, checked to be integers of the block."""
    batches = [np.asarray(indices) for indices in diary["indices"]]
    fine = all(b.dtype.kind in "iu" and b.ndim == 1 and b.size and b.min() >= 0 and b.max() < num for b in batches)
    expect(fine, "loss_of was asked for something that is no step of the block")
    return batches


@question("5.3 ppo_update", points=1)
def test_minibatches(student, rng, seed):
    """Where the size does not divide the block, every epoch still uses every step once, in an order of its own."""
    settings = {"num_epochs": 5, "minibatch_size": 8, "max_grad_norm": 1.0, "max_kl": 0.1}
    drawn = problem(rng)
    diary = student.rehearse_update(**drawn, kls=[], seed=seed % 10_000, **settings)
    batches = read_indices(diary, 46)
    expect(len(batches) == 30, "not six minibatches an epoch", hint="46 steps by 8: the last is smaller.")
    expect(all(len(batch) <= 8 for batch in batches), "a minibatch is larger than minibatch_size")
    epochs = [np.concatenate(batches[k : k + 6]) for k in range(0, 30, 6)]
    for order in epochs:
        expect_close(np.sort(order), np.arange(46), what="the steps of an epoch", hint="Each once: a permutation.")
    expect(len({tuple(order) for order in epochs}) == 5, "two epochs went through the block in the same order",
           hint="Shuffle again in every epoch.")  # fmt: skip
    expect(all(np.any(order != np.arange(46)) for order in epochs), "an epoch was not shuffled")
    again = student.rehearse_update(**drawn, kls=[], seed=seed % 10_000 + 1, **settings)
    expect(np.any(np.concatenate(read_indices(again, 46)) != np.concatenate(epochs)), "another seed gave the same order",
           hint="Shuffle with rng.")  # fmt: skip


@question("5.3 ppo_update", points=1)
def test_every_step_is_the_right_one(student, rng):
    """Every gradient step goes where plain descent with normalised advantages and a clipped norm goes."""
    drawn = problem(rng)
    for max_grad_norm in (0.5, 1e9):
        settings = {"num_epochs": 3, "minibatch_size": 10, "max_grad_norm": max_grad_norm, "max_kl": 0.1}
        diary = student.rehearse_update(**drawn, kls=[0.1, 0.05], seed=3, **settings)
        batches = read_indices(diary, 46)
        expect(len(batches) == 15, "not five minibatches in each of three epochs", hint="kl = max_kl is not above it.")
        normal = drawn["advantages"].numpy()
        normal = (normal - normal.mean()) / normal.std()
        for indices, weights in zip(batches, diary["advantages"], strict=True):
            expect_close(weights, normal[indices], atol=1e-6, what="the advantages of a minibatch",
                         hint="Normalise over the whole block, once.")  # fmt: skip
        # clip_grad_norm_ adds 1e-6 to the norm
        expect_close(diary["points"], follow(diary, drawn, max_grad_norm), atol=1e-5, what="the parameters, step by step",
                     hint="Is the gradient set to zero first, and the norm that of all parameters together?")  # fmt: skip
        expect_close(diary["num_steps"], 15, what="the number of steps that is returned")


@question("5.3 ppo_update", points=0.5)
def test_edges(student, rng):
    """A stop before the first step; a minibatch larger than the block; advantages that are all equal."""
    drawn = problem(rng)
    settings = {"num_epochs": 3, "minibatch_size": 100, "max_grad_norm": 1.0, "max_kl": 0.1}
    stopped = student.rehearse_update(**drawn, kls=[0.2], seed=0, **settings)
    expect(len(stopped["indices"]) == 1, "minibatches were asked for after the stop")
    expect_close(stopped["points"][-1], np.zeros(3), atol=1e-12, what="the parameters after a stop at once")
    expect_close(stopped["num_steps"], 0, what="the number of steps that is returned")
    whole = student.rehearse_update(**drawn, kls=[], seed=0, **settings)
    expect([len(indices) for indices in whole["indices"]] == [46, 46, 46], "not one minibatch an epoch")
    expect_close(whole["points"], follow(whole, drawn, 1.0), atol=1e-5, what="the parameters, step by step")
    equal = student.rehearse_update(**{**drawn, "advantages": torch.full((46,), 7.0).double()}, kls=[], seed=0, **settings)
    expect_close(equal["points"][-1], np.zeros(3), atol=1e-5, what="the parameters where all advantages are equal",
                 hint="Add 1e-8 to the standard deviation: 0 / 0 is no number.")  # fmt: skip


@question("5.4 swing_up", points=3)
def test_swings_up(student, credit, seed):
    """From forty random starts the policy that is handed in swings up, and stays upright for the last of ten seconds."""
    policy = student.load_policy("swing_up.npz")
    envs = gymnasium.make_vec("robolearn/PendulumSwingUp-v0", num_envs=40, vectorization_mode="vector_entry_point",
                              autoreset_mode="Disabled")  # fmt: skip
    observation, _ = envs.reset(seed=seed)
    upright = np.ones(40, dtype=bool)
    for t in range(200):
        actions = policy.act(observation)
        expect_shape(actions, (40, 1), axes="(N, A)", what="actions")
        actions = np.asarray(actions, dtype=float)
        expect(bool(np.all(np.abs(actions) <= 1.0)), "an action is outside [-1, 1], or no number")
        observation, *_ = envs.step(actions)
        if t >= 180:  # the last second
            upright &= np.abs(np.arctan2(observation[:, 1], observation[:, 0])) < 0.2
    threshold, share = THRESHOLDS["5.4 swing_up"], upright.mean()
    credit(linear(share, threshold["zero"], threshold["bound"]), measured=f"{share:.0%} of 40 starts end upright")
