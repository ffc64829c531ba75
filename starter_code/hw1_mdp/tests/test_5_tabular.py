"""Public tests of section 5: interpolation on a grid, the pendulum as a table, the greedy policy."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question

QUARTERS = np.array([-np.pi, -np.pi / 2, 0.0, np.pi / 2])  # an angle in four steps; +pi is -pi again


def as_table(indices, weights, num_states):
    """Add the weights up per state: (N, S). The order of the corners is the student's own affair."""
    rows = np.repeat(np.arange(len(indices)), np.shape(indices)[1])
    table = np.zeros((len(indices), num_states))
    np.add.at(table, (rows, np.ravel(indices)), np.ravel(weights))
    return table


class Shift:
    """Adds the action to the first coordinate and 1 to the second; pays x + 10 y + 100 u."""

    def step(self, states, actions):
        """Return the next states (N, 2) and the rewards (N,)."""
        states, actions = np.asarray(states, dtype=float), np.asarray(actions, dtype=float)
        moved = states + np.stack([actions, np.ones(len(states))], axis=1)
        return moved, states @ np.array([1.0, 10.0]) + 100.0 * actions


@question("5.1 interpolation_weights", points=1)
def test_nearer_point_weighs_more(student):
    """A point a quarter of the way to its right neighbour gives it a quarter of the weight."""
    axis = np.array([0.0, 1.0, 3.0])
    points = np.array([[1.5], [0.0]])
    indices, weights = student.interpolation_weights(points, [axis], np.array([False]))
    expect_shape(indices, (2, 2), axes="(N, 2^D)", what="indices")
    expect_shape(weights, (2, 2), axes="(N, 2^D)", what="weights")
    expect_close(
        as_table(indices, weights, 3),
        [[0.0, 0.75, 0.25], [1.0, 0.0, 0.0]],  # (1.5 - 1) / (3 - 1) = 0.25
        what="weight of each grid point",
        hint="Divide by the width of the interval that holds the point; the grid need not be even.",
    )


@question("5.1 interpolation_weights", points=1)
def test_angle_wraps(student):
    """Between the last grid angle and +pi the neighbour on the right is the first grid angle."""
    points = np.array([[3 * np.pi / 4], [-np.pi / 4]])
    indices, weights = student.interpolation_weights(points, [QUARTERS], np.array([True]))
    expect_close(
        as_table(indices, weights, 4),
        [[0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0]],
        what="weight of each grid angle",
        hint="On a periodic axis the cell after the last point ends at the first point plus 2 pi.",
    )


@question("5.2 discretise", points=2)
def test_two_by_two_world(student, trusted):
    """On a grid of four states each state and action leads where the world says."""
    axes = [np.array([0.0, 1.0]), np.array([0.0, 2.0])]
    model = trusted(Shift(), methods=["step"], budget={"step": 100})
    result = student.discretise(model, axes, np.array([False, False]), np.array([0.0, 0.5]))
    indices, weights, rewards = result
    expect_shape(indices, (4, 2, 4), axes="(S, A, 2^D)", what="indices")
    expect_shape(weights, (4, 2, 4), axes="(S, A, 2^D)", what="weights")
    expect_close(
        rewards,
        # States (0, 0), (0, 2), (1, 0), (1, 2): the first axis is the slow one. Rewards x + 10 y + 100 u.
        [[0, 50], [20, 70], [1, 51], [21, 71]],
        what="reward of each state and action",
        hint="Rows are the grid's states, the first axis slowest; columns are the actions.",
    )
    table = as_table(np.reshape(indices, (8, 4)), np.reshape(weights, (8, 4)), 4)
    expect_close(
        table[[1, 6]],
        # From (0, 0) with 0.5 to (0.5, 1): the middle of all four.
        # From (1, 2) with 0 to (1, 3), which is off the grid: the corner (1, 2).
        [[0.25, 0.25, 0.25, 0.25], [0, 0, 0, 1]],
        what="transition probabilities",
        hint="Pair each state with each action, in the same order for the states and for the actions.",
    )


@question("5.3 swing_up", points=1)
def test_mixes_values_before_it_chooses(student):
    """Half-way between two grid points the torque is the one whose mean value is greatest."""
    axes, periodic = [np.array([0.0, 1.0])], np.array([False])
    torques = np.array([-2.0, 0.0, 2.0])
    q_values = np.array([[9.0, 8.0, 0.0], [0.0, 8.0, 9.0]])  # in the middle: 4.5, 8, 4.5
    chosen = student.swing_up(np.array([[0.5], [0.0], [1.0]]), q_values, torques, axes, periodic)
    expect_shape(chosen, (3,), axes="(N,)", what="torques")
    expect(
        np.asarray(chosen).tolist() != [1, 0, 2],
        "the action's index came back in place of its torque",
        hint="Return actions[index], in N m.",
    )
    expect_close(
        chosen,
        [0.0, -2.0, 2.0],
        what="torque at each state",
        hint="Interpolate the Q-values of every action first, then take the best action.",
    )
