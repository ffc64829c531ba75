"""Navigation on floor plans of square cells: a tabular MDP, an environment and a drawing."""

from environments.grid_navigation.drawing import draw_values
from environments.grid_navigation.grid_navigation import (
    ACTIONS,
    DEFAULT_PLAN,
    EAST,
    MOVES,
    NORTH,
    SOUTH,
    WEST,
    FloorPlan,
    GridNavigationEnv,
)
from environments.tabular import TabularMDP

__all__ = [
    "ACTIONS",
    "DEFAULT_PLAN",
    "EAST",
    "MOVES",
    "NORTH",
    "SOUTH",
    "WEST",
    "FloorPlan",
    "GridNavigationEnv",
    "TabularMDP",
    "draw_values",
]
