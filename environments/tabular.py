"""A finite Markov decision process as arrays, and a way to sample from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

ROW_SUM_TOLERANCE = 1e-9  # float64 rounding of a few products and sums


@dataclass(frozen=True, eq=False)
class TabularMDP:
    """A finite MDP. Terminal states are absorbing: they go to themselves and pay nothing.

    A reward that depends on the next state is given as its expectation,
    R(s, a) = sum_s' P(s' | s, a) r(s, a, s').

    Attributes:
        transition: (S, A, S) float64, P(s' | s, a). Each row sums to one.
        reward: (S, A) float64, expected reward of taking a in s.
        terminal: (S,) bool.
        start: (S,) float64, probability of beginning in each state.
        actions: a name for each action, in order.
    """

    transition: NDArray[np.float64]
    reward: NDArray[np.float64]
    terminal: NDArray[np.bool_]
    start: NDArray[np.float64]
    actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        num_states = len(self.transition)
        num_actions = self.transition.shape[1] if np.ndim(self.transition) > 1 else 0
        expected = {
            "transition": (num_states, num_actions, num_states),
            "reward": (num_states, num_actions),
            "terminal": (num_states,),
            "start": (num_states,),
        }
        for name, shape in expected.items():
            dtype = np.bool_ if name == "terminal" else np.float64
            array: NDArray[Any] = np.array(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise ValueError(f"TabularMDP.{name}: got shape {array.shape}, expected {shape}.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self._check_probabilities()
        self._check_absorbing()
        if self.actions and len(self.actions) != num_actions:
            raise ValueError(
                f"TabularMDP.actions: got {len(self.actions)} names, expected {num_actions}, one an action."
            )

    def _check_probabilities(self) -> None:
        for name, rows in (("transition", self.transition), ("start", self.start)):
            if not np.all(np.isfinite(rows)) or rows.min() < 0:
                raise ValueError(
                    f"TabularMDP.{name}: got a negative or non-finite probability, expected [0, 1]."
                )
            error = np.abs(rows.sum(axis=-1) - 1.0)
            if error.max() > ROW_SUM_TOLERANCE:
                where = tuple(int(i) for i in np.argwhere(error > ROW_SUM_TOLERANCE)[0])
                row = f"{name}{list(where)}" if where else name
                raise ValueError(
                    f"TabularMDP.{row} sums to {rows[where].sum():.12g}, expected 1. "
                    "Add the missing probability of staying."
                )
        if not np.all(np.isfinite(self.reward)):
            raise ValueError("TabularMDP.reward: got NaN or infinity, expected finite rewards.")

    def _check_absorbing(self) -> None:
        states = np.flatnonzero(self.terminal)
        stays = np.all(self.transition[states, :, states] == 1.0, axis=-1)
        silent = np.all(self.reward[states] == 0.0, axis=-1)
        if not np.all(stays & silent):
            state = states[~(stays & silent)][0]
            raise ValueError(
                f"TabularMDP: terminal state {state} must go to itself and pay 0 under every action. "
                "Pay its reward on the way in."
            )

    @property
    def num_states(self) -> int:
        """S, terminal states included."""
        return len(self.transition)

    @property
    def num_actions(self) -> int:
        """A."""
        return self.transition.shape[1]

    def sample_start(self, rng: np.random.Generator) -> int:
        """Draw a first state."""
        return draw(self.start, rng)

    def sample_next(self, state: int, action: int, rng: np.random.Generator) -> int:
        """Draw s' from P(. | s, a)."""
        return draw(self.transition[state, action], rng)


def draw(probabilities: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Draw an index with the given probabilities from one uniform number.

    Args:
        probabilities: (K,) float64, sums to one.
        rng: the source of randomness.
    """
    cumulative = np.cumsum(probabilities)
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    return min(index, len(probabilities) - 1)


def draw_rows(probabilities: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw an index in each row, as ``draw`` does from that uniform number.

    Args:
        probabilities: (N, K) float64, each row sums to one.
        uniforms: (N,) float64 in [0, 1).
    """
    cumulative = np.cumsum(probabilities, axis=-1)
    index = np.sum(cumulative <= uniforms[:, None] * cumulative[:, -1:], axis=-1)
    return np.minimum(index, probabilities.shape[-1] - 1)


def check_probability(name: str, value: float) -> float:
    """Return ``value`` as a float in [0, 1].

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not isinstance(value, (int, float, np.number)) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: got {value!r}, expected a probability in [0, 1].")
    return float(value)


def check_number(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: it is no finite number.
    """
    if not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ValueError(f"{name}: got {value!r}, expected a finite number.")
    return float(value)


def check_type(name: str, value: Any, expected: type[T]) -> T:
    """Return ``value``.

    Raises:
        TypeError: it is not of the expected type.
    """
    if not isinstance(value, expected):
        article = "an" if expected.__name__[0] in "AEIOU" else "a"
        raise TypeError(f"{name}: got {value!r}, expected {article} {expected.__name__}.")
    return value


def as_options(options: Mapping[str, object] | None, allowed: tuple[str, ...]) -> dict[str, object]:
    """Return the options of ``reset`` as a new dict.

    Raises:
        ValueError: they are no mapping.
    """
    if options is not None and not isinstance(options, Mapping):
        expected = ", ".join(allowed)
        raise ValueError(f"reset options: got {options!r}, expected a dict with some of: {expected}.")
    return dict(options or {})


def check_options(options: Mapping[str, object] | None, allowed: tuple[str, ...]) -> dict[str, object]:
    """Return the options of ``reset``, with unknown names refused.

    Raises:
        ValueError: they are no dict, or a name is not in ``allowed``.
    """
    given = as_options(options, allowed)
    for name in given:
        if name not in allowed:
            raise ValueError(f"reset option {name!r} is unknown, expected one of: {', '.join(allowed)}.")
    return given
