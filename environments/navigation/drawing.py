"""A floor plan from above, with what happened on it, drawn with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from environments.navigation.furniture import COLOURS, LABELS, WALL_LABEL
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.plans import FIRST_ROOM, NUM_COLUMNS, NUM_ROWS, ROOM_TYPES, IndoorPlan, position

ROOM_COLOURS = np.array([
    (0.26, 0.29, 0.34), (0.95, 0.95, 0.94), (0.89, 0.90, 0.90), (0.87, 0.91, 0.97), (0.98, 0.94, 0.86),
    (0.90, 0.95, 0.89), (0.98, 0.91, 0.89),
])  # fmt: skip
UNSEEN = (0.55, 0.58, 0.62)
PATH_COLOUR, GOAL_COLOUR, START_COLOUR = "#c8321e", "#1f8f3a", "#1d4f91"


def draw(
    plan: IndoorPlan,
    trajectory: ArrayLike | None = None,
    goal: ArrayLike | None = None,
    seen: ArrayLike | None = None,
    field: ArrayLike | None = None,
    names: bool = True,
    ax: Any = None,
) -> Any:
    """Draw a plan to scale: rooms by type, furniture, and on it a path, a goal, what was seen, or distances.

    Args:
        plan: the plan.
        trajectory: (T, 2) or (T, 3) float, x, y (m) and heading of the robot, as ``env.state`` gives them.
        goal: (row, column) of a cell, or (K, 2) of them.
        seen: (36, 48) bool; the rest is dimmed.
        field: (36, 48) float from ``distance_field``, drawn as colour.
        names: whether to write the names of rooms and furniture.
        ax: matplotlib axes to draw on; new ones if None.

    Returns:
        The axes.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(8.4, 6.4))
    extent = (0.0, NUM_COLUMNS * CELL_SIZE, 0.0, NUM_ROWS * CELL_SIZE)
    ax.imshow(_floor(plan), extent=extent)
    if field is not None:
        values = np.ma.masked_invalid(np.asarray(field, dtype=np.float64))
        shown = ax.imshow(values, extent=extent, cmap="viridis_r", alpha=0.75)
        ax.figure.colorbar(shown, ax=ax, shrink=0.7, label="m to the goal")
    _draw_furniture(plan, names and field is None, ax)
    if seen is not None:
        veil = np.zeros((NUM_ROWS, NUM_COLUMNS, 4))
        veil[..., :3], veil[..., 3] = UNSEEN, 0.62 * (~np.asarray(seen, dtype=bool) & plan.free)
        ax.imshow(veil, extent=extent, zorder=3)
    if goal is not None:
        for row, column in np.atleast_2d(np.asarray(goal))[:, :2]:
            ax.plot(
                *position((row, column)),
                "*",
                color=GOAL_COLOUR,
                markersize=13,
                markeredgecolor="white",
                zorder=6,
            )
    if trajectory is not None:
        _draw_path(np.asarray(trajectory, dtype=np.float64), ax)
    ax.set_xlim(extent[:2])
    ax.set_ylim(extent[2:])
    ax.set_xlabel("x, m (east)")
    ax.set_ylabel("y, m (north)")
    return ax


def _floor(plan: IndoorPlan) -> Any:
    picture = ROOM_COLOURS[plan.room_type]
    picture[plan.label == WALL_LABEL] = ROOM_COLOURS[0]
    return picture


def _draw_furniture(plan: IndoorPlan, names: bool, ax: Any) -> None:
    from matplotlib.patches import Rectangle

    for piece in plan.furniture:
        west, south = piece.columns[0] * CELL_SIZE, (NUM_ROWS - piece.rows[1]) * CELL_SIZE
        width = (piece.columns[1] - piece.columns[0]) * CELL_SIZE
        depth = (piece.rows[1] - piece.rows[0]) * CELL_SIZE
        colour = COLOURS[piece.label]
        ax.add_patch(
            Rectangle((west, south), width, depth, facecolor=colour, edgecolor="0.25", lw=0.6, zorder=2)
        )
        if names and min(width, depth) >= 0.5 and max(width, depth) >= 1.0:
            dark = np.dot(colour, (0.30, 0.59, 0.11)) < 0.55
            ax.text(west + width / 2, south + depth / 2, piece.label.replace(" ", "\n"), fontsize=6, zorder=4,
                    ha="center", va="center", color="white" if dark else "0.1",
                    rotation=90 if depth > width and width < 0.75 else 0)  # fmt: skip
    if not names:
        return
    for room in plan.rooms:
        if ROOM_TYPES.index(room.kind) >= FIRST_ROOM:
            x = (room.first_column + room.last_column + 1) / 2 * CELL_SIZE
            row = room.last_row - 0.5 if room.north else room.first_row + 1.5
            ax.text(x, (NUM_ROWS - row) * CELL_SIZE, room.kind, fontsize=8, ha="center", va="center",
                    color="0.35", style="italic", zorder=4)  # fmt: skip


def _draw_path(poses: Any, ax: Any) -> None:
    if poses.ndim != 2 or poses.shape[1] not in (2, 3):
        raise ValueError(f"trajectory: got shape {poses.shape}, expected (T, 2) or (T, 3): x, y and heading.")
    ax.plot(poses[:, 0], poses[:, 1], "-", color=PATH_COLOUR, lw=1.8, zorder=5)
    ax.plot(*poses[0, :2], "o", color=START_COLOUR, markersize=7, markeredgecolor="white", zorder=6)
    if poses.shape[1] == 3:
        x, y, heading = poses[-1]
        ax.annotate(
            "",
            xytext=(x, y),
            xy=(x + 0.45 * np.cos(heading), y + 0.45 * np.sin(heading)),
            zorder=6,
            arrowprops={"arrowstyle": "-|>", "color": PATH_COLOUR, "lw": 1.6, "mutation_scale": 13},
        )


def semantic_picture(semantic: ArrayLike) -> Any:
    """Colour a (..., H, W) image of labels: (..., H, W, 3) float64 in [0, 1]."""
    palette = np.array([(0.10, 0.11, 0.13), (0.80, 0.78, 0.72), (0.97, 0.97, 0.95), (0.62, 0.66, 0.72),
                        *(COLOURS[name] for name in LABELS[WALL_LABEL + 1 :])])  # fmt: skip
    return palette[np.asarray(semantic)]
