"""What is asked of the arguments of a vector environment, and what a wrong one is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.physics import as_array, as_numbers


def check_count(name: str, value: Any) -> int:
    """Return a whole number of at least 1.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected a whole number of at least 1.")
    return int(value)


def check_seeds(seed: Any, num_envs: int) -> list[int | None]:
    """Return a seed or None for each row; one seed s means s, s + 1, ...

    Raises:
        ValueError: the number of seeds is wrong.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + row for row in range(num_envs)]
    if not isinstance(seed, (Sequence, np.ndarray)) or isinstance(seed, str):
        raise ValueError(f"seed: got {seed!r}, expected None, an integer, or {num_envs} of them.")
    if len(seed) != num_envs:
        raise ValueError(f"seed: got {len(seed)} seeds, expected {num_envs}, one for each environment.")
    return [None if one is None else int(one) for one in seed]


def check_mask(mask: Any, num_envs: int) -> NDArray[np.int64]:
    """Return the rows that a ``reset_mask`` names.

    Raises:
        ValueError: it is not an (N,) array of booleans with a True among them.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,):
        got = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ValueError(f"reset option reset_mask: got {got}, expected a bool array of shape ({num_envs},).")
    if not mask.any():
        raise ValueError("reset option reset_mask: got no True, expected at least one environment to reset.")
    return np.flatnonzero(mask)


def check_rows(
    owner: str, actions: Any, space: spaces.Space[Any], num_envs: int, running: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the actions of the running rows as a new array: float64 for a Box, int64 for a Discrete.

    Raises:
        ValueError: the shape is wrong, or an entry of a running row is NaN or out of range.
    """
    discrete = isinstance(space, spaces.Discrete)
    shape = (num_envs, *(space.shape or ()))
    array = as_array(actions) if discrete else as_numbers(f"{owner}: actions", actions, shape)
    if discrete and array.dtype.kind not in "iu":
        raise ValueError(f"{owner}: got actions of type {array.dtype}, expected integers of shape {shape}.")
    if array.shape != shape:
        axes = "(N,)" if discrete else "(N, A)"
        raise ValueError(f"{owner}: got actions of shape {array.shape}, expected {shape} = {axes}.")
    if len(running) < num_envs:
        array = array[running]
    if isinstance(space, spaces.Discrete):
        _check_discrete(owner, array, int(space.n), running)
        return array.astype(np.int64)
    assert isinstance(space, spaces.Box)
    inside = (array >= space.low) & (array <= space.high)  # False for NaN
    if not inside.all():
        _refuse_box(owner, array, inside, space, running)
    return array


def _check_discrete(owner: str, array: NDArray[Any], count: int, running: NDArray[np.int64]) -> None:
    outside = (array < 0) | (array >= count)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"{owner}: environment {running[row]}: action is {array[row]}, "
            f"expected an integer in 0..{count - 1}."
        )


def _refuse_box(
    owner: str, array: NDArray[Any], inside: NDArray[np.bool_], space: spaces.Box, running: NDArray[np.int64]
) -> None:
    row, *index = (int(i) for i in np.argwhere(~inside)[0])
    where = f"{owner}: environment {running[row]}"
    value = array[(row, *index)]
    if not np.all(np.isfinite(array)):
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise ValueError(
            f"{owner}: environment {running[row]}: got action {array[row]}, expected finite numbers. "
            "Has the policy diverged?"
        )
    raise ValueError(
        f"{where}: action{index} is {value:.6g}, expected "
        f"[{space.low[tuple(index)]:g}, {space.high[tuple(index)]:g}]. "
        "Clip it: np.clip(actions, env.action_space.low, env.action_space.high)."
    )
