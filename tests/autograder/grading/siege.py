"""A course of three questions and a class of attackers, for the tests that grade them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Course
from autograder.source.document import read_source
from autograder.source.starter import write_starter
from autograder.source.variants import solved

CANARY = "K7_CANARY"  # stands in every secret file; attacks spell it in two halves
SLUG = "siege"

MANIFEST = """
slug = "siege"
title = "Siege: three questions"
version = "1.0.0"
preload = ["numpy"]

[limits]
cpu_s = 2.0
wall_s = 9.0
memory_mb = 256

[load_limits]
cpu_s = 2.0
wall_s = 9.0

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
"""

SOURCE = '''
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

PUBLIC = '''
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

HIDDEN = '''
import numpy as np
from autograder.testing import expect, expect_close, expect_equal, linear, question

SECRET = "K7_CANARY"

@question("1.1 double", points=2)
def test_doubles_anything(student, reference, rng):
    """Any numbers are doubled."""
    x = rng.normal(1000.0, 10.0, 5)
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

@question("1.2 drive", points=3)
def test_reaches_anything(student, trusted, rng):
    """Goals left and right are reached, and the count is right."""
    road = Road(int(-rng.integers(7, 12)))
    count = student.drive(trusted(road, methods=["reset", "step"], budget={"step": 30}))
    expect(abs(float(road.position[0]) - road.goal) < 1e-9, "the goal is not reached")
    expect_equal(count, -road.goal, what="count")

@question("1.3 guess", points=3)
def test_close_to_the_mean(student, rng, credit):
    """The guess is close."""
    x = rng.normal(1000.0, 10.0, 20)
    guess = student.guess(x)
    expect(np.ndim(guess) == 0, "not one number")
    credit(linear(abs(guess - 2 * x.mean()), 10.0, 0.0), measured=f"{guess:.3g}")
'''

# What every attacker carries: looks everywhere, and tells whether it found a secret.
LOOT = '''
WANTED = "".join(("K7_", "CANARY"))  # the compiler would join a sum

def loot():
    """Return where a secret was found: files, environment, memory, frames, modules, descriptors."""
    import gc, os, sys, types
    found = []

    def look(where, content):
        text = content if isinstance(content, str) else bytes(content).decode("latin1")
        if WANTED in text and content is not WANTED:
            found.append(where)

    for key, value in os.environ.items():
        look("environment", key + value)
    for top in ("/proc/1", "/proc/self", f"/proc/{os.getppid()}"):
        for name in ("environ", "cmdline", "maps", "mem", "status"):
            try:
                look(f"{top}/{name}", open(f"{top}/{name}", "rb").read(1 << 20))
            except OSError:
                pass
    for fd in range(64):
        try:
            os.lseek(fd, 0, 0)
            look(f"descriptor {fd}", os.pread(fd, 1 << 20, 0))
        except OSError:
            pass
    frame = sys._getframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            if isinstance(value, (str, bytes)):
                look(f"frame {frame.f_code.co_name}.{name}", value)
        look("frame of " + frame.f_code.co_filename, repr(frame.f_code.co_consts))
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for value in list(thing.values()):
                if isinstance(value, str) and len(value) < 200_000 and "def loot" not in value:
                    look("memory", value)
        elif isinstance(thing, types.FunctionType) and thing.__name__ != "loot":
            look(f"function {thing.__name__}", repr(thing.__code__.co_consts))
    for name in list(sys.modules):
        if "_hidden" in name or name.startswith("solutions"):
            found.append("module " + name)
    return found


def walk(folders):
    """Return the files below some folders that hold a secret."""
    import os
    wanted, found = WANTED.encode(), []
    for top in folders:
        for folder, below, names in os.walk(top):
            if "site-packages" in below:
                below.remove("site-packages")  # thousands of files of others
            for name in names:
                if os.path.splitext(name)[1] not in (".py", ".toml", ".ipynb", ".csv", ".json", ".txt", ".md", ""):
                    continue
                path = os.path.join(folder, name)
                try:
                    if os.path.getsize(path) < 1 << 18 and wanted in open(path, "rb").read():
                        found.append(path)
                except OSError:
                    pass
    return found
'''


@dataclass(frozen=True)
class Attack:
    """One hostile submission.

    Attributes:
        double: the body of ``double(x)``; empty for the right one.
        drive: the body of ``drive(env)``; empty for the right one.
        guess: the body of ``guess(x)``; empty for the right one.
        above: code above the first hole, run whenever the submission is loaded.
        expected: outcome of each question; PASSED where nothing is said.
        says: what the first test's message of a failed question must contain.
        files: further files of the zip.
    """

    double: str = ""
    drive: str = ""
    guess: str = ""
    above: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


def write_course(root: Path) -> tuple[Course, bytes]:
    """Write the course below a folder; return it with its solved notebook."""
    files = {
        f"assignments/{SLUG}/assignment.toml": MANIFEST,
        f"assignments/{SLUG}/tests/test_siege.py": PUBLIC,
        f"solutions/{SLUG}/{SLUG}.py": SOURCE,
        f"solutions/{SLUG}/tests/test_siege_hidden.py": HIDDEN,
        f"solutions/{SLUG}/grading.toml": "seed = 31337  # K7_CANARY\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    course = Course(root)
    write_starter(course, SLUG)
    return course, solved(read_source(course, SLUG)).notebook


def hand_in(notebook: bytes, attack: Attack) -> bytes:
    """Return the attacker's notebook."""
    data = json.loads(notebook.replace(CANARY.encode(), b"mine"))
    bodies = {"hole-1-1": ("double(x)", attack.double), "hole-1-2": ("drive(env)", attack.drive),
              "hole-1-3": ("guess(x)", attack.guess)}  # fmt: skip
    for cell in data["cells"]:
        signature, body = bodies.get(cell["id"], ("", ""))
        if body:
            lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
            cell["source"] = f"def {signature}:\n{lines}\n"
        if cell["id"] == "hole-1-1":  # a hole's cell runs whole
            cell["source"] = f"{attack.above}\n{''.join(cell['source'])}"
    return json.dumps(data).encode()
