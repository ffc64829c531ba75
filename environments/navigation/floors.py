"""The boxes of many buildings in one table, so that images in all of them are cast together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.navigation.furniture import CEILING_LABEL, FLOOR_LABEL, NOTHING_LABEL
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan

Array = NDArray[np.float64]

CEILING_COLOUR = (0.95, 0.95, 0.94)
NOTHING_COLOUR = (0.10, 0.11, 0.13)
NUM_BACKDROPS = 3  # before a row's boxes 0, 1, ...: ceiling, floor, nothing, which are -3, -2 and -1
BACKDROP_LABELS = (CEILING_LABEL, FLOOR_LABEL, NOTHING_LABEL)
BACKDROP_COLOURS = (CEILING_COLOUR, (1.0, 1.0, 1.0), NOTHING_COLOUR)
NUM_BOXES = 120  # that a table has room for at first; a plan has about 105


@dataclass(frozen=True, eq=False)
class Floors:
    """N buildings. Rows with fewer boxes than the table has room for are filled up with NaN.

    Attributes:
        bounds: (6, N, B) float64, x, y, z of the boxes' low corners, then of the high ones, m, world.
        label: (N, 3 + B) uint8 in LABELS.
        colour: (3, N, 3 + B) float64, RGB in [0, 1].
        free: (N, 36, 48) bool.
        room_type: (N, 36, 48) uint8.
    """

    bounds: Array
    label: NDArray[np.uint8]
    colour: Array
    free: NDArray[np.bool_]
    room_type: NDArray[np.uint8]

    @classmethod
    def empty(cls, num_floors: int, num_boxes: int = NUM_BOXES) -> Floors:
        """Make a table without any building yet."""
        size = (num_floors, NUM_BACKDROPS + num_boxes)
        label, colour = np.zeros(size, dtype=np.uint8), np.zeros((3, *size))
        label[:, :NUM_BACKDROPS] = BACKDROP_LABELS
        colour[:, :, :NUM_BACKDROPS] = np.transpose(BACKDROP_COLOURS)[:, None]
        maps = (num_floors, NUM_ROWS, NUM_COLUMNS)
        return cls(
            np.full((6, num_floors, num_boxes), np.nan), label, colour,
            np.zeros(maps, dtype=np.bool_), np.zeros(maps, dtype=np.uint8),
        )  # fmt: skip

    def with_plans(self, rows: Sequence[int] | NDArray[np.int64], plans: Sequence[IndoorPlan]) -> Floors:
        """Write plans into rows, in place where there is room; return the table that has them."""
        room, needed = self.bounds.shape[2], max(len(plan.boxes) for plan in plans)
        table = self if needed <= room else self._widened(needed)
        for row, plan in zip(rows, plans):
            count = len(plan.boxes)
            table.bounds[:, row, :count], table.bounds[:, row, count:] = plan.boxes.T, np.nan
            used, unused = slice(NUM_BACKDROPS, NUM_BACKDROPS + count), slice(NUM_BACKDROPS + count, None)
            table.label[row, used], table.label[row, unused] = plan.box_label, 0
            table.colour[:, row, used], table.colour[:, row, unused] = plan.box_colour.T, 0.0
            table.free[row], table.room_type[row] = plan.free, plan.room_type
        return table

    def _widened(self, num_boxes: int) -> Floors:
        wider, room = Floors.empty(len(self.free), num_boxes), self.bounds.shape[2]
        wider.bounds[..., :room] = self.bounds
        room += NUM_BACKDROPS
        wider.label[:, :room], wider.colour[..., :room] = self.label, self.colour
        wider.free[:], wider.room_type[:] = self.free, self.room_type
        return wider

    def take(self, rows: Any) -> Floors:
        """Pick rows: a slice gives views, indices give copies."""
        bounds, colour = self.bounds[:, rows], self.colour[:, rows]
        return Floors(bounds, self.label[rows], colour, self.free[rows], self.room_type[rows])

    def entries(self, surface: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the surfaces (N, ...) stand in label, or in a channel of colour, laid out flat."""
        first = np.arange(len(surface)) * self.label.shape[1] + NUM_BACKDROPS
        return surface + first.reshape(-1, *(1,) * (surface.ndim - 1))

    def repeated(self, count: int) -> Floors:
        """Repeat a table of one building ``count`` times."""
        shown = {}
        for field in fields(self):
            array = getattr(self, field.name)
            floors = 1 if field.name in ("bounds", "colour") else 0
            shown[field.name] = np.repeat(array, count, axis=floors)
        return Floors(**shown)


@lru_cache(maxsize=64)
def floor_of(plan: IndoorPlan) -> Floors:
    """Make the table of one plan."""
    return Floors.empty(1, len(plan.boxes)).with_plans([0], [plan])


def floors_at(plans: IndoorPlan | Floors, count: int) -> Floors:
    """Return a table with a row for each of ``count`` poses: one plan for all of them, or one for each.

    Raises:
        ValueError: there is another number of floors than of poses.
    """
    if isinstance(plans, IndoorPlan):
        return floor_of(plans).repeated(count)
    if len(plans.free) != count:
        raise ValueError(f"poses: got {count} of them for {len(plans.free)} floors, expected one for each.")
    return plans
