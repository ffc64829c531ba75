import json
from pathlib import Path

import numpy as np

from autograder.testing import expect_close, question

ENOUGH = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())["1.3 policy"]
CORNER_CASES = np.array([[0.125, 4.0], [2.0, -3.5]])


@question("1.1 backup", points=1)
def test_backs_up_through_slippery_corners(student, reference, rng):
    """The larger of two values is kept for every state."""
    # large discounts separate a sum from a maximum
    wanted = reference.backup(CORNER_CASES, np.ones(2), 0.93)
    got = student.backup(CORNER_CASES, np.ones(2), 0.93)
    expect_close(got, wanted, what="values in slippery corners", hint="A slippery corner has two ways out of it.")


@question("1.2 plan", points=1)
def test_policy_is_there(student):
    """Far goals are reached as well as near ones are."""
    expect_close(student.plan(9), list(range(10)), hint="the step size must be positive")


@question("1.3 policy", points=0.5)
def test_policy_collects_enough_reward(student):
    """The policy collects enough reward in worlds that it never saw."""
