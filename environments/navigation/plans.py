"""Furnished floor plans, drawn at random and alike: what holds in one building can be learned for the next.

One floor of 12 m x 9 m. A hallway runs from west to east; rooms lie north and south of it. Each room has a 1
m door to the hallway at its west corner (85%; else at its east corner), a type, and that type's furniture
where people put it: a bed stands with its head against the wall opposite the door, a chair stands at its
desk. World x is east and y is north, m; the origin is the south-west corner. Row 0 of every map is the north
edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import and_

import numpy as np
from numpy.typing import NDArray

from environments.navigation.furniture import LABELS, ROOM_FURNITURE, WALL_LABEL, Box, Piece
from environments.navigation.geodesics import CELL_SIZE, OpenCells

Array = NDArray[np.float64]

NUM_ROWS, NUM_COLUMNS = 36, 48
WALL_HEIGHT = 2.5  # m
DOOR_HEIGHT = 2.0  # m
DOOR_CELLS = 4  # 1 m
HALLWAY_CELLS = (5, 6)  # 1.25 or 1.5 m
HALLWAY_FIRST_ROW = (14, 17)  # of the hallway's northernmost row
ROOM_CELLS = (9, 14)  # a room's width, walls not counted
REGULAR_DOOR_PROBABILITY = 0.85
DOOR_CLEARANCE = 3  # cells into the room that stay free behind a door
FURNISHING_TRIES = 4
TRAIN_SEEDS = range(10_000)
TEST_SEEDS = range(1_000_000, 1_002_000)
SPLITS = {"train": TRAIN_SEEDS, "test": TEST_SEEDS}

ROOM_TYPES = ("outside", "hallway", "doorway", "bedroom", "office", "living room", "kitchen")
OUTSIDE, HALLWAY, DOORWAY = range(3)
FIRST_ROOM = 3  # of ROOM_TYPES that have furniture
WALL_COLOUR = {
    "inner": (0.90, 0.88, 0.84),
    "outer": (0.80, 0.82, 0.85),
    "lintel": (0.74, 0.60, 0.44),
}


@dataclass(frozen=True)
class Room:
    """A room: rows first_row..last_row and columns first_column..last_column, all inside its walls.

    ``north`` tells on which side of the hallway it lies; ``door_column`` is its door's westernmost cell.
    """

    kind: str
    first_row: int
    last_row: int
    first_column: int
    last_column: int
    north: bool
    door_column: int


@dataclass(frozen=True)
class Furniture:
    """A piece of furniture: its label and its footprint, rows and columns as slices' (first, end)."""

    label: str
    rows: tuple[int, int]
    columns: tuple[int, int]
    room_id: int


@dataclass(frozen=True, eq=False)
class IndoorPlan:
    """The truth about one floor.

    Attributes:
        seed: what it was drawn from.
        free: (36, 48) bool, cells that the robot can stand in.
        room_type: (36, 48) uint8 in ROOM_TYPES; furniture and free cells alike; walls are 0, outside.
        room_id: (36, 48) int8, which of ``rooms``; -1 for hallway, doorways and walls.
        label: (36, 48) uint8 in LABELS: what stands in the cell, or the floor.
        rooms: the rooms, north side first, west to east.
        furniture: all pieces.
        boxes: (B, 6) float64, [x, y, z] of the low corner and of the high corner, m, world.
        box_label: (B,) uint8 in LABELS.
        box_colour: (B, 3) float64, RGB in [0, 1].
    """

    seed: int
    free: NDArray[np.bool_]
    room_type: NDArray[np.uint8]
    room_id: NDArray[np.int8]
    label: NDArray[np.uint8]
    rooms: tuple[Room, ...]
    furniture: tuple[Furniture, ...]
    boxes: Array
    box_label: NDArray[np.uint8]
    box_colour: Array

    def beside(self, label: str) -> NDArray[np.bool_]:
        """Mark the (36, 48) free cells that share a side with furniture of a label.

        Raises:
            ValueError: there is no such label.
        """
        if label not in LABELS:
            raise ValueError(f"label: got {label!r}, expected one of {', '.join(LABELS)}.")
        it = np.pad(self.label == LABELS.index(label), 1)
        near = it[2:, 1:-1] | it[:-2, 1:-1] | it[1:-1, 2:] | it[1:-1, :-2]
        return near & self.free


def position(cell: tuple[int, int]) -> tuple[float, float]:
    """Return the (x, y) of a (row, column) cell's middle, m, world."""
    return (cell[1] + 0.5) * CELL_SIZE, (NUM_ROWS - cell[0] - 0.5) * CELL_SIZE


def cell_at(x: float, y: float) -> tuple[int, int]:
    """Return the (row, column) of the cell that holds a point, m, world."""
    return NUM_ROWS - 1 - int(y // CELL_SIZE), int(x // CELL_SIZE)


@lru_cache(maxsize=64)
def draw_plan(seed: int) -> IndoorPlan:
    """Draw a floor plan; the same seed gives the same plan. Its arrays are read-only.

    Raises:
        ValueError: the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"draw_plan: got seed {seed}, expected a whole number of at least 0.")
    rng = np.random.default_rng([seed, 0x9A57])  # not the stream of an environment with the same seed
    return _Draft(rng).finish(seed)


class _Draft:
    """A plan while it is being drawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.free = np.zeros((NUM_ROWS, NUM_COLUMNS), dtype=bool)
        self.room_type = np.zeros((NUM_ROWS, NUM_COLUMNS), dtype=np.uint8)
        self.room_id = np.full((NUM_ROWS, NUM_COLUMNS), -1, dtype=np.int8)
        self.label = np.full((NUM_ROWS, NUM_COLUMNS), WALL_LABEL, dtype=np.uint8)
        self.boxes: list[Box] = []
        self.furniture: list[Furniture] = []
        self.rooms: list[Room] = []
        first = int(rng.integers(*HALLWAY_FIRST_ROW, endpoint=True))
        last = first + int(rng.integers(*HALLWAY_CELLS, endpoint=True)) - 1
        self._open(slice(first, last + 1), slice(1, NUM_COLUMNS - 1), HALLWAY)
        self._lay_rooms(1, first - 2, north=True)
        self._lay_rooms(last + 2, NUM_ROWS - 2, north=False)
        self._build_walls()
        self.open = OpenCells(self.free)
        for room_id, room in enumerate(self.rooms):
            self._furnish(room_id, room)

    def finish(self, seed: int) -> IndoorPlan:
        arrays = (
            self.free, self.room_type, self.room_id, self.label,
            np.array([box.corners for box in self.boxes]),
            np.array([LABELS.index(box.label) for box in self.boxes], dtype=np.uint8),
            np.array([box.colour for box in self.boxes]),
        )  # fmt: skip
        for array in arrays:
            array.flags.writeable = False
        free, room_type, room_id, label, boxes, box_label, box_colour = arrays
        return IndoorPlan(
            seed, free, room_type, room_id, label, tuple(self.rooms), tuple(self.furniture),
            boxes, box_label, box_colour,
        )  # fmt: skip

    def _open(self, rows: slice, columns: slice, room_type: int) -> None:
        self.free[rows, columns] = True
        self.room_type[rows, columns] = room_type
        self.label[rows, columns] = LABELS.index("floor")

    def _lay_rooms(self, first_row: int, last_row: int, north: bool) -> None:
        kinds = self.rng.permutation(ROOM_TYPES[FIRST_ROOM:])  # neighbours differ, every kind turns up
        for i, (first, last) in enumerate(self._widths()):
            kind = str(kinds[i % len(kinds)])
            regular = self.rng.random() < REGULAR_DOOR_PROBABILITY
            door = first + 1 if regular else last - DOOR_CELLS
            room = Room(kind, first_row, last_row, first, last, north, door)
            self._open(slice(first_row, last_row + 1), slice(first, last + 1), ROOM_TYPES.index(kind))
            self.room_id[first_row : last_row + 1, first : last + 1] = len(self.rooms)
            wall = last_row + 1 if north else first_row - 1
            self._open(slice(wall, wall + 1), slice(door, door + DOOR_CELLS), DOORWAY)
            self.rooms.append(room)

    def _widths(self) -> Iterator[tuple[int, int]]:
        """Share the columns between the outer walls among rooms; yield each one's first and last."""
        low, high = ROOM_CELLS
        while True:
            widths: list[int] = []
            left = NUM_COLUMNS - 2
            while left > high:
                width = int(self.rng.integers(low, high, endpoint=True))
                widths.append(width)
                left -= width + 1
            if left >= low:
                break
        first = 1
        for width in [*widths, left]:
            yield first, first + width - 1
            first += width + 1

    def _build_walls(self) -> None:
        outer = np.zeros_like(self.free)
        outer[[0, -1], :] = outer[:, [0, -1]] = True
        for mask, colour in ((outer, "outer"), (~self.free & ~outer, "inner")):
            for rows, columns in merge_cells(mask):
                self._add_box(rows, columns, 0.0, WALL_HEIGHT, "wall", WALL_COLOUR[colour])
        for room in self.rooms:
            wall = room.last_row + 1 if room.north else room.first_row - 1
            columns = (room.door_column, room.door_column + DOOR_CELLS)
            self._add_box((wall, wall + 1), columns, DOOR_HEIGHT, WALL_HEIGHT, "wall", WALL_COLOUR["lintel"])

    def _add_box(
        self, rows: tuple[int, int], columns: tuple[int, int], low: float, high: float, label: str,
        colour: tuple[float, float, float],
    ) -> None:  # fmt: skip
        west, east = (column * CELL_SIZE for column in columns)
        south, north = ((NUM_ROWS - row) * CELL_SIZE for row in rows[::-1])
        self.boxes.append(Box((west, south, low, east, north, high), label, colour))

    def _furnish(self, room_id: int, room: Room) -> None:
        width, depth = room.last_column - room.first_column + 1, room.last_row - room.first_row + 1
        kept_free = self._behind_door(room)
        for draw in ROOM_FURNITURE[room.kind]:
            for _ in range(FURNISHING_TRIES):
                if self._place(room_id, room, draw(self.rng, width, depth), kept_free):
                    break

    def _place(self, room_id: int, room: Room, pieces: list[Piece], kept_free: int) -> bool:
        """Put a group of pieces down if it blocks nothing; tell whether it was put down."""
        mask, spots = 0, []
        for piece in pieces:
            rows, columns = _footprint(room, piece)
            inside = (
                room.first_row <= rows[0] < rows[1] <= room.last_row + 1
                and room.first_column <= columns[0] < columns[1] <= room.last_column + 1
            )
            if not inside or mask & (spot := self.open.rectangle(rows, columns)):
                return False
            mask |= spot
            spots.append((rows, columns))
        if mask & kept_free or not self.open.can_close(mask):
            return False
        self.open.close(mask)
        for piece, (rows, columns) in zip(pieces, spots):
            self.free[slice(*rows), slice(*columns)] = False
            self.label[slice(*rows), slice(*columns)] = LABELS.index(piece.label)
            self.furniture.append(Furniture(piece.label, rows, columns, room_id))
            self.boxes.extend(piece.boxes(rows, columns, NUM_ROWS, flipped=not room.north))
        return True

    def _behind_door(self, room: Room) -> int:
        first = room.last_row + 1 - DOOR_CLEARANCE if room.north else room.first_row
        columns = (room.door_column - 1, room.door_column + DOOR_CELLS + 1)
        return self.open.rectangle((first, first + DOOR_CLEARANCE), columns)


def _footprint(room: Room, piece: Piece) -> tuple[tuple[int, int], tuple[int, int]]:
    """Find a piece's rows and columns: its place is counted from the far wall, and from the west."""
    first_column = room.first_column + piece.across
    columns = (first_column, first_column + piece.width)
    if room.north:
        first_row = room.first_row + piece.along
        return (first_row, first_row + piece.depth), columns
    end = room.last_row + 1 - piece.along
    return (end - piece.depth, end), columns


def merge_cells(mask: NDArray[np.bool_]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Cover a mask with rectangles that do not overlap; yield each one's (rows, columns) as (first, end)."""
    packed = np.packbits(mask, axis=1, bitorder="little")
    left = [int.from_bytes(line.tobytes(), "little") for line in packed]
    for row in range(len(left)):
        while left[row]:
            column = _run(~left[row])
            right, down = _run(left[row] >> column), _height(left[row:], 1 << column)
            if right >= down:
                down = _height(left[row:], ((1 << right) - 1) << column)
            else:
                right = _run(reduce(and_, left[row : row + down]) >> column)
            for covered in range(row, row + down):
                left[covered] &= ~(((1 << right) - 1) << column)
            yield (row, row + down), (column, column + right)


def _run(line: int) -> int:
    """Count the ones at a number's low end."""
    return (~line & (line + 1)).bit_length() - 1


def _height(lines: list[int], ones: int) -> int:
    """Count the lines at the beginning that have all of these ones."""
    for count, line in enumerate(lines):
        if ones & ~line:
            return count
    return len(lines)
