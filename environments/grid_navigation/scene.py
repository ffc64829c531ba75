"""A floor plan as a MuJoCo scene: walls to scale, coloured cells, and a robot to place."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import ArrayLike

WALL_HEIGHT = 0.55  # m; low enough to look over
FIELD_OF_VIEW_DEG = 34.0
TILT_DEG = 24.0  # of the camera, from straight down
ASPECT = 4 / 3  # of the picture for which the camera is placed
MARGIN = 1.04

RGBA = {
    "wall": "0.45 0.50 0.56 1",
    "floor": "0.93 0.94 0.95 1",
    "tile": "0.88 0.90 0.92 1",
    "good": "0.36 0.68 0.42 1",
    "bad": "0.82 0.30 0.24 1",
    "start": "0.62 0.76 0.90 1",
}


def build_scene(rows: tuple[str, ...], rewards: Mapping[str, float]) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Compile the scene of a plan; cells are 1 m, x is east, y is north, the origin is the plan's middle."""
    height, width = len(rows), len(rows[0])
    geoms = [
        f'<geom type="plane" size="{4 * width} {4 * height} 0.1" rgba="0.97 0.97 0.98 1" pos="0 0 -0.03"/>'
    ]
    best = max((abs(v) for v in rewards.values()), default=1.0) or 1.0
    for r, row in enumerate(rows):
        for c, character in enumerate(row):
            x, y = position(r, c, (height, width))
            if character == "#":
                geoms.append(_box(x, y, WALL_HEIGHT / 2, 0.5, WALL_HEIGHT / 2, rgba=RGBA["wall"]))
                continue
            geoms.append(_box(x, y, -0.01, 0.5, 0.01, rgba=RGBA["tile" if (r + c) % 2 else "floor"]))
            mark = _mark(character, rewards.get(character, 0.0))
            if mark:
                size = 0.26 + 0.18 * min(1.0, abs(rewards.get(character, best)) / best)
                geoms.append(_box(x, y, 0.01, size, 0.012, rgba=RGBA[mark]))
    text = f"""
    <mujoco model="floor_plan">
      <visual>
        <global offwidth="1024" offheight="768"/>
        <headlight ambient="0.39 0.41 0.44" diffuse="0.16 0.16 0.16" specular="0 0 0"/>
      </visual>
      <worldbody>
        <light name="lamp" diffuse="0.48 0.45 0.40" specular="0 0 0" cutoff="90" exponent="0"
          pos="{-0.45 * width} {0.35 * height} {1.1 * max(height, width) + 3}"/>
        {_camera(height, width)}
        {"".join(geoms)}
        <body name="robot" mocap="true">
          <geom type="cylinder" pos="0 0 0.16" size="0.27 0.14" rgba="0.20 0.36 0.58 1"/>
          <geom type="cylinder" pos="0 0 0.33" size="0.15 0.05" rgba="0.95 0.80 0.25 1"/>
        </body>
      </worldbody>
    </mujoco>"""
    model = mujoco.MjModel.from_xml_string(text)
    return model, mujoco.MjData(model)


def place_robot(data: mujoco.MjData, shape: tuple[int, int], cell: ArrayLike) -> None:
    """Put the robot on a (row, column) cell."""
    row, column = np.asarray(cell)
    data.mocap_pos[0, :2] = position(int(row), int(column), shape)


def position(row: int, column: int, shape: tuple[int, int]) -> tuple[float, float]:
    """Return the (x, y) of a cell's middle, m."""
    height, width = shape
    return column - (width - 1) / 2, (height - 1) / 2 - row


def _mark(character: str, reward: float) -> str:
    if character == "S":
        return "start"
    return "good" if reward > 0 else "bad" if reward < 0 else ""


def _box(x: float, y: float, z: float, half_width: float, half_height: float, *, rgba: str) -> str:
    return (
        f'<geom type="box" pos="{x} {y} {z}" size="{half_width} {half_width} {half_height}" rgba="{rgba}"/>'
    )


def _camera(height: int, width: int) -> str:
    tilt = np.deg2rad(TILT_DEG)
    half = max(height / 2, width / 2 / ASPECT) * MARGIN + 0.3
    distance = half / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG / 2)) + height / 2 * np.sin(tilt)
    pos = f"0 {-distance * np.sin(tilt)} {distance * np.cos(tilt)}"
    axes = f"1 0 0 0 {np.cos(tilt)} {np.sin(tilt)}"
    return f'<camera name="overview" pos="{pos}" xyaxes="{axes}" fovy="{FIELD_OF_VIEW_DEG}"/>'
