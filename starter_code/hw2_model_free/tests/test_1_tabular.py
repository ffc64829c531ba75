"""Public tests of section 1: tabular control."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question


class Chain:
    """States 0, 1, ..., length; the only action goes right and pays 1; the last step ends the episode.

    The clock counts as much as the robot: `end` says whether the end is "terminated" or "truncated".
    """

    def __init__(self, length, end):
        self.length, self.end = length, end
        self.state, self.over, self.num_resets = 0, True, 0

    def reset(self):
        """Begin at state 0."""
        self.state, self.over = 0, False
        self.num_resets += 1
        return self.state, {}

    def step(self, action):
        """Go right."""
        expect(not self.over, "step was called after the end of an episode", hint="Reset first.")
        self.state += 1
        self.over = self.state == self.length
        ends = (self.over and self.end == "terminated", self.over and self.end == "truncated")
        return self.state, 1.0, *ends, {}


@question("1.1 epsilon_greedy", points=1)
def test_two_of_four_are_best(student):
    """Two best of four actions share what is not explored."""
    probabilities = student.epsilon_greedy(np.array([2.0, 5.0, 5.0, 1.0]), 0.2)
    expect_shape(probabilities, (4,), axes="(A,)")
    # 0.2 / 4 = 0.05 each; 0.8 / 2 = 0.4 more for each of the best
    expect_close(probabilities, [0.05, 0.45, 0.45, 0.05], atol=1e-12, what="the probabilities",
                 hint="Exploring chooses among all actions, the best ones included.")  # fmt: skip


@question("1.2 td_targets", points=1)
def test_three_targets_of_one_step(student):
    """The three targets of one step, by hand."""
    reward, next_q, next_action = np.array([-1.0]), np.array([[10.0, 0.0]]), np.array([1])
    policy, terminated = np.array([[0.9, 0.1]]), np.array([False])
    sarsa, expected, greedy = student.td_targets(reward, next_q, next_action, policy, terminated, 0.9)
    expect_close(sarsa, [-1.0], atol=1e-12, what="SARSA's target")  # -1 + 0.9 * 0
    expect_close(expected, [7.1], atol=1e-12, what="expected SARSA's target")  # -1 + 0.9 * 0.9 * 10
    expect_close(greedy, [8.0], atol=1e-12, what="Q-learning's target")  # -1 + 0.9 * 10


@question("1.2 td_targets", points=1)
def test_a_terminated_step_has_no_future(student):
    """Where the step terminated, every target is the reward alone."""
    arguments = [np.array([4.0, 4.0]), np.full((2, 3), 7.0), np.array([0, 2]), np.full((2, 3), 1 / 3)]
    for target in student.td_targets(*arguments, np.array([True, False]), 0.5):
        expect_close(target, [4.0, 7.5], atol=1e-12, what="the targets",  # 4 + 0.5 * 7 where it goes on
                     hint="What is a state worth after which nothing comes?")  # fmt: skip


@question("1.3 learn", points=1)
def test_walks_a_chain(student, trusted):
    """On a chain of two steps with one action, four steps with alpha = 0.5 give the values worked by hand."""
    chain = Chain(2, "terminated")
    env = trusted(chain, methods=["reset", "step"], budget={"step": 4})
    table = student.learn(env, 3, 1, 4, 0, 0.1, 0.5, 1.0, 0)
    expect_shape(table, (3, 1), axes="(S, A)")
    # first walk: Q(0) = Q(1) = 0.5 (1 + 0) = 0.5; second: Q(0) = 0.5 + 0.5 (1 + 0.5 - 0.5) = 1, Q(1) = 0.75
    expect_close(table, [[1.0], [0.75], [0.0]], atol=1e-12, what="the table after two walks",
                 hint="Move the entry of the state that was left, a share alpha of the way.")  # fmt: skip
    expect(env.calls["step"] == 4, "step was called another number of times than num_steps",
           hint="num_steps counts steps, not episodes.")  # fmt: skip
