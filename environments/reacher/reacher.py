"""Bring the fingertip of a planar two-joint arm to a target, by torques."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments import physics
from environments.episode import MujocoEpisode
from environments.physics import Physics, check_vector

Array = NDArray[np.float64]

# Model

MODEL_PATH = Path(__file__).with_name("reacher.xml")
LINK_LENGTHS = (0.5, 0.4)  # m, shoulder to elbow, elbow to fingertip
TORQUE_LIMIT = 3.0  # N m, both joints
NUM_SUBSTEPS = 8  # physics steps of 5 ms in a control step
CONTROL_PERIOD = 0.04  # s, 25 Hz

# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/Reacher-v0": {}}
STEP_LIMIT = 100  # 4 s
TARGET_RADIUS_RANGE = (0.2, 0.85)  # m from the shoulder; the arm reaches 0.1 to 0.9
SPEED_BOUND = 25.0  # rad/s; bang-bang torques reach 10 against the joints' damping
GOAL_RADIUS = 0.03  # m
GOAL_SPEED = 0.5  # rad/s, each joint
TORQUE_COST = 0.005  # 1 / (N m)^2

# Physics


@cache
def _model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(MODEL_PATH))


class ReacherPhysics(Physics):
    """The arm in MuJoCo. World positions are (x, y) in the arm's plane, m, from the shoulder."""

    def __init__(self) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(MODEL_PATH)), NUM_SUBSTEPS)
        self._fingertip = self.model.site("fingertip").id
        self._forearm = self.model.body("forearm").id

    def joint_angles(self) -> Array:
        """Shoulder angle from world x and elbow angle from the upper link (2,), rad, not wrapped."""
        return self.data.qpos.copy()

    def joint_velocities(self) -> Array:
        """Joint velocities (2,), rad/s."""
        return self.data.qvel.copy()

    def fingertip_position_world(self) -> Array:
        """Fingertip (2,) in the world frame, m."""
        return self.data.site_xpos[self._fingertip, :2].copy()

    def fingertip_velocity_world(self) -> Array:
        """Fingertip velocity (2,) in the world frame, m/s."""
        return jacobian(self.data.qpos) @ self.data.qvel

    def elbow_position_world(self) -> Array:
        """Elbow (2,) in the world frame, m."""
        return self.data.xpos[self._forearm, :2].copy()

    def target_position_world(self) -> Array:
        """Target (2,) in the world frame, m."""
        return self.data.mocap_pos[0, :2].copy()

    def set_target_world(self, target_world: ArrayLike) -> None:
        """Move the target to (x, y), m."""
        self.data.mocap_pos[0, :2] = target_world
        mujoco.mj_kinematics(self.model, self.data)


def forward_kinematics(qpos: ArrayLike) -> Array:
    """Find the fingertip from the joint angles.

    Args:
        qpos: (..., 2) float64, shoulder and elbow angles, rad.

    Returns:
        (..., 2) float64, fingertip in the world frame, m.
    """
    qpos = np.asarray(qpos, dtype=np.float64)
    upper, fore = LINK_LENGTHS
    shoulder, both = qpos[..., 0], qpos[..., 0] + qpos[..., 1]
    x = upper * np.cos(shoulder) + fore * np.cos(both)
    y = upper * np.sin(shoulder) + fore * np.sin(both)
    return np.stack([x, y], axis=-1)


def jacobian(qpos: ArrayLike) -> Array:
    """Differentiate ``forward_kinematics``: fingertip velocity = jacobian @ qvel.

    Args:
        qpos: (..., 2) float64, rad.

    Returns:
        (..., 2, 2) float64, m/rad.
    """
    qpos = np.asarray(qpos, dtype=np.float64)
    upper, fore = LINK_LENGTHS
    shoulder, both = qpos[..., 0], qpos[..., 0] + qpos[..., 1]
    by_elbow = np.stack([-fore * np.sin(both), fore * np.cos(both)], axis=-1)
    by_shoulder = by_elbow + np.stack([-upper * np.sin(shoulder), upper * np.cos(shoulder)], axis=-1)
    return np.stack([by_shoulder, by_elbow], axis=-1)


def step_states(states: ArrayLike, torques: ArrayLike, num_threads: int = 1) -> Array:
    """Advance many arms by one control step of 0.04 s with MuJoCo.

    Args:
        states: (N, 4) float64, [shoulder, elbow, their velocities], rad and rad/s.
        torques: (N, 2) float64, N m, held during the step; the motors saturate at ``TORQUE_LIMIT``.
        num_threads: threads of the batch.

    Returns:
        (N, 4) float64 next states.
    """
    return physics.step_states(_model(), NUM_SUBSTEPS, states, torques, num_threads)


# Task


def observe(qpos: ArrayLike, qvel: ArrayLike, target_world: ArrayLike) -> Array:
    """Describe the arm and the target (..., 10), everything bounded, the error in the world frame.

    Args:
        qpos: (..., 2) joint angles, rad.
        qvel: (..., 2) joint velocities, rad/s.
        target_world: (..., 2) target, m.
    """
    qpos, target_world = np.asarray(qpos, dtype=np.float64), np.asarray(target_world, dtype=np.float64)
    speed = np.clip(qvel, -SPEED_BOUND, SPEED_BOUND)
    error = target_world - forward_kinematics(qpos)
    return np.concatenate([np.cos(qpos), np.sin(qpos), speed, target_world, error], axis=-1)


def reward(fingertip_world: ArrayLike, target_world: ArrayLike, torque: ArrayLike) -> Array:
    """Reward (...): minus the distance in m, minus 0.005 times the squared torque in (N m)^2.

    Args:
        fingertip_world: (..., 2), m.
        target_world: (..., 2), m.
        torque: (..., 2), N m.
    """
    distance = np.linalg.norm(np.asarray(fingertip_world) - np.asarray(target_world), axis=-1)
    return -distance - TORQUE_COST * np.sum(np.square(torque), axis=-1)


def done(
    fingertip_world: ArrayLike, qvel: ArrayLike, target_world: ArrayLike, step: int, step_limit: int
) -> tuple[bool, bool]:
    """Decide (terminated, truncated): terminated at rest on the target, truncated when time is up.

    Args:
        fingertip_world: (2,), m.
        qvel: (2,) joint velocities, rad/s.
        target_world: (2,), m.
        step: steps taken since the reset, this one included.
        step_limit: steps in an episode.
    """
    near = np.linalg.norm(np.asarray(fingertip_world) - np.asarray(target_world)) < GOAL_RADIUS
    slow = np.max(np.abs(qvel)) < GOAL_SPEED
    return bool(near and slow), step >= step_limit


@dataclass(frozen=True)
class Formulation:
    """What makes the arm's physics a Markov decision process. The defaults are the registered task.

    Attributes:
        observe: (qpos (2,), qvel (2,), target_world (2,)) -> (O,) float, any O.
        reward: (fingertip_world (2,), target_world (2,), torque (2,) N m) -> float.
        done: (fingertip_world (2,), qvel (2,), target_world (2,), step, step_limit)
            -> (terminated, truncated); ``step`` counts this step, so the last one has step == step_limit.
    """

    observe: Callable[[Array, Array, Array], Any] = observe
    reward: Callable[[Array, Array, Array], Any] = reward
    done: Callable[[Array, Array, Array, int, int], Any] = done


class Reacher(MujocoEpisode):
    """Bring the fingertip to a target in the plane and stop there. 25 Hz, physics at 200 Hz.

    Observation: (10,) float64
        0  cos(shoulder angle)            1
        1  cos(elbow angle)               1
        2  sin(shoulder angle)            1
        3  sin(elbow angle)               1
        4  shoulder velocity              rad/s  clipped to +-25
        5  elbow velocity                 rad/s  clipped to +-25
        6  target x                       m      world
        7  target y                       m      world
        8  target x minus fingertip x     m      world
        9  target y minus fingertip y     m      world

    Action: (2,) float64
        0  shoulder torque / 3 N m        1      in [-1, 1]
        1  elbow torque / 3 N m           1      in [-1, 1]

    Reward: in [-1.9, 0.0]
        -(distance of fingertip and target, m) - 0.005 * (torque in N m)^2, summed over the joints.

    Termination: the fingertip is within 3 cm of the target and both joints are slower than 0.5 rad/s.

    Truncation: after ``step_limit`` steps, 100 (4 s) unless given.

    Randomisation: joint angles uniform in [-pi, pi], at rest; the target uniform over the annulus of
        0.2 to 0.85 m around the shoulder. ``reset(options={"qpos": ..., "qvel": ..., "target_world": ...})``
        sets any of them instead.

    Source: the task of Gymnasium's Reacher-v5 with a larger arm, an end, and a formulation that can be
        replaced.

    Args:
        formulation: observation, reward and end; another one changes the spaces and the ranges above.
        step_limit: handed to ``formulation.done``, which truncates.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    reward_range = (-1.9, 0.0)
    reset_options: ClassVar[tuple[str, ...]] = ("qpos", "qvel", "target_world")

    def __init__(
        self,
        formulation: Formulation | None = None,
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.physics: ReacherPhysics = ReacherPhysics()
        self.formulation = formulation or Formulation()
        self._truncated = False
        self.action_space = spaces.Box(-1.0, 1.0, (2,), dtype=np.float64)
        reach = sum(LINK_LENGTHS)
        far = TARGET_RADIUS_RANGE[1]
        high = np.array([1.0] * 4 + [SPEED_BOUND] * 2 + [far] * 2 + [far + reach] * 2)
        if self.formulation.observe is not observe:
            high = np.full(len(self._observe()), np.inf)
        self.observation_space = spaces.Box(-high, high, dtype=np.float64)

    def _begin(self, options: dict[str, Any]) -> None:
        qpos = self.np_random.uniform(-np.pi, np.pi, 2)
        target = draw_target(self.np_random)
        qpos = check_vector("reset option qpos", options.get("qpos", qpos), 2)
        qvel = check_vector("reset option qvel", options.get("qvel", np.zeros(2)), 2)
        target = check_vector("reset option target_world", options.get("target_world", target), 2)
        self.physics.set_configuration(qpos, qvel)
        self.physics.set_target_world(target)
        self._truncated = False

    def _advance(self, action: Array) -> tuple[float, bool]:
        torque = TORQUE_LIMIT * action
        self.physics.step(torque)
        now = self.physics
        fingertip, target = now.fingertip_position_world(), now.target_position_world()
        earned = _number(self.formulation.reward(fingertip, target, torque))
        ends = self.formulation.done(
            now.fingertip_position_world(), now.joint_velocities(), now.target_position_world(),
            self.num_steps, self.step_limit,
        )  # fmt: skip
        terminated, self._truncated = _two_flags(ends)
        return earned, terminated

    def _truncates(self) -> bool:
        return self._truncated

    def _observe(self) -> Array:
        now = self.physics
        seen = self.formulation.observe(
            now.joint_angles(), now.joint_velocities(), now.target_position_world()
        )
        array = np.array(seen, dtype=np.float64)
        if array.ndim != 1:
            raise ValueError(f"observe: returned shape {array.shape}, expected (O,), one row of numbers.")
        if not np.all(np.isfinite(array)):
            raise ValueError(f"observe: returned {array}, expected finite numbers.")
        return array

    def _info(self) -> dict[str, Any]:
        now = self.physics
        distance = np.linalg.norm(now.fingertip_position_world() - now.target_position_world())
        slow = np.max(np.abs(now.joint_velocities())) < GOAL_SPEED
        return {"distance": float(distance), "is_success": bool(distance < GOAL_RADIUS and slow)}


def draw_target(rng: np.random.Generator) -> Array:
    """Draw a target (2,) uniformly over the annulus ``TARGET_RADIUS_RANGE`` around the shoulder, m."""
    low, high = TARGET_RADIUS_RANGE
    radius = np.sqrt(rng.uniform(low**2, high**2))
    angle = rng.uniform(-np.pi, np.pi)
    return radius * np.array([np.cos(angle), np.sin(angle)])


def _number(value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iufb" or not np.all(np.isfinite(array)):
        raise ValueError(f"reward: returned {value!r}, expected one finite number.")
    return float(array.reshape(()))


def _two_flags(value: Any) -> tuple[bool, bool]:
    flags = list(value) if isinstance(value, (tuple, list)) else []
    if len(flags) != 2 or not all(isinstance(flag, (bool, np.bool_)) for flag in flags):
        raise ValueError(f"done: returned {value!r}, expected two booleans (terminated, truncated).")
    return bool(flags[0]), bool(flags[1])
