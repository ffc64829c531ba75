"""Rolls out handed-in quadruped policies on the grader's own robots."""

from __future__ import annotations

import gymnasium
import numpy as np

from autograder.testing import expect, expect_shape
from environments.quadruped import lying_poses

NUM_STEPS = 249  # an episode of 250, but for the last step, after which it begins anew
AFTER_A_FALL = 1.0  # m/s, the error that counts for the rest of an episode


def robots(name, num_robots):
    """Make robots that step together."""
    return gymnasium.make_vec(
        f"robolearn/{name}", num_envs=num_robots, vectorization_mode="vector_entry_point", autoreset_mode="SameStep"
    )


def act(policy, observation):
    """Ask the policy for everybody's action, in one call."""
    actions = policy.act(observation)
    expect_shape(actions, (len(observation), 12), axes="(N, A)", what="the actions")
    actions = np.asarray(actions, dtype=np.float64)
    expect(bool(np.isfinite(actions).all()), "an action is not finite")
    return np.clip(actions, -1.0, 1.0)


def track(policy, name, seed, num_robots, command=None):
    """Let robots follow their commands for 5 s.

    Args:
        policy: what was handed in.
        name: of the environment.
        seed: of the episodes.
        num_robots: N.
        command: (3,), one for all; by default the environment draws, a new one after 2.5 s.

    Returns:
        (T, N) distance between velocity and command in the plane, m/s, 1 from a fall on; and the share of robots
        that fell.
    """
    envs = robots(name, num_robots)
    observation, _ = envs.reset(seed=seed, options={} if command is None else {"command": command})
    fallen, errors = np.zeros(num_robots, dtype=bool), []
    for _ in range(NUM_STEPS):
        wanted = observation[:, 9:11]
        observation, _, terminated, _, infos = envs.step(act(policy, observation))
        fallen |= terminated
        errors.append(np.where(fallen, AFTER_A_FALL, np.linalg.norm(wanted - infos["velocity_body"], axis=1)))
    envs.close()
    return np.array(errors), float(fallen.mean())


def rise(policy, rng, num_robots, on_back):
    """Let robots get up for 5 s; return the share of them that stands quietly at the end.

    Args:
        policy: what was handed in.
        rng: draws the poses.
        num_robots: N.
        on_back: whether they lie on their backs or on their bellies.
    """
    poses = lying_poses()
    upright = 1 - 2 * (poses[:, 4] ** 2 + poses[:, 5] ** 2)  # cosine of the tilt
    poses = rng.permutation(poses[(upright < 0) == on_back])[:num_robots]
    envs = robots("QuadrupedRecovery-v0", num_robots)
    observation, _ = envs.reset(seed=int(rng.integers(2**31)))
    for row, pose in enumerate(poses):
        mask = np.arange(num_robots) == row
        observation, _ = envs.reset(options={"qpos": pose, "reset_mask": mask})
    for _ in range(NUM_STEPS):
        observation, _, _, _, infos = envs.step(act(policy, observation))
    envs.close()
    return float(infos["is_success"].mean())
