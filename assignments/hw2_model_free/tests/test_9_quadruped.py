"""Public tests of section 9: the reward's terms by hand; policies of the right shape that do as told."""

from __future__ import annotations

import gymnasium
import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question
from environments.quadruped import lying_poses

NAMES = ("velocity", "yaw_rate", "bounce", "tumbling", "tilt", "joint_speed", "action_change")


def one_robot(**changes):
    """One robot that stands level and still and is told to, with some of it changed."""
    still = {
        "velocity": np.zeros((1, 3)), "turn": np.zeros((1, 3)), "gravity": np.array([[0.0, 0.0, -1.0]]),
        "speeds": np.zeros((1, 12)), "change": np.zeros((1, 12)), "command": np.zeros((1, 3)),
        "width": 0.5, "iteration": 0,
    }  # fmt: skip
    return {**still, **changes}


@question("9.1 reward_terms", points=1)
def test_by_hand(student):
    """On the command it earns 1 and 0.5; half a metre a second off 0.42; hopping costs 0.3 v²."""
    terms = student.reward_terms(**one_robot())
    expect(isinstance(terms, dict) and sorted(terms) == sorted(NAMES), f"is no dict of {', '.join(NAMES)}")
    for name in NAMES:
        expect_shape(terms[name], (1,), axes="(N,)", what=name)
    expect_close(terms["velocity"], [1.0], atol=1e-6, what="velocity, on the command",
                 hint="K(0) is -1/4, a cost.")  # fmt: skip
    expect_close(terms["yaw_rate"], [0.5], atol=1e-6, what="yaw_rate, on the command")
    off = student.reward_terms(**one_robot(command=np.array([[0.3, -0.4, 0.0]])))
    expect_close(off["velocity"], [0.419974], atol=1e-5, what="velocity, 0.5 m/s off",
                 hint="The norm of the error in the plane, times 2 / width, goes into K.")  # fmt: skip
    hopping = one_robot(velocity=np.array([[0.0, 0.0, 2.0]]))
    before = student.reward_terms(**hopping)
    expect_close(before["bounce"], [-1.2], atol=1e-6, what="bounce before the first update")
    later = student.reward_terms(**{**hopping, "iteration": 100})
    expect_close(later["bounce"], [-4 * 0.410031], atol=1e-4, what="bounce after 100 updates",
                 hint="k_c is raised to the power k_d at every update.")  # fmt: skip


def handed_in(student, file, num_inputs):
    """Read a policy with the notebook's own function, and see that it is for this robot."""
    policy = student.load_policy(file)
    sizes = [np.asarray(policy.layers[0][0]).shape[1], np.asarray(policy.layers[-1][0]).shape[0]]
    got = f"{file}: a network from {sizes[0]} observations to {sizes[1]} actions"
    expect(sizes == [num_inputs, 12], f"{got}, expected {num_inputs} to 12", hint="Of another robot?")
    return policy


def play(policy, name, num_steps, poses=(), **options):
    """Roll out 16 robots, from poses if given: velocity (T, 16, 2), who fell, who succeeds at the end."""
    envs = gymnasium.make_vec(
        f"robolearn/{name}", num_envs=16, vectorization_mode="vector_entry_point", autoreset_mode="SameStep"
    )
    observation, _ = envs.reset(seed=9, options=options)
    for row, pose in enumerate(poses):
        observation, _ = envs.reset(options={"qpos": pose, "reset_mask": np.arange(16) == row})
    fallen, velocity = np.zeros(16, dtype=bool), []
    for _ in range(num_steps):
        actions = np.asarray(policy.act(observation), dtype=float)
        expect_shape(actions, (16, 12), axes="(N, A)", what="the actions")
        expect(bool(np.isfinite(actions).all()), "an action is not finite", hint="Has the training diverged?")
        observation, _, terminated, _, infos = envs.step(np.clip(actions, -1, 1))
        velocity.append(np.array(observation[:, :2]))
        fallen |= terminated
    envs.close()
    return np.array(velocity), fallen, infos["is_success"]


@question("9.2 velocity_tracking", points=1.5)
def test_walks_at_half_a_metre_a_second(student):
    """Told to walk at 0.5 m/s, 16 robots are within 0.2 m/s of it after 2 s, and none falls in 4 s."""
    policy = handed_in(student, "velocity.npz", 50)
    velocity, fallen, _ = play(policy, "QuadrupedVelocity-v0", 200, command=(0.5, 0.0, 0.0))
    expect(not fallen.any(), f"{fallen.sum()} of 16 robots fell")
    error = float(np.mean(np.linalg.norm(velocity[100:] - [0.5, 0.0], axis=2)))
    expect(error < 0.2, f"the velocity is {error:.2f} m/s off on average, expected less than 0.2",
           hint="A policy that does nothing marks time. Has the training's pay risen above 300?")  # fmt: skip


@question("9.3 sprint", points=1)
def test_runs_at_two_metres_a_second(student):
    """Told to run at 2 m/s, 16 robots are within 0.5 m/s of it after 3 s, and at most one falls in 4 s."""
    policy = handed_in(student, "sprint.npz", 50)
    velocity, fallen, _ = play(policy, "QuadrupedSprint-v0", 200, command=(2.0, 0.0, 0.0))
    expect(fallen.sum() <= 1, f"{fallen.sum()} of 16 robots fell")
    error = float(np.mean(np.linalg.norm(velocity[150:] - [2.0, 0.0], axis=2)))
    expect(error < 0.5, f"the velocity is {error:.2f} m/s off on average, expected less than 0.5")


@question("9.4 recovery", points=1)
def test_stands_up_from_its_belly(student):
    """From 16 poses on the belly, at least 8 robots stand quietly after 5 s."""
    policy = handed_in(student, "recovery.npz", 46)
    poses = lying_poses()
    on_belly = poses[poses[:, 4] ** 2 + poses[:, 5] ** 2 < 0.1]  # tilted by less than 37 degrees
    _, _, stands = play(policy, "QuadrupedRecovery-v0", 249, on_belly[:16])
    expect(stands.sum() >= 8, f"{stands.sum()} of 16 robots stand, expected at least 8",
           hint="It should be high, level, and slower than 0.5 (m/s, rad/s): no trembling.")  # fmt: skip
