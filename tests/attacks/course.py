"""The two courses that are attacked: three questions on numpy, and two on checkpoints that are handed in."""

from __future__ import annotations

import io
import re
import sqlite3
import zlib
from pathlib import Path

import numpy as np

from autograder.course import Course
from autograder.source.document import read_source
from autograder.source.starter import write_starter
from autograder.source.variants import solved

CANARY = "K7_CANARY"  # stands in every secret; attacks spell it in two halves
SIEGE, VAULT = "siege", "vault"
SLUGS = (SIEGE, VAULT)

_LIMITS = """
[limits]
cpu_s = 1.0
wall_s = 6.0
memory_mb = 256

[load_limits]
cpu_s = 1.0
wall_s = 4.0
"""

_SIEGE = (
    '''
slug = "siege"
title = "Siege: three questions"
version = "1.0.0"
preload = ["numpy"]
'''
    + _LIMITS
    + '''
[[questions]]
id = "1.1"
name = "double"
title = "Double"
points = 4

[[questions]]
id = "1.2"
name = "drive"
title = "Drive"
points = 4

[[questions]]
id = "1.3"
name = "guess"
title = "Guess"
points = 4
stand_ins = ["double"]
'''
)

_SIEGE_SOURCE = '''
# %% [markdown]
# # Siege
# %% tags=["setup"]
import numpy as np
from autograder import check
# %%
def double(x):
    """Return twice the (N,) numbers."""
    ### BEGIN SOLUTION 1.1 double
    # HINT: Add x to itself.
    secret = "K7_CANARY"
    return x + x
    ### END SOLUTION 1.1 double
# %%
def drive(env):
    """Drive to the goal; return how many steps it took."""
    ### BEGIN SOLUTION 1.2 drive
    # HINT: Step until it ends.
    position, goal, count = *env.reset(), 0
    while position != goal:
        position, goal = env.step(1 if goal > position else -1)
        count += 1
    return count
    ### END SOLUTION 1.2 drive
# %%
def guess(x):
    """Return the mean of twice the (N,) numbers."""
    ### BEGIN SOLUTION 1.3 guess
    # HINT: One line.
    return float(np.mean(double(x)))
    ### END SOLUTION 1.3 guess
'''

_SIEGE_PUBLIC = '''
import numpy as np
from autograder.testing import expect_close, question

class Road:
    """A road of whole numbers; the grader holds position and goal."""

    def __init__(self, goal):
        self.position, self.goal = np.zeros(1), goal

    def reset(self):
        return self.position, self.goal

    def step(self, action):
        self.position = self.position + (1 if action > 0 else -1)
        return self.position, self.goal

@question("1.1 double", points=1)
def test_doubles_three(student):
    """Three doubled is six."""
    expect_close(student.double(np.array([3.0])), [6.0])

@question("1.2 drive", points=1)
def test_reaches_four(student, trusted):
    """The goal at 4 is reached."""
    road = Road(4)
    student.drive(trusted(road, methods=["reset", "step"], budget={"step": 20}))
    expect_close(road.position, [4.0])

@question("1.3 guess", points=1)
def test_the_mean_of_two(student):
    """The mean of twice 1 and 3 is 4."""
    expect_close(student.guess(np.array([1.0, 3.0])), 4.0)
'''

_SIEGE_HIDDEN = '''
import io
import numpy as np
from autograder.testing import expect, expect_close, expect_equal, linear, question

SECRET = "K7_CANARY"

@question("1.1 double", points=2)
def test_doubles_anything(student, reference, rng):
    """Any numbers are doubled."""
    secret, x = SECRET, rng.normal(1000.0, 10.0, 5)
    expect_close(student.double(x), reference.double(x))

@question("1.1 double", points=1)
def test_doubles_again(student, rng):
    """Whole numbers are doubled, and equal lists come back."""
    x = rng.integers(10, 1000, 3)
    expect_equal(student.double(x), (2 * x).tolist())

class Road:
    def __init__(self, goal):
        self.position, self.goal, self.secret = np.zeros(1), goal, "K7_CANARY"

    def reset(self):
        return self.position, self.goal

    def step(self, action):
        self.position = self.position + (1 if action > 0 else -1)
        return self.position, self.goal

    def arrive(self):
        self.position = np.zeros(1) + self.goal

@question("1.2 drive", points=3)
def test_reaches_anything(student, trusted, rng):
    """Goals left and right are reached, and the count is right."""
    road = Road(int(-rng.integers(7, 12)))
    count = student.drive(trusted(road, methods=["reset", "step"], budget={"step": 30}))
    expect(abs(float(road.position[0]) - road.goal) < 1e-9, "the goal is not reached")
    expect_equal(count, -road.goal, what="count")

@question("1.3 guess", points=3)
def test_close_to_the_mean(student, rng, credit, attach):
    """The guess is close."""
    x = rng.normal(1000.0, 10.0, 20)
    guess = student.guess(x)
    expect(np.ndim(guess) == 0, "not one number")
    attach("values", f"the guess: {guess}", "text/plain")
    credit(linear(abs(guess - 2 * x.mean()), 10.0, 0.0), measured=f"guess {guess:.15g}")
'''

_SIEGE_HIDDEN += f'\nCASES = """{" ".join(map(str, range(4000)))}"""  # as large as tests with data are\n'

_VAULT = (
    '''
slug = "vault"
title = "Vault: two checkpoints"
version = "1.0.0"
preload = ["numpy", "torch"]
'''
    + _LIMITS
    + '''
[[questions]]
id = "2.1"
name = "policy"
title = "A table of actions"
points = 4
kind = "artifact"
artifact = "policy.npz"

[[questions]]
id = "2.2"
name = "network"
title = "A network"
points = 4
kind = "artifact"
artifact = "network.pt"

[[questions]]
id = "2.3"
name = "scale"
title = "Scale a tensor"
points = 4
'''
)

_VAULT_SOURCE = '''
# %% [markdown]
# # Vault
# %% tags=["setup"]
import numpy as np
import torch
from autograder import check
# %%
def act(state):
    """Return the action that policy.npz holds for a state; reads as carelessly as a course might."""
    with np.load("policy.npz", allow_pickle=True) as file:
        return int(file["actions"][state])

def forward(x):
    """Return what the network in network.pt says of a (N, 2) tensor; reads carelessly too."""
    saved = torch.load("network.pt", weights_only=False)
    return x @ saved["weight"]
# %%
check("2.1")
# %%
check("2.2")
# %%
def scale(x):
    """Return three times a tensor."""
    ### BEGIN SOLUTION 2.3 scale
    # HINT: One line.
    secret = "K7_CANARY"
    return 3 * x
    ### END SOLUTION 2.3 scale
'''

_VAULT_PUBLIC = '''
import torch
from autograder.testing import expect_close, expect_equal, question

@question("2.1 policy", points=1)
def test_knows_state_zero(student):
    """State 0 asks for action 3."""
    expect_equal(student.act(0), 3)

@question("2.2 network", points=1)
def test_maps_zero_to_zero(student):
    """Zero is mapped to zero."""
    expect_close(student.forward(torch.zeros(1, 2)), [[0.0]])

@question("2.3 scale", points=1)
def test_scales_one(student):
    """One becomes three."""
    expect_close(student.scale(torch.ones(1)), [3.0])
'''

_VAULT_HIDDEN = '''
import numpy as np
import torch
from autograder.testing import expect_close, expect_equal, question

SECRET = "K7_CANARY"

@question("2.1 policy", points=3)
def test_knows_all_states(student):
    """Every state asks for its own action."""
    for state in range(5):
        expect_equal(student.act(state), (3 + 2 * state) % 5)

@question("2.2 network", points=3)
def test_adds(student, rng):
    """The network weighs its inputs 1 and 2."""
    x = rng.normal(size=(4, 2))
    expect_close(student.forward(torch.tensor(x, dtype=torch.float32)), x @ [[1.0], [2.0]], atol=1e-4)

@question("2.3 scale", points=3)
def test_scales_anything(student, reference, rng):
    """Any tensor becomes three times as large."""
    x = torch.tensor(rng.normal(size=5))
    expect_close(student.scale(x), reference.scale(x))
'''

HIDDEN_NAMES = tuple(re.findall(r"def (test_\w+)", _SIEGE_HIDDEN + _VAULT_HIDDEN))
ARENA = f'<mujoco model="arena"><worldbody><body name="{CANARY}"><geom size="1"/></body></worldbody></mujoco>\n'
_FILES = {
    SIEGE: {"manifest": _SIEGE, "source": _SIEGE_SOURCE, "public": _SIEGE_PUBLIC, "hidden": _SIEGE_HIDDEN},
    VAULT: {"manifest": _VAULT, "source": _VAULT_SOURCE, "public": _VAULT_PUBLIC, "hidden": _VAULT_HIDDEN},
}


def write_course(root: Path) -> Course:
    """Write both courses below a folder, with everything that lies about where courses are graded."""
    course = Course(root)
    for slug, texts in _FILES.items():
        files = {
            f"assignments/{slug}/assignment.toml": texts["manifest"],
            f"assignments/{slug}/tests/test_{slug}.py": texts["public"],
            f"solutions/{slug}/{slug}.py": texts["source"],
            f"solutions/{slug}/tests/test_{slug}_hidden.py": texts["hidden"],
            f"solutions/{slug}/grading.toml": f"seed = 31337  # {CANARY}\n",
            f"solutions/{slug}/arena.xml": ARENA,
        }
        for name, text in files.items():
            _write(root / name, text.lstrip("\n").encode())
    for name, data in checkpoints().items():
        _write(root / f"solutions/{VAULT}/artifacts/{name}", data)
    for slug in SLUGS:
        write_starter(course, slug)
    _litter(root)
    return course


def _litter(root: Path) -> None:
    """Leave a repository's object, a classmate's notebook and the store of grades beside the course."""
    secret = _SIEGE_HIDDEN.encode()
    _write(root / ".git/objects/a7/c0ffee", zlib.compress(b"blob %d\0" % len(secret) + secret))
    _write(root / "class/ada.ipynb", f'{{"cells": [], "author": "{CANARY}"}}'.encode())
    with sqlite3.connect(root / "grades.sqlite") as store:
        store.execute("create table grades (person text, secret text)")
        store.execute("insert into grades values ('ada', ?)", (CANARY,))
    store.close()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def checkpoints() -> dict[str, bytes]:
    """Return the right checkpoints."""
    import torch

    table, network = io.BytesIO(), io.BytesIO()
    np.savez(table, actions=(3 + 2 * np.arange(5)) % 5)
    torch.save({"weight": torch.tensor([[1.0], [2.0]])}, network)
    return {"policy.npz": table.getvalue(), "network.pt": network.getvalue()}


def solved_notebook(course: Course, slug: str) -> bytes:
    """Return the right notebook of an assignment."""
    return solved(read_source(course, slug)).notebook
