"""What stands in a room, by its type: pieces on whole cells, made of boxes.

A room is described from its far wall, the one opposite the hallway: ``along`` counts cells from that wall
towards the hallway, ``across`` counts cells from the west wall. So a north and a south room mirror each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from environments.navigation.geodesics import CELL_SIZE

LABELS = (
    "nothing", "floor", "ceiling", "wall", "bed", "nightstand", "wardrobe", "desk", "chair", "bookcase",
    "sofa", "coffee table", "cabinet", "table", "counter", "fridge",
)  # fmt: skip
NOTHING_LABEL, FLOOR_LABEL, CEILING_LABEL, WALL_LABEL = range(4)
OBJECTS = ("bed", "wardrobe", "desk", "chair", "sofa", "table", "counter", "fridge")  # that can be asked for

Colour = tuple[float, float, float]
COLOURS: dict[str, Colour] = {
    "bed": (0.36, 0.50, 0.72), "nightstand": (0.62, 0.45, 0.30), "wardrobe": (0.55, 0.38, 0.25),
    "desk": (0.72, 0.55, 0.36), "chair": (0.78, 0.30, 0.24), "bookcase": (0.45, 0.30, 0.20),
    "sofa": (0.30, 0.52, 0.44), "coffee table": (0.66, 0.50, 0.34), "cabinet": (0.40, 0.42, 0.48),
    "table": (0.80, 0.64, 0.42), "counter": (0.66, 0.70, 0.74), "fridge": (0.86, 0.90, 0.93),
}  # fmt: skip
LINEN: Colour = (0.93, 0.92, 0.88)
WORKTOP: Colour = (0.30, 0.31, 0.34)

Part = tuple[tuple[float, float, float, float, float, float], Colour | None]
"""Low and high corner: across and along as shares of the footprint, height in m; a colour of its own."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned box.

    Attributes:
        corners: x, y, z of the low corner, then of the high corner, m, world.
        label: in LABELS.
        colour: RGB in [0, 1].
    """

    corners: tuple[float, float, float, float, float, float]
    label: str
    colour: Colour


@dataclass(frozen=True)
class Piece:
    """A piece of furniture before it is put down.

    Attributes:
        label: in LABELS.
        across: cells from the west wall.
        along: cells from the far wall.
        width: cells, west to east.
        depth: cells, away from the far wall.
        parts: its boxes.
    """

    label: str
    across: int
    along: int
    width: int
    depth: int
    parts: tuple[Part, ...]

    def boxes(
        self, rows: tuple[int, int], columns: tuple[int, int], num_rows: int, flipped: bool
    ) -> list[Box]:
        """Put the parts into the world; ``flipped`` for a room whose far wall is in the south."""
        west, width = columns[0] * CELL_SIZE, (columns[1] - columns[0]) * CELL_SIZE
        south, depth = (num_rows - rows[1]) * CELL_SIZE, (rows[1] - rows[0]) * CELL_SIZE
        found = []
        for (x0, far, z0, x1, near, z1), colour in self.parts:
            low, high = (far, near) if flipped else (1 - near, 1 - far)
            corners = (
                west + x0 * width,
                south + low * depth,
                z0,
                west + x1 * width,
                south + high * depth,
                z1,
            )
            found.append(Box(corners, self.label, colour or COLOURS[self.label]))
        return found


# Parts. Far is 0 and near is 1 along; west is 0 and east is 1 across.

FAR, NEAR, WEST, EAST = "far", "near", "west", "east"


def _solid(height: float) -> tuple[Part, ...]:
    return (((0, 0, 0, 1, 1, height), None),)


def _chair(back: str) -> tuple[Part, ...]:
    """A seat on a stem, with its back on one side."""
    backs = {FAR: (0, 0, 1, 0.16), NEAR: (0, 0.84, 1, 1), WEST: (0, 0, 0.16, 1), EAST: (0.84, 0, 1, 1)}
    x0, y0, x1, y1 = backs[back]
    stem: Part = ((0.3, 0.3, 0.0, 0.7, 0.7, 0.40), WORKTOP)
    return (stem, ((0, 0, 0.40, 1, 1, 0.48), None), ((x0, y0, 0.48, x1, y1, 0.92), None))


def _table(height: float) -> tuple[Part, ...]:
    leg: Part = ((0.2, 0.2, 0, 0.8, 0.8, height - 0.06), None)
    return (leg, ((0, 0, height - 0.06, 1, 1, height), None))


def _desk() -> tuple[Part, ...]:
    return (
        ((0, 0, 0, 0.06, 1, 0.68), None), ((0.72, 0, 0, 1, 1, 0.68), None),
        ((0, 0, 0.68, 1, 1, 0.74), None),
        ((0.3, 0.15, 0.74, 0.7, 0.25, 1.14), WORKTOP),  # the screen
    )  # fmt: skip


def _bed() -> tuple[Part, ...]:
    return (
        ((0, 0, 0, 1, 0.05, 1.0), COLOURS["wardrobe"]),  # the head
        ((0, 0.05, 0, 1, 1, 0.34), COLOURS["wardrobe"]),
        ((0, 0.05, 0.34, 1, 0.33, 0.58), LINEN),
        ((0, 0.33, 0.34, 1, 1, 0.54), None),
    )


def _sofa(back: str) -> tuple[Part, ...]:
    seat: Part = ((0, 0, 0, 1, 1, 0.42), None)
    x0, x1 = (0.0, 0.3) if back == WEST else (0.7, 1.0)
    rest = (0.3, 1.0) if back == WEST else (0.0, 0.7)
    arms: list[Part] = [((rest[0], y, 0.42, rest[1], y + 0.12, 0.62), None) for y in (0.0, 0.88)]
    return (seat, ((x0, 0, 0.42, x1, 1, 0.85), None), *arms)


def _counter() -> tuple[Part, ...]:
    return (((0, 0, 0, 1, 1, 0.86), None), ((0, 0, 0.86, 1, 1, 0.90), WORKTOP))


# Groups of pieces by room; a group is drawn for a room of width x depth cells.

Draw = Callable[[np.random.Generator, int, int], list[Piece]]


def _side(rng: np.random.Generator, width: int, piece_width: int) -> int:
    """Choose the east or the west wall; the place of a piece against it."""
    return 0 if rng.random() < 0.5 else width - piece_width


def _draw_bed(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    size = 6 if rng.random() < 0.6 else 4
    across = int(rng.integers(2, max(3, width - size - 1)))
    pieces = [Piece("bed", across, 0, size, 8, _bed())]
    if rng.random() < 0.8:
        pieces.append(Piece("nightstand", across - 2, 0, 2, 2, _solid(0.55)))
    return pieces


def _draw_wardrobe(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    length = int(rng.integers(4, 7))
    return [Piece("wardrobe", _side(rng, width, 2), int(rng.integers(3, max(4, depth - length))), 2, length,
                  _solid(2.0))]  # fmt: skip


def _draw_desk(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    across = int(rng.integers(1, max(2, width - 6)))
    return [Piece("desk", across, 0, 6, 3, _desk()), Piece("chair", across + 2, 3, 2, 2, _chair(NEAR))]


def _draw_bookcase(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    length = int(rng.integers(3, 6))
    across = width - 1 if rng.random() < 0.7 else 0
    along = int(rng.integers(2, max(3, depth - length)))
    return [Piece("bookcase", across, along, 1, length, _solid(1.8))]


def _draw_sofa(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    at_west = rng.random() < 0.5
    along = int(rng.integers(1, max(2, depth - 11)))
    sofa = Piece("sofa", 0 if at_west else width - 4, along, 4, 8, _sofa(WEST if at_west else EAST))
    table = Piece("coffee table", 5 if at_west else width - 7, along + 2, 2, 4, _table(0.42))
    return [sofa, table]


def _draw_television(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    across = int(rng.integers(1, max(2, width - 6)))
    screen: Part = ((0.15, 0.2, 0.5, 0.85, 0.35, 1.15), WORKTOP)
    return [Piece("cabinet", across, 0, 6, 2, (*_solid(0.5), screen))]


def _draw_spare_chair(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    at_west = rng.random() < 0.5
    along = int(rng.integers(2, max(3, depth - 4)))
    return [Piece("chair", 0 if at_west else width - 2, along, 2, 2, _chair(WEST if at_west else EAST))]


def _draw_kitchen(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    fridge_first = rng.random() < 0.5
    fridge, counter = (0, 3) if fridge_first else (width - 3, 0)
    return [
        Piece("fridge", fridge, 0, 3, 3, _solid(1.8)),
        Piece("counter", counter, 0, width - 3, 2, _counter()),
    ]


def _draw_dining(rng: np.random.Generator, width: int, depth: int) -> list[Piece]:
    along = int(rng.integers(5, max(6, depth - 6)))
    across = int(rng.integers(2, max(3, width - 6)))
    size = 4 if rng.random() < 0.5 else 3
    chairs = [
        Piece("chair", across - 2, along, 2, 2, _chair(WEST)),
        Piece("chair", across + size, along + size - 2, 2, 2, _chair(EAST)),
    ]
    return [Piece("table", across, along, size, size, _table(0.74)), *chairs]


ROOM_FURNITURE: dict[str, tuple[Draw, ...]] = {
    "bedroom": (_draw_bed, _draw_wardrobe, _draw_spare_chair),
    "office": (_draw_desk, _draw_bookcase, _draw_bookcase, _draw_spare_chair),
    "living room": (_draw_sofa, _draw_television, _draw_bookcase),
    "kitchen": (_draw_kitchen, _draw_dining),
}
