"""One camera in many simulations: pictures, depth and labels of all of them, ray-cast on several threads.

``mj_multiRay`` lets go of the interpreter, so a second thread gives 1.5 times as many depth images; pictures,
which numpy shades, gain little. An image is, bit by bit, the one that ``Picture`` takes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from environments.raycast import STATE, Picture, with_everything_in_sight
from environments.threads import Workers

Array = NDArray[np.float64]


class Cameras:
    """Takes images of N states at once; N may differ from call to call.

    States are rows of ``mjSTATE_INTEGRATION``: what ``Physics.get_state()`` returns, and what the
    ``batch.state`` of a vector environment on MuJoCo holds.

    Args:
        model: the model as it is now; make new cameras when it has changed.
        camera: the camera's name.
        height: rows.
        width: columns.
        num_threads: images that are cast at the same time.

    Raises:
        ValueError: the model has no such camera.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: str, height: int, width: int, num_threads: int = 1
    ) -> None:
        self._num_states = mujoco.mj_stateSize(model, STATE)
        whole = with_everything_in_sight(model)
        self._pictures = [Picture(whole, camera, height, width) for _ in range(num_threads)]
        self._workers = Workers(num_threads)

    def take(self, states: ArrayLike) -> NDArray[np.uint8]:
        """Take (N, H, W, 3) uint8 pictures of states (N, S)."""
        return self._each(states, Picture.take, (3,), np.uint8)

    def depth(self, states: ArrayLike) -> Array:
        """Measure (N, H, W) float64 depth along the camera's axis, m; infinity where nothing is."""
        return self._each(states, Picture.depth, (), np.float64)

    def segment(self, states: ArrayLike) -> NDArray[np.int32]:
        """Name the geom in each pixel: (N, H, W) int32 ids, -1 where nothing is."""
        return self._each(states, Picture.segment, (), np.int32)

    def _each(
        self, states: ArrayLike, look: Callable[[Picture, Array], Any], channels: tuple[int, ...], dtype: Any
    ) -> NDArray[Any]:
        rows = np.asarray(states, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._num_states:
            raise ValueError(
                f"states: got shape {rows.shape}, expected (N, {self._num_states}). "
                "Take envs.batch.state, or stack what Physics.get_state() returns."
            )
        images = np.empty((len(rows), *self._pictures[0].size, *channels), dtype=dtype)

        def take_turn(turn: int) -> None:
            for row in range(turn, len(rows), len(self._pictures)):
                images[row] = look(self._pictures[turn], rows[row])

        self._workers.run(take_turn, range(len(self._pictures)))
        return images
