"""Which cells of the floor are in sight, for many poses in many buildings at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from environments.navigation.caster import boxes_in_triangle, directions, interval, invert
from environments.navigation.floors import Floors
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS
from environments.threads import Workers, parts

if TYPE_CHECKING:
    from environments.navigation.camera import Camera

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

POSES_AT_ONCE = 16  # what one thread looks at together: the ways to cells times the boxes beside them


def cells_in_sight(floors: Floors, camera: Camera, poses: Array, workers: Workers) -> Mask:
    """Mark the (M, 36, 48) free cells whose floor's middle is seen from pose i on floor i."""
    seen = np.empty(floors.free.shape, dtype=np.bool_)

    def look(part: slice) -> None:
        seen[part] = _look(floors.take(part), camera, poses[part])

    most = POSES_AT_ONCE if np.isfinite(camera.max_depth) else 1
    workers.run(look, parts(len(poses), workers.num_threads, most, most))
    return seen


def _look(floors: Floors, camera: Camera, poses: Array) -> Mask:
    x = (np.arange(NUM_COLUMNS) + 0.5) * CELL_SIZE - poses[:, :1]
    y = (NUM_ROWS - np.arange(NUM_ROWS) - 0.5) * CELL_SIZE - poses[:, 1:2]
    cos, sin = np.cos(poses[:, 2:]), np.sin(poses[:, 2:])
    ahead = (x * cos)[:, None, :] + (y * sin)[:, :, None]
    left = (y * cos)[:, :, None] - (x * sin)[:, None, :]
    edge = np.tan(np.deg2rad(camera.horizontal_fov_deg) / 2)
    own = (np.abs(x) < CELL_SIZE / 2)[:, None, :] & (np.abs(y) < CELL_SIZE / 2)[:, :, None]
    wanted = (ahead > 0) & (ahead <= camera.max_depth) & (np.abs(left) <= edge * ahead) & ~own & floors.free
    seen = own & floors.free
    image, row, column = np.nonzero(wanted)
    if len(image):
        way = np.stack([x[image, column], y[image, row], np.full(len(image), -camera.mount_height)])
        edges = directions(poses[:, 2], np.array([-edge, edge]))
        near = boxes_in_triangle(floors, camera, poses, edges)
        seen[image, row, column] = ~_is_cut(floors, camera, poses, image, way, near)
    return seen


def _is_cut(
    floors: Floors, camera: Camera, poses: Array, image: Ints, way: Array, near: tuple[Ints, Ints]
) -> Mask:
    """Mark the (Q,) ways (3, Q) from their images' lenses that a near box of the floor cuts."""
    place, box_place = _count_in_runs(image), _count_in_runs(near[0])
    inverse = np.full((3, len(poses), place.max() + 1, 1), np.nan)
    inverse[:, image, place, 0] = invert(way)
    if len(box_place) == 0:
        return np.zeros(len(image), dtype=np.bool_)
    bounds = np.full((6, len(poses), 1, box_place.max() + 1), np.nan)
    bounds[:, near[0], 0, box_place] = floors.bounds[:, near[0], near[1]]
    x, y = (poses[:, axis, None, None] for axis in range(2))
    for axis, origin in enumerate((x, y, camera.mount_height)):
        bounds[axis] -= origin
        bounds[axis + 3] -= origin
    (enter, leave), *others = (interval(bounds[i], bounds[i + 3], inverse[i]) for i in range(3))
    for later, sooner in others:
        np.maximum(enter, later, out=enter)
        np.minimum(leave, sooner, out=leave)
    cut: Mask = np.any((enter <= leave) & (leave > 0), axis=2)
    return cut[image, place]


def _count_in_runs(ascending: Ints) -> Ints:
    """Number the members of each run of equal numbers: [3, 3, 5, 5, 5] becomes [0, 1, 0, 1, 2]."""
    number = np.arange(len(ascending))
    return number - np.searchsorted(ascending, ascending)
