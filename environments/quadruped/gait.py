"""A hand-tuned trot: foot paths, and the joint angles that follow them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEGS = ("LF", "RF", "LH", "RH")
LINK_LENGTH = 0.28  # m, thigh and shank alike
HIP_POSITION = np.array([[0.335, 0.215], [0.335, -0.215], [-0.335, 0.215], [-0.335, -0.215]])  # m, of HFE
KNEE_SIGN = np.array([1.0, 1.0, -1.0, -1.0])  # front knees bend backwards, hind knees forwards
STAND_DEPTH = 2 * LINK_LENGTH * np.cos(0.5)  # m, hip above foot in the nominal pose
NOMINAL_POSE = np.stack([np.zeros(4), 0.5 * KNEE_SIGN, -1.0 * KNEE_SIGN], axis=1).ravel()  # rad, by leg
PHASE_OFFSET = np.array([0.0, 0.5, 0.5, 0.0])  # diagonal legs move together
LIFT = 0.09  # m, height of the swinging foot's path
PRESS = 0.015  # m that a standing foot is pushed down, against the servo's sag
STRIDE_GAIN = 1.4  # soft servos fall short of the path; tuned at 0.25 to 1 m/s
DUTY = 0.55  # share of the cycle that a foot stands


def leg_angles(feet: ArrayLike) -> Array:
    """Solve the legs' inverse kinematics.

    Args:
        feet: (..., 4, 3) float64, foot from its HFE axis at zero abduction: x forward, y left, z up, m.

    Returns:
        (..., 12) float64, joint angles HAA, HFE, KFE by leg, rad.
    """
    feet = np.asarray(feet, dtype=np.float64)
    x, y, z = feet[..., 0], feet[..., 1], feet[..., 2]
    abduction = np.arctan2(y, -z)
    depth = np.sqrt(y * y + z * z)
    reach = np.minimum(np.sqrt(x * x + depth * depth), 1.999 * LINK_LENGTH)
    bend = KNEE_SIGN * np.arccos(reach / (2 * LINK_LENGTH))
    swing = np.arctan2(-x, depth)
    angles = np.stack([abduction, swing + bend, -2 * bend], axis=-1)
    return angles.reshape(*angles.shape[:-2], 12)


def trot(phase: ArrayLike, command: ArrayLike, frequency: float) -> Array:
    """Find the joint angles of a trot that follows a velocity command without feedback.

    Args:
        phase: (...) float64, in cycles; LF and RH swing first.
        command: (..., 3) float64, forward and lateral velocity, m/s, and yaw rate, rad/s, of the body.
        frequency: cycles a second.

    Returns:
        (..., 12) float64, joint angles, rad.
    """
    command = np.asarray(command, dtype=np.float64)
    swinging, swing, stance = _cycles(np.asarray(phase, dtype=np.float64))
    # From behind to in front with no speed at the ends; then evenly back.
    along = np.where(swinging, -0.5 * np.cos(np.pi * swing), 0.5 - stance)
    stride = STRIDE_GAIN * DUTY / frequency
    forward = command[..., 0:1] - command[..., 2:3] * HIP_POSITION[:, 1]
    lateral = command[..., 1:2] + command[..., 2:3] * HIP_POSITION[:, 0]
    depth = _rise(swinging, swing, stance) - STAND_DEPTH
    feet = np.stack([forward * stride * along, lateral * stride * along, depth], axis=-1)
    return leg_angles(feet)


def mark_time(phase: Array) -> Array:
    """Find the joint angles (..., 12) of a trot on the spot: ``trot`` without a command, in less time."""
    reach = np.minimum(STAND_DEPTH - _rise(*_cycles(phase)), 1.999 * LINK_LENGTH)
    bend = KNEE_SIGN * np.arccos(reach / (2 * LINK_LENGTH))
    angles = np.zeros((*phase.shape, 4, 3))
    angles[..., 1], angles[..., 2] = bend, -2 * bend
    return angles.reshape(*phase.shape, 12)


def _cycles(phase: Array) -> tuple[NDArray[np.bool_], Array, Array]:
    """Tell which feet (..., 4) swing, and the shares of their swing and of their stance that are past."""
    cycle = np.mod(phase[..., None] + PHASE_OFFSET, 1.0)
    swing = np.minimum(cycle / (1 - DUTY), 1.0)
    return cycle < 1 - DUTY, swing, np.maximum((cycle - (1 - DUTY)) / DUTY, 0.0)


def _rise(swinging: NDArray[np.bool_], swing: Array, stance: Array) -> Array:
    lift = np.sin(np.pi * np.where(swinging, swing, stance))
    return np.where(swinging, LIFT * lift * lift, -PRESS * lift)
