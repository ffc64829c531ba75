"""Ways to step an environment, measured in turns so that a busy machine slows them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import gymnasium
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import environments  # noqa: F401 - registers the ids

KINDS = ("sync", "async")


@dataclass(frozen=True)
class Driver:
    """A way to step an environment.

    Attributes:
        name: what is shown.
        steps_each_call: control steps, summed over environments, of one call.
        call: does them.
        floor: the driver that does the same physics in C, if it is another.
    """

    name: str
    steps_each_call: int
    call: Callable[[], None]
    floor: str = ""


def take_turns(drivers: Sequence[Driver], turns: int, turn_s: float) -> dict[str, list[float]]:
    """Return each driver's control steps a second of wall time, turn by turn; a turn lasts about ``turn_s``."""
    calls = {}
    for driver in drivers:
        driver.call()  # warm
        begin = time.perf_counter()
        driver.call()
        calls[driver.name] = max(1, round(turn_s / (time.perf_counter() - begin)))
    rates: dict[str, list[float]] = {driver.name: [] for driver in drivers}
    for _ in range(turns):
        for driver in drivers:
            begin = time.perf_counter()
            for _ in range(calls[driver.name]):
                driver.call()
            wall_s = time.perf_counter() - begin
            rates[driver.name].append(driver.steps_each_call * calls[driver.name] / wall_s)
    return rates


def draw_actions(space: gymnasium.Space[Any], count: int) -> list[Any]:
    """Draw the same random actions each time."""
    space.seed(0)
    return [space.sample() for _ in range(count)]


def stepping(envs: Any, num_steps: int, step_limit: int = 0) -> Callable[[], None]:
    """Reset a vector environment; return what steps it ``num_steps`` times.

    With a step limit, the rows are at different times of their episodes, so that each step costs as many resets.
    """
    drawn = draw_actions(envs.action_space, num_steps)
    envs.reset(seed=0)
    if step_limit:
        clocks = [row * step_limit // envs.num_envs for row in range(envs.num_envs)]
        if isinstance(envs, (SyncVectorEnv, AsyncVectorEnv)):
            envs.set_attr("num_steps", clocks)
        else:
            envs.num_steps[:] = clocks

    def step() -> None:
        for action in drawn:
            envs.step(action)

    return step


@contextmanager
def gymnasium_drivers(
    env_id: str,
    num_envs: int,
    steps: int,
    *,
    kinds: Sequence[str] = KINDS,
    staggered: int = 0,
    **settings: Any,
) -> Iterator[dict[str, Driver]]:
    """Gymnasium's SyncVectorEnv ("sync") and AsyncVectorEnv ("async") around the single environment.

    Args:
        env_id: of the single environment.
        num_envs: environments; of AsyncVectorEnv each is a process.
        steps: steps of all environments in one call of a driver.
        kinds: which of the two.
        staggered: the step limit, where rows should be at different times of their episodes.
        **settings: arguments of the single environment.
    """
    made: dict[str, Any] = {}
    try:
        for kind in kinds:
            made[kind] = gymnasium.make_vec(env_id, num_envs, kind, **settings)
        yield {
            kind: Driver(f"Gymnasium {kind} {num_envs}", num_envs * steps, stepping(envs, steps, staggered))
            for kind, envs in made.items()
        }
    finally:
        for envs in made.values():
            envs.close()


def gymnasium_rates(env_id: str, num_envs: int, steps: int, **settings: Any) -> dict[str, float]:
    """Measure Gymnasium's own vector environments around the single environment.

    Args:
        env_id: of the single environment.
        num_envs: environments.
        steps: steps of all environments in one turn, of five.
        **settings: arguments of the single environment.

    Returns:
        Control steps a second, summed over environments, of "sync" and "async": medians of interleaved turns.
    """
    with gymnasium_drivers(env_id, num_envs, steps, **settings) as drivers:
        rates = take_turns(list(drivers.values()), turns=5, turn_s=0.0)
    return {kind: median(rates[driver.name]) for kind, driver in drivers.items()}
