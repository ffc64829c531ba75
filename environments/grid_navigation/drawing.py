"""Values and policies drawn on a floor plan, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from environments.grid_navigation.grid_navigation import FloorPlan

MAX_NUMBERED_STATES = 150  # more cells than this are too small to read numbers in
ARROW_LENGTH = 0.32  # cells


def draw_values(
    plan: FloorPlan, values: ArrayLike | None, policy: ArrayLike | None = None, ax: Any = None
) -> Any:
    """Colour the cells of a plan by value, and draw a policy's arrows.

    Args:
        plan: the floor plan.
        values: (S,) float, or None for the plan alone; terminal cells take the colour of their reward.
        policy: (S,) int actions, or (S, 4) action probabilities; terminal cells get no arrow.
        ax: matplotlib axes to draw on; new ones if None.

    Returns:
        The axes.
    """
    import matplotlib.pyplot as plt

    from environments.grid_navigation.grid_navigation import WALL

    height, width = plan.shape
    if ax is None:
        _, ax = plt.subplots(figsize=(0.62 * width + 0.6, 0.62 * height + 0.4))
    walls = np.array([[character == WALL for character in row] for row in plan.rows])
    ax.imshow(np.where(walls[..., None], [0.30, 0.34, 0.40], [0.97, 0.97, 0.98]))
    if values is not None:
        span = float(np.max(np.abs(values))) or 1.0
        coloured = np.where(plan.terminal, np.clip(plan.entry_reward, -span, span), values)
        grid = np.ma.masked_invalid(plan.to_grid(coloured))
        ax.imshow(grid, cmap="RdYlGn", vmin=-span, vmax=span, alpha=0.8)
    _write_cells(plan, values, policy is not None, ax)
    if policy is not None:
        _draw_arrows(plan, np.asarray(policy), ax)
    ax.set_xticks(np.arange(-0.5, width), minor=True)
    ax.set_yticks(np.arange(-0.5, height), minor=True)
    ax.grid(which="minor", color="white", linewidth=0.8)
    ax.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    return ax


def _write_cells(plan: FloorPlan, values: ArrayLike | None, with_arrows: bool, ax: Any) -> None:
    numbered = values is not None and plan.num_states <= MAX_NUMBERED_STATES
    shown = np.zeros(plan.num_states) if values is None else np.asarray(values, dtype=np.float64)
    cells = zip(plan.cells, plan.characters, plan.terminal, shown)
    for (row, column), character, terminal, value in cells:
        if terminal:
            paid = plan.rewards.get(character)
            label = character if paid is None else f"{character}\n{paid:+g}"
            ax.text(column, row, label, ha="center", va="center", fontsize=8, weight="bold", color="0.1")
            continue
        if character == "S":
            ax.text(column - 0.44, row - 0.44, "S", ha="left", va="top", fontsize=7, color="0.25")
        if numbered:
            low = 0.30 if with_arrows else 0.0
            ax.text(column, row + low, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color="0.1")


def _draw_arrows(plan: FloorPlan, policy: Any, ax: Any) -> None:
    from environments.grid_navigation.grid_navigation import ACTIONS, MOVES

    if policy.shape == (plan.num_states,):
        policy = np.eye(len(ACTIONS))[policy.astype(int)]
    if policy.shape != (plan.num_states, len(ACTIONS)):
        raise ValueError(
            f"policy: got shape {policy.shape}, expected ({plan.num_states},) actions or "
            f"({plan.num_states}, {len(ACTIONS)}) probabilities."
        )
    for (row, column), terminal, probabilities in zip(plan.cells, plan.terminal, policy):
        if terminal:
            continue
        for (down, right), probability in zip(MOVES, probabilities):
            if probability <= 0:
                continue
            length = ARROW_LENGTH * float(probability)
            start = (column - right * length * 0.5, row - 0.08 - down * length * 0.5)
            ax.annotate(
                "", xytext=start, xy=(start[0] + right * length, start[1] + down * length),
                arrowprops={"arrowstyle": "->", "color": "0.15", "lw": 1.1, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
