"""Public tests of section 8: relabelling, and the policy for sparse goals on twenty starts."""

from __future__ import annotations

import gymnasium
import numpy as np

from autograder.testing import expect, expect_close, expect_shape, linear, question


def line(student):
    """One episode on a line: the puck was at 0, 1, 2, 3 and was asked to be at 9."""
    places = np.arange(4.0)[None, :, None]
    episodes = student.Episodes()
    episodes.add(
        np.array([3]), observation=np.concatenate([places, places], axis=2), achieved_goal=places,
        desired_goal=np.full((1, 4, 1), 9.0), action=np.full((1, 3, 1), 1.0), reward=np.full((1, 3), -1.0),
        terminated=np.zeros((1, 3), dtype=bool),
    )  # fmt: skip
    return episodes


def arrived(achieved, desired, info):
    """Pay 0 at the goal, -1 elsewhere."""
    return np.where(np.abs(np.asarray(achieved) - np.asarray(desired))[..., 0] < 0.5, 0.0, -1.0)


@question("8.1 relabel", points=1)
def test_the_step_worked_by_hand(student, rng):
    """The step from 1 to 2: its goals of hindsight are 2 and 3, and pay what they should."""
    ids = np.zeros(400, dtype=int), np.ones(400, dtype=int)
    batch = student.relabel(line(student), *ids, 10**9, arrived, np.random.default_rng(rng.integers(2**31)))
    goals = batch["observation"]["desired_goal"]
    expect_shape(goals, (400, 1), axes="(B, G)", what="the goals")
    expect(set(np.unique(goals)) == {2.0, 3.0}, "the goals are not 2 and 3",
           hint="Rows t + 1 to the last of the same episode; the last is `lengths`.")  # fmt: skip
    # of 400 drawn evenly from two: 200 each, standard deviation 10
    expect(abs(np.sum(goals == 2.0) - 200) < 60, "2 and 3 are not drawn alike")
    after = batch["next_observation"]["desired_goal"]
    expect_close(after, goals, atol=0, what="the next observation's goals",
                 hint="The policy is told the goal in both observations.")  # fmt: skip
    expect_close(batch["reward"], np.where(goals[:, 0] == 2.0, 0.0, -1.0), atol=0, what="the rewards",
                 hint="What is paid depends on where the step led to.")  # fmt: skip
    expect_close(batch["observation"]["observation"], np.ones((400, 2)), atol=0, what="the observations")
    expect(not np.any(batch["terminated"]), "a step that arrived terminates the episode",
           hint="This environment goes on at the goal; only the goal and the reward change.")  # fmt: skip


@question("8.2 sparse_reach", points=1)
def test_reaches_goals(student, credit):
    """The policy in the file gives two forces in [-1, 1], and brings the puck to most of twenty goals."""
    policy = student.load_policy("sparse_reach.npz")
    envs = gymnasium.make_vec("robolearn/PointMass-v0", num_envs=20, vectorization_mode="vector_entry_point")
    observation, info = envs.reset(seed=1)
    for _ in range(60):
        told = np.concatenate([observation["observation"], observation["desired_goal"]], axis=1)
        actions = np.asarray(policy.act(told), dtype=float)
        expect_shape(actions, (20, 2), axes="(N, A)", what="the actions")
        expect(bool(np.isfinite(actions).all()), "an action is not a finite number")
        expect(float(np.abs(actions).max()) <= 1.0, "an action is beyond [-1, 1]", hint="tanh, or clip.")
        observation, _, _, _, info = envs.step(actions)
    share = float(np.mean(info["is_success"]))
    # a policy that reaches 0.97 fails on more than five of twenty twice in 100,000 times
    credit(linear(share, 0.2, 0.75), measured=f"{share:.0%} of 20 episodes end at the goal")
