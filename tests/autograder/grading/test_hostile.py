"""A class of attackers, graded at once: nobody earns what they did not do, nobody reads a secret.

What an attack tries stands in its body; which outcome it earns stands beside it. The right answers of the
questions that an attacker leaves alone count in full, so that no attack spoils its neighbours either.
"""

from __future__ import annotations

import csv
import io
import json
import types
import zipfile
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.grading.batch import grade_class
from autograder.grading.gradebook import gradebook
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.reports.lms import canvas_csv, moodle_csv
from autograder.reports.publish import publish
from autograder.results import SubmissionResult, to_dict
from tests.autograder.grading.siege import CANARY, LOOT, SLUG, Attack, hand_in, write_course

FAILED = {"1.1": "FAILED"}
BLOCKED = {"1.1": "BLOCKED"}
CRASHED = {"1.1": "CRASHED"}

# Reads whatever may be read, and does the work only if that found something.
ROBS = LOOT + '''
def robbed(x, folders=()):
    found = loot() + walk(folders)
    if found:
        print("LOOTED", found)
        return x + x
    return 0 * x
'''

# The frames of the worker that serves this call: the socket, the encoder, the id of the request.
INSIDE = '''
import sys, struct, msgpack, numpy as np

def host():
    frame = sys._getframe()
    while frame is not None:
        if type(frame.f_locals.get("self")).__name__ == "Host":
            return frame.f_locals["self"]
        frame = frame.f_back

def raw(message):
    header = msgpack.packb(message)
    return struct.pack("<II", len(header), 0) + header

def send(data):
    import os
    os.write(3, data)
'''

VALUES = {
    "eq": Attack(
        above="""
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __gt__(self, other): return True
    def __ge__(self, other): return True
    def __float__(self): return 6.0
    def __len__(self): return 1
    def __getitem__(self, i): return 6.0
    def __iter__(self): return iter([6.0])
    def __array__(self, *a, **k): return np.array([6.0])
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    def __abs__(self): return 0.0
""",
        double="return Same()", drive="return Same()", guess="return Same()",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"}, says="object of type Same",
    ),
    "subclasses": Attack(
        above="""
class Array(np.ndarray):
    def __eq__(self, other): return np.array(True)
    def __array_ufunc__(self, *a, **k): return np.array(0.0)
    def __array_function__(self, *a, **k): return np.array(True)
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
class Whole(int):
    def __eq__(self, other): return True
    def __hash__(self): return 7
""",
        double="return np.zeros(len(x)).view(Array)", drive="return Whole(8)", guess="return Number(0.0)",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"},
    ),
    "nan": Attack(
        double="return x * np.nan", drive="return float('nan')", guess="return float('nan')",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"},
    ),
    "infinities": Attack(
        double="return np.full(len(x), np.inf)", guess="return 10 ** 400",
        expected={"1.1": "FAILED", "1.3": "FAILED"},
    ),
    "objects": Attack(
        double="return np.array([None, {}, x], dtype=object)", guess="return np.array([x, None], dtype=object)",
        expected={"1.1": "FAILED", "1.3": "FAILED"},
    ),
    "huge": Attack(
        double="return np.broadcast_to(0.0, (1 << 20, 1 << 20))", guess="return np.zeros((0,) * 32)",
        expected={"1.1": "OUT_OF_MEMORY", "1.3": "FAILED"},
    ),
    "endless": Attack(
        above="""
class Endless:
    def __len__(self): return 2 ** 62 - 1
    def __getitem__(self, i): return 0.0
    def __iter__(self): return self
    def __next__(self): return 0.0
""",
        double="return Endless()", drive="return (i for i in iter(int, 1))", guess="return Endless()",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"},
    ),
    "lazy": Attack(
        above="""
class Lazy(dict):
    def items(self): raise SystemExit("PASSED")
    def keys(self): import os; os._exit(0)
    def __iter__(self): import os; os._exit(0)
class Shifty(list):
    turns = 0
    def __iter__(self):
        Shifty.turns += 1
        return iter([6.0] * Shifty.turns)
    def __len__(self): return 1
    def __getitem__(self, i): return 6.0
""",
        double="return Shifty([0.0])", drive="return Lazy(count=8)", guess="return Lazy({1: Shifty([2])})",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"},
    ),
    "names": Attack(
        above="""
class Meta(type):
    @property
    def __name__(cls): raise SystemExit(0)
    @property
    def __class__(cls): return float
class Nameless(metaclass=Meta):
    __module__ = "numpy"
    __class__ = np.ndarray
    shape, dtype = (1,), np.dtype(float)
""",
        double="return Nameless()", expected=FAILED,
    ),
    "nested": Attack(
        double="""
deep = [x]
for _ in range(10_000):
    deep = [deep]
return deep
""",
        guess="""
loop = []
loop.append(loop)
return loop
""",
        expected={"1.1": "FAILED", "1.3": "FAILED"},
    ),
}  # fmt: skip

READING = {
    "memory": Attack(above=ROBS, double="return robbed(x)", guess="return float(np.mean(robbed(x)))",
                     expected={"1.1": "FAILED", "1.3": "FAILED"}),
    "files": Attack(above=ROBS, double="return robbed(x, ['/tmp', '/home', '/root', '/work', '/var', '/run', '/dev', '/etc', '/opt', '/srv'])",
                    expected=FAILED),
    "imports": Attack(
        above=ROBS + """
import sys, importlib
class Finder:
    def find_spec(self, name, path=None, target=None):
        print("asked for", name)
sys.meta_path.insert(0, Finder())
sys.path[:0] = ["/", "/solutions", "../solutions", "../../solutions"]
""",
        double="""
for name in ("siege", "test_siege_hidden", "solutions.siege.siege", "reference", "autograder.grading.grader"):
    try:
        module = importlib.import_module(name)
        if hasattr(module, "SECRET") or hasattr(module, "double"):
            print("LOOTED", name)
            return x + x
    except BaseException:
        pass
return robbed(x)
""",
        expected=FAILED),
    "the reference behind a stand-in": Attack(
        above=ROBS,
        guess="""
for name in ("__globals__", "__closure__", "__code__", "__wrapped__", "__self__", "__module__", "__dict__"):
    value = getattr(double, name, None)
    if value is not None and "".join(("K7_", "CANARY")) in repr(value):
        print("LOOTED", name)
for name in ("__globals__", "__code__", "__closure__", "__self__"):
    for kind, fields in ((18, [(), {}]), (19, [])):
        try:
            double._host.call_back(kind, double._number, name, *fields)
            print("LOOTED", name)
        except Exception:
            pass
return 0.0
""",
        expected={"1.3": "FAILED"}),
}  # fmt: skip

PATCHING = {
    "numpy": Attack(
        above="""
import builtins, sys
np.allclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
np.abs = np.absolute = lambda *a, **k: 0.0
builtins.abs = lambda x: 0.0
builtins.isinstance = lambda *a: True
""",
        double="return 0 * x", drive="return 0", guess="return 0.0",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"}),
    "pytest": Attack(
        above="""
import sys, types
for name in ("pytest", "_pytest", "autograder.testing", "autograder.testing.expectations", "autograder.results"):
    fake = sys.modules[name] = types.ModuleType(name)
    fake.expect_close = fake.expect_equal = fake.expect = fake.fail = lambda *a, **k: None
def check(*names): return "all passed"
def question(*a, **k): return lambda f: (lambda *a, **k: None)
student = reference = credit = lambda *a, **k: 1.0
""",
        double="return 0 * x", expected=FAILED),
    "conftest": Attack(
        double="return 0 * x", expected=FAILED,
        files={"conftest.py": b"import os\nos._exit(0)\n", "pytest.py": b"raise SystemExit(0)\n",
               "sitecustomize.py": b"raise SystemExit(0)\n", "msgpack.py": b"", "tests/test_siege.py": b"",
               "assignment.toml": b"slug = 'siege'\n"}),
    "codec": Attack(
        double="""
from autograder.sandbox import codec
codec.Encoder.encode = lambda self, value: codec.Frame(bytes([0x93, 13, 1, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF]), ())
return 0 * x
""",
        guess="""
from autograder.sandbox import codec
honest = codec.Encoder.encode
codec.Encoder.encode = lambda self, value: codec.Frame(honest(self, value).header, (b"x",) * 20_000)
return 0.0
""",
        expected={"1.1": "BLOCKED", "1.3": "BLOCKED"}),
    "codec while loading": Attack(
        above="""
from autograder.sandbox import codec
def encode(self, value):
    return codec.Frame(b"", ())
codec.Encoder.encode = encode
raise ValueError
""",
        expected=BLOCKED),
    "msgpack": Attack(
        double="""
from autograder.sandbox import codec, host, worker
import msgpack, struct
codec.Decoder.decode = lambda self, frame: [13, 0, 0]
codec._CONTAINERS = codec.DTYPES = frozenset()
codec.FrameLimits.__init__.__defaults__ = (1 << 40,) * 5
return 0 * x
""",
        expected=CRASHED),  # its own worker cannot read the next request; the first was answered wrongly
    "redefinition": Attack(
        above="""
import sys
def tracer(frame, event, argument):
    if frame.f_code.co_name in ("double", "guess", "drive"):
        frame.f_locals["x"] = 0
    return tracer
sys.settrace(tracer)
sys.setprofile(lambda *a: None)
""",
        guess="globals()['double'] = lambda x: x\nreturn float(np.mean(double(x)))",
        expected={"1.1": "FAILED", "1.3": "FAILED"}),
}  # fmt: skip

PROTOCOL = {
    "a reply of its own": Attack(
        above=INSIDE,
        double="send(raw([13, host()._requests[-1], 0.0]))\nreturn x + x",  # the reply counts, the rest is refused
        expected={"1.1": "BLOCKED"}),
    "guessed ids": Attack(
        above=INSIDE, double="for number in range(64):\n    send(raw([13, number, 0.0]))\nreturn 0 * x", expected=BLOCKED),
    "ids that follow": Attack(
        above=INSIDE,
        double="now = host()._requests[-1]\nfor step in range(1, 9):\n    send(raw([13, now + step, 0.0]))\nreturn 0 * x",
        expected=BLOCKED),
    "a forged verdict": Attack(
        above=INSIDE,
        double="""
import json, os
verdict = json.dumps({"outcome": "PASSED", "points": 4, "possible": 4})
os.write(1, verdict.encode()); os.write(2, verdict.encode())
send(raw([99, 1, verdict]))
return 0 * x
""",
        expected=BLOCKED),
    "an exit with a verdict": Attack(
        double="""
import os
os.write(1, b'{"outcome": "PASSED", "points": 4}\\n4 passed in 0.01s\\n')
os._exit(0)
""",
        expected=CRASHED, says="exit code 0"),
    "callbacks to nobody": Attack(
        above=INSIDE,
        double="send(raw([18, 1, host()._requests[-1], 7, 'step', [], {}]))\nreturn 0 * x", expected=BLOCKED),
    "dunders of a trusted object": Attack(
        above=INSIDE,
        drive="""
host_ = object.__getattribute__(env, "_host")
number = object.__getattribute__(env, "_number")
for member in ("__class__", "__dict__", "secret", "__init__", "__reduce__", "__getattribute__", "_private", "__call__"):
    for kind in (18, 19):
        try:
            print("LOOTED", host_.call_back(kind, number, member, *([(), {}] if kind == 18 else [])))
        except Exception:
            pass
return 8
""",
        expected={"1.2": "FAILED"}),
    "a thread that goes on": Attack(
        above=INSIDE,
        double="""
import threading, time
def flood():
    while True:
        send(raw([13, host_id, 0.0]))
        time.sleep(0.001)
host_id = host()._requests[-1]
threading.Thread(target=flood, daemon=True).start()
time.sleep(0.05)
return 0 * x
""",
        expected=BLOCKED),
    "closed descriptors": Attack(
        double="import os\nos.closerange(0, 256)\nreturn x + x", expected=CRASHED),
    "a frame that never ends": Attack(
        above=INSIDE, double="send(struct.pack('<II', 1 << 22, 0))\nimport time\ntime.sleep(60)", expected={"1.1": "TIMED_OUT"}),
}  # fmt: skip

TRUSTED = {
    "in place": Attack(
        drive="""
position, goal = env.reset()
position += goal
position[:] = goal
return abs(goal)
""",
        expected={"1.2": "FAILED"}),
    "attributes": Attack(
        drive="""
for write in (lambda: setattr(env, "position", env.reset()[1]), lambda: object.__setattr__(env, "position", 4),
              lambda: env.unwrapped, lambda: env.__dict__.update(position=4), lambda: env.goal):
    try:
        write()
    except Exception:
        pass
return 8
""",
        expected={"1.2": "FAILED"}),
    "overspent": Attack(
        drive="""
for _ in range(100):
    try:
        env.step(1)
    except BaseException:
        pass
return 8
""",
        expected={"1.2": "FAILED"}),
    "strange arguments": Attack(
        above="""
class Greater:
    def __gt__(self, other): raise SystemExit(0)
    def __len__(self): return 10 ** 9
    def __getitem__(self, i): return 0.0
""",
        drive="""
for action in (Greater(), env, env.step, None, "1", float("nan"), np.zeros((0, 3)), [[]], {"a": 1}, 10 ** 300, print):
    try:
        env.step(action)
    except Exception:
        pass
    try:
        env.step(action=action, self=4, position=4)
    except Exception:
        pass
return 8
""",
        expected={"1.2": "FAILED"}),
    "resets": Attack(
        drive="position, goal = env.reset()\nenv.reset = lambda: (goal, goal)\nenv.step = lambda a: (goal, goal)\nreturn abs(goal)",
        expected={"1.2": "FAILED"}),
}  # fmt: skip

RESOURCES = {
    "fork bomb": Attack(
        double="""
import ctypes, multiprocessing, os, subprocess
libc = ctypes.CDLL(None)
for start in (os.fork, lambda: subprocess.Popen(["sh"]), libc.fork, libc.vfork, lambda: libc.syscall(57), lambda: libc.syscall(56, 17, 0, 0, 0, 0),
              lambda: multiprocessing.Process(target=print).start(), lambda: os.posix_spawn("/bin/sh", ["sh"], {})):
    try:
        if start() == 0:
            os._exit(0)
    except BaseException:
        pass
return 0 * x
""",
        expected=FAILED),
    "thread bomb": Attack(
        double="""
import threading, time
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError:
    pass
return 0 * x
""",
        expected=FAILED),
    "flood": Attack(
        double="""
import os, sys
for _ in range(300):
    print("PASSED 4 of 4 " * 1000)
    os.write(2, b"y" * 10_000)
return 0 * x
""",
        expected=FAILED),
    "memory": Attack(double="rows = []\nwhile True:\n    rows.append(np.ones((1024, 1024)))", expected={"1.1": "OUT_OF_MEMORY"}),
    "recursion": Attack(double="return double(x)", expected=FAILED, says="RecursionError"),
    "segmentation fault": Attack(double="import ctypes\nreturn ctypes.string_at(0)", expected=CRASHED, says="SIGSEGV"),
    "files": Attack(
        double="""
try:
    for number in range(10 ** 6):
        with open(f"f{number}", "wb") as file:
            file.write(b"z" * (1 << 20))
except OSError:
    pass
return 0 * x
""",
        expected={"1.1": "FAILED"}),
    "signals ignored": Attack(
        double="""
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
        expected={"1.1": "TIMED_OUT"}),
    "signals sent": Attack(
        double="""
import ctypes, os, signal
libc = ctypes.CDLL(None)
for pid in (os.getppid(), 0, -1, 1, *range(2, 50)):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        try:
            os.kill(pid, number)
        except OSError:
            pass
        try:
            os.killpg(pid, number)
        except OSError:
            pass
return 0 * x
""",
        expected={"1.1": "FAILED"}),
    # A cell that ends the process is loaded again without what is no definition.
    "an exit while loading": Attack(above="import os\nos._exit(0)"),
    "an endless loop while loading": Attack(above="while True:\n    pass"),
    "an exit in a definition": Attack(above="import os\ndef f(x=os._exit(0)): pass", expected=CRASHED),
}  # fmt: skip

SPEECH = {
    "not implemented": Attack(double="raise NotImplementedError('1.1 double is yours to write')", expected={"1.1": "NOT_ATTEMPTED"}),
    "grader error": Attack(
        above="""
class GraderSideError(Exception): pass
class WorkerTimedOut(Exception): pass
class BudgetSpent(Exception): pass
""",
        double="raise GraderSideError('the grader failed here; this costs no points')",
        drive="raise BudgetSpent('PASSED, 4 of 4 points')",
        guess="from autograder.sandbox.errors import GraderSideError\nraise GraderSideError('no points lost')",
        expected={"1.1": "FAILED", "1.2": "FAILED", "1.3": "FAILED"}),
    "spoofed page": Attack(
        above="class Spoof(Exception): pass\nSpoof.__name__ = '</td><script>alert(1)</script>'",
        double="print('</pre><script>alert(2)</script>')\nraise Spoof('x\\n\\x1b[2J1.1 double: 4 of 4, passed\\n<script>alert(3)</script>')",
        expected=FAILED),
    "an error that will not be described": Attack(
        above="""
class Silent(BaseException):
    def __str__(self): raise ValueError
    def __repr__(self): raise ValueError
    @property
    def __traceback__(self): raise ValueError
    @property
    def __cause__(self): return self
""",
        double="raise Silent", expected=FAILED),
}  # fmt: skip

LEAVING = """
import os
def leave(name):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", ".", "/run", os.path.expanduser("~")):
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write("left")
        except OSError:
            pass
    os.environ["LEFT"] = "left"
    np.left = "left"
def was_left(name):
    return [folder for folder in ("/tmp", "/dev/shm", "/var/tmp", ".", "/run", os.path.expanduser("~"))
            if os.path.exists(os.path.join(folder, name))] or "LEFT" in os.environ or hasattr(np, "left")
import numpy as np
FOUND = was_left("note")  # by an earlier question, or another submission
leave("note")
"""
STATE = {
    f"state {name}": Attack(
        above=LEAVING,
        double="if FOUND:\n    print('LOOTED', FOUND)\nreturn x + x",
        guess="if FOUND:\n    print('LOOTED', FOUND)\nreturn 2 * float(np.mean(x))",
    )
    for name in ("first", "second")
}

NAMES = {
    "=1+1": Attack(),
    "@SUM(A1)": Attack(),
    "<script>alert(4)<": Attack(double="return 0 * x", expected=FAILED),
}

ATTACKS: dict[str, Attack] = {
    f"{group}, {name}" if group else name: attack
    for group, attacks in (
        ("values", VALUES), ("reading", READING), ("patching", PATCHING), ("protocol", PROTOCOL), ("trusted", TRUSTED),
        ("resources", RESOURCES), ("speech", SPEECH), ("", STATE), ("", NAMES),
    )
    for name, attack in attacks.items()
}  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, bytes]:
    return write_course(tmp_path_factory.mktemp("siege"))


@pytest.fixture(scope="module")
def results(course: tuple[Course, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, SubmissionResult]:
    """Every attack, graded by two processes as one class; an honest submission stands between."""
    folder = tmp_path_factory.mktemp("class")
    for name, attack in {**ATTACKS, "honest": Attack()}.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(f"{SLUG}.ipynb", hand_in(course[1], attack))
            for path, content in attack.files.items():
                archive.writestr(path, content)
    grader = Grader(course[0], SLUG)
    sources = find_submissions(folder, grader.assignment)
    with Store(folder / "grades.sqlite") as store:
        graded = grade_class(sources, grader, store, jobs=2)
    return {Path(result.path).stem: result for result in graded}


def test_an_honest_submission_among_them_is_untouched(results: dict[str, SubmissionResult]) -> None:
    assert len(results) == len(ATTACKS) + 1
    assert results["honest"].points == results["honest"].possible == 12


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_its_verdict(results: dict[str, SubmissionResult], name: str) -> None:
    attack, result = ATTACKS[name], results[name]
    got = {question.id: question.outcome.value for question in result.questions}
    messages = {q.id: [f"{t.message} {t.detail[-300:]}" for t in q.tests] for q in result.questions}
    assert got == {"1.1": "PASSED", "1.2": "PASSED", "1.3": "PASSED", **attack.expected}, messages
    for question in result.questions:
        assert question.points == (4.0 if question.outcome.value == "PASSED" else 0.0), messages
    if attack.says:
        assert attack.says in " ".join(messages[next(iter(attack.expected))])
    assert "LOOTED" not in json.dumps(to_dict(result))


def test_what_students_are_shown_holds_no_secret_and_no_script(
    course: tuple[Course, bytes], results: dict[str, SubmissionResult], tmp_path: Path
) -> None:
    everybody = [results[name] for name in results]
    publish(everybody, course[0], course[0].assignment(SLUG), tmp_path)
    pages = [path for path in tmp_path.rglob("*") if path.suffix in (".html", ".txt")]
    assert len(pages) > 2 * len(ATTACKS)
    for page in pages:
        text = page.read_text()
        assert page.suffix == ".txt" or "<script>alert" not in text, page.name
        if page.parent.name == "feedback":
            assert CANARY not in text, page.name
            assert "test_doubles_anything" not in text, page.name


def test_no_table_starts_a_formula(course: tuple[Course, bytes], results: dict[str, SubmissionResult]) -> None:
    everybody = list(results.values())
    for table in (gradebook(everybody, course[0].assignment(SLUG)), canvas_csv(everybody, "T"), moodle_csv(everybody, "T")):
        for row in csv.reader(io.StringIO(table)):
            assert not any(cell.startswith(("=", "@", "+")) for cell in row), row


def test_the_robbery_finds_secrets_where_nothing_hides_them(course: tuple[Course, bytes]) -> None:
    """Otherwise the attacks that read would prove nothing."""
    secrets = types.ModuleType("hidden_tests")
    secrets.__dict__["SECRET"] = CANARY
    names: dict[str, object] = {}
    exec(LOOT, names)
    found = names["loot"]()  # type: ignore[operator]
    assert "memory" in found
    assert len(names["walk"]([str(course[0].root)])) >= 3  # type: ignore[operator]
