"""The puck obeys its formulas, and its rewards can be relabelled."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from environments.point_mass import (
    ARENA_HALF_WIDTH,
    CONTROL_PERIOD,
    DAMPING,
    FORCE_LIMIT,
    GOAL_RADIUS,
    MASS,
    NUM_SUBSTEPS,
    PointMass,
)


def rollout(env, num_steps, seed=0, **options):
    """Random actions; return observations (one more than steps), rewards, infos."""
    rng = np.random.default_rng(seed)
    observations, rewards, infos = [env.reset(seed=seed, options=options)[0]], [], []
    for _ in range(num_steps):
        observation, reward, _, _, info = env.step(rng.uniform(-1, 1, 2))
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
    return observations, rewards, infos


def test_a_constant_force_moves_the_puck_as_newton_says():
    env = PointMass()
    env.reset(seed=0, options={"qpos": (0, 0), "qvel": (0.3, -0.2)})
    velocity, position, step = np.array([0.3, -0.2]), np.zeros(2), CONTROL_PERIOD / NUM_SUBSTEPS
    force = FORCE_LIMIT * np.array([0.5, -0.25])
    for _ in range(8 * NUM_SUBSTEPS):  # semi-implicit Euler with implicit damping, from the constants
        velocity = (velocity + step * force / MASS) / (1 + step * DAMPING / MASS)
        position = position + step * velocity
    for _ in range(8):
        env.step([0.5, -0.25])
    np.testing.assert_allclose(env.state, np.concatenate([position, velocity]), rtol=1e-12)


def test_the_walls_hold_the_puck():
    env = PointMass(step_limit=200)
    env.reset(seed=0, options={"qpos": (0.9, 0), "qvel": (2.0, 0)})
    reached = [env.step([1, 0])[0]["achieved_goal"][0] for _ in range(60)]
    assert max(reached) < ARENA_HALF_WIDTH + 0.05
    assert reached[-1] == pytest.approx(ARENA_HALF_WIDTH, abs=1e-3)


@pytest.mark.parametrize("name", ["robolearn/PointMass-v0", "robolearn/PointMassDense-v0"])
def test_compute_reward_of_what_was_seen_is_the_reward_that_was_paid(name):
    env = gymnasium.make(name).unwrapped
    observations, rewards, _ = rollout(env, 60, qpos=(0, 0), goal_world=(0.02, 0.0))
    reached = np.array([seen["achieved_goal"] for seen in observations[1:]])
    asked = np.array([seen["desired_goal"] for seen in observations[1:]])
    np.testing.assert_array_equal(env.compute_reward(reached, asked, {}), rewards)
    assert len(set(rewards)) > 1
    assert env.compute_reward(reached[0], asked[0], {}) == rewards[0]
    assert type(env.compute_reward(reached[0], asked[0], {})) is float


def test_hindsight_makes_a_failed_episode_succeed():
    env = PointMass()
    observations, rewards, infos = rollout(env, 60, qpos=(-0.9, -0.9), goal_world=(0.9, 0.9))
    assert set(rewards) == {-1.0} and not any(info["is_success"] for info in infos)
    reached = np.array([seen["achieved_goal"] for seen in observations[1:]])
    relabelled = env.compute_reward(reached, np.broadcast_to(reached[-1], reached.shape), [{}] * 60)
    assert relabelled.shape == (60,) and relabelled[-1] == 0.0 and relabelled[0] == -1.0
    batched = env.compute_reward(reached[None].repeat(3, axis=0), reached[None, -1:], {})
    np.testing.assert_array_equal(batched, np.stack([relabelled] * 3))


def test_sparse_pays_inside_the_radius_only_and_dense_the_distance():
    goal = np.zeros((2, 2))
    reached = np.array([[GOAL_RADIUS - 1e-9, 0.0], [0.0, GOAL_RADIUS]])
    np.testing.assert_array_equal(PointMass().compute_reward(reached, goal, {}), [0.0, -1.0])
    dense = PointMass(reward="dense").compute_reward([[0.3, 0.4]], [[0.0, 0.0]], {})
    np.testing.assert_allclose(dense, [-0.5])  # 3-4-5


def test_a_simple_controller_reaches_every_goal_and_chance_hardly_any():
    envs = gymnasium.make_vec("robolearn/PointMass-v0", 64, vectorization_mode="vector_entry_point")
    rng = np.random.default_rng(0)
    success = {}
    for name in ("steered", "random"):
        observations, _ = envs.reset(seed=0)
        for _ in range(60):
            error = observations["desired_goal"] - observations["achieved_goal"]
            actions = np.clip(4.0 * error - 2.5 * observations["observation"][:, 2:], -1, 1)
            actions = actions if name == "steered" else rng.uniform(-1, 1, (64, 2))
            observations, _, terminated, truncated, infos = envs.step(actions)
        assert truncated.all() and not terminated.any()
        success[name] = infos["is_success"].mean()
    assert success["steered"] == 1.0
    assert success["random"] < 0.1  # 0.00 of 200 measured


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda env: PointMass(reward="shaped"), r"reward: got 'shaped', expected one of \('sparse', 'dense'\)"),
        (
            lambda env: env.compute_reward(np.zeros((5, 3)), np.zeros((5, 2)), {}),
            r"compute_reward: achieved_goal: got shape \(5, 3\), expected \(\.\.\., 2\)",
        ),
        (
            lambda env: env.compute_reward(np.zeros(2), 0.5, {}),
            r"compute_reward: desired_goal: got shape \(\), expected \(\.\.\., 2\)",
        ),
        (
            lambda env: env.reset(options={"goal_world": (1.5, 0)}),
            r"reset option goal_world: got \[1.5 0. \], expected a place in the arena, \[-1, 1\] m along each axis",
        ),
        (
            lambda env: env.reset(options={"qpos": (0, np.nan)}),
            r"reset option qpos: got \[ 0. nan\], expected finite",
        ),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(PointMass())
