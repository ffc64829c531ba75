"""A quadruped that stands, for the tests."""

from __future__ import annotations

import numpy as np

from environments.quadruped import NOMINAL_POSE, QuadrupedPhysics


def standing(torque_motors=False):
    robot = QuadrupedPhysics(torque_motors)
    robot.set_configuration([0, 0, 0.52, 1, 0, 0, 0, *NOMINAL_POSE], np.zeros(18))
    return robot


def hold(robot, actuator, target, seconds):
    actuator.begin(slice(None), robot.qpos[:, 7:].copy(), np.ones(1))
    for _ in range(round(seconds / 0.02)):
        actuator.apply(robot, np.reshape(target, (1, 12)), 4)
