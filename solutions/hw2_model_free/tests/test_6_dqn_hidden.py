"""Hidden tests of section 6: rings of every size, gradients, networks that share nothing, a world learned to the end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


def walk(rng, num_steps, num_envs, size=3):
    """Draw a walk whose steps are told by the first number of their state."""
    shape = (num_steps, num_envs)
    states = rng.normal(size=(*shape, size))
    states[..., 0] = np.arange(num_steps * num_envs).reshape(shape)
    return {
        "states": states, "actions": rng.integers(7, size=shape), "rewards": rng.normal(size=shape),
        "next_states": rng.normal(size=(*shape, size)),
        "terminated": rng.random(shape) < 0.3, "truncated": rng.random(shape) < 0.3,
    }  # fmt: skip


NAMES = ("states", "actions", "rewards", "next_states", "terminated")


def expect_last(parts, steps, capacity, what):
    """The five columns hold the last `capacity` steps of a walk, in whatever order."""
    expect(len(parts) == 5, "a kept step has not five parts", hint="State, action, reward, next state, flag.")
    kept = min(capacity, steps["rewards"].size)
    expect_shape(parts[0], (kept, steps["states"].shape[-1]), axes="(steps, O)", what=f"the kept states {what}",
                 hint="No more than capacity.")  # fmt: skip
    order = np.argsort(np.asarray(parts[0])[:, 0], kind="stable")
    for name, part in zip(NAMES, parts, strict=True):
        column = steps[name].reshape(steps["rewards"].size, *steps[name].shape[2:])[-kept:]
        expect(len(part) == kept, f"not as many {name} as steps")
        expect_close(np.asarray(part)[order].astype(float), column.astype(float), atol=1e-6, what=f"the kept {name} {what}",
                     hint="Each step whole, the newest in the place of the oldest.")  # fmt: skip


@question("6.1 replay_buffer", points=1)
def test_rings_of_many_sizes(student, rng):
    """Buffers of every size keep the last steps, whether or not the number of environments divides it."""
    for capacity, num_steps, num_envs in ((8, 7, 3), (1, 5, 1), (6, 11, 2), (50, 4, 5), (20, 4, 5), (16, 40, 3)):
        steps = walk(rng, num_steps, num_envs)
        parts, _, num_added = student.replay_walk(capacity, steps, 4, 0)
        expect_last(parts, steps, capacity, "in a ring")
        expect_close(num_added, num_steps * num_envs, what="num_added", hint="It counts on when the ring is full.")


@question("6.1 replay_buffer", points=0.5)
def test_more_environments_than_room(student, rng):
    """Where one step of all environments is more than the buffer holds, the last of them stay."""
    steps = walk(rng, 3, 9)
    parts, _, num_added = student.replay_walk(4, steps, 4, 0)
    expect_last(parts, steps, 4, "in a small ring")
    expect_close(num_added, 27, what="num_added")


@question("6.1 replay_buffer", points=1)
def test_samples_hold_together(student, rng, seed):
    """Every step that is drawn is one of those that were added, with its own action, reward, next state and flag."""
    steps = walk(rng, 30, 4)
    _, sample, _ = student.replay_walk(1000, steps, 500, seed % 10_000)
    expect(len(sample) == 5 and np.shape(sample[0]) == (500, 3), "a sample has another shape than it should")
    which = np.asarray(sample[0])[:, 0].astype(int)
    expect(bool(np.all((which >= 0) & (which < 120))), "a state was drawn that was never added")
    for name, part in zip(NAMES, sample, strict=True):
        column = steps[name].reshape(120, *steps[name].shape[2:])[which]
        expect_close(np.asarray(part).astype(float), column.astype(float), atol=1e-6, what=f"the drawn {name}",
                     hint="Copies, and the flag that says that there is no future.")  # fmt: skip
    expect(len(set(which)) > 100, "most steps are never drawn")


@question("6.2 double_dqn_target", points=1)
def test_many_steps(student, rng):
    """For many steps and actions, of either precision, the chosen action's worth is the target network's."""
    for num, num_actions, dtype in ((64, 5, torch.float64), (33, 2, torch.float32), (1, 9, torch.float64)):
        online, target = rng.normal(size=(num, num_actions)), rng.normal(size=(num, num_actions))
        rewards, ended = rng.normal(size=num), rng.random(num) < 0.4
        expected = rewards + 0.97 * np.where(ended, 0.0, target[np.arange(num), online.argmax(axis=1)])
        tensors = [torch.tensor(x, dtype=dtype) for x in (rewards, online, target)]
        goals = student.double_dqn_target(*tensors, torch.tensor(ended), 0.97)
        expect_shape(goals, (num,), axes="(B,)")
        expect_close(goals, expected, atol=1e-5, what="the targets", hint="Each row has its own chosen action.")


@question("6.2 double_dqn_target", points=1)
def test_no_gradient(student, rng):
    """No gradient flows through the target, into either network."""
    inputs = {"rewards": torch.ones(1).double(), "online_next_q": torch.tensor(rng.normal(size=(1, 4))),
              "target_next_q": torch.tensor(rng.normal(size=(1, 4))), "terminated": torch.tensor([False]),
              "gamma": 0.9}  # fmt: skip
    wrt = ["online_next_q", "target_next_q", "rewards"]
    value, gradients = student.input_gradients("double_dqn_target", inputs, wrt)
    chosen = int(np.argmax(inputs["online_next_q"][0]))
    expect_close(value, [1.0 + 0.9 * float(inputs["target_next_q"][0, chosen])], atol=1e-6, what="the target")
    for gradient in gradients:
        expect(gradient is None or not np.any(np.asarray(gradient)), "a gradient flows through the target",
               hint="A target that is pulled towards the value is no target: detach.")  # fmt: skip


def draw(rng, network, scale=1.0):
    """Give a network random parameters; return them in one array."""
    state = {name: torch.tensor(scale * rng.normal(size=p.shape), dtype=p.dtype) for name, p in network.state_dict().items()}
    network.load_state_dict(state)
    return np.concatenate([p.numpy().ravel() for p in state.values()])


def numbers(network):
    """All parameters of a network in one array."""
    return np.concatenate([np.asarray(p).ravel() for p in network.state_dict().values()])


@question("6.3 soft_update", points=0.75)
def test_follows(student, rng):
    """The slow network follows one that moves, weights and biases alike, and leaves it as it is."""
    slow, fast = student.mlp((5, 8, 8, 3)), student.mlp((5, 8, 8, 3))
    where = draw(rng, slow)
    for tau in (0.3, 0.01, 0.0, 1.0, 0.5):
        goal = draw(rng, fast)
        student.soft_update(slow, fast, tau)
        where = (1 - tau) * where + tau * goal
        expect_close(numbers(slow), where, atol=1e-5, what="the slow network's parameters", hint="Every parameter.")
        expect_close(numbers(fast), goal, atol=0, what="the other network's parameters")


@question("6.3 soft_update", points=0.75)
def test_shares_nothing(student, rng):
    """After any update, a full one included, the slow network stays where it is when the other one learns on."""
    slow, fast = student.mlp((2, 6, 2)), student.mlp((2, 6, 2))
    for tau in (1.0, 0.5):
        draw(rng, fast)
        student.soft_update(slow, fast, tau)
        before = numbers(slow)
        draw(rng, fast)  # in place, as an optimiser does
        expect_close(numbers(slow), before, atol=0, what="the slow network's parameters after the other one moved",
                     hint="Copy numbers, not memory.")  # fmt: skip


def random_world(rng, num_states=12, num_actions=3, gamma=0.9):
    """Draw a deterministic world: next states, rewards, ends, and the optimal values, (S, A) each."""
    shape = (num_states, num_actions)
    following, rewards, ended = rng.integers(num_states, size=shape), rng.normal(size=shape), rng.random(shape) < 0.15
    values = np.zeros(shape)
    for _ in range(500):
        values = rewards + gamma * np.where(ended, 0.0, values.max(axis=1)[following])
    return following, rewards, ended, values


def everything(following, rewards, ended):
    """A batch of every action in every state, which are told by a one."""
    eye = torch.eye(len(rewards))
    states, actions = (torch.tensor(x.ravel()) for x in np.indices(rewards.shape))
    return [eye[states], actions, torch.tensor(rewards.ravel(), dtype=torch.float32),
            eye[torch.tensor(following.ravel())], torch.tensor(ended.ravel())]  # fmt: skip


@question("6.4 dqn_step", points=0.75)
def test_steps_are_the_right_ones(student, reference, rng):
    """Six steps, with either network choosing, move the online network as they should and no other."""
    online, target, optimiser = student.deep_q(12, 3, 1e-3)
    ours = reference.deep_q(12, 3, 1e-3)
    for network, own in zip((online, target), ours[:2], strict=True):
        draw(rng, network, 0.3)
        own.load_state_dict(network.state_dict())
    slow = numbers(target)
    for k in range(6):
        batch = everything(*random_world(rng)[:3])
        loss = student.dqn_step(online, target, (online, target)[k % 2], optimiser, batch, 0.9)
        expected = reference.dqn_step(ours[0], ours[1], ours[k % 2], ours[2], batch, 0.9)
        expect_close(loss, expected, rtol=1e-3, atol=1e-5, what="the loss",
                     hint="The selector chooses the next action, the target network judges it.")  # fmt: skip
        expect_close(numbers(online), numbers(ours[0]), atol=2e-4, what="the online network's parameters")
    expect_close(numbers(target), slow, atol=0, what="the target network's parameters",
                 hint="No gradient flows into the target network.")  # fmt: skip


@question("6.4 dqn_step", points=0.75)
def test_learns_a_small_world(student, rng):
    """In 500 steps on a world of twelve states the values come close to the optimal ones."""
    following, rewards, ended, values = random_world(rng)
    online, target, optimiser = student.deep_q(12, 3, 3e-3)
    batch = everything(following, rewards, ended)
    for k in range(500):
        student.dqn_step(online, target, online, optimiser, batch, 0.9)
        if k % 10 == 9:
            target.load_state_dict(online.state_dict())
    learned = np.asarray(online(torch.eye(12)))
    expect_shape(learned, (12, 3), axes="(S, A)", what="the values")
    error = np.sqrt(np.mean((learned - values) ** 2) / np.mean(values**2))
    expect(error < THRESHOLDS["6.4 dqn_step"]["bound"], "after 500 steps the values are far from the optimal ones",
           hint="Are the pieces in the right places? Print the loss of your own run.")  # fmt: skip
