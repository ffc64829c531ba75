"""Rolls out handed-in quadruped policies on the grader's own robots."""

from __future__ import annotations

import gymnasium
import numpy as np

from autograder.testing import expect, expect_shape

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
