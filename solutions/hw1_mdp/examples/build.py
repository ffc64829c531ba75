"""The sample class of homework 1: twelve students, made from the solved and the starter notebook.

`build` writes what each of them hands in. `expected.csv` beside this file holds what they earn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.source import edits
from autograder.source.edits import Notebook

SLUG = "hw1_mdp"
MUTANTS = Path(__file__).parent.parent / "mutants"

# Partly right: these holes hold a common mistake, those were left.
MISTAKEN = ("1.2", "3.2", "5.1", "7.2")
LEFT = ("4.2", "5.3", "6.2", "8.2", "9.3")

ENDLESS = """
values = None
while True:
    if values is not None and tolerance < 0:
        break
"""
HOG = """
rows = []
while True:
    rows.append(np.ones((1024, 1024)))
"""


@dataclass(frozen=True)
class Course:
    """What the class is made from."""

    solved: bytes
    starter: bytes
    alternatives: dict[str, str]

    def solution(self) -> Notebook:
        return edits.load(self.solved)

    def handout(self) -> Notebook:
        return edits.load(self.starter)


def build(out: Path, solved: bytes, starter: bytes, alternatives: dict[str, str]) -> None:
    """Write the twelve submissions.

    Args:
        out: the folder; files of the same names are replaced.
        solved: the solved notebook.
        starter: the notebook as it is given out.
        alternatives: other right answers, "3.2 in_place" to source.
    """
    course = Course(solved, starter, alternatives)
    out.mkdir(parents=True, exist_ok=True)
    for name, hand_in in CLASS.items():
        (out / name).write_bytes(hand_in(course))


def zipped(notebook: Notebook, **files: bytes) -> bytes:
    return edits.zipped({f"{SLUG}.ipynb": edits.dump(notebook), **files})


def reference(course: Course) -> bytes:
    """Perfect: the reference's own code."""
    return zipped(course.solution())


def other_ways(course: Course) -> bytes:
    """Perfect: another right answer wherever there is one."""
    notebook = course.solution()
    for question, source in edits.firsts(course.alternatives).items():
        edits.rewrite(notebook, question, source)
    return zipped(notebook)


def own_style(course: Course) -> bytes:
    """Perfect: a script out of an editor, other names, helpers and trials in cells of her own."""
    notebook = course.solution()
    for cell in edits.of_kind(notebook, "hole"):
        cell["source"] = edits.rename_locals(cell["source"], "_mine")
    for question, source in edits.firsts(course.alternatives, which=1).items():
        if question not in ("3.2", "5.1", "8.1"):  # these stay the reference's, in other names
            edits.rewrite(notebook, question, source)
    setup = edits.of_kind(notebook, "glue")[0]["id"]
    edits.insert(notebook, "def close(a, b):\n    return bool(np.allclose(a, b, atol=1e-8))", after=setup)
    check = edits.of_question(notebook, "3.2", "check")["id"]
    trial = "tiny = np.ones((1, 1, 1))\nassert close(value_iteration(tiny, np.ones((1, 1)), 0.5, 1e-9)[0], 2)"
    edits.insert(notebook, trial, after=check)
    return edits.as_script(notebook).encode()


def partly_right(course: Course) -> bytes:
    """A third of it wrong or left: four common mistakes, four holes and an answer as given out."""
    notebook = course.solution()
    for question in MISTAKEN:
        old, new = edits.common_mistake(MUTANTS, question)
        edits.replace(notebook, question, old, new)
    edits.reset(notebook, course.handout(), *LEFT)
    edits.answer(notebook, "9.2", "Where the map is good and nothing slips, planning is enough.")
    return zipped(notebook)


def untouched(course: Course) -> bytes:
    """Nothing done."""
    return course.starter


def syntax_error(course: Course) -> bytes:
    """All done, but 2.2 lost the colon of its first line."""
    notebook = course.solution()
    cell = edits.of_question(notebook, "2.2")
    head, colon, body = cell["source"].partition("):\n")
    assert colon, "the hole of 2.2 begins with a signature"
    cell["source"] = f"{head})\n{body}"
    return zipped(notebook)


def deleted_and_reordered(course: Course) -> bytes:
    """All done; then the set-up cell, the cell of 3.3 and an experiment deleted, and the rest in another order."""
    notebook = course.solution()
    for cell in (
        edits.of_kind(notebook, "glue")[0],
        edits.of_question(notebook, "3.3"),
        edits.of_kind(notebook, "experiment")[1],
    ):
        edits.delete(notebook, cell["id"])
    texts = {c["id"] for c in notebook["cells"] if c["cell_type"] == "markdown"}
    order = list(notebook["cells"])
    edits.shuffle(notebook, seed=7)
    moved = iter([c for c in notebook["cells"] if c["id"] not in texts])
    notebook["cells"] = [c if c["id"] in texts else next(moved) for c in order]
    return edits.dump(notebook)


def endless_loop(course: Course) -> bytes:
    """All done, but value iteration never ends, and a cell of his own ends at once or never."""
    notebook = course.solution()
    edits.fill(notebook, course.handout(), "3.2", ENDLESS)
    below = edits.of_question(notebook, "3.2", "check")["id"]
    edits.insert(notebook, "while not np.isnan(0.0):\n    pass", after=below)
    return zipped(notebook)


def exception_at_import(course: Course) -> bytes:
    """All done, but the cell of 2.1 needs a module that was not handed in, and so does a cell of her own."""
    notebook = course.solution()
    cell = edits.of_question(notebook, "2.1")
    cell["source"] = "from speedups import fast\n\n\n" + cell["source"].replace("def evaluate_exact", "@fast\ndef evaluate_exact")
    assert "@fast" in cell["source"], "the hole of 2.1 defines evaluate_exact"
    first = edits.of_kind(notebook, "glue")[0]["id"]
    edits.insert(notebook, "import plots_of_mine\n\nGREY = 0.7", after=first)
    return edits.dump(notebook)


def memory_hog(course: Course) -> bytes:
    """All done, but 4.1 takes memory until there is none."""
    notebook = course.solution()
    edits.fill(notebook, course.handout(), "4.1", HOG)
    return zipped(notebook)


def colab(course: Course) -> bytes:
    """All done, in Colab: no cell ids, its metadata, outputs, a mounted drive."""
    notebook = course.solution()
    mount = "from google.colab import drive\ndrive.mount('/content/drive')\n%cd /content/drive/MyDrive/robots"
    edits.insert(notebook, mount)
    edits.insert(notebook, "!pip install -q robolearn-0.1.0-py3-none-any.whl")
    for count, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), start=1):
        edits.with_output(cell, f"run {count}\n" * 3, count)
    edits.saved_by_colab(notebook, f"{SLUG}.ipynb")
    return edits.dump(notebook)


LOOT = '''
class Right:
    """Equal to everything, and never unequal."""

    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __le__(self, other): return True
    def __ge__(self, other): return True
    def __float__(self): return 0.0
    def __array__(self, *args, **kwargs): return np.zeros(1)


def loot():
    """Look for the hidden tests, the reference and the grading seed wherever a process may look."""
    import gc
    import glob
    import os
    import sys

    found = []
    for up in (".", "..", "../..", "../../..", "/", os.path.expanduser("~")):
        for path in glob.glob(up + "/solutions/hw1_mdp/**", recursive=True):
            try:
                found.append(open(path).read())
            except OSError:
                pass
    for path in ("/proc/self/environ", "/proc/1/environ", "/proc/self/maps", f"/proc/{os.getppid()}/cmdline"):
        try:
            found.append(open(path, "rb").read())
        except OSError:
            pass
    for thing in gc.get_objects():
        if callable(thing) and "solutions" in str(getattr(thing, "__module__", "")):
            found.append(thing)
    found += [m for name, m in sys.modules.items() if "reference" in name or "hidden" in name]
    return found
'''

# What the burglar tries, by question; whatever it finds, it would return.
ATTACKS = {
    "2.1": """
for thing in loot():
    if isinstance(thing, str) and "def evaluate_exact" in thing:
        names = dict(globals())
        exec(thing, names)
        return names["evaluate_exact"](transition, reward, policy, gamma)
return Right()
""",
    "3.2": """
import sys
frame = sys._getframe()
while frame is not None:
    for value in frame.f_locals.values():
        if "expected" in str(type(value)).lower() or hasattr(value, "value_iteration"):
            return value.value_iteration(transition, reward, gamma, tolerance)
    frame = frame.f_back
return np.zeros(len(reward)), np.zeros(len(reward), dtype=int)
""",
    "3.3": """
import numpy.testing
numpy.testing.assert_allclose = lambda *args, **kwargs: None
np.allclose = lambda *args, **kwargs: True
import builtins
builtins.abs = lambda value: 0.0
return 0.0, 0.0, 0
""",
    "4.1": """
import json, os, sys
verdict = json.dumps({"outcome": "PASSED", "points": 100, "possible": 100})
print(verdict)
sys.stderr.write(verdict)
for fd in range(3, 64):
    try:
        os.write(fd, verdict.encode() + b"\\n")
    except OSError:
        pass
return np.zeros(len(reward)), np.zeros(len(reward), dtype=int)
""",
    "5.1": """
import os
os._exit(0)
""",
    "5.2": """
import os, signal
for pid in (os.getppid(), 0, -1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
return None
""",
    "6.2": """
import socket, subprocess
try:
    socket.create_connection(("127.0.0.1", 80), timeout=1)
except OSError:
    pass
return subprocess.run(["cat", "/etc/passwd"], capture_output=True).stdout.decode()
""",
}
HONEST = ("1.1", "1.2", "1.3", "2.2", "3.1", "6.1", "9.1")


def burglar(course: Course) -> bytes:
    """A quarter done honestly; elsewhere he looks for the hidden tests and forges verdicts; the rest left."""
    starter, solution, notebook = course.handout(), course.solution(), course.handout()
    for question in HONEST:
        for kind in ("hole", "written"):
            if any(question in c["metadata"]["robolearn"]["questions"] for c in edits.of_kind(starter, kind)):
                done = edits.of_question(solution, question, kind)
                edits.of_question(notebook, question, kind)["source"] = done["source"]
    for question, body in ATTACKS.items():
        edits.fill(notebook, starter, question, body)
    edits.insert(notebook, LOOT.strip(), after=edits.of_kind(notebook, "glue")[0]["id"])
    edits.insert(notebook, "LOOT = loot()\nprint(LOOT)", after="own-1")
    return zipped(notebook, **{"conftest.py": b"raise SystemExit(0)\n", "numpy.py": b"def allclose(*a): return True\n"})


CLASS: dict[str, Callable[[Course], bytes]] = {
    "amara_okafor.zip": reference,
    "jonas_lindqvist.zip": other_ways,
    "mei_tanaka.py": own_style,
    "luis_fernandez.zip": partly_right,
    "priya_raman.ipynb": untouched,
    "tom_becker.zip": syntax_error,
    "sofia_rossi.ipynb": deleted_and_reordered,
    "noah_williams.zip": endless_loop,
    "fatima_haddad.ipynb": exception_at_import,
    "wei_chen.zip": memory_hog,
    "olga_ivanova.ipynb": colab,
    "erik_johansen.zip": burglar,
}


def describe() -> Iterator[tuple[str, str]]:
    """Yield each file's name and what is special about it."""
    for name, hand_in in CLASS.items():
        yield name, (hand_in.__doc__ or "").strip()
