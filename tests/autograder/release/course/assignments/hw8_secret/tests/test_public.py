import numpy as np

from autograder.testing import expect_close, question


@question("1.1 backup", points=1)
def test_two_states(student):
    """The larger of two values is kept for every state."""
    values = np.zeros(2)
    got = student.backup(np.ones((2, 2)), values, 0.5)
    expect_close(got, [1.0, 1.0], hint="Is the maximum taken over actions?")


@question("1.2 plan", points=1)
def test_plans(student):
    """A plan begins where the robot is and ends at its goal."""
    expect_close(student.plan(3), [0, 1, 2, 3])


@question("1.3 policy", points=0.5)
def test_policy_is_there(student):
    """The policy can be read."""
