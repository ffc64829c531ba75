"""What every environment of the course shares: the clock, checked actions, saved states, pictures.

A family writes ``_begin``, ``_advance``, ``_observe`` and ``_save`` / ``_load``; the episode's clock, the
random generator and the checks are here, so that they are the same everywhere.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from environments.physics import Physics, as_array, as_numbers
from environments.raycast import DEFAULT_SIZE, Picture
from environments.tabular import check_options
from environments.vector_checks import check_count

RENDERERS = ("raycast", "opengl")


@dataclass(frozen=True)
class Snapshot:
    """The full state of an episode, by value: restoring it repeats the future bit by bit.

    Attributes:
        num_steps: steps taken since the reset.
        over: whether the episode has ended.
        rng: the state of the random generator.
        world: the family's own state, by name.
    """

    num_steps: int
    over: bool
    rng: dict[str, Any]
    world: dict[str, Any] = field(default_factory=dict)


class Episode(gymnasium.Env[Any, Any]):
    """A Gymnasium environment with a step limit, checked actions and a state that can be saved.

    The step limit truncates, and only the task terminates; the last step may do both. Stepping a finished
    episode is an error.

    Args:
        step_limit: steps after which the episode is truncated.
        render_mode: None or "rgb_array".
        renderer: "raycast" needs nothing but a CPU; "opengl" uses ``mujoco.Renderer`` where OpenGL is there.
        image_size: (height, width) of ``render()`` in pixels; the family's own if None.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's name
    reward_range: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    default_image_size: ClassVar[tuple[int, int]] = DEFAULT_SIZE
    reset_options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        step_limit: int,
        render_mode: str | None = None,
        renderer: str = "raycast",
        image_size: tuple[int, int] | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f'render_mode: got {render_mode!r}, expected None or "rgb_array".')
        if renderer not in RENDERERS:
            raise ValueError(f"renderer: got {renderer!r}, expected one of {RENDERERS}.")
        self.step_limit = check_count("step_limit", step_limit)
        self.render_mode = render_mode
        self.renderer = renderer
        self.image_size = self.default_image_size if image_size is None else check_size(image_size)
        self.num_steps = 0
        self._over = True
        self._picture: Picture | None = None

    # What a family writes.

    def _begin(self, options: dict[str, Any]) -> None:
        """Draw or set the first state."""
        raise NotImplementedError

    def _advance(self, action: Any) -> tuple[float, bool]:
        """Apply a checked action; return the reward and whether the task has terminated."""
        raise NotImplementedError

    def _observe(self) -> Any:
        raise NotImplementedError

    def _info(self) -> dict[str, Any]:
        return {}

    def _save(self) -> dict[str, Any]:
        raise NotImplementedError

    def _load(self, world: dict[str, Any]) -> None:
        raise NotImplementedError

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        """The model, the data and the camera's name for a picture of now."""
        raise NotImplementedError

    # What everybody calls.

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin a new episode; the same seed gives the same episode."""
        super().reset(seed=seed)
        self._begin(check_options(options, self.reset_options))
        self.num_steps, self._over = 0, False
        return self._observe(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action; return observation, reward, terminated, truncated, info."""
        if self._over:
            raise ResetNeeded(f"{type(self).__name__}.step: no episode is running. Call reset() first.")
        action = self._check_action(action)
        self.num_steps += 1
        reward, terminated = self._advance(action)
        truncated = self._truncates()
        self._over = terminated or truncated
        return self._observe(), float(reward), bool(terminated), bool(truncated), self._info()

    def _truncates(self) -> bool:
        return self.num_steps >= self.step_limit

    def _check_action(self, action: Any) -> Any:
        owner = f"{type(self).__name__}.step"
        if isinstance(self.action_space, spaces.Discrete):
            return check_integer(f"{owner}: action", action, int(self.action_space.n))
        assert isinstance(self.action_space, spaces.Box)
        return check_box(owner, action, self.action_space)

    def get_state(self) -> Snapshot:
        """Copy the full state of the episode, the random generator included."""
        rng = copy.deepcopy(self.np_random.bit_generator.state)
        return Snapshot(self.num_steps, self._over, dict(rng), copy.deepcopy(self._save()))

    def set_state(self, snapshot: Snapshot) -> None:
        """Return to a saved state."""
        if not isinstance(snapshot, Snapshot):
            raise TypeError(f"set_state: got {type(snapshot).__name__}, expected what get_state() returned.")
        self._load(copy.deepcopy(snapshot.world))
        self.np_random.bit_generator.state = copy.deepcopy(snapshot.rng)
        self.num_steps, self._over = snapshot.num_steps, snapshot.over

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """Return an (H, W, 3) uint8 picture of now, or None without a render mode."""
        if self.render_mode is None:
            gymnasium.logger.warn(
                'render() without a render mode: make the environment with render_mode="rgb_array".'
            )
            return None
        model, data, camera = self._scene()
        if self._picture is None:
            self._picture = Picture(model, camera, *self.image_size, opengl=self.renderer == "opengl")
        return self._picture.take(data)

    def close(self) -> None:
        """Let go of the renderer."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None

    def __getstate__(self) -> dict[str, Any]:
        attributes = dict(self.__dict__)
        attributes["_picture"] = None
        return attributes


class MujocoEpisode(Episode):
    """An episode whose world is one ``Physics``; its full state is saved and pickled with it."""

    camera: ClassVar[str] = "overview"
    physics: Physics

    def _save(self) -> dict[str, Any]:
        return {"physics": self.physics.get_state()}

    def _load(self, world: dict[str, Any]) -> None:
        self.physics.set_state(world["physics"])

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        return self.physics.model, self.physics.data, self.camera


def check_size(size: Any) -> tuple[int, int]:
    """Return the size of a picture as (height, width).

    Raises:
        ValueError: it is something else.
    """
    array = as_array(size)
    if array.shape != (2,) or array.dtype.kind not in "iu" or np.any(array < 1):
        raise ValueError(
            f"image_size: got {size!r}, expected (height, width) in pixels, whole numbers of at least 1."
        )
    return int(array[0]), int(array[1])


def check_integer(name: str, value: Any, count: int) -> int:
    """Return a whole number in 0..count - 1 as an int.

    Raises:
        ValueError: it is something else.
    """
    array = as_array(value)
    if array.shape != () or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: got {value!r}, expected one integer in 0..{count - 1}. Convert it with int(...)."
        )
    if not 0 <= int(array) < count:
        raise ValueError(f"{name}: got {int(array)}, expected an integer in 0..{count - 1}.")
    return int(array)


def check_box(owner: str, action: Any, space: spaces.Box) -> NDArray[np.float64]:
    """Return a continuous action as a new float64 array.

    Raises:
        ValueError: it is no array of numbers, its shape is wrong, or an entry is NaN or out of range.
    """
    array = as_numbers(f"{owner}: action", action, space.shape)
    if array.shape != space.shape:
        raise ValueError(f"{owner}: got an action of shape {array.shape}, expected {space.shape}.")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{owner}: got action {array}, expected finite numbers. Has the policy diverged?")
    outside = (array < space.low) | (array > space.high)
    if np.any(outside):
        index = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"{owner}: action[{index}] is {array.flat[index]:.6g}, expected "
            f"[{space.low.flat[index]:g}, {space.high.flat[index]:g}]. "
            "Clip it: np.clip(action, env.action_space.low, env.action_space.high)."
        )
    return array
