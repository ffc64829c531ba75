"""The corridor as a MuJoCo scene: a wall with doors, and a robot with a lamp that shows its sensor."""

from __future__ import annotations

import itertools

import mujoco
import numpy as np

FIELD_OF_VIEW_DEG = 16.0
ASPECT = 4.0  # of the picture for which the camera is placed
MIN_HALF_HEIGHT = 1.85  # m, that the picture shows: a short corridor still has its rooms in it
WALL_HEIGHT, WALL_Y = 0.9, 0.6  # m
WALL = "0.60 0.65 0.70 1"
FRONT_Y, BACK_Y = -1.9, 2.7  # m, where the corridor's floor begins and the rooms behind the doors end
DOOR_HALF_WIDTH = 0.32  # m
ROOM_Y = 1.75  # m, where the robot stands once it has entered
LAMP_DOOR = (0.95, 0.75, 0.15, 1.0)
LAMP_WALL = (0.35, 0.38, 0.42, 1.0)


def build_scene(length: int, doors: tuple[int, ...], goal: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Compile the scene; cells are 1 m along x, the doors are in the wall at y = 0.6, rooms behind it."""
    geoms = ['<geom type="plane" size="60 60 0.1" rgba="0.80 0.83 0.87 1" pos="0 0 -0.03"/>']
    front, half_depth = (0.5 + FRONT_Y) / 2, (0.5 - FRONT_Y) / 2
    for cell in range(length):
        x = cell - (length - 1) / 2
        shade = "0.90 0.92 0.94 1" if cell % 2 else "0.97 0.97 0.97 1"
        geoms.append(_box((x, front, -0.01), (0.5, half_depth, 0.01), shade))
        geoms.append(_box((x, WALL_Y, WALL_HEIGHT / 2), (0.5, 0.08, WALL_HEIGHT / 2), WALL))
        if cell in doors:
            colour = "0.36 0.68 0.42 1" if cell == goal else "0.55 0.36 0.22 1"
            geoms.append(_box((x, 0.51, 0.45), (DOOR_HALF_WIDTH, 0.03, 0.45), colour))
            geoms.append(
                f'<geom type="sphere" pos="{x + 0.22} 0.46 0.45" size="0.04" rgba="0.95 0.90 0.70 1"/>'
            )
    geoms.extend(_rooms(length, doors, goal))
    text = f"""
    <mujoco model="corridor">
      <visual>
        <global offwidth="1024" offheight="768"/>
        <headlight ambient="0.39 0.41 0.44" diffuse="0.16 0.16 0.16" specular="0 0 0"/>
      </visual>
      <worldbody>
        <light name="lamp" diffuse="0.48 0.45 0.40" specular="0 0 0" cutoff="90" exponent="0"
          pos="{-0.3 * length} {-0.5 * length} {0.9 * length}"/>
        {_camera(length)}
        {"".join(geoms)}
        <body name="robot" mocap="true">
          <geom type="cylinder" pos="0 0 0.2" size="0.28 0.18" rgba="0.20 0.36 0.58 1"/>
          <geom name="sensor" type="sphere" pos="0 0 0.46" size="0.14"/>
        </body>
      </worldbody>
    </mujoco>"""
    model = mujoco.MjModel.from_xml_string(text)
    return model, mujoco.MjData(model)


def _rooms(length: int, doors: tuple[int, ...], goal: int) -> list[str]:
    """Build a room behind each door, divided half-way between the doors, and the corridor's ends."""
    order = sorted(set(doors))
    middles = [(one + other + 1) / 2 for one, other in itertools.pairwise(order)]
    edges = [x - length / 2 for x in (0.0, *middles, float(length))]
    middle_y, half_depth, middle_z = (WALL_Y + BACK_Y) / 2, (BACK_Y - WALL_Y) / 2, WALL_HEIGHT / 2
    geoms = [_box((0.0, BACK_Y, middle_z), (length / 2 + 0.08, 0.08, middle_z), WALL)]
    for door, (west, east) in zip(order, itertools.pairwise(edges)):
        colour = "0.70 0.84 0.70 1" if door == goal else "0.83 0.72 0.58 1"
        geoms.append(
            _box(((west + east) / 2, middle_y, -0.01), ((east - west) / 2, half_depth, 0.01), colour)
        )
    for x in edges[1:-1]:
        geoms.append(_box((x, middle_y, middle_z), (0.08, half_depth, middle_z), WALL))
    for x in (edges[0], edges[-1]):
        middle, half = (FRONT_Y + BACK_Y) / 2, (BACK_Y - FRONT_Y) / 2
        geoms.append(_box((x, middle, middle_z), (0.08, half, middle_z), WALL))
    return geoms


def _box(middle: tuple[float, float, float], half: tuple[float, float, float], rgba: str) -> str:
    numbers = [" ".join(map(str, values)) for values in (middle, half)]
    return f'<geom type="box" pos="{numbers[0]}" size="{numbers[1]}" rgba="{rgba}"/>'


def place_robot(model: mujoco.MjModel, data: mujoco.MjData, cell: int, inside: bool, says_door: bool) -> None:
    """Put the robot in a cell, or in the room behind it, and light its lamp."""
    length = round(2 * abs(float(model.geom_pos[1, 0]))) + 1
    data.mocap_pos[0] = (cell - (length - 1) / 2, ROOM_Y if inside else 0.0, 0.0)
    model.geom_rgba[model.geom("sensor").id] = LAMP_DOOR if says_door else LAMP_WALL


def _camera(length: int) -> str:
    tilt = np.deg2rad(42.0)
    half_height = max((length / 2 + 0.6) / ASPECT, MIN_HALF_HEIGHT)
    distance = half_height / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG / 2))
    pos = f"0 {-distance * np.sin(tilt) + 0.3} {distance * np.cos(tilt) + 0.3}"
    axes = f"1 0 0 0 {np.cos(tilt)} {np.sin(tilt)}"
    return f'<camera name="overview" pos="{pos}" xyaxes="{axes}" fovy="{FIELD_OF_VIEW_DEG}"/>'
