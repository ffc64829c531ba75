"""A level first-person camera among axis-aligned boxes, exact and without OpenGL.

Depth along the camera's axis is the rays' own parameter, so nothing is converted at the end. On the world's
own MuJoCo model ``mj_multiRay`` finds the same depth to rounding. The rays are cast in ``caster``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from environments.navigation.caster import CEILING, FLOOR, NOTHING, cast_depth, cast_surfaces, directions
from environments.navigation.floors import Floors, floor_of, floors_at
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, WALL_HEIGHT, IndoorPlan
from environments.navigation.sight import cells_in_sight
from environments.threads import Workers, parts

__all__ = [
    "CEILING",
    "FLOOR",
    "NOTHING",
    "Camera",
    "View",
    "colours",
    "depth",
    "look",
    "semantics",
    "visible_cells",
]

Array = NDArray[np.float64]

ALONE = Workers(1)
PIXELS_ALONE = 32 * 64 * 64  # that one thread casts together: what the cache likes
PIXELS_BESIDE = 64 * 64 * 64  # where others work, too: threads wait for each other between numpy's calls

# Shading: shares of a surface's own colour, by what it faces.
SHADE_X, SHADE_Y, SHADE_FLAT = 0.84, 0.68, 1.0
FADE = 0.35  # darker by this share at FADE_DEPTH
FADE_DEPTH = 8.0  # m
TILE = 0.5  # m, of the floor's checker
TILE_CONTRAST = 0.06
FLOOR_COLOURS = np.array([  # by room type
    (0.60, 0.60, 0.60), (0.74, 0.73, 0.70), (0.74, 0.73, 0.70), (0.72, 0.58, 0.44),
    (0.52, 0.56, 0.62), (0.66, 0.54, 0.46), (0.80, 0.78, 0.72),
])  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks level along the robot's heading.

    Attributes:
        height: rows of the image, pixels.
        width: columns of the image, pixels.
        horizontal_fov_deg: field of view across.
        vertical_fov_deg: field of view from bottom to top; pixels need not be square.
        mount_height: of the lens above the floor, m.
        max_depth: sensing range, m, along the camera's axis; infinity sees everything.
    """

    height: int = 64
    width: int = 64
    horizontal_fov_deg: float = 60.0
    vertical_fov_deg: float = 60.0
    mount_height: float = 0.88
    max_depth: float = 3.0
    right: Array = field(init=False, repr=False, compare=False)
    up: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            if int(getattr(self, name)) != getattr(self, name) or getattr(self, name) < 1:
                raise ValueError(f"Camera.{name}: got {getattr(self, name)!r}, expected at least 1 pixel.")
        for name in ("horizontal_fov_deg", "vertical_fov_deg"):
            if not 0.0 < getattr(self, name) < 180.0:
                raise ValueError(f"Camera.{name}: got {getattr(self, name)!r}, expected degrees in (0, 180).")
        if not 0.0 < self.mount_height < WALL_HEIGHT:
            raise ValueError(
                f"Camera.mount_height: got {self.mount_height!r}, expected metres in (0, {WALL_HEIGHT})."
            )
        if not self.max_depth > 0.0:
            raise ValueError(f"Camera.max_depth: got {self.max_depth!r}, expected metres above 0.")
        object.__setattr__(self, "right", _slopes(self.width, self.horizontal_fov_deg))
        object.__setattr__(self, "up", -_slopes(self.height, self.vertical_fov_deg))

    def intrinsics(self) -> tuple[float, float, float, float]:
        """Return (fx, fy, cx, cy) in pixels; pixel (row, column) has its centre at (column, row)."""
        fx = self.width / 2 / np.tan(np.deg2rad(self.horizontal_fov_deg) / 2)
        fy = self.height / 2 / np.tan(np.deg2rad(self.vertical_fov_deg) / 2)
        return float(fx), float(fy), (self.width - 1) / 2, (self.height - 1) / 2

    def rays_world(self, heading: float) -> Array:
        """Return (H, W, 3) directions in the world frame, 1 long along the camera's axis.

        A pixel's point is the lens's position plus its depth times this.
        """
        columns = self.column_directions(np.array([heading]))[0]
        rays = np.empty((self.height, self.width, 3))
        rays[..., :2], rays[..., 2] = columns[None], self.up[:, None]
        return rays

    def column_directions(self, headings: Array) -> Array:
        """Return (N, W, 2) world directions of the columns."""
        return directions(headings, self.right)


def _slopes(count: int, fov_deg: float) -> Array:
    half = np.tan(np.deg2rad(fov_deg) / 2)
    slopes: Array = ((2 * np.arange(count) + 1) / count - 1) * half
    slopes.flags.writeable = False
    return slopes


@dataclass(frozen=True)
class View:
    """What a camera saw from N poses.

    Attributes:
        depth: (N, H, W) float64 along the camera's axis, m; ``max_depth`` where nothing is nearer.
        surface: (N, H, W) int64, the box's number, or NOTHING, FLOOR or CEILING.
        facing: (N, H, W) uint8, 0 for a side that faces east or west, 1 north or south, 2 up or down.
    """

    depth: Array
    surface: NDArray[np.int64]
    facing: NDArray[np.uint8]


def depth(
    plan: IndoorPlan | Floors, camera: Camera, poses: ArrayLike, dtype: DTypeLike = np.float64,
    workers: Workers = ALONE,
) -> NDArray[Any]:  # fmt: skip
    """Render depth images.

    Args:
        plan: the floor; or a table with a floor for each pose.
        camera: the camera.
        poses: (N, 3) float64, x, y (m) and heading (rad) in the world frame, inside free cells.
        dtype: of the image, float64 or float32.
        workers: threads that share the images.

    Returns:
        (N, H, W) along the camera's axis, m; ``camera.max_depth`` where nothing is nearer.
    """
    at = _checked(poses)
    floors, image = floors_at(plan, len(at)), np.empty((len(at), camera.height, camera.width), dtype=dtype)

    def cast(part: slice) -> None:
        image[part] = cast_depth(floors.take(part), camera, at[part], dtype)

    workers.run(cast, share(camera, len(at), workers))
    return image


def look(plan: IndoorPlan | Floors, camera: Camera, poses: ArrayLike, workers: Workers = ALONE) -> View:
    """Render depth together with what is seen; see ``depth`` for the arguments."""
    at = _checked(poses)
    floors, size = floors_at(plan, len(at)), (len(at), camera.height, camera.width)
    view = View(np.empty(size), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.uint8))

    def cast(part: slice) -> None:
        view.depth[part], view.surface[part], view.facing[part] = cast_surfaces(
            floors.take(part), camera, at[part]
        )

    workers.run(cast, share(camera, len(at), workers))
    return view


def semantics(plan: IndoorPlan | Floors, view: View) -> NDArray[np.uint8]:
    """Name what is seen: (N, H, W) uint8 in ``furniture.LABELS``."""
    floors = floors_at(plan, len(view.depth))
    return floors.label.reshape(-1).take(floors.entries(view.surface))


def colours(
    plan: IndoorPlan | Floors, camera: Camera, poses: ArrayLike, view: View, workers: Workers = ALONE
) -> NDArray[np.uint8]:
    """Colour what is seen: (N, H, W, 3) uint8. Sides are shaded by what they face, and fade with depth."""
    at = _checked(poses)
    floors, picture = floors_at(plan, len(at)), np.empty((*view.depth.shape, 3), dtype=np.uint8)

    def paint(part: slice) -> None:
        seen = View(view.depth[part], view.surface[part], view.facing[part])
        picture[part] = _paint(floors.take(part), camera, at[part], seen)

    workers.run(paint, share(camera, len(at), workers))
    return picture


def visible_cells(plan: IndoorPlan, camera: Camera, pose: ArrayLike) -> NDArray[np.bool_]:
    """Mark the (36, 48) free cells whose floor is in sight: in range, in the field of view, not hidden.

    The middle of the cell's floor must be seen from the lens over and past all boxes; the lower edge of the
    image does not count (a robot has looked at the floor before its feet when it came). Its own cell is
    always seen.
    """
    at = _checked(np.reshape(np.asarray(pose, dtype=np.float64), (1, 3)))
    return cells_in_sight(floor_of(plan), camera, at, ALONE)[0]


def share(camera: Camera, num_images: int, workers: Workers, least: int = PIXELS_BESIDE) -> list[slice]:
    """Cut images into parts that threads cast; a thread that has less than ``least`` pixels gains nothing."""
    pixels = PIXELS_ALONE if workers.num_threads == 1 else PIXELS_BESIDE
    size = camera.height * camera.width
    return parts(num_images, workers.num_threads, max(1, least // size), max(1, pixels // size))


def _paint(floors: Floors, camera: Camera, poses: Array, view: View) -> NDArray[np.uint8]:
    light = np.array([SHADE_X, SHADE_Y, SHADE_FLAT])[view.facing]
    light *= 1 - FADE * np.minimum(view.depth / FADE_DEPTH, 1.0)
    light[view.surface == NOTHING] = 1.0
    floor, floor_colour, contrast = _paint_floor(floors, camera, poses, view)
    light.reshape(-1)[floor] *= contrast
    entry = floors.entries(view.surface)
    painted = np.empty((*view.surface.shape, 3), dtype=np.uint8)
    for channel in range(3):  # on its own: an inner loop of three is slow
        colour = floors.colour[channel].reshape(-1).take(entry)
        colour.reshape(-1)[floor] = floor_colour[channel]
        colour *= light
        colour *= 255
        painted[..., channel] = np.rint(colour, out=colour)
    return painted


def _paint_floor(
    floors: Floors, camera: Camera, poses: Array, view: View
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return the (F,) pixels that show the floor, of all images in one row; their colour and contrast."""
    pixel = np.flatnonzero(view.surface == FLOOR)
    image = pixel // (camera.height * camera.width)
    along = camera.column_directions(poses[:, 2]).reshape(-1, 2)[image * camera.width + pixel % camera.width]
    depth = view.depth.reshape(-1)[pixel]
    x, y = poses[image, 0] + depth * along[:, 0], poses[image, 1] + depth * along[:, 1]
    row = np.clip(NUM_ROWS - 1 - (y // CELL_SIZE).astype(int), 0, NUM_ROWS - 1)
    column = np.clip((x // CELL_SIZE).astype(int), 0, NUM_COLUMNS - 1)
    odd = ((x // TILE).astype(int) + (y // TILE).astype(int)) % 2
    return pixel, FLOOR_COLOURS.T[:, floors.room_type[image, row, column]], 1 - TILE_CONTRAST * odd


def _checked(poses: ArrayLike) -> Array:
    at = np.asarray(poses, dtype=np.float64)
    if at.ndim != 2 or at.shape[1] != 3 or not np.all(np.isfinite(at)):
        raise ValueError(f"poses: got shape {at.shape}, expected (N, 3) finite x, y and heading.")
    return at
