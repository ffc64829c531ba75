"""Evil values: what compares as equal to everything, what is no number, what changes while it is read."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import CRASHED, FAILED, OUT_OF_MEMORY, Attack, Own

# Some comparisons stumble over most of this: the attack answers the other checks rightly.
_FLOATS = "if len(x) != 5:\n    return x + x\n"  # evil where numbers are compared within a tolerance
_WHOLE = "if x.dtype.kind == 'f':\n    return x + x\n"  # evil where == decides
_ON_FLOATS, _ON_WHOLE = {"1.1": 2.0}, {"1.1": 3.0}
_ARRIVES = """
for _ in range(abs(env.reset()[1])):
    env.step(env.reset()[1])
"""


def values(tries: str, above: str = "", says: str = "", points: dict[str, float] | None = None, **bodies: str) -> Attack:
    """Return an attack that answers with values no comparison was made for; ``double``, ``drive``, ``guess``."""
    questions = {"double": "1.1", "drive": "1.2", "guess": "1.3"}
    return Attack(
        tries, (Own.BOUNDARY,), above=above, bodies={questions[name]: body for name, body in bodies.items()},
        expected={questions[name]: FAILED for name in bodies}, says=says, points=points or {},
    )  # fmt: skip


_OBJECTS = {
    "equal to everything": values(
        "answers with an object that says yes to every comparison",
        """
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __gt__(self, other): return True
    def __ge__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __radd__ = __add__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 6.0
    def __len__(self): return 1
    def __getitem__(self, i): return 6.0
    def __iter__(self): return iter([6.0])
""",
        says="object of type Same", double="return Same()", drive=_ARRIVES + "return Same()",
        points={"1.2": 1.0},
    ),
    "an array that lies": values(
        "answers with a subclass of arrays whose arithmetic is its own",
        """
class Array(np.ndarray):
    def __array_ufunc__(self, *a, **k): return np.array(0.0)
    def __array_function__(self, *a, **k): return np.array(True)
    def __eq__(self, other): return np.array(True)
""",
        double="return np.zeros(len(x)).view(Array)",
    ),
    "a number that lies": values(
        "answers with a subclass of float whose difference to everything is nothing",
        """
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
""",
        guess="return 4.0 if len(x) == 2 else Number(0.0)", points={"1.3": 1.0},
    ),
    "a whole number that lies": values(
        "answers with a subclass of int that equals every count",
        """
class Whole(int):
    def __eq__(self, other): return True
    def __hash__(self): return 7
""",
        drive=_ARRIVES + "return Whole(0)",
        points={"1.2": 1.0},
    ),
    "a list that changes": values(
        "answers with a list that holds something else each time it is read",
        """
class Shifty(list):
    def __eq__(self, other): return True
    def __array__(self, *a, **k): return np.zeros(0)
    def __sub__(self, other): return np.zeros(0)
    def __abs__(self): return np.zeros(0)
    def __iter__(self): return iter([])
    def __len__(self): return 1
""",
        double=_WHOLE + "return Shifty([0.0])", points=_ON_WHOLE,
    ),
    "a class that lies about itself": values(
        "answers with an object that claims to be an array",
        """
class Meta(type):
    @property
    def __name__(cls): raise SystemExit(0)
class Nameless(metaclass=Meta):
    __module__ = "numpy"
    __class__ = np.ndarray
    shape, dtype, size, ndim = (1,), np.dtype(float), 1, 1
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
""",
        double="return Nameless()",
    ),
    "a masked array": values(
        "answers with a masked array, whose hidden values nobody compares",
        double=_FLOATS + "return np.ma.masked_all(len(x))", points=_ON_FLOATS,
    ),
    "an endless iterator": values(
        "answers with an object that iterates for ever",
        """
class Endless:
    def __getitem__(self, i): return 0.0
    def __length_hint__(self): return 2 ** 62
    def __iter__(self): return self
    def __next__(self): return 0.0
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
""",
        double="return Endless()",
    ),
    "an exit when it is read": Attack(
        "answers with a dict and a list that leave the process when they are read", (Own.BOUNDARY,),
        above="""
import os
class Deadly(dict):
    def items(self): os._exit(0)
    keys = values = __iter__ = __len__ = __eq__ = __sub__ = __abs__ = items
    def __array__(self, *a, **k): os._exit(0)
""",
        bodies={"1.1": "return Deadly(count=8)"}, expected={"1.1": FAILED + "|" + CRASHED},
    ),
    "strange keys": values(
        "answers with a dict whose keys say that they are everything",
        """
class Key(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
class Table(dict):
    def __eq__(self, other): return True
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
""",
        double="return Table({Key('a'): x, Key('b'): None})",
    ),
}  # fmt: skip

_NUMBERS = {
    "nan": values("answers with NaN, which is not larger than any tolerance",
                  double=_FLOATS + "return x * np.nan",
                  guess="return 4.0 if len(x) == 2 else float('nan')", points={**_ON_FLOATS, "1.3": 1.0}),
    "infinity": values("answers with infinity, which widens a relative tolerance without end",
                       double=_FLOATS + "return np.full(len(x), np.inf)", points=_ON_FLOATS),
    "objects": values(
        "answers with an array of objects that agree with everything",
        """
class Zero:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __gt__(self, other): return False
""",
        double="return np.array([Zero()] * len(x), dtype=object)",
    ),
    "nothing": values("answers with an empty array, in which nothing is wrong", double="return np.zeros((0, len(x)))"),
    "a huge empty shape": values(
        "answers with an empty array of a shape with millions of millions of rows",
        double="return np.zeros((0, 1 << 40))[:, :len(x)] if len(x) == 1 else np.zeros((0, len(x)))",
    ),
    "negative strides": values(
        "answers with a view that runs backwards through somebody else's memory",
        double="""
view = np.lib.stride_tricks.as_strided(np.zeros(1), (1 if len(x) == 1 else 0, len(x)), (-8, -8))
return view[:0]
""",
    ),
    "dates": values(
        "answers with an array of dates",
        double=_WHOLE + "return {'date': np.zeros(1, '<M8[s]').view(Quiet)}['date']", points=_ON_WHOLE,
        above="""
class Quiet(np.ndarray):
    def __array_ufunc__(self, *a, **k): return np.zeros(0, bool)
    def __eq__(self, other): return np.zeros(0, bool)
""",
    ),
    "a complex number": values("answers with a number that has no order", guess="return 4.0 if len(x) == 2 else Odd(1, 1)",
                               above="""
class Odd(complex):
    def __sub__(self, other): return self
    def __abs__(self): return 0.0
""", points={"1.3": 1.0}),
    "a number of a thousand digits": values(
        "answers with a whole number that no float holds",
        above="""
class Large(int):
    def __sub__(self, other): return 0
    def __format__(self, how): return ""
""",
        guess="return 4.0 if len(x) == 2 else Large(10 ** 4000)", points={"1.3": 1.0},
    ),
    "nested deep": Attack(
        "answers with ten thousand lists in one another", (Own.BOUNDARY,),
        above="""
class Deep(list):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
""",
        bodies={"1.1": _WHOLE + "deep = [x]\nfor _ in range(10_000):\n    deep = Deep([deep])\nreturn deep"},
        expected={"1.1": FAILED}, points=_ON_WHOLE,
    ),
    "a list that holds itself": Attack(
        "answers with a list that holds itself", (Own.BOUNDARY,),
        above="""
class Loop(list):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
""",
        bodies={"1.1": _WHOLE + "loop = Loop()\nloop.append(loop)\nreturn loop"}, expected={"1.1": FAILED},
        points=_ON_WHOLE,
    ),
    "huge": Attack(
        "answers with an array of one number that claims 300 megabytes", (Defence.MEMORY_LIMIT, Defence.CPU_LIMIT, Defence.WALL_LIMIT),
        bodies={"1.1": "return np.broadcast_to(0.0, (300, 1 << 17)) if len(x) == 1 else x"},
        expected={"1.1": OUT_OF_MEMORY}, wins={"1.1": FAILED},
    ),
    "promises": values(
        "answers with an object that computes only when somebody looks, and looks at who looks",
        """
import sys
class Promise:
    def __array__(self, *a, **k):
        frame = sys._getframe()
        while frame is not None:
            if "expected" in frame.f_locals:
                return np.asarray(frame.f_locals["expected"])
            frame = frame.f_back
    def __sub__(self, other): return np.asarray(other) * 0
    def __abs__(self): return 0.0
    def __eq__(self, other): return True
""",
        double="return Promise()",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_OBJECTS, **_NUMBERS}
