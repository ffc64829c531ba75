"""Hidden tests of section 7: batches, gradients, steps beside the reference's, a short training run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, linear, question

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


def targets_of(rng, num=60):
    """Draw the arguments of 7.1; a third of the steps terminated."""
    def tensor(values):
        return torch.tensor(values)

    return {
        "rewards": tensor(rng.normal(size=num)), "terminated": tensor(rng.random(num) < 0.3),
        "next_q1": tensor(5 * rng.normal(size=num)), "next_q2": tensor(5 * rng.normal(size=num)),
        "next_log_probs": tensor(2 * rng.normal(size=num)), "alpha": torch.tensor(0.7).double(), "gamma": 0.95,
    }  # fmt: skip


@question("7.1 critic_target", points=1)
def test_many_targets(student, rng):
    """For sixty steps the target is reward plus discounted lesser critic plus entropy, where there is a future."""
    given = targets_of(rng)
    worth = np.minimum(given["next_q1"], given["next_q2"]) - 0.7 * given["next_log_probs"].numpy()
    expected = given["rewards"].numpy() + 0.95 * np.where(given["terminated"], 0.0, worth)
    got = student.critic_target(**given)
    expect_shape(got, (60,), axes="(B,)")
    expect_close(got, expected, atol=1e-6, what="the targets", hint="The lesser of the two critics, step by step.")


@question("7.1 critic_target", points=1)
def test_targets_are_numbers(student, rng):
    """No gradient flows from a target, and where a step terminated nothing of the next state is in it."""
    given = targets_of(rng)
    names = ["next_q1", "next_q2", "next_log_probs", "alpha"]
    _, gradients = student.input_gradients("critic_target", given, names)
    expect(all(gradient is None for gradient in gradients), "a gradient flows from the target to what it is made of",
           hint="The critics move to the target, not the target to the critics.")  # fmt: skip
    given["next_q1"] = torch.where(given["terminated"], torch.inf, given["next_q1"])
    got = np.asarray(student.critic_target(**given))
    expect(bool(np.isfinite(got).all()), "a critic's infinite value of a terminated state is in the target",
           hint="Leave the next state out with torch.where; infinity times 0 is not 0.")  # fmt: skip


def policy_outputs(rng, shape=(40, 3)):
    """Draw mean, log_std and noise."""
    return [torch.tensor(scale * rng.normal(size=shape)) for scale in (1.0, 0.5, 1.0)]


@question("7.2 sample_action", points=1)
def test_against_torchs_distributions(student, rng):
    """For a batch, actions are the squashed draws and log-probabilities those of torch's squashed Gaussian."""
    mean, log_std, noise = policy_outputs(rng)
    actions, log_probs = student.sample_action(mean, log_std, noise)
    expected = torch.tanh(mean + log_std.exp() * noise)
    expect_close(actions, expected, atol=1e-6, what="the actions", hint="One noise, one standard deviation, an entry.")
    base = torch.distributions.Normal(mean, log_std.exp())
    squash = torch.distributions.TanhTransform(cache_size=1)
    density = torch.distributions.TransformedDistribution(base, squash)
    expect_shape(log_probs, (40,), axes="(B,)")
    expect_close(log_probs, density.log_prob(squash(mean + log_std.exp() * noise)).sum(-1), atol=1e-6,
                 what="the log-probabilities", hint="4.1 of what was drawn, then 4.3.")  # fmt: skip


@question("7.2 sample_action", points=1)
def test_gradients_reach_the_policy(student, rng):
    """Gradients flow into mean and log_std through the action, and through its log-probability in both ways."""
    mean, log_std, noise = policy_outputs(rng, (25, 2))
    for name, to_actions, to_log_probs in (("action", 1.0, 0.0), ("log-probability", 0.0, 1.0)):
        weights = [torch.tensor(rng.normal(size=size)) for size in ((25, 2), (25,))]
        weights = [to_actions * weights[0], to_log_probs * weights[1]]
        got = student.sample_gradients(mean, log_std, noise, *weights)
        slope = 1 - torch.tanh(mean + log_std.exp() * noise) ** 2  # of the squash
        squashed = torch.tanh(mean + log_std.exp() * noise)
        # log pi = -noise^2 / 2 - log_std - log(1 - tanh(u)^2) + const, and d/du log(1 - tanh(u)^2) = -2 tanh(u)
        to_u = weights[0] * slope + weights[1][:, None] * 2 * squashed
        expected = to_u, to_u * log_std.exp() * noise - weights[1][:, None]
        for part, gradient, right in zip(("mean", "log_std"), got, expected, strict=True):
            expect(gradient is not None, f"no gradient reaches {part} through the {name}", hint="Detach nothing.")
            expect_close(gradient, right, atol=1e-5, what=f"the gradient through the {name} to {part}",
                         hint="The log-probability is that of the action that was drawn: u depends on both.")  # fmt: skip


@question("7.3 temperature_loss", points=1)
def test_gradients_of_the_temperature(student, rng):
    """For any batch and target, loss and gradient are alpha times the excess of entropy; the policy sees nothing."""
    for target in (-3.0, 0.0, 1.5):
        log_probs, log_alpha = torch.tensor(rng.normal(size=30) - 0.5), torch.tensor(rng.normal())
        inputs = {"log_alpha": log_alpha, "log_probs": log_probs, "target_entropy": target}
        value, (to_alpha, to_policy) = student.input_gradients("temperature_loss", inputs, ["log_alpha", "log_probs"])
        expected = np.exp(float(log_alpha)) * (-float(log_probs.mean()) - target)
        expect_shape(value, (), axes="a scalar")
        expect_close(value, expected, atol=1e-6, what="the loss", hint="alpha, the exponential, times the excess.")
        expect(to_alpha is not None, "no gradient reaches log_alpha")
        expect_close(to_alpha, expected, atol=1e-6, what="the gradient to log_alpha")
        expect(to_policy is None, "a gradient reaches the policy through its log-probabilities",
               hint="The policy is not to lower this loss.")  # fmt: skip


def agent_numbers(reference, rng, **sizes):
    """Draw parameters for an agent; the slow critics are others than the fast ones."""
    numbers = reference.Sac(**sizes).numbers()
    return {name: np.asarray(0.5 * rng.normal(size=array.shape)) for name, array in numbers.items()}


def batch_of(rng, num=32, num_observations=3, num_actions=2):
    """Draw a batch, and noise for both states."""
    shapes = {"observation": (num, num_observations), "action": (num, num_actions), "reward": (num,),
              "next_observation": (num, num_observations)}  # fmt: skip
    batch = {name: torch.tensor(rng.normal(size=shape)) for name, shape in shapes.items()}
    batch["action"], batch["terminated"] = torch.tanh(batch["action"]), torch.tensor(rng.random(num) < 0.3)
    return batch, *torch.tensor(rng.normal(size=(2, num, num_actions)))


@question("7.4 sac_step", points=1)
def test_three_steps(student, reference, rng):
    """Three steps on drawn batches move every parameter as they should, and nothing else."""
    settings = {"num_observations": 3, "num_actions": 2, "hidden": [6], "gamma": 0.9, "lr": 0.01, "tau": 0.2}
    numbers = agent_numbers(reference, rng, **settings)
    agent, own = student.Sac(**settings), reference.Sac(**settings)
    agent.load(numbers)
    own.load(numbers)
    for _ in range(3):
        given = batch_of(rng)
        notes, expected = student.sac_step(agent, *given), reference.sac_step(own, *given)
        got, right = agent.numbers(), own.numbers()
        for part, hint in (
            ("critics", "The target is made with the slow critics and a new action in s'."),
            ("actor", "alpha times log-probability minus the lesser critic, after the critics have stepped."),
            ("log_alpha", "The log-probabilities are those of the actions in s."),
            ("slow_critics", "Once a step, after the critics."),
        ):
            for name in right:
                if name.split(".")[0] == part:
                    # a step is 0.01; a factor on a loss shifts Adam's steps by less than 1e-5
                    expect_close(got[name], right[name], atol=2e-5, what=f"the parameters of {part}", hint=hint)
        for name in ("q", "entropy", "alpha"):
            expect_close(notes[name], expected[name], atol=2e-4, what=name)


REACH, NEAR, NUM_STEPS = 0.35, 0.5, 450  # of the puck in one step, m; m; steps of training


def slide(x, action, middle):
    """Move the puck (N,): where it lands, what that pays, and whether it has fallen."""
    landed = x + REACH * action
    fallen = np.abs(landed) > 1
    return landed, np.where(fallen, 0.0, 1 - np.abs(landed - middle)), fallen


@question("7.4 sac_step", points=1)
def test_learns_to_stay_on_the_table(student, credit, rng, seed):
    """After 450 steps on 3,000 random transitions the puck is brought near to where it is paid most, and stays."""
    middle = rng.uniform(-0.4, 0.4)
    x, action = rng.uniform(-1, 1, (2, 3000))
    landed, reward, fallen = slide(x, action, middle)
    stored = {"observation": x[:, None], "action": action[:, None], "reward": reward,
              "next_observation": landed[:, None], "terminated": fallen}  # fmt: skip
    agent = student.Sac(1, 1, hidden=[32], gamma=0.9, lr=0.01, tau=0.05, alpha=0.1, seed=seed % 1000)
    history = student.train(agent, stored, NUM_STEPS, 128, seed % 1000)
    expect(all(np.isfinite(np.asarray(history[name])).all() for name in ("q", "entropy", "alpha")),
           "q, entropy or alpha is not a finite number")  # fmt: skip
    puck, alive = np.linspace(-0.95, 0.95, 39), np.ones(39, dtype=bool)
    for _ in range(20):
        chosen = np.asarray(agent.act(puck[:, None]), dtype=float)
        expect_shape(chosen, (39, 1), axes="(N, A)", what="the actions")
        expect(bool(np.isfinite(chosen).all()), "an action is not a finite number")
        puck, _, fallen = slide(puck, np.clip(chosen[:, 0], -1.0, 1.0), middle)
        alive &= ~fallen
    share = float(np.mean(alive & (np.abs(puck - middle) < NEAR)))
    threshold = THRESHOLDS["7.4 sac_step"]
    credit(linear(share, threshold["zero"], threshold["bound"]), measured=f"{share:.0%} of 39 pucks end near the place")
