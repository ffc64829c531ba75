"""Shortest paths on a map of square cells: distance fields, and the expert that walks down them.

Distances are 4-connected, in metres, from the middle of a cell to the middle of another. A whole row of the
map is one machine word or two, so a wave over all cells is a handful of shifts on one integer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CELL_SIZE = 0.25  # m; a power of two, so that lengths of paths are exact
FORWARD, TURN_LEFT, TURN_RIGHT, STOP = range(4)
ACTIONS = ("forward", "turn left", "turn right", "stop")
EAST, NORTH, WEST, SOUTH = range(4)  # headings, counter-clockwise from world x
HEADINGS = ("east", "north", "west", "south")
HEADING_MOVES = np.array([(0, 1), (-1, 0), (0, -1), (1, 0)])  # (4, 2) change of (row, column); row 0 is north


def distance_field(free: ArrayLike, targets: ArrayLike) -> Array:
    """Measure how far each cell is from the nearest target, over free cells.

    Breadth-first search (Moore 1959) with the frontier as the bits of one integer.

    Args:
        free: (H, W) bool, cells that can be entered.
        targets: (H, W) bool, where the distance is 0; targets that are not free do not count.

    Returns:
        (H, W) float64, m; infinity where no target can be reached, and in cells that are not free.

    Raises:
        ValueError: the shapes differ.
    """
    open_cells, goals = np.asarray(free, dtype=bool), np.asarray(targets, dtype=bool)
    if open_cells.ndim != 2 or goals.shape != open_cells.shape:
        raise ValueError(
            f"distance_field: got targets of shape {goals.shape} and free cells of shape {open_cells.shape}, "
            "expected the same (H, W)."
        )
    height, width = open_cells.shape
    stride = width + 1  # one closed column keeps rows apart
    open_bits, reached = _to_bits(open_cells), _to_bits(goals & open_cells)
    num_bytes = (height * stride + 7) // 8
    waves = []
    while True:
        waves.append(reached.to_bytes(num_bytes, "little"))
        wider = reached | reached << 1 | reached >> 1 | reached << stride | reached >> stride
        wider &= open_bits
        if wider == reached:
            break
        reached = wider
    bits = np.unpackbits(np.frombuffer(b"".join(waves), dtype=np.uint8).reshape(len(waves), -1),
                         axis=1, count=height * stride, bitorder="little")  # fmt: skip
    num_waves_reached = bits.sum(axis=0, dtype=np.int32).reshape(height, stride)[:, :width]
    return np.where(num_waves_reached > 0, (len(waves) - num_waves_reached) * CELL_SIZE, np.inf)


def reachable(free: ArrayLike, cell: tuple[int, int]) -> Mask:
    """Mark the (H, W) cells that can be reached from a (row, column) cell."""
    open_cells = np.asarray(free, dtype=bool)
    start = np.zeros_like(open_cells)
    start[cell] = True
    return np.isfinite(distance_field(open_cells, start))


def is_connected(free: ArrayLike) -> bool:
    """Tell whether every free cell can be reached from every other."""
    open_cells = np.asarray(free, dtype=bool)
    open_bits = _to_bits(open_cells)
    return _spreads(open_bits, open_bits & -open_bits, open_bits, open_cells.shape[1] + 1)


class OpenCells:
    """Connected free cells of which some are closed in the course of time, as the bits of one integer.

    Args:
        free: (H, W) bool, connected.
    """

    def __init__(self, free: Mask) -> None:
        height, self._stride = free.shape[0], free.shape[1] + 1
        self._bits = _to_bits(free)
        self._column = [0]  # by height, the cells of column 0 from row 0 on
        for row in range(height):
            self._column.append(self._column[-1] | 1 << self._stride * row)

    def rectangle(self, rows: tuple[int, int], columns: tuple[int, int]) -> int:
        """Return the bits of a rectangle, rows and columns as slices' (first, end), inside the map."""
        line = (1 << (columns[1] - columns[0])) - 1
        return line * self._column[rows[1] - rows[0]] << (self._stride * rows[0] + columns[0])

    def can_close(self, mask: int) -> bool:
        """Tell whether all of a mask's cells are free, and the others stay connected without them.

        They do if the cells beside the mask still reach each other, which a short way around it shows.
        """
        if mask & ~self._bits:
            return False
        left = self._bits & ~mask
        beside = (mask << 1 | mask >> 1 | mask << self._stride | mask >> self._stride) & left
        return _spreads(left, beside & -beside, beside, self._stride) and (beside != 0 or left == 0)

    def close(self, mask: int) -> None:
        """Close the mask's cells."""
        self._bits &= ~mask


def _spreads(open_bits: int, start: int, to: int, stride: int) -> bool:
    """Tell whether a wave over open cells reaches all that it should."""
    reached = start
    while to & ~reached:
        wider = (reached | reached << 1 | reached >> 1 | reached << stride | reached >> stride) & open_bits
        if wider == reached:
            return False
        reached = wider
    return True


def optimal_headings(field: Array, cell: tuple[int, int]) -> Mask:
    """Mark the (4,) headings in which one step from a cell shortens the way by a cell.

    Args:
        field: (H, W) float64 from ``distance_field``.
        cell: (row, column), not on the map's edge.
    """
    row, column = cell
    ahead = np.array([field[row + down, column + right] for down, right in HEADING_MOVES])
    return ahead < field[row, column]


def expert_action(field: Array, cell: tuple[int, int], heading: int) -> int:
    """Choose the next lattice action of a shortest path: straight on while that shortens it.

    Args:
        field: (H, W) float64 from ``distance_field``.
        cell: (row, column) of the robot.
        heading: of the robot, 0 east to 3 south.

    Returns:
        FORWARD, TURN_LEFT or TURN_RIGHT; STOP on a target, or where none can be reached.
    """
    good = optimal_headings(field, cell)
    if field[cell] == 0.0 or not good.any():
        return STOP
    if good[heading]:
        return FORWARD
    return TURN_LEFT if good[(heading + 1) % 4] or not good[(heading - 1) % 4] else TURN_RIGHT


def shortest_path(field: Array, cell: tuple[int, int]) -> NDArray[np.int64]:
    """Follow the field from a cell to a target: (K, 2) cells, the first and the last included.

    Raises:
        ValueError: no target can be reached.
    """
    if not np.isfinite(field[cell]):
        raise ValueError(f"shortest_path: no target can be reached from cell {tuple(cell)}.")
    path, heading = [cell], EAST
    while field[path[-1]] > 0.0:
        good = optimal_headings(field, path[-1])
        heading = heading if good[heading] else int(np.argmax(good))
        row, column = path[-1] + HEADING_MOVES[heading]
        path.append((int(row), int(column)))
    return np.array(path)


def success_weighted_path_length(success: bool, shortest: float, travelled: float) -> float:
    """Compute SPL of one episode, eq. (1) of Anderson et al. 2018, arXiv:1807.06757.

    Args:
        success: whether the episode reached its goal.
        shortest: length of a shortest path from start to goal, m.
        travelled: length of the path taken, m.
    """
    if not success:
        return 0.0
    longer = max(shortest, travelled)
    return shortest / longer if longer > 0 else 1.0


def _to_bits(mask: Mask) -> int:
    padded = np.zeros((mask.shape[0], mask.shape[1] + 1), dtype=np.bool_)
    padded[:, :-1] = mask
    return int.from_bytes(np.packbits(padded, bitorder="little").tobytes(), "little")
