"""What robots do, seen from their trunks: observations, rewards, falls, on whole batches.

All arrays are (N, ...); a single environment is a batch of one, and gets the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from environments.quadruped.actuators import NUM_JOINTS, TORQUE_LIMIT
from environments.quadruped.gait import NOMINAL_POSE
from environments.quadruped.task import STAND_HEIGHT, Task

Array = NDArray[np.float64]

FALL_HEIGHT = 0.28  # m, trunk's centre
FALL_UPRIGHT = 0.5  # cosine of the tilt
VELOCITY_BOUND, RATE_BOUND, ANGLE_BOUND, SPEED_BOUND = 10.0, 50.0, 6.0, 100.0
COMMAND_BOUND = np.array([4.0, 2.0, 4.0])

# Frames


def to_body(quat: Array, vector_world: Array) -> Array:
    """Turn vectors (..., 3) of the world frame into the frames of the bodies with quats (..., 4)."""
    return np.moveaxis(_to_body(quat[..., 0], _cyclic(quat[..., 1:]), _cyclic(vector_world)), 0, -1)


def _to_body(w: Array, axis: Array, vector: Array) -> Array:
    """Compute v - w t + u x t, t = 2 u x v, out of ``_cyclic`` u and v: a third of a matrix's work."""
    twice = np.empty_like(axis)
    _cross(axis, vector, out=twice[:3])
    twice[:3] *= 2.0
    twice[3:] = twice[:2]
    turned = _cross(axis, twice, out=np.empty_like(axis[:3]))
    turned -= w * twice[:3]
    turned += vector[:3]
    return turned


def _cyclic(vectors: Array) -> Array:
    """Lay vectors (..., 3) out as rows x, y, z, x, y (5, ...), of which a cross product takes slices."""
    rows = np.empty((5, *vectors.shape[:-1]))
    rows[:3] = vectors.T if vectors.ndim == 2 else np.moveaxis(vectors, -1, 0)
    rows[3:] = rows[:2]
    return rows


def _cross(a: Array, b: Array, out: Array) -> Array:
    np.multiply(a[1:4], b[2:5], out=out)
    out -= a[2:5] * b[1:4]
    return out


def gravity_body(quat: Array) -> Array:
    """Direction of gravity (..., 3) in the trunk's frame; (0, 0, -1) when level."""
    return np.moveaxis(_gravity(quat[..., 0], _cyclic(quat[..., 1:])), 0, -1)


def _gravity(w: Array, axis: Array) -> Array:
    x, y, z = axis[:3]
    direction = np.empty_like(axis[:3])
    direction[0] = 2 * (w * y - x * z)
    direction[1] = -2 * (y * z + w * x)
    direction[2] = 2 * (x * x + y * y) - 1
    return direction


@dataclass(frozen=True)
class Motion:
    """What N robots do at one moment. Vectors have their components as rows, which is faster.

    Attributes:
        height: (N,) of the trunks' centres, m.
        velocity: (3, N) of the trunks' centres, m/s, body.
        turn: (3, N) of the trunks, rad/s, body.
        gravity: (3, N) gravity's direction, body; (0, 0, -1) when level.
        angles: (N, 12) of the joints from the nominal pose, rad.
        speeds: (N, 12) of the joints, rad/s.
    """

    height: Array
    velocity: Array
    turn: Array
    gravity: Array
    angles: Array
    speeds: Array

    @classmethod
    def of(cls, qpos: Array, qvel: Array) -> Motion:
        """Describe the states qpos (N, 19) and qvel (N, 18)."""
        w, axis = qpos[:, 3].copy(), _cyclic(qpos[:, 4:7])  # MuJoCo's rows lie far apart: touch them once
        velocity = _to_body(w, axis, _cyclic(qvel[:, :3]))
        turn, gravity = qvel[:, 3:6].T.copy(), _gravity(w, axis)
        return cls(qpos[:, 2].copy(), velocity, turn, gravity, qpos[:, 7:] - NOMINAL_POSE, qvel[:, 6:].copy())

    @property
    def upright(self) -> Array:
        """Cosine (N,) of the trunks' tilt: 1 level, 0 on a side, -1 on the back."""
        return -self.gravity[2]


# Observation


@cache
def observation_bound(task: Task) -> Array:
    """Return the observation's upper bounds (O,); the lower ones are their negatives."""
    rest = np.repeat([ANGLE_BOUND, SPEED_BOUND, 1.0], NUM_JOINTS)
    base = np.repeat([VELOCITY_BOUND, RATE_BOUND, 1.0], 3)
    if task.recovery:
        return np.concatenate([base, rest, [3.0]])
    return np.concatenate([base, COMMAND_BOUND, rest, [1.0, 1.0]])


def observe(task: Task, motion: Motion, command: Array, action: Array, phase: Array) -> Array:
    """Build the observations (N, O): indices in the environments' docstrings.

    Args:
        task: velocity tracking or recovery.
        motion: of N robots.
        command: (N, 3), as ramped now.
        action: (N, 12), the last one.
        phase: (N,), cycles.
    """
    bound = observation_bound(task)
    seen = np.empty((len(action), len(bound)))
    seen[:, 0:3], seen[:, 3:6], seen[:, 6:9] = motion.velocity.T, motion.turn.T, motion.gravity.T
    if task.recovery:
        seen[:, 45] = motion.height
        joints = seen[:, 9:45]
    else:
        seen[:, 9:12] = command
        turn = 2 * np.pi * phase
        seen[:, 48], seen[:, 49] = np.sin(turn), np.cos(turn)
        joints = seen[:, 12:48]
    joints[:, :12], joints[:, 12:24], joints[:, 24:] = motion.angles, motion.speeds, action
    np.maximum(seen, -bound, out=seen)
    return np.minimum(seen, bound, out=seen)


# Reward

TRACKING_TERMS = ("velocity", "yaw_rate", "bounce", "tumbling", "tilt", "torque", "action_change", "fall")
RECOVERY_TERMS = ("upright", "height", "pose", "joint_speed", "torque", "action_change")


def mean_square(values: Array) -> Array:
    """Average the squares over the last axis, in an order that is the same in any batch."""
    return np.add.reduce(np.square(values), axis=-1) / values.shape[-1]


def tracking_terms(
    task: Task, motion: Motion, command: Array, torque: Array, change: Array, fallen: NDArray[np.bool_]
) -> dict[str, Array]:
    """Price a control step of velocity tracking; the terms, weights included, add up to the reward.

    Args:
        task: for its tracking width.
        motion: of N robots after the step.
        command: (N, 3) that was in force.
        torque: (N, 12) in the last physics step, N m.
        change: (N, 12) action minus the action before.
        fallen: (N,).
    """
    aim, velocity, gravity = command.T, motion.velocity, motion.gravity
    miss, yaw_miss = _squares(aim[:2] - velocity[:2]), np.square(aim[2] - motion.turn[2])
    return {
        "velocity": np.exp(miss * (-1 / task.tracking_width**2)),
        "yaw_rate": 0.5 * np.exp(yaw_miss * (-1 / 0.5**2)),
        "bounce": np.maximum(-np.square(velocity[2]), -0.5),
        "tumbling": np.maximum(-0.02 * _squares(motion.turn[:2]), -0.2),
        "tilt": np.maximum(-_squares(gravity[:2]), -0.5),
        "torque": np.maximum(mean_square(torque) * (-0.2 / TORQUE_LIMIT**2), -0.2),
        "action_change": -0.1 * mean_square(change),
        "fall": -5.0 * fallen,
    }


def _squares(pair: Array) -> Array:
    """Add the squares of two rows (2, N)."""
    squared = np.square(pair)
    return squared[0] + squared[1]


def recovery_terms(motion: Motion, torque: Array, change: Array) -> dict[str, Array]:
    """Price a control step of standing up; arguments as in ``tracking_terms``."""
    upright = np.square(0.5 + 0.5 * motion.upright)
    lack = np.clip((STAND_HEIGHT - motion.height) / STAND_HEIGHT, 0.0, 1.0)
    return {
        "upright": upright,
        "height": upright * (1 - lack),
        "pose": 0.5 * upright * np.exp(mean_square(motion.angles) * (-1 / 0.5**2)),
        "joint_speed": np.maximum(-0.001 * mean_square(motion.speeds), -0.1),
        "torque": np.maximum(mean_square(torque) * (-0.1 / TORQUE_LIMIT**2), -0.1),
        "action_change": -0.05 * mean_square(change),
    }


def has_fallen(motion: Motion) -> NDArray[np.bool_]:
    """Tell which robots (N,) lie or topple: trunk below 0.28 m, or tilted by more than 60 degrees."""
    return (motion.height < FALL_HEIGHT) | (motion.upright < FALL_UPRIGHT)


def stands(motion: Motion) -> NDArray[np.bool_]:
    """Tell which robots (N,) stand quietly: trunk above 0.42 m, tilt below 18 degrees, slower than 0.5."""
    speed = sum(_squares(rows) for rows in (motion.velocity[:2], motion.turn[:2]))
    speed = speed + np.square(motion.velocity[2]) + np.square(motion.turn[2])
    return (motion.height > 0.42) & (motion.upright > 0.95) & (speed < 0.5**2)
