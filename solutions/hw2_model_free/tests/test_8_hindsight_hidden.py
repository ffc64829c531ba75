"""Hidden tests of section 8: episodes of many lengths, other rewards, and the policy on a hundred other starts."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import numpy as np

from autograder.testing import expect, expect_close, expect_shape, linear, question

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())
NUM, STEPS, GOAL = 6, 8, 3  # episodes, steps of the longest, numbers in a goal


def stored(student, rng):
    """Episodes of 1 to 8 steps in which every achieved goal says where it is from: (episode, row, a random number).

    Rows beyond the end say so: their episode is -1.
    """
    lengths = np.array([8, 1, 5, 3, 8, 2])
    rows = np.arange(STEPS + 1)
    achieved = np.zeros((NUM, STEPS + 1, GOAL))
    achieved[..., 0] = np.where(rows <= lengths[:, None], np.arange(NUM)[:, None], -1)
    achieved[..., 1], achieved[..., 2] = rows, rng.normal(size=(NUM, STEPS + 1))
    desired = np.broadcast_to(100.0 + rng.normal(size=(NUM, 1, GOAL)), achieved.shape).copy()
    arrays = {
        "observation": rng.normal(size=(NUM, STEPS + 1, 4)), "achieved_goal": achieved, "desired_goal": desired,
        "action": rng.normal(size=(NUM, STEPS, 2)), "reward": rng.normal(size=(NUM, STEPS)),
        "terminated": np.arange(STEPS) == lengths[:, None] - 1,
    }  # fmt: skip
    arrays["terminated"][::2] = False  # these were truncated
    episodes = student.Episodes()
    episodes.add(lengths, **arrays)
    return episodes, lengths, arrays


def slanted(achieved, desired, info):
    """A reward that shows both of its goals: nobody can guess it."""
    achieved, desired = np.asarray(achieved, dtype=float), np.asarray(desired, dtype=float)
    return np.sum(achieved * [0.3, -1.7, 0.9], axis=-1) - np.sum(desired * [2.1, 0.4, -0.6], axis=-1)


def relabelled(student, rng, k, num=4000):
    """Relabel steps drawn from all episodes; return the batch, where they are from, and what was stored."""
    episodes, lengths, arrays = stored(student, rng)
    episode_ids = rng.integers(NUM, size=num)
    step_ids = rng.integers(lengths[episode_ids])
    own = np.random.default_rng(rng.integers(2**31))
    batch = student.relabel(episodes, episode_ids, step_ids, k, slanted, own)
    expect_shape(batch["observation"]["desired_goal"], (num, GOAL), axes="(B, G)", what="the goals")
    return batch, episode_ids, step_ids, lengths[episode_ids], arrays


@question("8.1 relabel", points=1)
def test_goals_come_from_the_future_of_the_same_episode(student, rng):
    """In episodes of many lengths, each goal of hindsight was reached later in its own episode, all alike likely."""
    batch, episode_ids, step_ids, lengths, _ = relabelled(student, rng, k=10**9)
    goals = np.asarray(batch["observation"]["desired_goal"])
    expect(bool(np.all(goals[:, 0] != -1)), "a goal is from beyond the end of its episode",
           hint="Episodes differ in length.")  # fmt: skip
    expect(bool(np.all(goals[:, 0] == episode_ids)), "a goal is from another episode")
    expect(bool(np.all(goals[:, 1] > step_ids)), "a goal is not from after its step",
           hint="Row t is where the step began: it had been reached before.")  # fmt: skip
    # where three or more rows follow, the place among them is even in (0, 1]: mean of (row - t - 1/2) / rest is 1/2
    rest = lengths - step_ids
    place = ((goals[:, 1] - step_ids - 0.5) / rest)[rest >= 3]
    # standard deviation of the mean at most 0.29 / sqrt(1000) = 0.009, of the spread less
    expect(abs(place.mean() - 0.5) < 0.05 and abs(place.std() - 0.28) < 0.05, "the rows that follow are not alike likely",
           hint="rng.integers leaves out its upper bound.")  # fmt: skip
    expect(bool(np.any(goals[:, 1] == lengths)), "the last row of an episode is never a goal",
           hint="rng.integers leaves out its upper bound.")  # fmt: skip


@question("8.1 relabel", points=1)
def test_k_of_k_plus_one(student, rng):
    """k of k + 1 transitions get a goal of hindsight, drawn anew for each; with k = 0 none does."""
    for k in (0, 1, 4):
        batch, episode_ids, step_ids, _, arrays = relabelled(student, rng, k)
        own = arrays["desired_goal"][episode_ids, step_ids]
        kept = np.all(np.asarray(batch["observation"]["desired_goal"]) == own, axis=1)
        share = float(1 - kept.mean())
        # 4,000 draws: standard deviation at most 0.008
        expect(abs(share - k / (k + 1)) < 0.05, "another share of transitions than k of k + 1 was relabelled",
               hint="k goals of hindsight for each true one.")  # fmt: skip
        expect(k == 0 or 0 < kept[:400].mean() < 1, "the first of a batch are all alike",
               hint="Each transition draws for itself.")  # fmt: skip


@question("8.1 relabel", points=1)
def test_rewards_are_paid_anew(student, rng):
    """Every reward is the environment's, for where the step led to and the goal that the observation tells."""
    batch, episode_ids, step_ids, _, arrays = relabelled(student, rng, k=2)
    goals = np.asarray(batch["observation"]["desired_goal"])
    expect_close(batch["next_observation"]["desired_goal"], goals, atol=0, what="the next observation's goals",
                 hint="Both observations are told the same goal.")  # fmt: skip
    after = arrays["achieved_goal"][episode_ids, step_ids + 1]
    hindsight = np.any(goals != arrays["desired_goal"][episode_ids, step_ids], axis=1)
    expect_shape(batch["reward"], (len(goals),), axes="(B,)", what="the rewards")
    rewards = np.asarray(batch["reward"])
    expect_close(rewards[hindsight], slanted(after, goals, {})[hindsight], atol=1e-9, what="the rewards of hindsight",
                 hint="compute_reward, with what the step achieved and the goal that is told now.")  # fmt: skip
    kept = rewards[~hindsight]
    recorded = arrays["reward"][episode_ids, step_ids][~hindsight]
    anew = slanted(after, goals, {})[~hindsight]
    right = np.isclose(kept, anew, atol=1e-9) | np.isclose(kept, recorded, atol=1e-9)
    expect(bool(right.all()), "a reward for a true goal is neither the stored nor the recomputed one")


@question("8.1 relabel", points=1)
def test_nothing_else_changes(student, rng):
    """What the puck saw, achieved and did, and how it ended, stays; and so does what is stored."""
    episodes, lengths, arrays = stored(student, rng)
    episode_ids = rng.integers(NUM, size=300)
    step_ids = rng.integers(lengths[episode_ids])
    for _ in range(2):  # the second time shows what the first has overwritten
        own = np.random.default_rng(rng.integers(2**31))
        batch = student.relabel(episodes, episode_ids, step_ids, 4, slanted, own)
        for name, offset in (("observation", 0), ("next_observation", 1)):
            for part in ("observation", "achieved_goal"):
                expect_close(batch[name][part], arrays[part][episode_ids, step_ids + offset], atol=0,
                             what=f"{part} of {name}",
                             hint="At the time, nobody knew where it would end: only the goal is told anew.")  # fmt: skip
        for name in ("action", "terminated"):
            expect_close(np.asarray(batch[name], dtype=float), arrays[name][episode_ids, step_ids].astype(float), atol=0,
                         what=name, hint="Whether an episode terminates is up to the environment.")  # fmt: skip
    kept = episodes.arrays
    for name in ("desired_goal", "achieved_goal", "observation", "reward"):
        expect_close(kept[name], arrays[name], atol=0, what=f"the stored {name}", hint="Relabel a copy.")


@question("8.2 sparse_reach", points=2)
def test_reaches_other_goals(student, credit, seed):
    """From a hundred other starts to a hundred other goals, the puck is within 5 cm at the end of three seconds."""
    policy = student.load_policy("sparse_reach.npz")
    envs = gymnasium.make_vec("robolearn/PointMass-v0", num_envs=100, vectorization_mode="vector_entry_point")
    observation, info = envs.reset(seed=seed)
    for _ in range(60):
        told = np.concatenate([observation["observation"], observation["desired_goal"]], axis=1)
        actions = np.asarray(policy.act(told), dtype=float)
        expect_shape(actions, (100, 2), axes="(N, A)", what="the actions")
        expect(bool(np.isfinite(actions).all()), "an action is not a finite number")
        observation, _, _, _, info = envs.step(np.clip(actions, -1.0, 1.0))
    share, threshold = float(np.mean(info["is_success"])), THRESHOLDS["8.2 sparse_reach"]
    credit(linear(share, threshold["zero"], threshold["bound"]), measured=f"{share:.0%} of 100 episodes end at the goal")
