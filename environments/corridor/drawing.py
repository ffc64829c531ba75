"""A belief drawn over the corridor, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from environments.corridor.corridor import Corridor


def draw_belief(corridor: Corridor, belief: ArrayLike, state: int | None = None, ax: Any = None) -> Any:
    """Draw a belief as bars over the cells, the doors below them, the room last.

    Args:
        corridor: the corridor.
        belief: (S,) float, sums to one.
        state: the true state, marked if given.
        ax: matplotlib axes to draw on; new ones if None.

    Returns:
        The axes.
    """
    import matplotlib.pyplot as plt

    belief = np.asarray(belief, dtype=np.float64)
    if belief.shape != (corridor.num_states,):
        raise ValueError(f"belief: got shape {belief.shape}, expected ({corridor.num_states},).")
    if ax is None:
        _, ax = plt.subplots(figsize=(0.45 * corridor.num_states + 1, 2.2))
    ax.bar(np.arange(corridor.num_states), belief, width=0.9, color="#335c94")
    for door in corridor.doors:
        colour = "#5cad6b" if door == corridor.goal else "#8c5c38"
        ax.add_patch(plt.Rectangle((door - 0.35, -0.16), 0.7, 0.13, color=colour, clip_on=False))
    ax.axvline(corridor.length - 0.5, color="0.4", linewidth=1)
    if state is not None:
        ax.plot(state, 0.97, marker="v", color="#d95f33", markersize=8, clip_on=False)
    ax.set_xlim(-0.6, corridor.num_states - 0.4)
    ax.set_ylim(-0.18, 1.0)
    ax.set_xticks(range(corridor.num_states), [*map(str, range(corridor.length)), "room"], fontsize=7)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel("belief")
    return ax
