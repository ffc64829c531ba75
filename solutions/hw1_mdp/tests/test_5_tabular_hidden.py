"""Hidden tests of section 5: three dimensions, edges, many turns; another world; swing-up in MuJoCo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, linear, question
from environments import pendulum
from environments.physics import wrap_angle

from .tabular_worlds import take

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


def as_table(indices, weights, num_states):
    """Add the weights up per state: (N, S). The order of the corners is the student's own affair."""
    indices, weights = np.asarray(indices), np.asarray(weights, dtype=float)
    expect(indices.dtype.kind in "iu", "the state indices are not integers")
    expect(indices.shape == weights.shape, "indices and weights have different shapes")
    inside = indices.size and indices.min() >= 0 and indices.max() < num_states
    expect(inside, "a state index is off the grid", hint="Is there a right neighbour at the last point?")
    table = np.zeros((len(indices), num_states))
    np.add.at(table, (np.repeat(np.arange(len(indices)), indices.shape[1]), indices.ravel()), weights.ravel())
    return table


def weights_on(student, points, axes, periodic):
    """Call the student's interpolation and return the dense (N, S) weights."""
    result = student.interpolation_weights(np.asarray(points, dtype=float), axes, np.asarray(periodic))
    indices, weights = take(result, "indices, weights")
    expect_shape(indices, (len(points), 2 ** len(axes)), axes="(N, 2^D)", what="indices")
    return as_table(indices, weights, int(np.prod([len(axis) for axis in axes])))


@question("5.1 interpolation_weights", points=1)
def test_edges_clamp(student):
    """On a clamped axis, points on the edge and beyond give the whole weight to the edge."""
    axis = np.array([-1.0, 0.0, 0.5, 2.0])
    table = weights_on(student, [[-1.0], [-7.0], [2.0], [9.0], [0.5]], [axis], [False])
    expect_close(
        table, np.eye(4)[[0, 0, 3, 3, 2]], what="weights at and beyond the edges",
        hint="Clip the coordinate to the grid before you look for its cell.",
    )  # fmt: skip


@question("5.1 interpolation_weights", points=1)
def test_many_turns(student):
    """An angle any number of turns away, or just below the first grid angle, falls where it should."""
    axis = np.array([0.0, 1.0, 2.5, 4.0])  # the last cell goes from 4 to 2 pi
    third = 4.0 + (2 * np.pi - 4.0) / 3
    points = [[1.5 - 6 * np.pi], [1.5 + 14 * np.pi], [third + 4 * np.pi], [-1e-17], [2 * np.pi]]
    expected = np.array([[0, 2 / 3, 1 / 3, 0], [0, 2 / 3, 1 / 3, 0], [1 / 3, 0, 0, 2 / 3], [1, 0, 0, 0], [1, 0, 0, 0]])
    # np.mod of an angle seven turns away is exact to 1e-14; 1e-9 leaves room for other ways to wrap
    expect_close(
        weights_on(student, points, [axis], [True]), expected, atol=1e-9, what="weights of wrapped angles",
        hint="Wrap relative to the first grid angle, which need not be -pi; the cells need not be equal.",
    )  # fmt: skip


@question("5.1 interpolation_weights", points=1)
def test_three_axes_first_is_slowest(student, reference, rng):
    """In three dimensions, on uneven grids, the weights and the numbering of the states are right."""
    axes = [np.sort(rng.uniform(-2, 2, 4)), np.sort(rng.uniform(-3, 3, 6)), np.sort(rng.uniform(0, 1, 3))]
    points, periodic = rng.uniform(-4, 4, (60, 3)), np.array([False, True, False])
    expected = as_table(*reference.interpolation_weights(points, axes, periodic), 72)
    expect_close(
        weights_on(student, points, axes, periodic), expected, atol=1e-9, what="weights in three dimensions",
        hint="state = (i0 * n1 + i1) * n2 + i2; the weight of a corner is the product of one weight an axis.",
    )  # fmt: skip


@question("5.1 interpolation_weights", points=1)
def test_reproduces_what_is_linear_in_each_axis(student, rng):
    """Twenty thousand points: the weights are a distribution, and exact for x y, x and y."""
    axes = [np.cumsum(rng.uniform(0.1, 1, 30)), np.cumsum(rng.uniform(0.1, 1, 25))]
    low, high = [axis[0] for axis in axes], [axis[-1] for axis in axes]
    points = rng.uniform(low, high, (20_000, 2))
    result = student.interpolation_weights(points, axes, np.array([False, False]))
    indices, weights = (np.asarray(part) for part in take(result, "indices, weights"))
    expect_shape(weights, (20_000, 4), axes="(N, 2^D)", what="weights")
    expect(np.all(weights >= -1e-12), "a weight is negative", hint="Points inside the grid lie between neighbours.")
    expect_close(weights.sum(axis=1), np.ones(20_000), atol=1e-9, what="sum of each point's weights")
    x, y = (part.ravel() for part in np.meshgrid(*axes, indexing="ij"))
    for known, wanted in ((x, points[:, 0]), (y, points[:, 1]), (x * y, points[:, 0] * points[:, 1])):
        expect_close(
            np.sum(weights * known[indices], axis=1), wanted, what="interpolated values",
            hint="Multilinear interpolation is exact for functions that are linear in each coordinate.",
        )  # fmt: skip


class Drift:
    """A linear world of three coordinates with a reward that asks for the state that is left."""

    def __init__(self, rng):
        self.matrix = np.eye(3) + 0.3 * rng.standard_normal((3, 3))
        self.push = rng.standard_normal(3)
        self.price = rng.standard_normal(3)

    def step(self, states, actions):
        """Return the next states (N, 3) and the rewards (N,)."""
        states, actions = np.asarray(states, dtype=float), np.asarray(actions, dtype=float)
        moved = states @ self.matrix.T + actions[:, None] * self.push
        return moved, states**2 @ self.price - actions**3


def expect_same_table(result, expected, num_states):
    """Compare two sparse tables, whatever the order of the corners."""
    indices, weights, rewards = take(result, "indices, weights, rewards")
    expect_shape(weights, np.shape(expected[1]), axes="(S, A, 2^D)", what="weights")
    expect_shape(rewards, np.shape(expected[2]), axes="(S, A)", what="rewards")
    expect_close(
        rewards, expected[2], what="rewards",
        hint="The reward of the state that is left and of the action taken there.",
    )  # fmt: skip
    corners = np.shape(weights)[-1]
    flat = [np.reshape(part, (-1, corners)) for part in (indices, weights, *expected[:2])]
    # 1e-7: the physics, called in batches of another size, agrees to rounding
    expect_close(
        as_table(*flat[:2], num_states), as_table(*flat[2:], num_states), atol=1e-7, what="transition table",
        hint="Each state with each action: np.repeat for the one, np.tile for the other, first axis slowest.",
    )  # fmt: skip


@question("5.2 discretise", points=1.5)
def test_another_world(student, reference, trusted, rng):
    """A linear world with three coordinates and uneven axes becomes the right table."""
    axes = [np.array([-1.0, 0.5, 1.0]), np.array([-2.0, 0.0]), np.linspace(-3.0, 3.0, 4, endpoint=False)]
    periodic, actions = np.array([False, False, True]), np.array([-1.0, 0.2, 0.5, 3.0])
    model = Drift(rng)
    result = student.discretise(trusted(model, methods=["step"], budget={"step": 200}), axes, periodic, actions)
    expect_same_table(result, reference.discretise(model, axes, periodic, actions), 24)


@question("5.2 discretise", points=1.5)
def test_pendulum_in_mujoco(student, reference, trusted):
    """MuJoCo's pendulum becomes the right table."""
    axes = [np.linspace(-np.pi, np.pi, 14, endpoint=False), np.linspace(-6.0, 6.0, 9)]
    periodic, torques = np.array([True, False]), np.linspace(-2.0, 2.0, 5)
    model = reference.PendulumModel()
    result = student.discretise(trusted(model, methods=["step"], budget={"step": 1000}), axes, periodic, torques)
    expect_same_table(result, reference.discretise(model, axes, periodic, torques), 126)


@question("5.3 swing_up", points=0.5)
def test_acts_anywhere(student, reference, rng):
    """On a random table, at states anywhere, the torque is the best of the interpolated Q-values."""
    axes = [np.linspace(-np.pi, np.pi, 6, endpoint=False), np.array([-4.0, -1.0, 0.0, 3.0, 5.0])]
    periodic, torques = np.array([True, False]), np.array([-2.0, -0.7, 0.1, 1.9])
    q_values, states = rng.standard_normal((30, 4)), rng.uniform([-9.0, -7.0], [9.0, 7.0], (200, 2))
    chosen = student.swing_up(states, q_values, torques, axes, periodic)
    expect_shape(chosen, (200,), axes="(N,)", what="torques")
    expect_close(
        chosen, reference.swing_up(states, q_values, torques, axes, periodic), what="torques",
        hint="Weigh the Q-values of all 2^D corners, for each action; then the greatest wins.",
    )  # fmt: skip


@question("5.3 swing_up", points=1.5)
def test_swings_up_in_mujoco(student, reference, credit, rng):
    """In MuJoCo, from random starts and a table that we solved, the pendulum ends upright and stays."""
    q_values, axes, _ = reference.solve_pendulum(25)
    states, upright = rng.uniform([-np.pi, -1.0], [np.pi, 1.0], (40, 2)), np.ones(40, dtype=bool)
    for t in range(pendulum.pendulum.STEP_LIMIT):
        chosen = student.swing_up(states, q_values, reference.PENDULUM_TORQUES, axes, reference.PENDULUM_PERIODIC)
        expect_shape(chosen, (40,), axes="(N,)", what="torques")
        torques = np.asarray(chosen, dtype=float)
        expect(np.all(np.isfinite(torques)), "a torque is not a finite number")
        states = pendulum.step_states(states, torques)
        if t >= 180:  # the last second
            upright &= np.abs(wrap_angle(states[:, 0])) < pendulum.pendulum.SUCCESS_ANGLE
    threshold = THRESHOLDS["5.3 swing_up"]
    share = upright.mean()
    credit(linear(share, threshold["zero"], threshold["bound"]), measured=f"{share:.0%} of 40 starts end upright")
