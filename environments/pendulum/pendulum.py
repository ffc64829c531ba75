"""Swing a torque-limited pendulum up, and hold it there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments import physics
from environments.episode import MujocoEpisode
from environments.physics import Physics, check_vector, wrap_angle

# Model

MODEL_PATH = Path(__file__).with_name("pendulum.xml")
MASS = 1.0  # kg, a uniform rod
LENGTH = 1.0  # m
INERTIA = MASS * LENGTH**2 / 3  # kg m^2, about the pivot
GRAVITY = 9.81  # m/s^2
TORQUE_LIMIT = 2.0  # N m; holding the rod level takes MASS * GRAVITY * LENGTH / 2 = 4.9 N m
NUM_SUBSTEPS = 10  # physics steps of 5 ms in a control step
CONTROL_PERIOD = 0.05  # s, 20 Hz

# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/PendulumSwingUp-v0": {}}
STEP_LIMIT = 200  # 10 s
ANGLE_START_LIMIT = np.pi  # rad
SPEED_START_LIMIT = 1.0  # rad/s
SPEED_BOUND = 70.0  # rad/s: full torque for 10 s adds 2 * 10 / INERTIA = 60, the fall from upright below 8
SUCCESS_ANGLE = 0.2  # rad
SUCCESS_SPEED = 1.0  # rad/s

# Physics


@cache
def _model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(MODEL_PATH))


class PendulumPhysics(Physics):
    """The pendulum in MuJoCo."""

    def __init__(self) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(MODEL_PATH)), NUM_SUBSTEPS)

    def angle(self) -> float:
        """Angle from upright, rad, not wrapped; positive leans to -x."""
        return float(self.data.qpos[0])

    def speed(self) -> float:
        """Angular velocity, rad/s."""
        return float(self.data.qvel[0])

    def tip_position_world(self) -> NDArray[np.float64]:
        """Position (3,) of the rod's free end in the world frame, m."""
        body = self.model.body("rod").id
        return self.data.xpos[body] + self.data.xmat[body].reshape(3, 3) @ np.array([0.0, 0.0, LENGTH])


def step_states(states: ArrayLike, torques: ArrayLike, num_threads: int = 1) -> NDArray[np.float64]:
    """Advance many pendulums by one control step of 0.05 s with MuJoCo.

    Args:
        states: (N, 2) float64, [angle from upright, angular velocity], rad and rad/s.
        torques: (N,) float64, N m, held during the step; the motor saturates at ``TORQUE_LIMIT``.
        num_threads: threads of the batch.

    Returns:
        (N, 2) float64 next states; the angle is not wrapped.
    """
    controls = np.asarray(torques, dtype=np.float64)
    if controls.ndim != 1:
        raise ValueError(f"torques: got shape {controls.shape}, expected (N,).")
    return physics.step_states(_model(), NUM_SUBSTEPS, states, controls[:, None], num_threads)


def linearise(
    state: ArrayLike = (0.0, 0.0), torque: float = 0.0, epsilon: float = physics.FD_EPSILON
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differentiate one control step at a state, upright and at rest unless given.

    Args:
        state: (2,) float64, [angle from upright, angular velocity].
        torque: N m, inside the limits.
        epsilon: step of the finite differences.

    Returns:
        A (2, 2) and B (2, 1), for deviations in state and in N m.
    """
    return physics.linearise(_model(), NUM_SUBSTEPS, state, [torque], epsilon)


def energy(states: ArrayLike) -> NDArray[np.float64]:
    """Sum kinetic and potential energy, J; 0 for a level rod at rest, 4.9 upright, -4.9 hanging.

    Args:
        states: (..., 2) float64, [angle from upright, angular velocity].

    Returns:
        (...) float64.
    """
    states = np.asarray(states, dtype=np.float64)
    potential = MASS * GRAVITY * LENGTH / 2 * np.cos(states[..., 0])
    return 0.5 * INERTIA * states[..., 1] ** 2 + potential


# Task


def observe(states: ArrayLike) -> NDArray[np.float64]:
    """Turn states (..., 2) into observations (..., 3): cos(angle), sin(angle), angular velocity."""
    states = np.asarray(states, dtype=np.float64)
    speed = np.clip(states[..., 1], -SPEED_BOUND, SPEED_BOUND)
    return np.stack([np.cos(states[..., 0]), np.sin(states[..., 0]), speed], axis=-1)


def reward(states: ArrayLike, torques: ArrayLike) -> NDArray[np.float64]:
    """Reward (...) for the states (..., 2) that were left and the torques (...) applied there.

    -(angle^2 + 0.1 speed^2 + 0.001 torque^2), the angle wrapped to [-pi, pi).
    """
    states = np.asarray(states, dtype=np.float64)
    speed = np.clip(states[..., 1], -SPEED_BOUND, SPEED_BOUND)
    angle = wrap_angle(states[..., 0])
    # np.square and not **, which rounds a numpy scalar otherwise than an array
    return -(np.square(angle) + 0.1 * np.square(speed) + 0.001 * np.square(torques))


def has_succeeded(states: ArrayLike) -> NDArray[np.bool_]:
    """Tell for states (..., 2) whether the rod is upright and slow: within 0.2 rad, below 1 rad/s."""
    states = np.asarray(states, dtype=np.float64)
    return (np.abs(wrap_angle(states[..., 0])) < SUCCESS_ANGLE) & (np.abs(states[..., 1]) < SUCCESS_SPEED)


def draw_start(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a first state (2,)."""
    angle = rng.uniform(-ANGLE_START_LIMIT, ANGLE_START_LIMIT)
    return np.array([angle, rng.uniform(-SPEED_START_LIMIT, SPEED_START_LIMIT)])


class PendulumSwingUp(MujocoEpisode):
    """Swing up a rod whose motor is too weak to lift it directly. 20 Hz, physics at 200 Hz.

    Observation: (3,) float64
        0  cos(angle from upright)   1
        1  sin(angle from upright)   1      positive leans to -x, left in the picture
        2  angular velocity          rad/s  clipped to +-70

    Action: (1,) float64
        0  torque / 2 N m            1      in [-1, 1]

    Reward: in [-499.9, 0.0]
        -(angle^2 + 0.1 speed^2 + 0.001 torque^2) of the state that was left, the angle wrapped to [-pi, pi).

    Termination: never.

    Truncation: after ``step_limit`` steps, 200 (10 s) unless given.

    Randomisation: angle uniform in [-pi, pi], angular velocity uniform in [-1, 1] rad/s.
        ``reset(options={"state": (angle, speed)})`` sets it instead.

    Source: the task and its reward are Gymnasium's Pendulum-v1, here on MuJoCo, with a speed that is not
        clipped in the physics, gravity of 9.81 m/s^2 and a normalised action.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    reward_range = (-499.9, 0.0)
    reset_options: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(self, step_limit: int = STEP_LIMIT, render_mode: str | None = None, **picture: Any) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.physics: PendulumPhysics = PendulumPhysics()
        high = np.array([1.0, 1.0, SPEED_BOUND])
        self.observation_space = spaces.Box(-high, high, dtype=np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), dtype=np.float64)

    @property
    def state(self) -> NDArray[np.float64]:
        """[angle from upright, angular velocity] (2,) now, rad and rad/s."""
        return np.array([self.physics.angle(), self.physics.speed()])

    def _begin(self, options: dict[str, Any]) -> None:
        drawn = draw_start(self.np_random)
        angle, speed = check_vector("reset option state", options.get("state", drawn), 2)
        self.physics.set_configuration([angle], [speed])

    def _advance(self, action: NDArray[np.float64]) -> tuple[float, bool]:
        torque = TORQUE_LIMIT * action[0]
        earned = reward(self.state, torque)
        self.physics.step([torque])
        return float(earned), False

    def _observe(self) -> NDArray[np.float64]:
        return observe(self.state)

    def _info(self) -> dict[str, Any]:
        return {"is_success": bool(has_succeeded(self.state))}
