"""Ant-v5 on this course's vector environment: the same model file, observation, reward and ends as Gymnasium's.

``tests.bench.ant_speed`` measures it beside EnvPool's and Gymnasium's; a test holds every row to Gymnasium's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments.episode import MujocoEpisode
from environments.physics import Physics
from environments.vector import Array, Ids, MujocoVectorEnv

MODEL_PATH = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "ant.xml"
FRAME_SKIP = 5
STEP_LIMIT = 1000
RESET_NOISE = 0.1
CONTROL_COST = 0.5
CONTACT_COST = 5e-4
CONTACT_LIMIT = 1.0
HEALTHY_HEIGHT = (0.2, 1.0)  # m
TORSO = 1  # body id
NUM_OBSERVED = 13 + 14 + 13 * 6  # positions but x and y, velocities, contact forces but the world's
STAGES = (0.5, 0.5, 1.0)  # of RK4: where each stage after the first begins, in steps
WEIGHTS = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
SENSORS_OFF = int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
TERMS = ("x_velocity", "y_velocity", "reward_forward", "reward_ctrl", "reward_contact", "reward_survive")


def ant_model() -> mujoco.MjModel:
    """Compile Gymnasium's model, and a force sensor: with one, MuJoCo computes ``cfrc_ext``."""
    spec = mujoco.MjSpec.from_file(str(MODEL_PATH))
    spec.body("torso").add_site(name="middle")
    spec.add_sensor(
        type=mujoco.mjtSensor.mjSENS_FORCE, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="middle", name="force"
    )
    return spec.compile()


class Ant(MujocoEpisode):
    """The model, the spaces and the clock of Ant-v5; only ``AntVector`` steps it."""

    def __init__(self, step_limit: int = STEP_LIMIT, **picture: Any) -> None:
        super().__init__(step_limit, **picture)
        self.physics = Physics(ant_model(), FRAME_SKIP)
        self.observation_space = spaces.Box(-np.inf, np.inf, (NUM_OBSERVED,), dtype=np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (self.physics.model.nu,), dtype=np.float32)


class AntVector(MujocoVectorEnv):
    """N times Ant-v5. Saved states lack the contact forces.

    Gymnasium computes contact forces from what the integrator's last stage left in MjData. A batch has no such
    moment, so the last physics step of a control step is done stage by stage, each a ``forward`` of the batch.
    """

    single_type = Ant
    fields = ("qpos", "qvel", "ctrl", "time", "qacc", "qacc_warmstart", "xpos", "cfrc_ext")

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.start = self.single.physics.data.qpos.copy()
        self.forces = np.zeros((num_envs, self.single.physics.model.nbody, 6))
        self.terms = {name: np.zeros(num_envs) for name in TERMS}

    def _connect(self) -> None:
        super()._connect()
        self.disabled = self.batch.expand("opt.disableflags")

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        qpos, qvel = np.tile(self.start, (len(ids), 1)), np.empty((len(ids), 14))
        for i, row in enumerate(ids):
            qpos[i] += self.rng(row).uniform(-RESET_NOISE, RESET_NOISE, 15)
            qvel[i] = RESET_NOISE * self.rng(row).standard_normal(14)
        self._set_configuration(ids, qpos, qvel)
        self.forces[ids] = 0.0
        for term in self.terms.values():
            term[ids] = 0.0

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        before = self.view.xpos[ids, TORSO, :2]
        self._step_physics(ids, actions)
        self.forces[ids] = np.clip(self.view.cfrc_ext[ids], -CONTACT_LIMIT, CONTACT_LIMIT)
        velocity = (self.view.xpos[ids, TORSO, :2] - before) / self.single.physics.control_period
        states = self._states(ids)
        low, high = HEALTHY_HEIGHT
        healthy = np.isfinite(states).all(axis=1) & (low <= states[:, 2]) & (states[:, 2] <= high)
        values = (
            velocity[:, 0],
            velocity[:, 1],
            velocity[:, 0],
            -CONTROL_COST * np.square(actions).sum(axis=1),
            -CONTACT_COST * np.square(self.forces[ids]).sum(axis=(1, 2)),
            healthy.astype(np.float64),
        )
        for name, value in zip(TERMS, values, strict=True):
            self.terms[name][ids] = value
        return values[2] + values[3] + values[4] + values[5], ~healthy

    def _observe(self, ids: Ids) -> Array:
        contact = self.forces[ids, 1:].reshape(len(ids), -1)
        return np.concatenate([self.view.qpos[ids, 2:], self.view.qvel[ids], contact], axis=1)

    def _info(self, ids: Ids) -> dict[str, Any]:
        x, y = self.view.qpos[ids, 0], self.view.qpos[ids, 1]
        place = {"x_position": x, "y_position": y, "distance_from_origin": np.hypot(x, y)}
        return place | {name: term[ids] for name, term in self.terms.items()}

    def _step_physics(self, ids: Ids, ctrl: ArrayLike) -> None:
        """Hold ``ctrl`` for one control step; ``cfrc_ext`` and ``xpos`` are those of the last stage."""
        self.view.ctrl[ids] = ctrl
        self.disabled[ids] = SENSORS_OFF
        self.batch.step(self._selected(ids), nstep=self.num_substeps - 1)
        self._step_by_stages(ids)

    def _step_by_stages(self, ids: Ids) -> None:
        """Take one physics step as ``mj_step`` does with RK4: Munthe-Kaas, for the trunk's rotation."""
        view, period = self.view, float(self.single.physics.model.opt.timestep)
        self.batch.forward(self._selected(ids))
        qpos, qvel = view.qpos[ids], view.qvel[ids]
        speeds, accelerations = [qvel], [view.qacc[ids]]
        for stage, fraction in enumerate(STAGES, start=1):
            moved = (period * fraction) * speeds[-1]
            now = qvel + (period * fraction) * accelerations[-1]
            view.qpos[ids], view.qvel[ids] = _displace(qpos, moved), now
            if stage == len(STAGES):
                self.disabled[ids] = 0
            self.batch.forward(self._selected(ids))
            speeds.append(_pull_back(now, moved))
            accelerations.append(view.qacc[ids])
        view.qacc_warmstart[ids] = accelerations[-1]
        moved = period * sum(weight * speed for weight, speed in zip(WEIGHTS, speeds))
        view.qpos[ids] = _displace(qpos, moved)
        gained = sum(weight * acceleration for weight, acceleration in zip(WEIGHTS, accelerations))
        view.qvel[ids] = qvel + period * gained
        view.time[ids] += period


def _displace(qpos: Array, moved: Array) -> Array:
    """Move positions (K, 15) by (K, 14): ``mj_integratePos``."""
    angle = np.sqrt(np.square(moved[:, 3:6]).sum(axis=1))
    half = 0.5 * angle
    w = np.cos(half)
    x, y, z = (moved[:, 3:6] * (np.sin(half) / np.where(angle > 0, angle, 1.0))[:, None]).T
    a, b, c, d = qpos[:, 3:7].T
    turned = np.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        axis=1,
    )
    turned /= np.sqrt(np.square(turned).sum(axis=1, keepdims=True))
    return np.concatenate([qpos[:, :3] + moved[:, :3], turned, qpos[:, 7:] + moved[:, 6:]], axis=1)


def _pull_back(qvel: Array, moved: Array) -> Array:
    """Bring the trunk's turn (K, 14)[3:6] back over the rotation so far: the inverse of exp's derivative."""
    rotation, turn = moved[:, 3:6], qvel[:, 3:6]
    angle = np.sqrt(np.square(rotation).sum(axis=1, keepdims=True))
    safe = np.where(angle > 1e-4, angle, 1.0)
    exact = 1 / np.square(safe) - (1 + np.cos(safe)) / (2 * safe * np.sin(safe))
    twice = _cross(rotation, _cross(rotation, turn))
    corrected = qvel.copy()
    corrected[:, 3:6] += 0.5 * _cross(rotation, turn) + np.where(angle > 1e-4, exact, 1 / 12) * twice
    return corrected


def _cross(a: Array, b: Array) -> Array:
    """``np.cross`` (K, 3), several times as fast."""
    return a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]
