"""Public tests of section 6: replay buffer, double-Q target, slow target network, a step of DQN."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import expect, expect_close, expect_shape, question


def walk(num_steps, num_envs):
    """Steps that are told by their state: 1, 2, 3 ...; the action is state % 5, the reward 10 state."""
    state = 1.0 + np.arange(num_steps * num_envs, dtype=float).reshape(num_steps, num_envs)
    return {
        "states": np.stack([state, -state], axis=-1), "actions": state.astype(int) % 5, "rewards": 10 * state,
        "next_states": np.stack([state + 0.5, -state - 0.5], axis=-1),
        "terminated": state % 3 == 0, "truncated": state % 2 == 0,
    }  # fmt: skip


def by_state(parts):
    """Sort the five columns by state."""
    expect(len(parts) == 5, "a kept step has not five parts", hint="State, action, reward, next state, flag.")
    expect_shape(parts[0], (None, 2), axes="(steps, O)", what="the kept states")
    order = np.argsort(np.asarray(parts[0])[:, 0])
    return [np.asarray(part)[order] for part in parts]


@question("6.1 replay_buffer", points=1)
def test_room_for_three(student):
    """Of four steps a buffer with room for three keeps the last three, each whole."""
    parts, _, num_added = student.replay_walk(3, walk(2, 2), 4, 0)
    expect_close(num_added, 4, what="num_added")
    states, actions, rewards, next_states, _ = by_state(parts)
    expect_close(states, [[2, -2], [3, -3], [4, -4]], what="the kept states",
                 hint="The caller uses its memory again: keep copies. The oldest makes room.")  # fmt: skip
    expect_close(actions, [2, 3, 4], what="the kept actions")
    expect_close(rewards, [20, 30, 40], what="the kept rewards")
    expect_close(next_states, [[2.5, -2.5], [3.5, -3.5], [4.5, -4.5]], what="the kept next states")


@question("6.1 replay_buffer", points=0.5)
def test_which_flag(student):
    """The flag says whether the step terminated; the clock does not matter."""
    parts, sample, _ = student.replay_walk(10, walk(3, 2), 32, 0)
    expect_close(by_state(parts)[4].astype(float), [0, 0, 1, 0, 0, 1], what="the flags of states 1 to 6",
                 hint="A state at which the clock ran out has a future.")  # fmt: skip
    shapes = [np.shape(part) for part in sample]
    expect(shapes == [(32, 2), (32,), (32,), (32, 2), (32,)], "a sample has other shapes than it should")


@question("6.2 double_dqn_target", points=1)
def test_one_chooses_the_other_judges(student):
    """One network chooses, the other judges; a terminated step is worth its reward."""
    online, target = torch.tensor([[3.0, 5.0], [3.0, 5.0]]), torch.tensor([[8.0, 2.0], [8.0, 2.0]])
    goals = student.double_dqn_target(torch.ones(2), online, target, torch.tensor([False, True]), 0.5)
    expect_shape(goals, (2,), axes="(B,)")
    expect_close(goals, [2.0, 1.0], atol=1e-6, what="the targets",  # 1 + 0.5 * 2, and 1
                 hint="The online network's favourite, the target network's opinion of it.")  # fmt: skip


def fill(network, value):
    """Give every parameter of a network one value."""
    network.load_state_dict({name: torch.full_like(p, value) for name, p in network.state_dict().items()})


def numbers(network):
    """All parameters of a network in one array."""
    return np.concatenate([np.asarray(p).ravel() for p in network.state_dict().values()])


@question("6.3 soft_update", points=0.5)
def test_a_quarter_of_the_way(student):
    """From 2 towards 6, a quarter of the way each time."""
    slow, fast = student.mlp((3, 4, 2)), student.mlp((3, 4, 2))
    fill(slow, 2.0)
    fill(fast, 6.0)
    for value in (3.0, 3.75, 4.3125):
        student.soft_update(slow, fast, 0.25)
        expect_close(numbers(slow), np.full(26, value), atol=1e-6, what="the slow network's parameters",
                     hint="(1 - tau) of the old and tau of the new, in place.")  # fmt: skip
    expect_close(numbers(fast), np.full(26, 6.0), atol=1e-6, what="the other network's parameters")


@question("6.4 dqn_step", points=0.5)
def test_a_step_brings_the_value_nearer(student):
    """One step returns Huber's loss and brings the values of the actions taken nearer to the targets."""
    online, target, optimiser = student.deep_q(2, 3, 1e-3)
    states, actions = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([2, 0])
    ended = torch.tensor([True, True])  # so the targets are the rewards
    batch = [states, actions, torch.tensor([0.5, 4.0]), states, ended]
    before = np.asarray(online(states))[[0, 1], [2, 0]]
    slow = numbers(target)
    loss = student.dqn_step(online, target, online, optimiser, batch, 0.9)
    error = np.abs(before - [0.5, 4.0])
    huber = np.where(error < 1, error**2 / 2, error - 0.5).mean()
    expect_close(loss, huber, atol=1e-5, what="the loss", hint="smooth_l1_loss of the actions taken.")
    after = np.asarray(online(states))[[0, 1], [2, 0]]
    expect(bool(np.all(np.abs(after - [0.5, 4.0]) < error)), "a value moved away from its target",
           hint="Zero the gradients, go backward, step.")  # fmt: skip
    expect_close(numbers(target), slow, atol=0, what="the target network's parameters")
