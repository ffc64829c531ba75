"""Hidden tests of section 1: ties and edges, many steps at once, truncation, the action that is executed, the cliff."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question
from environments.grid_navigation import FloorPlan, GridNavigationEnv

CLIFF = FloorPlan.from_text(".......\n.......\n.......\nSCCCCCG", rewards={"G": 0.0, "C": -100.0})
SHORTEST, NUM_STEPS = 8, 2500
THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


@question("1.1 epsilon_greedy", points=1)
def test_everything_is_best_at_first(student):
    """A table of equal values, without exploring and with nothing but exploring, gives every action the same."""
    for q_values, epsilon in ((np.zeros(5), 0.0), (np.zeros(5), 0.3), (np.arange(5.0), 1.0)):
        expect_close(student.epsilon_greedy(q_values, epsilon), np.full(5, 0.2), atol=1e-12, what="the probabilities",
                     hint="argmax names only the first of several best actions.")  # fmt: skip


@question("1.1 epsilon_greedy", points=1)
def test_any_values(student, rng):
    """For any values and any epsilon the best action has 1 - epsilon and its share of the rest."""
    for num_actions in (1, 2, 7, 40):
        q_values, epsilon = -rng.exponential(size=num_actions) - 3.0, rng.uniform(0.01, 0.99)
        expected = np.full(num_actions, epsilon / num_actions)
        expected[np.argmax(q_values)] += 1.0 - epsilon
        expect_close(student.epsilon_greedy(q_values, epsilon), expected, atol=1e-12, what="the probabilities",
                     hint="Values may all be negative; there may be one action only.")  # fmt: skip


def steps(rng, num_steps=200, num_actions=6):
    """Draw many steps; a third of them terminate."""
    return (
        rng.normal(size=num_steps), 10 * rng.normal(size=(num_steps, num_actions)),
        rng.integers(num_actions, size=num_steps), rng.dirichlet(np.ones(num_actions), size=num_steps),
        rng.random(num_steps) < 0.3,
    )  # fmt: skip


@question("1.2 td_targets", points=1)
def test_sarsa_on_many_steps(student, reference, rng):
    """For two hundred steps SARSA's target uses the action that is taken next."""
    batch = steps(rng)
    got = student.td_targets(*batch, 0.93)
    expect(len(got) == 3, "not three targets", hint="Return sarsa, expected_sarsa, q_learning.")
    expect_shape(got[0], (200,), axes="(B,)", what="SARSA's target")
    expect_close(got[0], reference.td_targets(*batch, 0.93)[0], atol=1e-9, what="SARSA's targets",
                 hint="One entry of each row of next_q: the row's own next action.")  # fmt: skip


@question("1.2 td_targets", points=1)
def test_expected_sarsa_on_many_steps(student, reference, rng):
    """For two hundred steps expected SARSA's target is the mean under the policy."""
    batch = steps(rng)
    got = student.td_targets(*batch, 0.93)[1]
    expect_close(got, reference.td_targets(*batch, 0.93)[1], atol=1e-9, what="expected SARSA's targets",
                 hint="Weigh each action's value with its probability.")  # fmt: skip


@question("1.2 td_targets", points=1)
def test_q_learning_on_many_steps(student, reference, rng):
    """For two hundred steps Q-learning's target uses the best action."""
    batch = steps(rng)
    got = student.td_targets(*batch, 0.93)[2]
    expect_close(got, reference.td_targets(*batch, 0.93)[2], atol=1e-9, what="Q-learning's targets",
                 hint="The greatest value of each row.")  # fmt: skip


class Walk:
    """Goes right through states 0 to S - 1, one reward a step, and round from the last to the first.

    With a clock of k an episode is truncated after k steps; without one the last step terminates it.
    """

    def __init__(self, rewards, clock, first):
        self.rewards, self.clock, self.first = rewards, clock, first
        self.state, self.over, self.num_steps, self.num_resets, self.mistakes = 0, True, 0, 0, 0

    def reset(self):
        self.state, self.over, self.num_steps = self.first[self.num_resets % len(self.first)], False, 0
        self.num_resets += 1
        return self.state, {}

    def step(self, action):
        self.mistakes += self.over
        reward, self.num_steps = self.rewards[self.state], self.num_steps + 1
        self.state = (self.state + 1) % len(self.rewards)
        terminated = self.clock is None and self.state == 0
        truncated = self.num_steps == self.clock
        self.over = terminated or truncated
        return self.state, reward, terminated, truncated, {}


def exact(walk, num_steps, alpha, gamma):
    """The table of a walk with one action, step by step."""
    table = np.zeros(len(walk.rewards))
    state, _ = walk.reset()
    for _ in range(num_steps):
        following, reward, terminated, _, _ = walk.step(0)
        table[state] += alpha * (reward + gamma * (not terminated) * table[following] - table[state])
        state = walk.reset()[0] if walk.over else following
    return table[:, None]


@question("1.3 learn", points=1)
def test_ends_and_first_states(student, trusted):
    """After either kind of end the walk begins anew, in whatever state the reset gives, and no step is lost."""
    rewards, first = (1.0, -2.0, 0.5, 4.0, 3.0), (0, 3, 1)
    for method, clock in ((0, None), (1, 3), (2, 2), (0, 3), (2, None)):
        walk = Walk(rewards, clock, first)
        env = trusted(walk, methods=["reset", "step"], budget={"step": 60, "reset": 60})
        table = student.learn(env, 5, 1, 51, method, 0.2, 0.3, 0.9, 7)
        expect(walk.mistakes == 0, "step was called after the end of an episode", hint="A truncated episode ends too.")
        expect(env.calls["step"] == 51, "step was called another number of times than num_steps")
        expect_close(table, exact(Walk(rewards, clock, first), 51, 0.3, 0.9), atol=1e-9, what="the table",
                     hint="The target uses the state that the step led to, not the first of the next episode; "
                     "after a truncation its value still counts.")  # fmt: skip


class TwoSteps:
    """From state 0 any of three actions leads to state 1, from where the action chosen pays 3, 5 or 11 and ends it.

    Notes the action that followed each first action, the last time.
    """

    PAID = (3.0, 5.0, 11.0)

    def __init__(self):
        self.state, self.first, self.followed = 0, 0, {}

    def reset(self):
        self.state = 0
        return 0, {}

    def step(self, action):
        action = int(action)
        if self.state == 0:
            self.state, self.first = 1, action
            return 1, 0.0, False, False, {}
        self.state, self.followed[self.first] = 2, action
        return 2, self.PAID[action], True, False, {}


@question("1.3 learn", points=1)
def test_the_target_is_the_action_that_is_executed(student, trusted):
    """With alpha = 1, SARSA's value of a first action is that of the action which then followed it."""
    world = TwoSteps()
    env = trusted(world, methods=["reset", "step"], budget={"step": 400})
    table = np.asarray(student.learn(env, 3, 3, 300, 0, 1.0, 1.0, 0.5, 3))
    expect_shape(table, (3, 3), axes="(S, A)")
    expect(len(world.followed) == 3, "in 150 episodes with epsilon = 1 some action was never tried")
    expect_close(table[1], TwoSteps.PAID, atol=1e-12, what="the values of the last actions")
    expect_close(table[0], [0.5 * TwoSteps.PAID[world.followed[a]] for a in range(3)], atol=1e-12,
                 what="the values of the first actions",
                 hint="Draw the next action once: the one in the target is the one to execute.")  # fmt: skip


class TwoRooms:
    """Two steps an episode: in state 0 action 1 pays, in state 1 action 2 does. Notes what was done in state 0."""

    def __init__(self):
        self.state, self.actions = 0, []

    def reset(self):
        self.state = 0
        return 0, {}

    def step(self, action):
        reward = float(action == self.state + 1)
        if self.state == 0:
            self.actions.append(int(action))
        self.state += 1
        return self.state, reward, self.state == 2, False, {}


@question("1.3 learn", points=0.5)
def test_the_first_action_is_chosen_in_the_first_state(student, trusted):
    """Without exploring, whoever has found the action that pays takes it at the start of every later episode."""
    world = TwoRooms()
    student.learn(trusted(world, methods=["reset", "step"], budget={"step": 200}), 3, 4, 200, 2, 0.0, 1.0, 0.0, 11)
    expect(1 in world.actions, "in 100 episodes the action that pays was never tried")
    expect(set(world.actions[world.actions.index(1) :]) == {1}, "another action was taken than the best",
           hint="After the reset, choose in the state that the reset gave.")  # fmt: skip


@question("1.3 learn", points=0.5)
def test_methods_differ(student, trusted):
    """Exploring all the time, the three methods value the same first state as they should."""
    values = []
    for method in range(3):
        env = trusted(TwoSteps(), methods=["reset", "step"], budget={"step": 700})
        values.append(np.asarray(student.learn(env, 3, 3, 600, method, 1.0, 1.0, 1.0, 5))[0])
    mean = float(np.mean(TwoSteps.PAID))  # alpha = 1: the last target is the value
    expect_close(values[1], np.full(3, mean), atol=1e-9, what="expected SARSA's values", hint="Is method 1 used?")
    expect_close(values[2], np.full(3, 11.0), atol=1e-9, what="Q-learning's values", hint="Is method 2 used?")
    expect(all(value in TwoSteps.PAID for value in values[0]), "SARSA's values are no rewards", hint="Is method 0 used?")


def greedy_path(table):
    """Follow the table from the start: the cells, at most 40."""
    states, neighbours = [int(CLIFF.states_of("S")[0])], CLIFF.neighbours()
    while len(states) < 40 and not CLIFF.terminal[states[-1]]:
        states.append(int(neighbours[states[-1], np.argmax(table[states[-1]])]))
    return CLIFF.cells[states]


@question("1.3 learn", points=1)
def test_the_cliff(student, trusted, seed):
    """On a shorter cliff, Q-learning finds the shortest way along the edge, and SARSA a longer way that keeps its distance."""
    lengths = []
    for method in (2, 0):
        env = GridNavigationEnv(CLIFF, slip=0.0, living_reward=-1.0, step_limit=200)
        env.reset(seed=seed)
        walk = trusted(env, methods=["reset", "step"], budget={"step": NUM_STEPS})
        table = np.asarray(student.learn(walk, CLIFF.num_states, 4, NUM_STEPS, method, 0.1, 0.5, 1.0, seed % 1000))
        expect_shape(table, (CLIFF.num_states, 4), axes="(S, A)")
        path = greedy_path(table)
        reached = tuple(path[-1]) == (3, 6)
        expect(method == 0 or reached, "following Q-learning's table does not lead to the goal")
        lengths.append(len(path) - 1)
    expect(lengths[0] == SHORTEST, "Q-learning's table does not lead along the shortest way")
    longer = lengths[1] - SHORTEST >= THRESHOLDS["1.3 learn"]["bound"]
    expect(longer, "SARSA's table leads along the edge", hint="Does the policy that walks explore, too?")
