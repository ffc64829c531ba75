"""Trajectories of the two-joint arm in MuJoCo for the hidden tests of section 1, and readers of results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograder.testing import expect, expect_shape
from environments.reacher import (
    CONTROL_PERIOD,
    LINK_LENGTHS,
    TORQUE_LIMIT,
    ReacherPhysics,
    forward_kinematics,
)

REACH = sum(LINK_LENGTHS)  # m
# Gains of the joint controller: stable at 25 Hz, and at rest on the goal in all of 200 seeds
STIFFNESS = np.array([15.0, 5.0])  # N m / rad
DAMPING = np.array([2.0, 0.3])  # N m s / rad, beside the joints' own


@dataclass(frozen=True)
class Motion:
    """What one motion of the arm looks like, after each of its T steps."""

    qpos: np.ndarray  # (T, 2) rad
    qvel: np.ndarray  # (T, 2) rad/s
    fingertip_world: np.ndarray  # (T, 2) m
    torque: np.ndarray  # (T, 2) N m, held during the step


def seen(student, qpos, qvel, target_world):
    """Observe a situation and read the result."""
    observation = student.observe(qpos, qvel, target_world)
    expect_shape(
        observation, (None,), axes="(O,)", what="observation", hint="One flat array: np.concatenate."
    )
    observation = np.asarray(observation)
    expect(
        observation.dtype.kind in "iuf" and np.all(np.isfinite(observation)),
        "the observation holds something but finite numbers",
    )
    return observation.astype(float)


def paid(student, fingertip_world, target_world, torque):
    """Ask for one reward and read it."""
    earned = student.reward(np.asarray(fingertip_world), np.asarray(target_world), np.asarray(torque))
    expect_shape(earned, (), what="reward", hint="Return one number.")
    earned = np.asarray(earned)
    expect(earned.dtype.kind in "iufb" and bool(np.isfinite(earned)), "the reward is not a finite number")
    return float(earned)


def ended(student, fingertip_world, qvel, target_world, step, step_limit):
    """Ask whether it is over and read the two flags."""
    flags = student.done(
        np.asarray(fingertip_world), np.asarray(qvel), np.asarray(target_world), step, step_limit
    )
    expect(
        isinstance(flags, tuple | list) and len(flags) == 2,
        "does not return two things: terminated, truncated",
    )
    for name, flag in zip(("terminated", "truncated"), flags):
        expect(np.shape(flag) == () and np.asarray(flag).dtype.kind == "b", f"{name} is not True or False")
    return bool(flags[0]), bool(flags[1])


def random_situation(rng):
    """Draw joint angles, velocities and a target within reach, away from the stretched and the folded arm."""
    qpos = np.array([rng.uniform(-np.pi, np.pi), rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 2.6)])
    angle, radius = rng.uniform(-np.pi, np.pi), rng.uniform(0.2, 0.85)
    return (
        qpos,
        rng.uniform(0.3, 3.0, 2) * rng.choice([-1.0, 1.0], 2),
        radius * np.array([np.cos(angle), np.sin(angle)]),
    )


def look_alikes(qpos, qvel, target):
    """Return pairs of situations that need different torques and are easily taken for one another, by name."""
    here, tip = (qpos, qvel, target), forward_kinematics(qpos)
    # The same fingertip with the elbow on the other side: mirror the arm about the line to the fingertip.
    bearing = np.arctan2(tip[1], tip[0])
    ahead = qpos - [bearing, 0.0]  # the fingertip on the world's x axis
    shoulder_turned, elbow_turned = np.array([np.pi - qpos[0], qpos[1]]), np.array([qpos[0], np.pi - qpos[1]])
    between = (tip - forward_kinematics(shoulder_turned)) / 2

    def as_far(pose):
        return pose, qvel, target - tip + forward_kinematics(pose)

    return {
        "the other way to bend the elbow": (here, (np.array([2 * bearing - qpos[0], -qpos[1]]), qvel, target)),
        "the other way to bend the elbow, the fingertip straight ahead": ((ahead, qvel, target), (-ahead, qvel, target)),
        "an angle of the other sign": (here, (qpos * [1, -1], qvel, target)),
        "a shoulder angle of the other sign": (here, (qpos * [-1, 1], qvel, target)),
        "a pose of the other sign and as far from its target": (here, as_far(-qpos)),
        "shoulder angles with the same sine, as far from their targets": (here, as_far(shoulder_turned)),
        "elbow angles with the same sine, as far from their targets": (here, as_far(elbow_turned)),
        "opposite targets that are equally far": ((qpos, qvel, between), (shoulder_turned, qvel, -between)),
        "a target on the other side": (here, (qpos, qvel, -target)),
        "a target beyond the line to the fingertip": ((ahead, qvel, target), (ahead, qvel, target * [1, -1])),
        "velocities of the other sign": (here, (qpos, -qvel, target)),
        "velocities that are exchanged": (here, (qpos, qvel[::-1], target)),
    }  # fmt: skip


def drive(qpos, qvel, torques):
    """Run torques (T, 2), or T functions of the arm that return one, through MuJoCo from a state."""
    physics = ReacherPhysics()
    physics.set_configuration(qpos, qvel)
    rows = []
    for wanted in torques:
        torque = np.clip(wanted(physics) if callable(wanted) else wanted, -TORQUE_LIMIT, TORQUE_LIMIT)
        physics.step(torque)
        tip = physics.fingertip_position_world()
        rows.append((physics.joint_angles(), physics.joint_velocities(), tip, torque))
    return Motion(*(np.array(column) for column in zip(*rows)))


def glide(qpos, goal, seconds, settle=0.6):
    """Move smoothly (minimum jerk) from rest at ``qpos`` to rest at ``goal`` under a joint controller."""
    num_steps = round(seconds / CONTROL_PERIOD)

    def controller(step):
        phase = min(1.0, (step + 1) / num_steps)
        wanted = qpos + (goal - qpos) * (10 * phase**3 - 15 * phase**4 + 6 * phase**5)
        speed = (goal - qpos) * (30 * phase**2 - 60 * phase**3 + 30 * phase**4) / seconds
        return lambda arm: (
            STIFFNESS * (wanted - arm.joint_angles()) + DAMPING * (speed - arm.joint_velocities())
        )

    steps = num_steps + round(settle / CONTROL_PERIOD)
    return drive(qpos, np.zeros(2), [controller(step) for step in range(steps)])


def reaching(rng, seconds_each):
    """Return a target, and per duration a motion that reaches it and one that stops 12 cm short of it."""
    goal = np.array([rng.uniform(-np.pi, np.pi), rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 2.2)])
    start = goal + rng.choice([-1.0, 1.0], 2) * np.array([rng.uniform(0.8, 1.4), rng.uniform(0.2, 0.5)])
    target_world = forward_kinematics(goal)
    way = start + np.linspace(0.0, 1.0, 400)[:, None] * (goal - start)
    far = np.linalg.norm(forward_kinematics(way) - target_world, axis=1) > 0.12
    short = way[np.flatnonzero(far)[-1]]
    pairs = [(glide(start, goal, seconds), glide(start, short, seconds)) for seconds in seconds_each]
    return start, target_world, pairs
