"""A level first-person camera among axis-aligned boxes, exact and without OpenGL.

The camera does not tilt, so all pixels of a column share one sight line on the map. Each column is cut with
the boxes' footprints once; only the pairs of column and box that meet are then cut with the rows' slopes.
Depth along the camera's axis is the rays' own parameter, so nothing is converted at the end. On the world's
own MuJoCo model ``mj_multiRay`` finds the same depth to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from environments.navigation.furniture import CEILING_LABEL, FLOOR_LABEL, NOTHING_LABEL
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_ROWS, WALL_HEIGHT, IndoorPlan

Array = NDArray[np.float64]

TINY = 1e-12  # stands for a direction's component that is 0
NOTHING, FLOOR, CEILING = -1, -2, -3  # surfaces that are no boxes
POSES_AT_ONCE = 4  # what still fits into the cache

# Shading: shares of a surface's own colour, by what it faces.
SHADE_X, SHADE_Y, SHADE_FLAT = 0.84, 0.68, 1.0
FADE = 0.35  # darker by this share at FADE_DEPTH
FADE_DEPTH = 8.0  # m
TILE = 0.5  # m, of the floor's checker
TILE_CONTRAST = 0.06
CEILING_COLOUR = (0.95, 0.95, 0.94)
NOTHING_COLOUR = (0.10, 0.11, 0.13)
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
        columns = self._column_directions(np.array([heading]))[0]
        rays = np.empty((self.height, self.width, 3))
        rays[..., :2], rays[..., 2] = columns[None], self.up[:, None]
        return rays

    def _column_directions(self, headings: Array) -> Array:
        """Return (N, W, 2) world directions of the columns."""
        cos, sin = np.cos(headings)[:, None], np.sin(headings)[:, None]
        return np.stack([cos + sin * self.right, sin - cos * self.right], axis=-1)


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


def depth(plan: IndoorPlan, camera: Camera, poses: ArrayLike) -> Array:
    """Render depth images.

    Args:
        plan: the floor.
        camera: the camera.
        poses: (N, 3) float64, x, y (m) and heading (rad) in the world frame, inside free cells.

    Returns:
        (N, H, W) float64 along the camera's axis, m; ``camera.max_depth`` where nothing is nearer.
    """
    parts = [_nearest(plan.boxes, camera, some)[0] for some in _in_parts(poses)]
    return _as_images(np.concatenate(parts), camera)


def look(plan: IndoorPlan, camera: Camera, poses: ArrayLike) -> View:
    """Render depth together with what is seen; see ``depth`` for the arguments."""
    parts = [_identify(plan.boxes, camera, some) for some in _in_parts(poses)]
    whole = [_as_images(np.concatenate(images), camera) for images in zip(*parts)]
    return View(whole[0], whole[1].astype(np.int64), whole[2].astype(np.uint8))


def semantics(plan: IndoorPlan, view: View) -> NDArray[np.uint8]:
    """Name what is seen: (N, H, W) uint8 in ``furniture.LABELS``."""
    names = np.concatenate([plan.box_label, [CEILING_LABEL, FLOOR_LABEL, NOTHING_LABEL]]).astype(np.uint8)
    return names[view.surface]  # -1, -2 and -3 count from the end


def colours(plan: IndoorPlan, camera: Camera, poses: ArrayLike, view: View) -> NDArray[np.uint8]:
    """Colour what is seen: (N, H, W, 3) uint8. Sides are shaded by what they face, and fade with depth."""
    at = _checked(poses)
    palette = np.concatenate([plan.box_colour, [CEILING_COLOUR, (1, 1, 1), NOTHING_COLOUR]])
    painted = palette[view.surface]
    light = np.array([SHADE_X, SHADE_Y, SHADE_FLAT])[view.facing]
    light *= 1 - FADE * np.minimum(view.depth / FADE_DEPTH, 1.0)
    image, row, column = np.nonzero(view.surface == FLOOR)
    along = camera._column_directions(at[:, 2])[image, column]
    point = at[image, :2] + view.depth[image, row, column, None] * along
    cell_row = np.clip(NUM_ROWS - 1 - (point[:, 1] // CELL_SIZE).astype(int), 0, plan.free.shape[0] - 1)
    cell_column = np.clip((point[:, 0] // CELL_SIZE).astype(int), 0, plan.free.shape[1] - 1)
    painted[image, row, column] = FLOOR_COLOURS[plan.room_type[cell_row, cell_column]]
    odd = (point // TILE).astype(int).sum(axis=1) % 2
    light[image, row, column] *= 1 - TILE_CONTRAST * odd
    light[view.surface == NOTHING] = 1.0
    return np.rint(np.clip(painted * light[..., None], 0, 1) * 255).astype(np.uint8)


def visible_cells(plan: IndoorPlan, camera: Camera, pose: ArrayLike) -> NDArray[np.bool_]:
    """Mark the (H, W) free cells whose floor is in sight: in range, in the field of view, not hidden.

    The middle of the cell's floor must be seen from the lens over and past all boxes; the lower edge of the
    image does not count (a robot has looked at the floor before its feet when it came). Its own cell is
    always seen.
    """
    x, y, heading = _checked(np.reshape(np.asarray(pose, dtype=np.float64), (1, 3)))[0]
    rows, columns = np.nonzero(plan.free)
    offset = np.stack([(columns + 0.5) * CELL_SIZE - x, (NUM_ROWS - rows - 0.5) * CELL_SIZE - y], axis=1)
    cos, sin = np.cos(heading), np.sin(heading)
    ahead, left = offset @ (cos, sin), offset @ (-sin, cos)
    edge = np.tan(np.deg2rad(camera.horizontal_fov_deg) / 2)
    close = np.abs(offset).max(axis=1) < CELL_SIZE / 2
    wanted = np.flatnonzero(
        (ahead > 0) & (ahead <= camera.max_depth) & (np.abs(left) <= edge * ahead) & ~close
    )
    direction = np.concatenate([offset[wanted], np.full((len(wanted), 1), -camera.mount_height)], axis=1)
    origin = np.array([x, y, camera.mount_height])
    inverse = 1 / np.where(np.abs(direction) < TINY, TINY, direction)[:, None, :]
    boxes = plan.boxes[_in_reach(plan.boxes, camera, np.array([[x, y, heading]]))]
    first, second = (boxes[None, :, :3] - origin) * inverse, (boxes[None, :, 3:] - origin) * inverse
    enter = np.minimum(first, second).max(axis=2)
    leave = np.maximum(first, second).min(axis=2)
    hidden = ((enter <= leave) & (leave > 0)).any(axis=1)
    seen = np.zeros_like(plan.free)
    seen[rows[wanted[~hidden]], columns[wanted[~hidden]]] = True
    seen[rows[close], columns[close]] = True
    return seen


# The caster


@dataclass(frozen=True)
class _Pairs:
    """Columns and the boxes whose footprints they cross, by column; the first of each is the background."""

    first: NDArray[np.int64]  # (C,) where each column's pairs begin
    column: NDArray[np.int64]  # (P,)
    box: NDArray[np.int64]  # (P,), -1 for the background
    enter: Array  # (P,) depth at which the column enters the footprint
    axis: NDArray[np.bool_]  # (P,) whether it enters through a side that faces north or south


def _nearest(boxes: Array, camera: Camera, poses: Array) -> tuple[Array, Array, _Pairs]:
    """Return depth (C, H) of all columns, each pair's depth (P, H), and the pairs."""
    directions = camera._column_directions(poses[:, 2])
    near_boxes = _in_reach(boxes, camera, poses)
    corners = boxes[near_boxes]
    with np.errstate(over="ignore"):
        inverse = 1 / np.where(np.abs(directions) < TINY, TINY, directions)
    xs, ys = corners[:, [0, 3]] - poses[:, None, 0, None], corners[:, [1, 4]] - poses[:, None, 1, None]
    x0, x1 = _interval(xs[:, None], inverse[..., None, 0])
    y0, y1 = _interval(ys[:, None], inverse[..., None, 1])
    enter, leave = np.maximum(x0, y0), np.minimum(x1, y1)
    met = (enter <= leave) & (leave > 0) & (enter < camera.max_depth)
    num_columns = len(poses) * camera.width
    met = met.reshape(num_columns, -1)
    first = np.concatenate([[0], np.cumsum(met.sum(axis=1)[:-1] + 1)])
    column, near = np.nonzero(met)
    flat = column * met.shape[1] + near
    num_pairs = num_columns + len(column)
    place = np.ones(num_pairs, dtype=bool)
    place[first] = False  # the background's places
    pair_enter, pair_leave = np.zeros(num_pairs), np.full(num_pairs, np.inf)
    low, high = np.full(num_pairs, -np.inf), np.full(num_pairs, np.inf)
    box, of_column = np.full(num_pairs, -1), np.empty(num_pairs, dtype=np.int64)
    of_column[first], of_column[place] = np.arange(num_columns), column
    pair_enter[place], pair_leave[place] = enter.ravel()[flat], leave.ravel()[flat]
    low[place], high[place] = corners[near, 2] - camera.mount_height, corners[near, 5] - camera.mount_height
    box[place] = near_boxes[near]
    axis = np.zeros(num_pairs, dtype=bool)
    axis[place] = (y0 > x0).ravel()[flat]
    hit = _cut_rows(camera, pair_enter, pair_leave, low, high)
    hit[first] = _background(camera)
    return np.minimum.reduceat(hit, first, axis=0), hit, _Pairs(first, of_column, box, pair_enter, axis)


def _interval(edges: Array, inverse: Array) -> tuple[Array, Array]:
    """Return when a column passes the nearer and the farther of two edges."""
    one, other = edges[..., 0] * inverse, edges[..., 1] * inverse
    return np.minimum(one, other), np.maximum(one, other)


def _cut_rows(camera: Camera, enter: Array, leave: Array, low: Array, high: Array) -> Array:
    """Return the (P, H) depth at which each row's ray enters each pair's box, infinity where it does not."""
    up = np.where(np.abs(camera.up) < TINY, TINY, camera.up)
    num_up = int(np.count_nonzero(up > 0))  # rows go from the top down
    inverse = 1 / up
    near, far = np.empty((len(enter), len(up))), np.empty((len(enter), len(up)))
    np.multiply(low[:, None], inverse[:num_up], out=near[:, :num_up])
    np.multiply(high[:, None], inverse[:num_up], out=far[:, :num_up])
    np.multiply(high[:, None], inverse[num_up:], out=near[:, num_up:])
    np.multiply(low[:, None], inverse[num_up:], out=far[:, num_up:])
    np.maximum(near, enter[:, None], out=near)
    np.minimum(far, leave[:, None], out=far)
    np.copyto(near, np.inf, where=(near > far) | (far < 0))
    return near


def _background(camera: Camera) -> Array:
    """Return the (H,) depth of floor and ceiling, at most the range."""
    up = np.where(np.abs(camera.up) < TINY, TINY, camera.up)
    plane = np.where(up > 0, WALL_HEIGHT - camera.mount_height, -camera.mount_height)
    return np.minimum(plane / up, camera.max_depth)


def _in_reach(boxes: Array, camera: Camera, poses: Array) -> NDArray[np.int64]:
    """Return the numbers of the boxes that are in range of any pose."""
    if not np.isfinite(camera.max_depth):
        return np.arange(len(boxes))
    reach = camera.max_depth * np.hypot(1.0, camera.right[-1])
    low, high = poses[:, :2].min(axis=0) - reach, poses[:, :2].max(axis=0) + reach
    return np.flatnonzero(((boxes[:, :2] <= high) & (boxes[:, 3:5] >= low)).all(axis=1))


def _identify(
    boxes: Array, camera: Camera, poses: Array
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    nearest, hit, pairs = _nearest(boxes, camera, poses)
    number = np.arange(len(hit), dtype=np.int32)[:, None]
    winner = np.maximum.reduceat(np.where(hit == nearest[pairs.column], number, -1), pairs.first, axis=0)
    surface, enter = pairs.box[winner], pairs.enter[winner]
    facing = np.where(nearest > enter, 2, pairs.axis[winner])
    backdrop = np.where(_background(camera) >= camera.max_depth, NOTHING,
                        np.where(camera.up > 0, CEILING, FLOOR))  # fmt: skip
    behind = surface < 0
    surface = np.where(behind, backdrop, surface)
    return nearest, surface, np.where(behind, 2, facing)


def _as_images(columns: NDArray[Any], camera: Camera) -> NDArray[Any]:
    return np.ascontiguousarray(columns.reshape(-1, camera.width, camera.height).swapaxes(1, 2))


def _in_parts(poses: ArrayLike) -> list[Array]:
    at = _checked(poses)
    return [at[first : first + POSES_AT_ONCE] for first in range(0, max(len(at), 1), POSES_AT_ONCE)]


def _checked(poses: ArrayLike) -> Array:
    at = np.asarray(poses, dtype=np.float64)
    if at.ndim != 2 or at.shape[1] != 3 or not np.all(np.isfinite(at)):
        raise ValueError(f"poses: got shape {at.shape}, expected (N, 3) finite x, y and heading.")
    return at
