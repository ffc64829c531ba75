"""A robot that drives, and the few blocks around it, in MuJoCo: one small model for every plan and place.

A robot reaches at most the cells around its own in a control step. So the model has only as many blocks as
can be there, which are put in their places before each; in the whole building it would move alike, bit by
bit. Nothing is there to be seen, a physics step is short, and nothing is compiled for a new building.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan, merge_cells

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ROBOT_RADIUS = 0.12  # m; a cylinder that fits into a cell
ROBOT_MASS = 12.0  # kg
PHYSICS_TIMESTEP = 0.01  # s
NUM_SUBSTEPS = 20  # physics steps in a control step
SPEED_LIMIT = 0.5  # m/s; 0.1 m in a control step, and the radius, stay within the cells around
TURN_LIMIT = 1.5  # rad/s
SPEED_GAIN = 120.0  # N s/m: reaches a new speed in about 0.1 s
GRIP_GAIN = 600.0  # N s/m: wheels that hardly slip sideways
TURN_GAIN = 1.0  # N m s/rad, on 0.0864 kg m2
BLOCK_HEIGHT = 1.0  # m, of what the robot collides with
NUM_NEAR = 8  # blocks that the model has: as many as there are cells around one
ASIDE = (0.0, 0.0, -50.0, 0.01, 0.01, 0.01)  # m, place and half sizes of a block that is not needed

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
    """Compile the robot with all blocks aside; copy it before you put them elsewhere.

    There is no tree of bounding volumes, which would be the compiled blocks'.
    """
    return compile_among([ASIDE] * NUM_NEAR)


def compile_among(blocks: ArrayLike) -> mujoco.MjModel:
    """Compile the robot among blocks (B, 6), geoms 0 to B - 1: middle x, y, z and half sizes, m, world."""
    geoms = "".join(
        f'<geom class="block" pos="{x!r} {y!r} {z!r}" size="{a!r} {b!r} {c!r}"/>'
        for x, y, z, a, b, c in np.asarray(blocks, dtype=np.float64).tolist()
    )
    return mujoco.MjModel.from_xml_string(f"""
    <mujoco model="driving">
      <option {OPTION}><flag midphase="disable"/></option>
      <size memory="1M"/>
      <default><default class="block">{BLOCK_CLASS}</default></default>
      <worldbody>
        {geoms}
        <body name="robot">{CHASSIS}</body>
      </worldbody>
      <actuator>{WHEELS}</actuator>
    </mujoco>""")


@dataclass(frozen=True, eq=False)
class Blocks:
    """What a robot can collide with in a plan.

    Attributes:
        place: (B + 1, 6) float64, middle x, y, z and half sizes, m, world; the last is aside.
        near: (36, 48, 8) int64, the blocks that touch a cell or one around it, ascending; then the last.
    """

    place: Array
    near: Ints


def blocks_of(plan: IndoorPlan) -> Array:
    """Cover all cells that are not free with blocks (B, 6): middle x, y, z, and half sizes, m, world."""
    return np.array([_block(rows, columns) for rows, columns in merge_cells(~plan.free)])


def _block(rows: tuple[int, int], columns: tuple[int, int]) -> tuple[float, ...]:
    x, y = sum(columns) / 2 * CELL_SIZE, (NUM_ROWS - sum(rows) / 2) * CELL_SIZE
    half_width, half_depth = (columns[1] - columns[0]) / 2 * CELL_SIZE, (rows[1] - rows[0]) / 2 * CELL_SIZE
    return (x, y, BLOCK_HEIGHT / 2, half_width, half_depth, BLOCK_HEIGHT / 2)


@lru_cache(maxsize=64)
def blocks_by_cell(plan: IndoorPlan) -> Blocks:
    """Find a plan's blocks, and which are near each cell."""
    merged = list(merge_cells(~plan.free))
    none = len(merged)
    number = np.full((NUM_ROWS + 2, NUM_COLUMNS + 2), none)
    for block, (rows, columns) in enumerate(merged):
        number[rows[0] + 1 : rows[1] + 1, columns[0] + 1 : columns[1] + 1] = block
    windows = np.lib.stride_tricks.sliding_window_view(number, (3, 3))
    around = np.sort(windows.reshape(NUM_ROWS, NUM_COLUMNS, 9), axis=2)
    around[..., 1:][around[..., 1:] == around[..., :-1]] = none  # each block once
    near = np.sort(around, axis=2)[..., :NUM_NEAR]
    return Blocks(np.array([*(_block(*rectangle) for rectangle in merged), ASIDE]), near)


def block_fields(place: Array) -> dict[str, Array]:
    """Return the model's fields of geoms 0 to NUM_NEAR - 1 by name, for blocks at (..., NUM_NEAR, 6)."""
    half = place[..., 3:]
    return {
        "geom_pos": place[..., :3],
        "geom_size": half,
        "geom_rbound": np.sqrt(np.square(half).sum(axis=-1)),
        "geom_aabb": np.concatenate([np.zeros_like(half), half], axis=-1),
    }
