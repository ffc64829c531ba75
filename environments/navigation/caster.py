"""What a level camera's columns meet among axis-aligned boxes, for many poses in many buildings at once.

The camera does not tilt, so all pixels of a column share one sight line on the map. A column is cut with the
footprints of the boxes in the camera's triangle. The nearest box from floor to ceiling closes the column;
only the lower and the higher boxes before it are cut with the rows' slopes. All arithmetic is element by
element, so an image does not depend on which others are cast with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from environments.navigation.floors import Floors
from environments.navigation.plans import WALL_HEIGHT

if TYPE_CHECKING:
    from environments.navigation.camera import Camera

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

TINY = 1e-12  # stands for a direction's component that is 0
NOTHING, FLOOR, CEILING = -1, -2, -3  # surfaces that are no boxes
UPRIGHT = np.uint8(2)  # faces up or down


def cast_depth(floors: Floors, camera: Camera, poses: Array, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Measure (M, H, W) depth along the camera's axis, m, from pose i on floor i."""
    cuts = _cut_columns(floors, camera, poses)
    # Rounding to fewer digits keeps the order, so it may come before the minimum.
    depth = np.minimum(_backdrop(camera).astype(dtype)[:, None], cuts.wall.astype(dtype)[:, None, :])
    if len(cuts.before[0]):
        stacks = _stack(cuts)
        nearest = stacks.nearest(_cut_rows(camera, cuts, *stacks.pairs)).astype(dtype)
        image, column = stacks.place
        depth[image, :, column] = np.minimum(depth[image, :, column], nearest)
    return depth


def cast_surfaces(floors: Floors, camera: Camera, poses: Array) -> tuple[Array, Ints, NDArray[np.uint8]]:
    """Find (M, H, W) depth, the box that is seen or a backdrop, and the axis that it faces."""
    cuts = _cut_columns(floors, camera, poses)
    behind, wall = _backdrop(camera)[:, None], cuts.wall[:, None, :]
    wall_box, wall_axis = _walls(cuts)
    nothing = np.where(camera.up > 0, CEILING, FLOOR)
    nothing[behind[:, 0] >= camera.max_depth] = NOTHING
    depth, is_wall = np.minimum(behind, wall), wall <= behind
    surface = np.where(is_wall, wall_box[:, None, :], nothing[:, None])
    axis = np.where(is_wall, wall_axis[:, None, :], UPRIGHT)
    if len(cuts.before[0]):
        stacks = _stack(cuts)
        cut, column = stacks.pairs
        nearest, pair = stacks.nearest_of(_cut_rows(camera, cuts, cut, column))
        entered, side = cuts.enter[cut, column][pair], cuts.sideways[cut, column].astype(np.uint8)[pair]
        image, column = stacks.place
        wins = np.isfinite(nearest) & (nearest <= depth[image, :, column])
        facing = np.where(nearest > entered, UPRIGHT, side)
        for whole, part in ((depth, nearest), (surface, cuts.box[cut][pair]), (axis, facing)):
            whole[image, :, column] = np.where(wins, part, whole[image, :, column])
    return depth, surface, axis


def boxes_in_triangle(floors: Floors, camera: Camera, poses: Array, edges: Array) -> tuple[Ints, Ints]:
    """Return the images and the boxes, image by image, that the (M, 2, 2) edges of the view may reach."""
    west, south, _, east, north, _ = floors.bounds
    within = ~np.isnan(west)
    if np.isfinite(camera.max_depth):
        lens = poses[:, :2]
        ends = lens[:, None] + camera.max_depth * edges
        low = np.minimum(lens, ends.min(axis=1))[:, :, None]
        high = np.maximum(lens, ends.max(axis=1))[:, :, None]
        within = (west <= high[:, 0]) & (east >= low[:, 0]) & (south <= high[:, 1]) & (north >= low[:, 1])
    image, box = np.nonzero(within)
    return image, box


def directions(headings: Array, right: Array) -> Array:
    """Return (N, K, 2) world directions that lie (K,) to the right of (N,) headings, per length ahead."""
    cos, sin = np.cos(headings)[:, None], np.sin(headings)[:, None]
    return np.stack([cos + sin * right, sin - cos * right], axis=-1)


def invert(slopes: Array) -> Array:
    """Return 1 / slopes, where a slope of 0 counts as tiny."""
    return 1 / np.where(np.abs(slopes) < TINY, TINY, slopes)


def interval(low: Array, high: Array, inverse: Array) -> tuple[Array, Array]:
    """Return when a ray passes the nearer and the farther of two planes."""
    one, other = low * inverse, high * inverse
    return np.minimum(one, other), np.maximum(one, other)


# Columns


@dataclass(frozen=True)
class _Cuts:
    """The K boxes in the cameras' triangles, and where their images' W columns cross the footprints.

    Attributes:
        image: (K,) which of the M images, ascending.
        box: (K,) which of its floor's boxes.
        low: (K,) m above the lens.
        high: (K,) m above the lens.
        enter: (K, W) depth.
        leave: (K, W) depth.
        sideways: (K, W) bool, entered through a side that faces north or south.
        walls: (V,) which of the K reach from floor to ceiling.
        wall: (M, W) depth of the nearest of them, infinity where there is none in range.
        before: (P,) which of the others is crossed before the wall, (P,) in which column; by column.
    """

    image: Ints
    box: Ints
    low: Array
    high: Array
    enter: Array
    leave: Array
    sideways: Mask
    walls: Ints
    wall: Array
    before: tuple[Ints, Ints]


def _cut_columns(floors: Floors, camera: Camera, poses: Array) -> _Cuts:
    directions = camera.column_directions(poses[:, 2])
    image, box = boxes_in_triangle(floors, camera, poses, directions[:, [0, -1]])
    bounds = floors.bounds[:, image, box]
    bounds[[0, 3]] -= poses[image, 0]
    bounds[[1, 4]] -= poses[image, 1]
    is_wall = (bounds[2] <= 0) & (bounds[5] >= WALL_HEIGHT)
    bounds[[2, 5]] -= camera.mount_height
    west, south, low, east, north, high = bounds[..., None]
    inverse = invert(directions)
    x_enter, x_leave = interval(west, east, inverse[:, :, 0][image])
    y_enter, y_leave = interval(south, north, inverse[:, :, 1][image])
    enter, leave = np.maximum(x_enter, y_enter), np.minimum(x_leave, y_leave)
    met = (enter <= leave) & (leave > 0) & (enter < camera.max_depth)
    np.copyto(enter, np.inf, where=~met)
    wall = np.full((len(poses), camera.width), np.inf)
    walls, others = np.flatnonzero(is_wall), np.flatnonzero(~is_wall)
    if len(walls):
        first = _firsts(image[walls])
        wall[image[walls[first]]] = np.minimum.reduceat(enter[walls], first, axis=0)
    column, other = np.nonzero((met[others] & (enter[others] <= wall[image[others]])).T)
    return _Cuts(
        image, box, low[:, 0], high[:, 0], enter, leave, y_enter > x_enter, walls, wall,
        (others[other], column),
    )  # fmt: skip


def _walls(cuts: _Cuts) -> tuple[Ints, NDArray[np.uint8]]:
    """Return the (M, W) number of the box that closes each column, and the axis that it faces."""
    box, axis = np.full(cuts.wall.shape, NOTHING), np.full(cuts.wall.shape, UPRIGHT)
    if len(cuts.walls) == 0:
        return box, axis
    image = cuts.image[cuts.walls]
    nearest = cuts.enter[cuts.walls] == cuts.wall[image]
    first = _firsts(image)
    last = np.maximum.reduceat(np.where(nearest, cuts.walls[:, None], 0), first, axis=0)
    box[image[first]] = cuts.box[last]
    axis[image[first]] = np.take_along_axis(cuts.sideways, last, axis=0)
    return box, axis


def _cut_rows(camera: Camera, cuts: _Cuts, cut: Ints, column: Ints) -> Array:
    """Return the (P, H) depth at which each row's ray enters each pair's box, infinity where it does not."""
    enter, leave = np.maximum(cuts.enter[cut, column], 0.0)[:, None], cuts.leave[cut, column][:, None]
    low, high = cuts.low[cut][:, None], cuts.high[cut][:, None]
    inverse = invert(camera.up)
    num_up = int(np.count_nonzero(inverse > 0))  # rows go from the top down
    near, far = np.empty((2, len(cut), camera.height))
    np.multiply(low, inverse[:num_up], out=near[:, :num_up])
    np.multiply(high, inverse[:num_up], out=far[:, :num_up])
    np.multiply(high, inverse[num_up:], out=near[:, num_up:])
    np.multiply(low, inverse[num_up:], out=far[:, num_up:])
    np.maximum(near, enter, out=near)
    np.minimum(far, leave, out=far)
    np.copyto(near, np.inf, where=near > far)
    return near


def _backdrop(camera: Camera) -> Array:
    """Return the (H,) depth of floor and ceiling, at most the range."""
    up = np.where(np.abs(camera.up) < TINY, TINY, camera.up)
    plane = np.where(up > 0, WALL_HEIGHT - camera.mount_height, -camera.mount_height)
    return np.minimum(plane / up, camera.max_depth)


# Stacks: several boxes in one column


@dataclass(frozen=True)
class _Stacks:
    """P pairs of box and column in layers: each column's first box, each one's second, and so on.

    Attributes:
        sizes: how many of the S columns have a first box, a second, ...; the deepest columns come first.
        pairs: (P,) which of the K boxes, (P,) the column.
        place: (S,) image, (S,) column.
    """

    sizes: list[int]
    pairs: tuple[Ints, Ints]
    place: tuple[Ints, Ints]

    def nearest(self, hit: Array) -> Array:
        """Return the (S, H) least of each column's hits (P, H), which are overwritten."""
        nearest, first = hit[: self.sizes[0]], self.sizes[0]
        for size in self.sizes[1:]:
            np.minimum(nearest[:size], hit[first : first + size], out=nearest[:size])
            first += size
        return nearest

    def nearest_of(self, hit: Array) -> tuple[Array, Ints]:
        """Return also the (S, H) pair that it is, of equal ones the last."""
        nearest, first = hit[: self.sizes[0]].copy(), self.sizes[0]
        pair = np.repeat(np.arange(first)[:, None], hit.shape[1], axis=1)
        for size in self.sizes[1:]:
            layer = hit[first : first + size]
            closer = layer <= nearest[:size]
            np.copyto(nearest[:size], layer, where=closer)
            np.copyto(pair[:size], np.arange(first, first + size)[:, None], where=closer)
            first += size
        return nearest, pair


def _stack(cuts: _Cuts) -> _Stacks:
    cut, column = cuts.before
    first = _firsts(column * len(cuts.wall) + cuts.image[cut])
    counts = np.diff(first, append=len(cut))
    deepest = np.argsort(-counts, kind="stable")
    first, counts = first[deepest], counts[deepest]
    sizes = [int(np.count_nonzero(counts > layer)) for layer in range(int(counts[0]))]
    order = np.concatenate([first[:size] + layer for layer, size in enumerate(sizes)])
    return _Stacks(sizes, (cut[order], column[order]), (cuts.image[cut[first]], column[first]))


def _firsts(ascending: Ints) -> Ints:
    """Return where each run of equal numbers begins."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))
