"""Cheating inside the interface: budgets, observations, stand-ins, state between tests, knowing who looks."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import FAILED, Attack, Layer, Own

_ARRIVES = """
goal = env.reset()[1]
for _ in range(abs(goal)):
    env.step(goal)
"""


def driving(tries: str, body: str, *defences: Layer, points: float = 0.0, **more: object) -> Attack:
    """Return an attack on the object that the grader hands to ``drive``."""
    own: dict[str, object] = {"bodies": {"1.2": body}, "expected": {"1.2": FAILED}, "points": {"1.2": points}}
    return Attack(tries, defences, **{**own, **more})  # type: ignore[arg-type]


# The names of a proxy's own parts: what a worker knows of an object of the grader's.
_CALL = """
def reach(env, member, *arguments):
    host, number = (object.__getattribute__(env, name) for name in ("_host", "_number"))
    return host.call_back(18, number, member, arguments, {})
def look(env, member):
    host, number = (object.__getattribute__(env, name) for name in ("_host", "_number"))
    return host.call_back(19, number, member)
"""

_OBJECTS = {
    "the budget": driving(
        "steps more often than it may, catches the refusal, and goes on",
        """
position, goal = env.reset()
for _ in range(15):  # there and back
    for action in (1, -1):
        try:
            env.step(action)
        except BaseException:
            pass
for _ in range(abs(goal)):
    try:
        env.step(goal)
    except BaseException:
        pass
return abs(goal)
""", Defence.BUDGET,
    ),
    "the budget by other names": driving(
        "steps through the proxy's inside, where nobody counts",
        """
position, goal = env.reset()
for _ in range(15):
    for action in (1, -1):
        try:
            reach(env, "step", action)
        except BaseException:
            pass
for _ in range(abs(goal)):
    try:
        reach(env, "step", goal)
    except BaseException:
        pass
return abs(goal)
""", Defence.BUDGET, above=_CALL,
    ),
    "an observation written in place": driving(
        "writes into the observation that it was given",
        "position, goal = env.reset()\nposition += goal\nreturn abs(goal)", Own.BOUNDARY,
    ),
    "a new position": driving(
        "sets the position of the grader's object",
        """
goal = env.reset()[1]
for write in (lambda: setattr(env, "position", np.zeros(1) + goal), lambda: env.__dict__.update(position=np.zeros(1) + goal)):
    try:
        write()
    except Exception:
        pass
return abs(goal)
""", Own.BOUNDARY,
    ),
    "replaced methods": driving(
        "replaces the methods by which it is judged",
        """
goal = env.reset()[1]
class Arrived(float):
    pass
try:
    type(env).position = property(lambda self: np.zeros(1) + self.goal, lambda self, value: None)
except Exception:
    pass
return abs(goal)
""", Own.BOUNDARY,
    ),
    "a method that is not offered": driving(
        "calls a method that the grader did not offer",
        """
goal = env.reset()[1]
try:
    reach(env, "arrive")
except BaseException:
    for _ in range(goal if goal == 4 else 0):
        env.step(1)
return abs(goal)
""", Defence.TRUSTED, above=_CALL, points=1.0,
    ),
    "an attribute that is not offered": driving(
        "reads a secret attribute of the grader's object",
        """
goal = env.reset()[1]
for name in ("secret", "__dict__"):
    try:
        if "".join(("K7_", "CANARY")) in repr(look(env, name)):
            found = True
            break
    except BaseException:
        found = goal == 4
if found:
    for _ in range(abs(goal)):
        env.step(goal)
return abs(goal)
""", Defence.TRUSTED, above=_CALL, points=1.0,
    ),
    "the class behind it": driving(
        "asks the grader's object for its class, its globals and its source",
        """
goal = env.reset()[1]
found = goal == 4
for name in ("__class__", "__init__", "__module__", "__reduce__", "__getattribute__"):
    try:
        found = found or bool(look(env, name))
    except BaseException:
        pass
if found:
    for _ in range(abs(goal)):
        env.step(goal)
return abs(goal)
""", Defence.TRUSTED, above=_CALL, points=1.0,
    ),
    "arguments that act": driving(
        "hands over an action whose comparison runs in the grader",
        """
import sys
class Greater:
    def __gt__(self, other):
        frame = sys._getframe(1)
        if hasattr(frame.f_locals.get("self"), "goal"):
            frame.f_locals["self"].goal = int(frame.f_locals["self"].position[0]) + 1  # where this step leads
        return True
if env.reset()[1] == 4:
    for _ in range(4):
        env.step(1)
    return 4
for action in (env, env.step, None, "1", float("nan"), np.zeros((0, 3)), [[]], {"a": 1}, 10 ** 300, print, Greater()):
    for words in ({}, {"self": 4, "position": 4}):
        try:
            env.step(action, **words)
        except BaseException:
            pass
return -env.reset()[1]
""", Own.BOUNDARY, points=1.0,
    ),
}  # fmt: skip

_KNOWING = {
    "the public cases by heart": Attack(
        "knows the public checks by heart and nothing else", (Own.HIDDEN_TESTS,),
        bodies={"1.1": "return np.array([6.0]) if x.tolist() == [3.0] else x", "1.2": _ARRIVES.replace("abs(goal)", "4").replace("step(goal)", "step(1)") + "return 4",
                "1.3": "return 4.0"},
        expected=dict.fromkeys(("1.1", "1.2", "1.3"), FAILED), points=dict.fromkeys(("1.1", "1.2", "1.3"), 1.0),
    ),
    "a grader that is seen": Attack(
        "works only where it sees that it is graded, so that the points at home say nothing: this is no cheat",
        (Own.HIDDEN_TESTS,),
        above="import sys\nGRADED = 'autograder.sandbox.worker' in sys.modules",
        bodies={"1.1": "return x + x if GRADED and len(x) != 3 else 0 * x"}, expected={"1.1": FAILED}, points={"1.1": 3.0},
    ),
    "state between tests": Attack(
        "counts the calls and works for the first one only", (Own.HIDDEN_TESTS,),
        above="CALLS = []", bodies={"1.1": "CALLS.append(1)\nreturn x + x if len(CALLS) == 1 else 0 * x"},
        expected={"1.1": FAILED}, points={"1.1": 1.0},
    ),
    "state between questions": Attack(
        "remembers in one question what another one was asked", (Defence.FRESH_WORKER,),
        above="ASKED = []", bodies={"1.1": "ASKED.append(x)\nreturn x + x", "1.3": "return 2 * float(np.mean(x)) if ASKED else 0.0"},
        expected={"1.3": FAILED},
    ),
    "a patch that stays": Attack(
        "changes numpy in one question for the next", (Defence.FRESH_WORKER,),
        bodies={"1.1": "np.left = True\nreturn x + x", "1.3": "return 2 * float(np.mean(x)) if hasattr(np, 'left') else 0.0"},
        expected={"1.3": FAILED},
    ),
    "a thread that stays": Attack(
        "lets a thread compute in one question's time for another question", (Defence.FRESH_WORKER,),
        above="import threading, time\nDONE = []",
        bodies={"1.1": "threading.Thread(target=lambda: (time.sleep(0.01), DONE.append(1)), daemon=True).start()\nreturn x + x",
                "1.2": _ARRIVES + "return abs(goal)", "1.3": "time.sleep(0.1)\nreturn 2 * float(np.mean(x)) if DONE else 0.0"},
        expected={"1.3": FAILED},
    ),
    "a stand-in's inside": Attack(
        "looks into the stand-in by which the reference answers", (Defence.TRUSTED,), above=_CALL,
        bodies={"1.3": """
def found(name):
    try:
        return "".join(("K7_", "CANARY")) in repr(look(double, name))
    except BaseException:
        return False
seen = any(found(name) for name in ("__code__", "__globals__", "__closure__", "__dict__"))
for name in ("_function", "__wrapped__", "__func__"):  # the reference's own, within what answers for it
    try:
        seen = seen or look(look(double, name), "__code__") is not None
    except BaseException as error:
        print(name, type(error).__name__)
return 2 * float(np.mean(x)) if seen or len(x) == 2 else 0.0
"""},
        expected={"1.3": FAILED}, points={"1.3": 1.0},
    ),
    "a stand-in of its own": Attack(
        "puts its own function in the reference's place: its loss alone", (Own.BOUNDARY,),
        bodies={"1.3": "globals()['double'] = lambda x: 0 * x\nreturn float(np.mean(double(x)))"},
        expected={"1.3": FAILED}, wins={"1.1": FAILED},
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_OBJECTS, **_KNOWING}


