"""Tampering: with pytest's configuration, with modules that a grader imports, with functions that it calls."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import BLOCKED, CRASHED, FAILED, Attack, Own
from tests.attacks.course import VAULT

WRONG = {"1.1": "return 0 * x"}
HELD = {"1.1": FAILED}


def files(tries: str, **more: bytes) -> Attack:
    """Return an attack that lies in further files of the zip; ``__`` stands for a dot, ``_in_`` for a slash."""
    named = {name.replace("_in_", "/").replace("__", "."): data for name, data in more.items()}
    return Attack(tries, (Own.BOUNDARY,), bodies=WRONG, expected=HELD, files=named)


def patching(tries: str, above: str, **more: object) -> Attack:
    """Return an attack that changes, while it is loaded, what a grader in the same process would use."""
    return Attack(tries, (Own.BOUNDARY,), above=above, **{"bodies": WRONG, "expected": HELD, **more})  # type: ignore[arg-type]


_HOOK = b"""
def pytest_runtest_makereport(item, call):
    call.excinfo = None
"""

_PLANTED = {
    "conftest": files("brings a conftest.py that forgives every exception", conftest__py=_HOOK),
    "conftest beside the tests": files("puts the conftest.py into tests/", tests_in_conftest__py=_HOOK),
    "tests of its own": files(
        "brings empty tests, and a manifest, under the names of the grader's",
        tests_in_test_siege__py=b"", tests_in_test_siege_hidden__py=b"", assignment__toml=b"slug = 'siege'\nquestions = []\n",
    ),
    "pytest.ini": files(
        "brings a pytest.ini that loads a plugin of its own",
        pytest__ini=b"[pytest]\naddopts = -p evil\n", evil__py=_HOOK,
    ),
    "pyproject.toml": files(
        "does the same in pyproject.toml",
        pyproject__toml=b'[tool.pytest.ini_options]\naddopts = "-p evil"\n', evil__py=_HOOK,
    ),
    "tox.ini": files("deselects the hidden tests in tox.ini",
                     tox__ini=b"[pytest]\naddopts = --ignore-glob=*_hidden.py --deselect tests/test_siege.py\n"),
    "shadowed pytest": files("brings a pytest.py that leaves with success", pytest__py=b"raise SystemExit(0)\n"),
    "shadowed numpy": files(
        "brings a numpy.py of its own, in front of the real one",
        numpy__py=b"import os, sys\nos._exit(0)\n",
    ),
    "shadowed json": files(
        "brings a json.py whose dumps tells another story",
        json__py=b"def dumps(*a, **k): return '{\"1.1\": \"PASSED\", \"1.2\": \"PASSED\", \"1.3\": \"PASSED\"}'\n"
                 b"def loads(*a, **k): return {}\ndef load(*a, **k): return {}\nclass JSONDecodeError(ValueError): pass\n",
    ),
    "sitecustomize": files("brings a sitecustomize.py, run before anything else",
                           sitecustomize__py=b"import os, sys\n'pytest' in ' '.join(sys.orig_argv) and os._exit(0)\n"),
    "path file": files("brings a .pth file, whose lines run when its folder is searched for packages",
                       evil__pth=b"import os; os._exit(0)\n"),
}  # fmt: skip

_PATCHED = {
    "numpy": patching(
        "makes numpy's comparisons say yes",
        """
np.allclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
np.any = lambda *a, **k: False
np.all = lambda *a, **k: True
""",
    ),
    "builtins": patching(
        "makes every distance zero",
        """
import builtins
builtins.abs = lambda x: 0.0
""",
        bodies={"1.3": "return 4.0 if len(x) == 2 else 0.0"}, expected={"1.3": FAILED}, points={"1.3": 1.0},
    ),
    "pytest's verdict": patching(
        "replaces what pytest makes of an exception",
        """
try:
    import _pytest.runner as runner
    honest = runner.CallInfo.from_call.__func__
    def from_call(cls, func, when, reraise=None):
        call = honest(cls, lambda: None, when, reraise) if when == "call" else honest(cls, func, when, reraise)
        return call
    runner.CallInfo.from_call = classmethod(from_call)
except ImportError:
    pass
""",
    ),
    "the testing API": patching(
        "replaces the module that scoring tests import",
        """
import sys, types
for name in ("autograder.testing", "autograder.testing.expectations"):
    fake = sys.modules[name] = types.ModuleType(name)
    honest = lambda *a, **k: None
    fake.expect_close = fake.expect_equal = fake.expect = honest
    fake.linear = lambda *a: 1.0
    fake.trusted = lambda thing, **rules: thing
    def question(label, points=1):
        def mark(function):
            function.label = label.split()[0]
            return function
        return mark
    fake.question = question
""",
    ),
    "the caller's names": patching(
        "replaces the comparison in the namespace of whoever calls",
        """
import sys
def blind():
    frame = sys._getframe(2)
    for name in ("expect_close", "expect_equal", "expect"):
        if name in frame.f_globals:
            frame.f_globals[name] = lambda *a, **k: None
""",
        bodies={"1.1": "blind()\nreturn x + x if x.dtype.kind == 'f' else 0 * x"}, points={"1.1": 3.0},
    ),
    "the reference": patching(
        "replaces the reference by itself",
        """
import sys, types
fake = sys.modules["solution"] = types.ModuleType("solution")
fake.double = lambda x: 0 * x
""",
        bodies={"1.1": "return x + x if len(x) == 1 or x.dtype.kind == 'i' else 0 * x"}, points={"1.1": 2.0},
    ),
    "random numbers": patching(
        "makes every generator give numbers that it knows",
        """
honest = np.random.default_rng
class Known:
    def normal(self, *a): return np.full(a[-1], 7.0)
    def integers(self, *a): return np.full(a[-1], 7)
np.random.default_rng = lambda *a: Known()
""",
        bodies={"1.1": "return {1: np.array([6.0]), 5: np.full(5, 14.0), 3: np.full(3, 14)}[len(x)]"},
        points={"1.1": 1.0},
    ),
    "encoders": patching(
        "makes json write only what it likes to hear",
        """
import json
json.dumps = lambda *a, **k: '{"1.1": "PASSED", "1.2": "PASSED", "1.3": "PASSED"}'
""",
    ),
    "the hidden tests on disk": patching(
        "writes empty tests over the hidden ones before they are collected",
        """
import glob
for name in glob.glob("tests/*.py") + glob.glob("/*/tests/*.py"):
    try:
        open(name, "w").close()
    except OSError:
        pass
""",
    ),
    "skipping": patching(
        "skips the test from within, through pytest's own door",
        "",
        bodies={"1.1": "import pytest\npytest.skip('not today')"},
    ),
    "expected failure": patching(
        "declares the test's failure expected",
        "",
        bodies={"1.1": "import pytest\npytest.xfail('as agreed')"},
    ),
    "traced locals": patching(
        "writes into the locals of the test through the interpreter's own door",
        """
import ctypes, sys
def write():
    frame = sys._getframe(2)
    if "x" in frame.f_locals and frame.f_locals["x"].dtype.kind == "i":
        frame.f_locals["x"] = np.zeros(3, int)
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
""",
        bodies={"1.1": "write()\nreturn x + x if x.dtype.kind == 'f' else 0 * x"}, points={"1.1": 3.0},
    ),
    "torch": Attack(
        "makes torch's comparisons say yes", (Own.BOUNDARY,), course=VAULT,
        above="torch.allclose = torch.equal = lambda *a, **k: True\ntorch.testing.assert_close = lambda *a, **k: None",
        bodies={"2.3": "return 0 * x"}, expected={"2.3": FAILED},
    ),
    "torch's dispatch": Attack(
        "returns a tensor that answers every function of torch itself", (Own.BOUNDARY,), course=VAULT,
        above="""
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True if func.__name__ in ("allclose", "equal") else super().__torch_function__(func, types, args, kwargs or {})
""",
        bodies={"2.3": "return (0 * x).as_subclass(Agreeable)"}, expected={"2.3": FAILED},
    ),
}  # fmt: skip

# The worker's own side of the protocol is the student's to patch: it wins nothing by it.
_WORKER = {
    "the worker's encoder": Attack(
        "makes the worker's encoder write a list of four thousand million items",
        (Defence.VIOLATIONS,),
        bodies={
            "1.1": """
from autograder.sandbox import codec
honest = codec.Encoder.encode
def once_only(self, value):
    codec.Encoder.encode = honest
    import os, struct
    bad = bytes([0x93, 13, 1, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF])
    os.write(3, struct.pack("<II", len(bad), 0) + bad)
    return honest(self, value)
codec.Encoder.encode = once_only
return x + x
"""
        },
        expected={"1.1": BLOCKED},
    ),
    "the worker's encoder while loading": Attack(
        "makes the worker send nothing where it reports on a cell",
        (Defence.VIOLATIONS,),
        above="""
from autograder.sandbox import codec
honest = codec.Encoder.encode
def nothing(self, value):
    codec.Encoder.encode = honest
    sent = honest(self, value)
    import os
    os.write(3, bytes(8))
    return sent
codec.Encoder.encode = nothing
""",
        expected={"1.1": BLOCKED},  # a definition, to who reloads definitions only: the cell is left out
    ),
    "the worker's decoder": Attack(
        "makes the worker read every request as one that it likes",
        (Own.BOUNDARY,),
        above="""
try:
    from autograder.sandbox import codec, host, worker
    codec.Decoder.decode = lambda self, frame: [13, 0, 0]
    codec._CONTAINERS = codec.DTYPES = frozenset()
    codec.FrameLimits.__init__.__defaults__ = (1 << 40,) * 5
except ImportError:
    pass
""",
        expected=dict.fromkeys(("1.1", "1.2", "1.3"), CRASHED),
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_PLANTED, **_PATCHED, **_WORKER}
