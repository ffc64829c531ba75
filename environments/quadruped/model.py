"""The quadruped in MuJoCo: its model, with and without what is only seen, and one robot of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from environments.physics import Physics
from environments.quadruped.actuators import DAMPING, STIFFNESS, as_torque_motors
from environments.quadruped.gait import LEGS
from environments.quadruped.motion import gravity_body, to_body
from environments.quadruped.task import NUM_SUBSTEPS, Starts

Array = NDArray[np.float64]

MODEL_PATH = Path(__file__).with_name("quadruped.xml")
JOINTS = tuple(f"{leg}_{joint}" for leg in LEGS for joint in ("HAA", "HFE", "KFE"))
SEEN_GROUP = 1  # of geoms
VARIED = ("body_mass", "body_inertia", "pair_friction", "actuator_gainprm", "actuator_biasprm")


@cache
def load_scene() -> mujoco.MjModel:
    """Return the whole model, to be looked at; shared, not to be changed."""
    return mujoco.MjModel.from_xml_path(str(MODEL_PATH))


@cache
def load_model() -> mujoco.MjModel:
    """Return the model without what is only seen; shared, not to be changed.

    It moves bit by bit as the whole one, and a physics step takes 7% less time.
    """
    spec = mujoco.MjSpec.from_file(str(MODEL_PATH))
    only_seen = [geom for geom in spec.geoms if geom.group == SEEN_GROUP and not geom.mass > 0]
    for element in (*only_seen, *spec.cameras, *spec.lights):
        spec.delete(element)
    return spec.compile()


class QuadrupedPhysics(Physics):
    """The robot in MuJoCo. Its arrays have a leading axis of 1, so that it is a batch of one robot."""

    def __init__(self, torque_motors: bool = False) -> None:
        super().__init__(copy.copy(load_model()), NUM_SUBSTEPS)
        if torque_motors:
            as_torque_motors(self.model)

    @property
    def qpos(self) -> Array:
        """Trunk position, quat, and joint angles (1, 19), live."""
        return self.data.qpos[None]

    @property
    def qvel(self) -> Array:
        """Trunk velocity (world), trunk turn (body), and joint velocities (1, 18), live."""
        return self.data.qvel[None]

    @property
    def ctrl(self) -> Array:
        """The servos' targets or the motors' torques (1, 12), live."""
        return self.data.ctrl[None]

    @property
    def torque(self) -> Array:
        """Joint torques in the last physics step (1, 12), N m, live."""
        return self.data.actuator_force[None]

    def advance(self, num_physics_steps: int) -> None:
        """Take some physics steps; ``qpos`` and ``qvel`` are new, body poses are not."""
        mujoco.mj_step(self.model, self.data, nstep=num_physics_steps)

    def vary(self, starts: Starts) -> None:
        """Give the robot the payload, friction and gains of its episode."""
        vary({name: getattr(self.model, name)[None] for name in VARIED}, slice(None), starts)
        mujoco.mj_setConst(self.model, self.data)

    def trunk_height(self) -> float:
        """Height of the trunk's centre over the floor, m."""
        return float(self.data.qpos[2])

    def trunk_velocity_body(self) -> Array:
        """Velocity (3,) of the trunk's centre in its own frame, m/s."""
        return to_body(self.data.qpos[3:7], self.data.qvel[:3])

    def uprightness(self) -> float:
        """Cosine of the trunk's tilt: 1 level, 0 on a side, -1 on the back."""
        return -float(gravity_body(self.data.qpos[3:7])[2])

    def foot_positions_world(self) -> Array:
        """Centres (4, 3) of the feet, LF RF LH RH, m."""
        mujoco.mj_kinematics(self.model, self.data)
        return np.array([self.data.geom(f"{leg}_foot").xpos for leg in LEGS])


def vary(fields: Mapping[str, Array], ids: Any, starts: Starts) -> None:
    """Write payload, friction and gains of K episodes into per-robot model fields (N, ...).

    Follow with ``mj_setConst``. Torque motors keep their gains: their actuator has its own.
    """
    model = load_model()
    trunk = model.body("trunk").id
    mass = model.body_mass[trunk] + starts.payload
    fields["body_mass"][ids, trunk] = mass
    fields["body_inertia"][ids, trunk] = model.body_inertia[trunk] * (mass / model.body_mass[trunk])[:, None]
    for leg in LEGS:
        fields["pair_friction"][ids, model.pair(f"{leg}_foot").id, :2] = starts.friction[:, None]
    if np.any(fields["actuator_biasprm"]):  # position servos
        gain = starts.gain[:, None]
        fields["actuator_gainprm"][ids, :, 0] = STIFFNESS * gain
        fields["actuator_biasprm"][ids, :, 1] = -STIFFNESS * gain
        fields["actuator_biasprm"][ids, :, 2] = -DAMPING * gain
