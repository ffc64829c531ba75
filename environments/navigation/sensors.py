"""What the robot perceives: images with noise, and where it believes to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.navigation import camera as first_person
from environments.navigation.camera import Camera
from environments.navigation.furniture import LABELS
from environments.navigation.plans import IndoorPlan
from environments.physics import wrap_angle

Array = NDArray[np.float64]

SENSORS = ("depth", "rgb", "semantic")
POSE_LIMIT = 20.0  # m, beyond any place of the building


@dataclass(frozen=True)
class Noise:
    """Errors of the sensors; the world itself is exact.

    Attributes:
        depth: standard deviation of a pixel's depth, as a share of the depth.
        dropout: probability that a pixel has no return and shows ``max_depth``.
        odometry_distance: standard deviation of measured motion, forward and sideways, as a share of the
            distance moved in the step.
        odometry_turn: standard deviation of measured turning in a step in which the robot moved or turned,
            rad.
    """

    depth: float = 0.0
    dropout: float = 0.0
    odometry_distance: float = 0.0
    odometry_turn: float = 0.0

    def __post_init__(self) -> None:
        for name in ("depth", "dropout", "odometry_distance", "odometry_turn"):
            value = getattr(self, name)
            if not 0.0 <= value < np.inf or (name == "dropout" and value > 1.0):
                expected = (
                    "a probability in [0, 1]" if name == "dropout" else "a standard deviation, at least 0"
                )
                raise ValueError(f"Noise.{name}: got {value!r}, expected {expected}.")


def check_sensors(sensors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the image sensors, in the order given.

    Raises:
        ValueError: a name is unknown or stands twice.
    """
    names = tuple(sensors)
    for name in names:
        if name not in SENSORS or names.count(name) > 1:
            raise ValueError(f"sensors: got {names!r}, expected some of {SENSORS}, each once.")
    return names


def image_space(name: str, camera: Camera) -> spaces.Box:
    """Return the space of a sensor's image."""
    size = (camera.height, camera.width)
    if name == "rgb":
        return spaces.Box(0, 255, (*size, 3), dtype=np.uint8)
    if name == "semantic":
        return spaces.Box(0, len(LABELS) - 1, size, dtype=np.uint8)
    high = camera.max_depth if np.isfinite(camera.max_depth) else POSE_LIMIT
    return spaces.Box(0.0, high, size, dtype=np.float32)


def images(
    plan: IndoorPlan, camera: Camera, pose_world: Array, sensors: tuple[str, ...], noise: Noise,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """Take one image with each sensor: depth (H, W) float32, rgb (H, W, 3) uint8, semantic (H, W) uint8."""
    if not sensors:
        return {}
    poses = pose_world[None]
    if sensors == ("depth",):
        return {"depth": _measured(first_person.depth(plan, camera, poses)[0], camera, noise, rng)}
    view = first_person.look(plan, camera, poses)
    taken: dict[str, NDArray[np.generic]] = {}
    for name in sensors:
        if name == "depth":
            taken[name] = _measured(view.depth[0], camera, noise, rng)
        elif name == "rgb":
            taken[name] = first_person.colours(plan, camera, poses, view)[0]
        else:
            taken[name] = first_person.semantics(plan, view)[0]
    return taken


def _measured(depth: Array, camera: Camera, noise: Noise, rng: np.random.Generator) -> NDArray[np.float32]:
    high = camera.max_depth if np.isfinite(camera.max_depth) else POSE_LIMIT
    if noise.depth > 0:
        echoed = depth < camera.max_depth
        error = rng.standard_normal(depth.shape)
        depth = np.where(echoed, depth * (1 + noise.depth * error), depth)
    if noise.dropout > 0:
        depth = np.where(rng.random(depth.shape) < noise.dropout, high, depth)
    return np.clip(depth, 0.0, high).astype(np.float32)


def motion_between(before_world: Array, after_world: Array) -> Array:
    """Express a motion in the robot's frame before it: forward, left (m) and turn (rad) (3,)."""
    step = after_world - before_world
    cos, sin = np.cos(before_world[2]), np.sin(before_world[2])
    return np.array(
        [cos * step[0] + sin * step[1], cos * step[1] - sin * step[0], float(wrap_angle(step[2]))]
    )


def compose(pose: Array, motion: Array) -> Array:
    """Add a motion in the robot's frame to a pose (3,) [x, y, heading in [-pi, pi)]."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return np.array([
        pose[0] + cos * motion[0] - sin * motion[1],
        pose[1] + sin * motion[0] + cos * motion[1],
        float(wrap_angle(pose[2] + motion[2])),
    ])  # fmt: skip


def measure_motion(motion: Array, noise: Noise, rng: np.random.Generator) -> Array:
    """Return a motion as odometry measures it."""
    measured = motion.copy()
    distance = float(np.hypot(motion[0], motion[1]))
    if noise.odometry_distance > 0:
        measured[:2] += noise.odometry_distance * distance * rng.standard_normal(2)
    if noise.odometry_turn > 0:
        moved = distance > 0 or motion[2] != 0
        measured[2] += noise.odometry_turn * rng.standard_normal() * moved
    return measured
