"""The corridor as a MuJoCo scene: a wall with doors, and a robot with a lamp that shows its sensor."""

from __future__ import annotations

import mujoco
import numpy as np

FIELD_OF_VIEW_DEG = 16.0
ASPECT = 4.0  # of the picture for which the camera is placed
WALL_HEIGHT = 1.1  # m
DOOR_HALF_WIDTH = 0.32  # m
ROOM_Y = 1.1  # m, where the robot stands once it has entered
LAMP_DOOR = (0.95, 0.75, 0.15, 1.0)
LAMP_WALL = (0.35, 0.38, 0.42, 1.0)


def build_scene(length: int, doors: tuple[int, ...], goal: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Compile the scene; cells are 1 m along x, the doors are in the wall at y = 0.6."""
    geoms = ['<geom type="plane" size="60 60 0.1" rgba="0.97 0.97 0.98 1" pos="0 0 -0.03"/>']
    for cell in range(length):
        x = cell - (length - 1) / 2
        shade = "0.88 0.90 0.92 1" if cell % 2 else "0.93 0.94 0.95 1"
        geoms.append(f'<geom type="box" pos="{x} 0 -0.01" size="0.5 0.5 0.01" rgba="{shade}"/>')
        geoms.append(
            f'<geom type="box" pos="{x} 0.6 {WALL_HEIGHT / 2}" size="0.5 0.08 {WALL_HEIGHT / 2}" '
            'rgba="0.60 0.65 0.70 1"/>'
        )
        if cell in doors:
            colour = "0.36 0.68 0.42 1" if cell == goal else "0.55 0.36 0.22 1"
            geoms.append(
                f'<geom type="box" pos="{x} 0.51 0.45" size="{DOOR_HALF_WIDTH} 0.03 0.45" rgba="{colour}"/>'
                f'<geom type="sphere" pos="{x + 0.22} 0.46 0.45" size="0.04" rgba="0.95 0.90 0.70 1"/>'
            )
    for side in (-1, 1):
        x = side * (length / 2 + 0.08)
        geoms.append(f'<geom type="box" pos="{x} 0.05 0.3" size="0.08 0.63 0.3" rgba="0.45 0.50 0.56 1"/>')
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


def place_robot(model: mujoco.MjModel, data: mujoco.MjData, cell: int, inside: bool, says_door: bool) -> None:
    """Put the robot in a cell, or in the room behind it, and light its lamp."""
    length = round(2 * abs(float(model.geom_pos[1, 0]))) + 1
    data.mocap_pos[0] = (cell - (length - 1) / 2, ROOM_Y if inside else 0.0, 0.0)
    model.geom_rgba[model.geom("sensor").id] = LAMP_DOOR if says_door else LAMP_WALL


def _camera(length: int) -> str:
    tilt = np.deg2rad(52.0)
    half_height = (length / 2 + 0.6) / ASPECT
    distance = half_height / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG / 2))
    pos = f"0 {-distance * np.sin(tilt) + 0.3} {distance * np.cos(tilt) + 0.3}"
    axes = f"1 0 0 0 {np.cos(tilt)} {np.sin(tilt)}"
    return f'<camera name="overview" pos="{pos}" xyaxes="{axes}" fovy="{FIELD_OF_VIEW_DEG}"/>'
