"""Hidden tests of section 8: long sequences, impossible observations, ties, scale."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question
from environments.corridor import Corridor

from .tabular_worlds import random_mdp, take


@question("8.1 belief_update", points=1)
def test_tracks_a_robot_in_a_corridor(student):
    """Fed back into itself for forty steps in a corridor, the belief stays the exact posterior."""
    world = Corridor(length=12, doors=(1, 4, 9), goal=9)
    transition, sensor = world.transition, world.observation_model
    script = np.random.default_rng(5).integers(0, 2, (40, 2))  # west or east, wall or door
    belief = joint = world.start
    for action, observation in script.tolist():
        belief = student.belief_update(belief, action, observation, transition, sensor)
        expect_shape(belief, (world.num_states,), axes="(S,)", what="belief")
        # The joint probability of state and history, never normalised: at least 0.1^40 times 1/12, far from underflow.
        joint = (joint @ transition[:, action]) * sensor[:, observation]
    # forty normalisations of rounding 1e-16
    expect_close(belief, joint / joint.sum(), atol=1e-10, what="belief after forty steps",
                 hint="Normalise after each correction; predict with the action of this step.")  # fmt: skip


@question("8.1 belief_update", points=1)
def test_impossible_observation(student):
    """An observation that no possible state allows leaves the prediction as it is."""
    transition = np.array([[[0.5, 0.5, 0.0]], [[0.0, 0.3, 0.7]], [[0.0, 0.0, 1.0]]])
    sensor = np.array([[1.0, 0.0], [1.0, 0.0], [0.4, 0.6]])
    belief = student.belief_update(np.array([1.0, 0.0, 0.0]), 0, 1, transition, sensor)
    expect_shape(belief, (3,), axes="(S,)", what="belief")
    expect(np.all(np.isfinite(np.asarray(belief, dtype=float))), "the belief holds NaN or infinity",
           hint="What if every product is 0? The docstring says what to return.")  # fmt: skip
    expect_close(belief, [0.5, 0.5, 0.0], what="belief after an impossible observation",
                 hint="The prediction: the belief after the move, before the observation.")  # fmt: skip


@question("8.1 belief_update", points=1)
def test_many_states_and_rare_observations(student, reference, rng):
    """Three hundred states, several actions and observations, one of them very unlikely: right, and summing to one."""
    transition, _ = random_mdp(rng, 300, 4, successors=20)
    sensor = rng.dirichlet(np.ones(6), size=300)
    sensor[:, 5] = 1e-30 * rng.uniform(1, 2, 300)
    sensor /= sensor.sum(axis=1, keepdims=True)
    belief = rng.dirichlet(np.ones(300))
    for action, observation in ((3, 0), (1, 4), (2, 5)):
        got = student.belief_update(belief, action, observation, transition, sensor)
        expect_shape(got, (300,), axes="(S,)", what="belief")
        expected = reference.belief_update(belief, action, observation, transition, sensor)
        expect_close(got, expected, atol=1e-12, what="belief", hint="Divide by the exact sum, however small it is.")


def act(student, beliefs, q_values):
    """Call the student's QMDP and check the shapes."""
    actions, worth = take(student.qmdp(beliefs, q_values), "actions, worth")
    expect_shape(actions, (len(beliefs),), axes="(N,)", what="actions")
    expect_shape(worth, (len(beliefs),), axes="(N,)", what="worth")
    actions = np.asarray(actions)
    expect(actions.dtype.kind in "iu", "the actions are not integers")
    expect(actions.min() >= 0 and actions.max() < q_values.shape[1], "an action is out of range")
    return actions, np.asarray(worth, dtype=float)


@question("8.2 qmdp", points=1)
def test_many_beliefs(student, rng):
    """For five hundred beliefs over forty states the action has the greatest mean value."""
    beliefs, q_values = rng.dirichlet(np.full(40, 0.2), size=500), 3 * rng.standard_normal((40, 7))
    actions, _ = act(student, beliefs, q_values)
    mean_values = beliefs @ q_values
    lost = mean_values.max(axis=1) - mean_values[np.arange(500), actions]
    # an action may differ where two are equal to rounding, 1e-15
    expect(np.max(lost) < 1e-9, "some actions are not the best on average",
           hint="One row of beliefs @ q_values for each belief; the greatest entry of a row wins.")  # fmt: skip


@question("8.2 qmdp", points=1)
def test_worth_of_many_beliefs(student, reference, rng):
    """The worth of knowing is right for uncertain beliefs, and zero for certain ones."""
    q_values = rng.standard_normal((15, 4))
    beliefs = np.concatenate([np.eye(15), rng.dirichlet(np.ones(15), size=50)])
    _, worth = act(student, beliefs, q_values)
    _, expected = reference.qmdp(beliefs, q_values)
    expect_close(worth, expected, atol=1e-9, what="worth of knowing the state",
                 hint="Mean over the states of the best value, less the best of the mean values.")  # fmt: skip


@question("8.2 qmdp", points=1)
def test_one_action_best_everywhere(student):
    """Where one action is best in every state, it is chosen at every belief and knowing is worth nothing."""
    q_values = np.array([[-5.0, -4.0, -9.0], [-80.0, -1.0, -2.0], [-3.0, -2.5, -60.0]])
    beliefs = np.random.default_rng(1).dirichlet(np.ones(3), size=20)
    actions, worth = act(student, beliefs, q_values)
    expect(np.all(actions == 1), "another action was chosen than the one that is best in every state",
           hint="Values may all be negative: a loss that is smaller is better.")  # fmt: skip
    # mean of the best and best of the mean are the same sum: rounding only
    expect_close(worth, np.zeros(20), atol=1e-9, what="worth of knowing the state",
                 hint="Nothing that one could learn would change the action.")  # fmt: skip
