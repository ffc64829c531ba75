"""The quadruped's tasks: what distinguishes them, and what is drawn at the start of their episodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environments.quadruped.actuators import NUM_JOINTS
from environments.quadruped.gait import NOMINAL_POSE

Array = NDArray[np.float64]

CONTROL_PERIOD = 0.02  # s
NUM_SUBSTEPS = 4  # physics steps in a control step
RESAMPLE_STEPS = 125  # control steps, 2.5 s, between two commands
RAMP = np.array([1.0, 1.0, 2.0])  # m/s^2, m/s^2, rad/s^2: a step in the command throws the robot
STAND_HEIGHT = 0.52  # m, of the trunk's centre in the nominal pose
NUM_PUSHES = 4  # at most, an episode
JOINT_LIMIT = np.tile([1.0, 2.6, 2.7], 4)  # rad
LYING_PATH = Path(__file__).with_name("lying.npz")


@dataclass(frozen=True)
class Task:
    """What distinguishes one registered id from another.

    Attributes:
        command_low: (3,) least forward and lateral velocity, m/s, and yaw rate, rad/s.
        command_high: the greatest.
        action_scale: rad, offset of a joint's target at action 1.
        trot_frequency: Hz of the reference trot; 0 for a standing reference.
        recovery: the robot begins lying and must stand up.
        tracking_width: m/s, where the reward for velocity has fallen to 1/e.
    """

    command_low: tuple[float, float, float] = (0.0, 0.0, 0.0)
    command_high: tuple[float, float, float] = (0.0, 0.0, 0.0)
    action_scale: float = 0.4
    trot_frequency: float = 0.0
    recovery: bool = False
    tracking_width: float = 0.5


@dataclass(frozen=True)
class Randomisation:
    """What differs from robot to robot, drawn uniformly at each reset.

    Attributes:
        payload: kg added to the trunk, its inertia scaled along.
        friction: coefficient between feet and floor, 0.8 by the model.
        gain: factor on the actuator's gains.
        push_speed: m/s that a push adds to the trunk in a random horizontal direction, at most.
        push_interval: s between two pushes, about; the first comes within one interval.
    """

    payload: tuple[float, float] = (-1.5, 4.0)
    friction: tuple[float, float] = (0.4, 1.2)
    gain: tuple[float, float] = (0.85, 1.15)
    push_speed: float = 0.5
    push_interval: float = 2.5

    def __post_init__(self) -> None:
        for name, least in (("payload", -15.0), ("friction", 0.05), ("gain", 0.05)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(
                    f"Randomisation.{name}: got ({low:g}, {high:g}), expected {least:g} <= low <= high."
                )
        if self.push_speed < 0 or self.push_interval <= 0:
            raise ValueError(
                f"Randomisation: got push_speed {self.push_speed:g} m/s and push_interval "
                f"{self.push_interval:g} s, expected at least 0 and more than 0."
            )


@dataclass
class Starts:
    """All that is random in K episodes, drawn at their reset.

    Attributes:
        qpos: (K, 19).
        qvel: (K, 18).
        phase: (K,) of the reference trot, cycles.
        commands: (K, C, 3), a new one every 2.5 s.
        push_step: (K, P) control step of a push, -1 for none.
        push: (K, P, 2) m/s added to the trunk's velocity, world.
        payload: (K,) kg.
        friction: (K,).
        gain: (K,).
    """

    qpos: Array
    qvel: Array
    phase: Array
    commands: Array
    push_step: NDArray[np.int64]
    push: Array
    payload: Array
    friction: Array
    gain: Array

    @classmethod
    def empty(cls, num: int, num_commands: int) -> Starts:
        """Make room for ``num`` episodes, of an ordinary robot that nobody pushes."""
        return cls(
            np.zeros((num, 19)), np.zeros((num, 18)), np.zeros(num), np.zeros((num, num_commands, 3)),
            np.full((num, NUM_PUSHES), -1), np.zeros((num, NUM_PUSHES, 2)),
            np.zeros(num), np.full(num, 0.8), np.ones(num),
        )  # fmt: skip


@cache
def lying_poses() -> Array:
    """Return (K, 19) poses of the robot at rest on the floor: on its belly, back and sides, and between."""
    with np.load(LYING_PATH) as arrays:
        poses = arrays["qpos"].astype(np.float64)
    poses[:, 3:7] /= np.linalg.norm(poses[:, 3:7], axis=1, keepdims=True)
    poses.flags.writeable = False
    return poses


def num_commands(step_limit: int) -> int:
    """Count the commands of an episode."""
    return -(-step_limit // RESAMPLE_STEPS)


def draw_start(
    starts: Starts, row: int, rng: np.random.Generator, task: Task, randomisation: Randomisation | None
) -> None:
    """Draw one episode from its own generator into row ``row``."""
    if task.recovery:
        poses = lying_poses()
        starts.qpos[row] = poses[rng.integers(len(poses))]
        starts.qvel[row] = 0.0
        yaw = rng.uniform(-np.pi, np.pi)
        starts.qpos[row, 3:7] = _turned(starts.qpos[row, 3:7], yaw)
    else:
        starts.qpos[row, 2], starts.qpos[row, 3] = STAND_HEIGHT, 1.0
        starts.qpos[row, 7:] = NOMINAL_POSE + rng.uniform(-0.1, 0.1, NUM_JOINTS)
        starts.qvel[row, :6] = rng.uniform(-0.1, 0.1, 6)
        starts.phase[row] = 0.5 * rng.integers(2)
        shape = starts.commands[row].shape
        starts.commands[row] = rng.uniform(task.command_low, task.command_high, shape)
    if randomisation is None:
        return
    starts.payload[row] = rng.uniform(*randomisation.payload)
    starts.friction[row] = rng.uniform(*randomisation.friction)
    starts.gain[row] = rng.uniform(*randomisation.gain)
    interval = randomisation.push_interval / CONTROL_PERIOD
    first = rng.uniform(0, interval)
    starts.push_step[row] = (first + interval * np.arange(NUM_PUSHES)).astype(np.int64)
    angle = rng.uniform(-np.pi, np.pi, NUM_PUSHES)
    speed = rng.uniform(0.3, 1.0, NUM_PUSHES) * randomisation.push_speed
    starts.push[row, :, 0], starts.push[row, :, 1] = speed * np.cos(angle), speed * np.sin(angle)


def _turned(quat: Array, yaw: float) -> Array:
    c, s = np.cos(yaw / 2), np.sin(yaw / 2)
    w, x, y, z = quat
    return np.array([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w])
