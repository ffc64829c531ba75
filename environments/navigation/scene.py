"""A floor plan as a MuJoCo world: walls and furniture as boxes of the world body, and a robot that drives."""

from __future__ import annotations

from functools import lru_cache

import mujoco
import numpy as np

from environments.navigation.camera import FLOOR_COLOURS, TILE, TILE_CONTRAST
from environments.navigation.driving import BLOCK_CLASS, CHASSIS, OPTION, ROBOT_RADIUS, WHEELS, blocks_of
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, WALL_HEIGHT, IndoorPlan, draw_plan

ROBOT_HEIGHT = 0.72  # m; below the lens
BEACON_HEIGHT = WALL_HEIGHT + 0.1  # m, seen from above only
OVERVIEW_HEIGHT = 40.0  # m: nearly no perspective
IMAGE_ASPECT = 4 / 3
MARGIN = 1.03
GROUND = 8  # cells of ground around the building
GROUND_GREY = 0.65
FLOOR_BRIGHTNESS = 1.15  # of its colours in the robot's images, which light falls on


@lru_cache(maxsize=16)
def build_model(seed: int, mount_height: float, vertical_fov_deg: float) -> mujoco.MjModel:
    """Compile the world of a plan; who shares it must not change it.

    The geoms' ids are the plan's boxes, then ``floor`` and ``ceiling``. What is seen does not collide; the
    robot collides with invisible blocks (group 3) over all cells that are not free, so that traversability is
    exact. Above the ceiling a disc shows the robot to the overview camera. Joints: x, y, heading.
    """
    plan = draw_plan(seed)
    model = mujoco.MjModel.from_xml_string(_world(plan, mount_height, vertical_fov_deg))
    _paint_floor(model, plan)
    return model


def _paint_floor(model: mujoco.MjModel, plan: IndoorPlan) -> None:
    """Colour the floor by room type, as the robot sees it: one pixel of the texture a cell."""
    rows, columns = np.mgrid[0:NUM_ROWS, 0:NUM_COLUMNS] // round(TILE / CELL_SIZE)
    shade = 1 - TILE_CONTRAST * ((rows + columns) % 2)
    inside = np.minimum(FLOOR_BRIGHTNESS * FLOOR_COLOURS[plan.room_type], 1) * shade[..., None]
    pixels = np.full((NUM_ROWS + 2 * GROUND, NUM_COLUMNS + 2 * GROUND, 3), GROUND_GREY)
    pixels[GROUND:-GROUND, GROUND:-GROUND] = inside
    first = int(model.tex_adr[model.texture("rooms").id])
    model.tex_data[first : first + pixels.size] = np.rint(255 * pixels).astype(np.uint8).ravel()


def _world(plan: IndoorPlan, mount_height: float, vertical_fov_deg: float) -> str:
    middle = (plan.boxes[:, :3] + plan.boxes[:, 3:]) / 2
    half = (plan.boxes[:, 3:] - plan.boxes[:, :3]) / 2
    boxes = "".join(
        f'<geom class="box" pos="{x!r} {y!r} {z!r}" size="{a!r} {b!r} {c!r}" '
        f'rgba="{r:.3f} {g:.3f} {w:.3f} 1"/>'
        for (x, y, z), (a, b, c), (r, g, w) in zip(middle.tolist(), half.tolist(), plan.box_colour.tolist())
    )
    blocks = "".join(
        f'<geom class="block" pos="{x!r} {y!r} {z!r}" size="{a!r} {b!r} {c!r}"/>'
        for x, y, z, a, b, c in blocks_of(plan).tolist()
    )
    width, height = NUM_COLUMNS * CELL_SIZE, NUM_ROWS * CELL_SIZE
    ground = GROUND * CELL_SIZE
    shown = max(height, width / IMAGE_ASPECT) / 2 * MARGIN
    fov = np.rad2deg(2 * np.arctan(shown / (OVERVIEW_HEIGHT - WALL_HEIGHT)))
    return f"""
    <mujoco model="indoor_navigation">
      <option {OPTION}/>
      <size memory="2M"/>
      <visual>
        <global offwidth="1024" offheight="768"/>
        <headlight ambient="0.52 0.53 0.55" diffuse="0.20 0.20 0.20" specular="0 0 0"/>
      </visual>
      <asset>
        <texture name="rooms" type="2d" builtin="flat"
          width="{NUM_COLUMNS + 2 * GROUND}" height="{NUM_ROWS + 2 * GROUND}"/>
        <material name="floor" texture="rooms" texuniform="true"
          texrepeat="{2 / (width + 2 * ground)} {2 / (height + 2 * ground)}"/>
      </asset>
      <default>
        <geom contype="0" conaffinity="0"/>
        <default class="box"><geom type="box"/></default>
        <default class="block">{BLOCK_CLASS}</default>
        <default class="robot"><geom type="cylinder" mass="0"/></default>
      </default>
      <worldbody>
        <light name="lamp" diffuse="0.32 0.30 0.26" specular="0 0 0" cutoff="90" exponent="0"
          pos="{width * 0.35} {height * 0.75} 16"/>
        <camera name="overview" pos="{width / 2} {height / 2} {OVERVIEW_HEIGHT}" xyaxes="1 0 0 0 1 0"
          fovy="{fov}"/>
        {boxes}
        <geom name="floor" type="plane" size="20 20 0.1" pos="{-ground} {-ground} 0" material="floor"/>
        <geom name="ceiling" type="plane" size="20 20 0.1" pos="0 0 {WALL_HEIGHT}" zaxis="0 0 -1"
          rgba="0.95 0.95 0.94 1"/>
        {blocks}
        {_robot(mount_height, vertical_fov_deg)}
        <body name="goal" mocap="true" pos="0 0 -1">
          <geom name="goal" class="robot" size="0.20 0.01" pos="0 0 0.012" rgba="0.25 0.66 0.32 1"/>
        </body>
      </worldbody>
      <actuator>{WHEELS}</actuator>
    </mujoco>"""


def _robot(mount_height: float, vertical_fov_deg: float) -> str:
    return f"""
        <body name="robot">{CHASSIS}
          <geom name="hull" class="robot" pos="0 0 {ROBOT_HEIGHT / 2}"
            size="{ROBOT_RADIUS} {ROBOT_HEIGHT / 2}" rgba="0.16 0.32 0.58 1"/>
          <geom name="cap" class="robot" pos="0 0 {ROBOT_HEIGHT}" size="0.07 0.02" rgba="0.95 0.80 0.25 1"/>
          <geom name="beacon" class="robot" pos="0 0 {BEACON_HEIGHT}" size="0.20 0.01"
            rgba="0.16 0.32 0.58 1"/>
          <geom name="beacon_nose" class="robot" type="box" pos="0.19 0 {BEACON_HEIGHT + 0.02}"
            size="0.13 0.05 0.015" rgba="0.95 0.72 0.15 1"/>
          <camera name="first_person" pos="0 0 {mount_height}" xyaxes="0 -1 0 0 0 1"
            fovy="{vertical_fov_deg}"/>
        </body>"""
