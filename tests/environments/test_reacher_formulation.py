"""The arm's task is three functions, and a student can replace them."""

from __future__ import annotations

import numpy as np
import pytest

from environments import reacher
from environments.reacher import Formulation, Reacher

FAR = np.array([0.5, 0.5])


def test_the_registered_task_by_hand():
    # the stretched arm: fingertip (0.9, 0), target 0.3 m above it: exp(-1)
    env = Reacher()
    seen, _ = env.reset(options={"qpos": (2 * np.pi, 1.5 * np.pi), "target_world": (0.1, 0.2)})
    np.testing.assert_allclose(seen, [0.0, -np.pi / 2, 0.1, 0.2], atol=1e-12)
    env.reset(options={"qpos": (0.0, 0.0), "target_world": (0.9, 0.3)})
    _, earned, terminated, _, info = env.step(np.zeros(2))
    assert earned == pytest.approx(np.exp(-1.0))
    assert not info["is_success"]
    env.reset(options={"qpos": (0.0, 0.0), "target_world": (0.9, 0.0)})
    _, earned, terminated, _, info = env.step(np.zeros(2))
    assert (earned, terminated) == (pytest.approx(1.0), False)
    assert info["is_success"]


def test_the_registered_formulation_answers_no_question_of_homework_1():
    # What a student must find (velocities, a price on torque, an end) is not lying about in the wheel.
    default = Formulation()
    pose, target = np.array([0.4, 1.1]), np.array([0.3, 0.6])
    np.testing.assert_array_equal(
        default.observe(pose, np.ones(2), target), default.observe(pose, np.zeros(2), target)
    )
    assert default.reward(FAR, target, np.ones(2)) == default.reward(FAR, target, np.zeros(2))
    assert default.done(FAR, np.zeros(2), FAR, 7, 100) == (False, False)
    assert not {"observe", "reward", "done"} & (set(dir(reacher)) | set(dir(reacher.reacher)))


def test_a_formulation_of_ones_own_is_asked_with_the_physics():
    calls = []

    def observe(qpos, qvel, target_world):
        calls.append(("observe", qpos, qvel, target_world))
        return [*qpos, 7.0]

    def reward(fingertip_world, target_world, torque):
        calls.append(("reward", fingertip_world, target_world, torque))
        return -3

    def done(fingertip_world, qvel, target_world, step, step_limit):
        calls.append(("done", step, step_limit))
        return np.bool_(False), step >= 2

    env = Reacher(formulation=Formulation(observe, reward, done), step_limit=9)
    assert env.observation_space.shape == (3,)
    env.reset(seed=0, options={"qpos": (0.1, 0.2), "target_world": FAR})
    calls.clear()
    observation, earned, terminated, truncated, _ = env.step(np.array([0.5, -1.0]))
    name, fingertip, target, torque = calls[0]
    assert name == "reward"
    np.testing.assert_array_equal(fingertip, env.physics.fingertip_position_world())
    np.testing.assert_array_equal(target, FAR)
    np.testing.assert_array_equal(torque, [1.5, -3.0])  # N m: half and all of the limit
    assert calls[1] == ("done", 1, 9)
    assert calls[2][0] == "observe"
    np.testing.assert_allclose(observation, [*env.physics.joint_angles(), 7.0])
    assert (earned, terminated, truncated) == (-3.0, False, False)
    assert env.step(np.zeros(2))[3] is True


def test_writing_into_the_arguments_does_not_move_the_arm():
    def vandal(qpos, qvel, target_world):
        qpos[:], qvel[:], target_world[:] = 9, 9, 9
        return np.zeros(1)

    env = Reacher(formulation=Formulation(observe=vandal))
    env.reset(options={"qpos": (0.1, 0.2), "target_world": FAR})
    np.testing.assert_allclose(env.physics.joint_angles(), [0.1, 0.2])
    np.testing.assert_array_equal(env.physics.target_position_world(), FAR)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("observe", np.zeros((2, 1)), r"observe: returned shape \(2, 1\), expected \(O,\), one row"),
        ("observe", [np.nan], r"observe: returned \[nan\], expected finite numbers"),
        ("reward", np.zeros(2), r"reward: returned array.*, expected one finite number"),
        ("reward", np.inf, r"reward: returned inf, expected one finite number"),
        ("reward", None, r"reward: returned None, expected one finite number"),
        ("done", False, r"done: returned False, expected two booleans \(terminated, truncated\)"),
        ("done", (0.0, 1.0), r"done: returned \(0.0, 1.0\), expected two booleans"),
    ],
)
def test_a_wrong_answer_is_named(part, value, message):
    with pytest.raises(ValueError, match=message):
        env = Reacher(formulation=Formulation(**{part: lambda *_: value}))
        env.reset(seed=0)
        env.step(np.zeros(2))


def test_targets_are_uniform_over_the_reachable_annulus():
    rng = np.random.default_rng(0)
    radius = np.linalg.norm([reacher.reacher.draw_target(rng) for _ in range(4000)], axis=1)
    low, high = reacher.TARGET_RADIUS_RANGE
    assert low <= radius.min() < low + 0.02
    assert high - 0.01 < radius.max() <= high
    share = (radius**2 - low**2) / (high**2 - low**2)  # uniform by area
    np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)
    assert abs(reacher.LINK_LENGTHS[0] - reacher.LINK_LENGTHS[1]) < low
    assert high < sum(reacher.LINK_LENGTHS)


def test_a_classical_controller_reaches():
    env = Reacher()
    for seed in range(5):
        env.reset(seed=seed)
        ended = False
        while not ended:
            arm = env.physics
            qpos, qvel = arm.joint_angles(), arm.joint_velocities()
            error = arm.target_position_world() - arm.fingertip_position_world()
            torque = reacher.jacobian(qpos).T @ (25 * error) - 1.5 * qvel
            action = np.clip(torque / reacher.TORQUE_LIMIT, -1, 1)
            _, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        assert not terminated
        assert info["distance"] < 0.1


@pytest.mark.parametrize("option", ["qpos", "qvel", "target_world"])
def test_start_options_are_checked(option):
    with pytest.raises(ValueError, match=rf"reset option {option}: got shape \(3,\), expected \(2,\)"):
        Reacher().reset(options={option: (1, 2, 3)})
