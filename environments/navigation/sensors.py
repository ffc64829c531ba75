"""What the robot perceives: images with noise, and where it believes to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.navigation import camera as first_person
from environments.navigation.camera import ALONE, Camera
from environments.navigation.floors import Floors, floors_at
from environments.navigation.furniture import LABELS
from environments.navigation.plans import IndoorPlan
from environments.physics import wrap_angle
from environments.threads import Workers

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

    @property
    def spoils_depth(self) -> bool:
        """Whether depth has any error."""
        return self.depth > 0 or self.dropout > 0

    @property
    def spoils_odometry(self) -> bool:
        """Whether odometry has any error."""
        return self.odometry_distance > 0 or self.odometry_turn > 0


def check_sensors(sensors: tuple[str, ...] | str) -> tuple[str, ...]:
    """Return the names of the image sensors, in the order given; one may be given by its name alone.

    Raises:
        ValueError: a name is unknown or stands twice.
    """
    names = (sensors,) if isinstance(sensors, str) else tuple(sensors)
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
    plan: IndoorPlan | Floors, camera: Camera, poses_world: Array, sensors: tuple[str, ...], noise: Noise,
    rngs: Sequence[np.random.Generator], workers: Workers = ALONE,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Take one image with each sensor from N poses.

    Args:
        plan: the floor; or a table with a floor for each pose.
        camera: the camera.
        poses_world: (N, 3) float64, x, y (m) and heading (rad).
        sensors: what to take.
        noise: errors of depth.
        rngs: N generators, which errors are drawn from.
        workers: threads that share the images.

    Returns:
        "depth" (N, H, W) float32, "rgb" (N, H, W, 3) uint8, "semantic" (N, H, W) uint8, as asked for.
    """
    if sensors == ("depth",):
        dtype = np.float64 if noise.spoils_depth else np.float32
        depth = first_person.depth(plan, camera, poses_world, dtype, workers)
        return {"depth": _measured(depth, camera, noise, rngs)}
    floors, taken = floors_at(plan, len(poses_world)), dict[str, NDArray[Any]]()
    for name in sensors:
        box = image_space(name, camera)
        taken[name] = np.empty((len(poses_world), *box.shape), dtype=box.dtype)

    def take(part: slice) -> None:  # all sensors of a few poses, while these are in the cache
        here, poses = floors.take(part), poses_world[part]
        view = first_person.look(here, camera, poses)
        for name, whole in taken.items():
            if name == "depth":
                whole[part] = _measured(view.depth, camera, noise, rngs[part])
            elif name == "rgb":
                whole[part] = first_person.colours(here, camera, poses, view)
            else:
                whole[part] = first_person.semantics(here, view)

    if sensors:
        each = first_person.share(camera, len(poses_world), workers, first_person.PIXELS_ALONE)
        workers.run(take, each)
    return taken


def _measured(
    depth: NDArray[Any], camera: Camera, noise: Noise, rngs: Sequence[np.random.Generator]
) -> NDArray[np.float32]:
    is_bounded = bool(np.isfinite(camera.max_depth))
    high = camera.max_depth if is_bounded else POSE_LIMIT
    if not noise.spoils_depth:
        return (depth if is_bounded else np.minimum(depth, high)).astype(np.float32, copy=False)
    measured = depth.copy()
    for image, rng in zip(measured, rngs):  # every pose from its own generator, depth before dropout
        if noise.depth > 0:
            error = rng.standard_normal(image.shape)
            np.multiply(image, 1 + noise.depth * error, out=image, where=image < camera.max_depth)
        if noise.dropout > 0:
            image[rng.random(image.shape) < noise.dropout] = high
    return np.clip(measured, 0.0, high).astype(np.float32, copy=False)


def motion_between(before_world: Array, after_world: Array) -> Array:
    """Express motions in the robots' frames before them: forward, left (m) and turn (rad) (..., 3)."""
    step = after_world - before_world
    cos, sin = np.cos(before_world[..., 2]), np.sin(before_world[..., 2])
    x, y = step[..., 0], step[..., 1]
    motion = np.empty(step.shape)
    motion[..., 0], motion[..., 1] = cos * x + sin * y, cos * y - sin * x
    motion[..., 2] = wrap_angle(step[..., 2])
    return motion


def compose(pose: Array, motion: Array) -> Array:
    """Add motions in the robots' frames to poses (..., 3) [x, y, heading in [-pi, pi)]."""
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    forward, left = motion[..., 0], motion[..., 1]
    after = np.empty(motion.shape)
    after[..., 0] = pose[..., 0] + cos * forward - sin * left
    after[..., 1] = pose[..., 1] + sin * forward + cos * left
    after[..., 2] = wrap_angle(pose[..., 2] + motion[..., 2])
    return after


def draw_odometry(noise: Noise, rng: np.random.Generator) -> Array:
    """Draw the (3,) standard normal errors of one measured motion; none is drawn where there is no noise."""
    errors = np.zeros(3)
    if noise.odometry_distance > 0:
        errors[:2] = rng.standard_normal(2)
    if noise.odometry_turn > 0:
        errors[2] = rng.standard_normal()
    return errors


def measure_motion(motion: Array, noise: Noise, errors: Array) -> Array:
    """Return motions (..., 3) as odometry measures them, with errors (..., 3) from ``draw_odometry``."""
    distance = np.hypot(motion[..., 0], motion[..., 1])
    moved = (distance > 0) | (motion[..., 2] != 0)
    measured = motion.copy()
    measured[..., 0] += noise.odometry_distance * distance * errors[..., 0]
    measured[..., 1] += noise.odometry_distance * distance * errors[..., 1]
    measured[..., 2] += noise.odometry_turn * errors[..., 2] * moved
    return measured


def believe(pose: Array, motion: Array, noise: Noise, errors: Array) -> Array:
    """Return where odometry believes robots to be (..., 3), from where it believed them before a motion."""
    believed = compose(pose, measure_motion(motion, noise, errors))
    np.clip(believed[..., :2], -POSE_LIMIT, POSE_LIMIT, out=believed[..., :2])
    return believed
