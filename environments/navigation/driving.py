"""A robot that drives among blocks, in MuJoCo: one model, whose blocks a plan puts in their places.

Nothing in it is there to be seen, so a physics step is short, and nothing is compiled for a new building.
"""

from __future__ import annotations

from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_ROWS, IndoorPlan, merge_cells

Array = NDArray[np.float64]

ROBOT_RADIUS = 0.12  # m; a cylinder that fits into a cell
ROBOT_MASS = 12.0  # kg
PHYSICS_TIMESTEP = 0.01  # s
SPEED_LIMIT = 0.5  # m/s
TURN_LIMIT = 1.5  # rad/s
SPEED_GAIN = 120.0  # N s/m: reaches a new speed in about 0.1 s
GRIP_GAIN = 600.0  # N s/m: wheels that hardly slip sideways
TURN_GAIN = 1.0  # N m s/rad, on 0.0864 kg m2
BLOCK_HEIGHT = 1.0  # m, of what the robot collides with
NUM_BLOCKS = 80  # that the model has; the 12,000 plans of the splits need 50 to 65
ASIDE = (0.0, 0.0, -50.0, 0.01, 0.01, 0.01)  # m, place and half sizes of a block that a plan does not need

OPTION = f'timestep="{PHYSICS_TIMESTEP}" integrator="implicitfast" cone="pyramidal" iterations="10"'
BLOCK_CLASS = '<geom type="box" group="3" contype="2" conaffinity="1" condim="1"/>'
# In the plane a cylinder is a disc. A sphere at the blocks' middle is the same disc, with exact normals.
CHASSIS = f"""
          <joint name="x" type="slide" axis="1 0 0"/>
          <joint name="y" type="slide" axis="0 1 0"/>
          <joint name="heading" type="hinge" axis="0 0 1"/>
          <inertial pos="0 0 0.4" mass="{ROBOT_MASS}" diaginertia="0.68 0.68 0.0864"/>
          <geom name="bumper" type="sphere" group="3" pos="0 0 {BLOCK_HEIGHT / 2}" size="{ROBOT_RADIUS}"
            mass="0" contype="1" conaffinity="2" condim="1"/>
          <site name="base"/>"""
WHEELS = f"""
        <velocity name="forward" site="base" gear="1 0 0 0 0 0" kv="{SPEED_GAIN}"/>
        <velocity name="turn" joint="heading" kv="{TURN_GAIN}"/>
        <velocity name="grip" site="base" gear="0 1 0 0 0 0" kv="{GRIP_GAIN}"/>"""


@lru_cache(maxsize=1)
def driving_model() -> mujoco.MjModel:
    """Compile the robot with all blocks aside; copy it before you write ``block_fields`` into it.

    Geoms 0 to NUM_BLOCKS - 1 are the blocks. There is no tree of bounding volumes, which would be the
    compiled blocks'.
    """
    x, y, z, *half = ASIDE
    block = f'<geom class="block" pos="{x} {y} {z}" size="{half[0]} {half[1]} {half[2]}"/>'
    return mujoco.MjModel.from_xml_string(f"""
    <mujoco model="driving">
      <option {OPTION}><flag midphase="disable"/></option>
      <size memory="1M"/>
      <default><default class="block">{BLOCK_CLASS}</default></default>
      <worldbody>
        {block * NUM_BLOCKS}
        <body name="robot">{CHASSIS}</body>
      </worldbody>
      <actuator>{WHEELS}</actuator>
    </mujoco>""")


def blocks_of(plan: IndoorPlan) -> Array:
    """Cover all cells that are not free with blocks (B, 6): middle x, y, z, and half sizes, m, world."""
    found = []
    for (first_row, end_row), (first_column, end_column) in merge_cells(~plan.free):
        x, y = (first_column + end_column) / 2, NUM_ROWS - (first_row + end_row) / 2
        half_width, half_depth = (end_column - first_column) / 2, (end_row - first_row) / 2
        place = (x * CELL_SIZE, y * CELL_SIZE, BLOCK_HEIGHT / 2)
        found.append((*place, half_width * CELL_SIZE, half_depth * CELL_SIZE, BLOCK_HEIGHT / 2))
    return np.array(found)


@lru_cache(maxsize=64)
def block_fields(plan: IndoorPlan) -> dict[str, Array]:
    """Return a plan's values of the model's fields for geoms 0 to NUM_BLOCKS - 1, by the field's name.

    Raises:
        ValueError: the plan needs more blocks than the model has.
    """
    blocks = blocks_of(plan)
    if len(blocks) > NUM_BLOCKS:
        raise ValueError(
            f"plan {plan.seed}: got {len(blocks)} blocks, expected at most {NUM_BLOCKS}. Take another plan."
        )
    placed = np.tile(np.array(ASIDE), (NUM_BLOCKS, 1))
    placed[: len(blocks)] = blocks
    half = placed[:, 3:]
    return {
        "geom_pos": placed[:, :3],
        "geom_size": half,
        "geom_rbound": np.sqrt(np.square(half).sum(axis=1)),
        "geom_aabb": np.concatenate([np.zeros_like(half), half], axis=1),
    }
