"""A corridor of doors in which a robot must find out where it is."""

from environments.corridor.corridor import (
    ACTIONS,
    DEFAULT_DOORS,
    DOOR,
    EAST,
    ENTER,
    OBSERVATIONS,
    WALL,
    WEST,
    Corridor,
    CorridorEnv,
)
from environments.corridor.drawing import draw_belief
from environments.tabular import TabularMDP

__all__ = [
    "ACTIONS",
    "DEFAULT_DOORS",
    "DOOR",
    "EAST",
    "ENTER",
    "OBSERVATIONS",
    "WALL",
    "WEST",
    "Corridor",
    "CorridorEnv",
    "TabularMDP",
    "draw_belief",
]
