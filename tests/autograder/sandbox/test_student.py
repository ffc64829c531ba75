"""One list of cases for the student in this process and the student in a worker: both behave alike."""

from __future__ import annotations

import signal
import textwrap
import time
import types

import numpy as np
import pytest

from autograder.sandbox import (
    GraderSideError,
    LocalStudent,
    MissingName,
    RemoteHandle,
    StudentError,
    Trusted,
    trust,
)
from autograder.sandbox.errors import WorkerTimedOut
from autograder.sandbox.loader import new_module

SOURCE = '''
import numpy as np
from collections import namedtuple

GAMMA = 0.5
TABLE = np.arange(6.0).reshape(2, 3)
Pair = namedtuple("Pair", "x y")

class Policy:
    scale = 2
    def __init__(self, scale=1): self.scale = scale
    def act(self, obs): return self.scale * np.asarray(obs)
    def __call__(self, obs): return self.act(obs)
    def __len__(self): return 4
    def __getitem__(self, key): return (key, self.scale)
    def me(self): return self

def add(x, y=1): return x + y
def overwrite(x):
    x[...] = -1
    return x
def view(): return TABLE[:, ::2]
def bump():
    global COUNT
    COUNT = globals().get("COUNT", 0) + 1
    return COUNT
def pair(): return Pair(1, [2])
def make_policy(scale): return Policy(scale)
def scale_of(policy): return policy.scale
def several(): return {"policy": Policy(3), "weights": (np.ones(2), 1)}
def numbers():
    yield 1
    yield (2, 3)
def ragged(): return np.array([1, None], dtype=object)
def fail(message): raise ValueError(message)
def todo(): raise NotImplementedError("1.1 todo is yours to write")
def leave(): raise SystemExit(3)
class Liar:
    def __eq__(self, other): return True
    def __repr__(self): raise RuntimeError
def lie(): return Liar()
class Silent(Exception):
    def __str__(self): raise RuntimeError
def silent(): raise Silent
def apply(f, x): return f(x) + 1
def chain(f, x): return f(lambda y: y * 10, x)
def survive(f):
    try:
        f(1)
    except Exception as error:
        return type(error).__name__
def tell(f, say):
    try:
        f(1)
    except Exception as error:
        say(f"{type(error).__name__}: {error}")
def use_backup(x): return backup(x) + 1
def backup(x): raise NotImplementedError
def look(env):
    import gymnasium
    from gymnasium.wrappers import TimeLimit
    return isinstance(env, gymnasium.Env), TimeLimit(env, 5).unwrapped.action_space.n, env.step(1)[1]
def draw(rng): return rng.normal(), rng.normal()
def deep(f, n): return f(n)
'''


def local(stand_ins=None):
    module = new_module()
    exec(compile(textwrap.dedent(SOURCE), "cell 0", "exec"), module.__dict__)
    return LocalStudent(module.__dict__, stand_ins)


@pytest.fixture(params=["local", "worker"])
def make(request, start):
    def make(stand_ins=None):
        return local(stand_ins) if request.param == "local" else start(SOURCE, stand_ins=stand_ins or {}).student

    return make


@pytest.fixture
def student(make):
    return make()


def test_functions_are_called_and_values_read(student):
    assert student.add(1) == 2 and student.add(1, y=2) == 3 and student.GAMMA == 0.5
    assert np.array_equal(student.TABLE, np.arange(6.0).reshape(2, 3))
    assert student.pair() == (1, [2]) and type(student.pair()) is tuple


def test_an_argument_is_a_copy(student):
    mine = np.ones(3)
    back = student.overwrite(mine)
    assert (mine == 1).all() and (back == -1).all()
    large = np.ones(5000)
    assert (student.overwrite(large) == -1).all() and (large == 1).all()


def test_a_view_comes_back_as_an_array_of_its_own(student):
    got = student.view()
    assert got.base is None or got.base.shape != (2, 3)
    got[...] = 100
    assert student.TABLE.max() == 5


def test_state_lives_as_long_as_the_student(student):
    assert [student.bump(), student.bump()] == [1, 2]


def test_what_is_not_data_stays_behind_a_handle(student):
    policy = student.make_policy(3)
    assert isinstance(policy, RemoteHandle) and "Policy" in repr(policy)
    assert policy.scale == 3 and policy.act(2) == 6 and policy(1) == 3
    assert len(policy) == 4 and policy["key"] == ("key", 3) and bool(policy)
    assert policy.me() is policy and student.scale_of(policy) == 3
    policy.scale = 5
    assert policy.act(1) == 5
    assert student.Policy(7).scale == 7 and student.Policy.scale == 2
    inside = student.several()
    assert inside["policy"].scale == 3 and inside["weights"][1] == 1
    assert list(student.numbers()) == [1, (2, 3)]


def test_handles_that_nobody_holds_are_given_back(student):
    for scale in range(50):
        assert student.make_policy(scale).act(1) == scale
    link = student._link
    student.add(1)
    assert len(link._handles) == 0


def test_an_object_that_claims_equality_is_not_equal(student):
    assert student.lie() != 3 and student.lie() != "anything"


def test_an_exception_crosses_as_text_with_the_students_own_lines(student):
    with pytest.raises(StudentError) as caught:
        student.fail("no such thing")
    error = caught.value
    assert (error.type_name, error.message, str(error)) == ("ValueError", "no such thing", "ValueError: no such thing")
    assert 'File "cell 0"' in error.traceback_text and "host.py" not in error.traceback_text
    with pytest.raises(StudentError) as caught:
        student.todo()
    assert caught.value.type_name == "NotImplementedError"
    with pytest.raises(StudentError) as caught:
        student.leave()
    assert caught.value.type_name == "SystemExit"
    with pytest.raises(StudentError) as caught:
        student.silent()
    assert caught.value.message == "(its text cannot be shown)"
    with pytest.raises(StudentError) as caught:
        student.fail("x" * 100_000)
    assert len(caught.value.message) <= 2000 and len(caught.value.traceback_text) <= 8000


def test_a_result_that_is_no_data_is_named(student):
    with pytest.raises(StudentError, match="the result cannot be read: an array of dtype object"):
        student.ragged()


def test_a_missing_name_is_met_with_the_nearest(student):
    with pytest.raises(MissingName) as caught:
        student.make_polcy(1)
    assert str(caught.value) == (
        "AttributeError: your notebook has no function `make_polcy`; the nearest name it defines is"
        " `make_policy`. Was it renamed?"
    )
    assert caught.value.wanted == "make_polcy" and caught.value.nearest == "make_policy"
    with pytest.raises(MissingName, match=r"no function `zzz`\. Was its cell deleted?"):
        student.zzz()
    assert not hasattr(student, "zzz") and isinstance(caught.value, StudentError)


def test_a_test_cannot_set_names_of_the_submission(student):
    with pytest.raises(AttributeError, match="use a stand-in"):
        student.GAMMA = 1


def test_functions_of_the_grader_are_called_back(student):
    assert student.apply(lambda x: 2 * x, 3) == 7
    assert student.apply(np.sin, 0.0) == 1
    assert student.chain(lambda inner, x: inner(x) + 1, 4) == 41  # grader -> student -> grader -> student
    assert student.apply(student.add, 3) == 5


def test_calls_may_nest_and_not_without_end(student):
    def down(n):
        return n if n == 0 else student.deep(down, n - 1)

    assert student.deep(down, 10) == 0
    with pytest.raises(StudentError) as caught:
        student.deep(down, 1000)
    assert caught.value.type_name == "RecursionError"


def test_a_stand_in_answers_for_the_submissions_own_function(make):
    with pytest.raises(StudentError, match="NotImplementedError"):
        make().use_backup(1)
    calls = []

    def backup(x):
        calls.append(x)
        return 10 * x

    student = make({"backup": backup})
    assert student.use_backup(np.float64(2)) == 21 and calls == [2.0]
    assert student.backup(3) == 30


def test_a_stand_in_that_refuses_an_argument_blames_the_caller(make):
    student = make({"backup": lambda x: np.ones(3) @ x})
    with pytest.raises(StudentError) as caught:
        student.use_backup(np.ones(4))
    assert caught.value.type_name == "ValueError" and caught.value.callback == "<lambda>"


def test_a_stand_in_that_does_not_end_blames_the_caller(make, monkeypatch):
    monkeypatch.setattr(trust, "CALLBACK_S", 0.1)

    def endless(x):
        while True:
            pass

    with pytest.raises(StudentError) as caught:
        make({"backup": endless}).use_backup(1)
    assert caught.value.message == "endless did not end within 0.1 s with what it was handed"
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_the_graders_own_failure_is_told_apart_even_when_swallowed(make):
    def broken(x):
        raise FileNotFoundError("secret/thresholds.json")

    student = make({"backup": broken})
    with pytest.raises(GraderSideError, match="FileNotFoundError"):
        student.use_backup(1)
    with pytest.raises(GraderSideError):
        student.survive(broken)
    assert student.add(1) == 2  # and the student's code serves on
    with pytest.raises(GraderSideError, match="hands over what cannot cross: a object object is not data"):
        student.add(object())
    with pytest.raises(GraderSideError):
        student.apply(lambda x: object(), 1)


def test_the_graders_secrets_do_not_cross_with_its_errors(student):
    seen = []

    def broken(x):
        raise FileNotFoundError("secret/thresholds.json")

    with pytest.raises(GraderSideError):
        student.tell(broken, seen.append)
    assert seen == ["GraderSideError: the grader's own code failed; this costs no points"]


def test_an_expectation_inside_a_callback_speaks_for_itself(student):
    class Mismatch(AssertionError):
        pass

    def check(x):
        raise Mismatch("got 3, expected 4")

    with pytest.raises(Mismatch, match="got 3"):
        student.apply(check, 3)
    assert student.survive(check) in ("RuntimeError", "AssertionError")


def test_an_error_of_the_student_under_a_trusted_call_keeps_its_lines(student):
    with pytest.raises(StudentError) as caught:
        student.chain(lambda inner, x: student.fail("deep inside"), 1)
    assert caught.value.type_name == "ValueError" and "in fail" in caught.value.traceback_text


class Counter:
    """An environment of the grader."""

    def __init__(self):
        self.total = 0
        self.secret = "hidden"
        self.size = 3

    def step(self, action):
        self.total += int(action)
        return self.total, {"info": (1, 2)}

    def reset(self):
        self.total = 0
        return 0


ROLLOUT = '''
def rollout(env, n):
    env.reset()
    for _ in range(n):
        total, info = env.step(1)
    return total
def greedy(env):
    total = 0
    try:
        while True:
            total, _ = env.step(1)
    except Exception as error:
        return total, type(error).__name__
def peek(env, name): return getattr(env, name)
def spoil(env): env.total = 100
def give_back(env): return env
def in_a_thread(env):
    import threading
    caught = []
    def work():
        try:
            env.step(1)
        except RuntimeError as error:
            caught.append(str(error))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return caught
'''


@pytest.fixture(params=["local", "worker"])
def roller(request, start):
    if request.param == "worker":
        return start(ROLLOUT).student
    module = types.ModuleType("notebook")
    exec(ROLLOUT, module.__dict__)
    return LocalStudent(module.__dict__)


def test_a_trusted_object_is_stepped_here_and_counted(roller):
    counter = Counter()
    env = Trusted(counter, methods=["step", "reset"], attributes=["size"], budget={"step": 10}, name="env")
    assert roller.rollout(env, 4) == 4
    assert env.calls == {"step": 4, "reset": 1} and env.remaining("step") == 6 and counter.total == 4
    assert roller.peek(env, "size") == 3
    assert roller.give_back(env) is counter


def test_an_overspent_budget_is_an_error(roller):
    env = Trusted(Counter(), methods=["step", "reset"], budget={"step": 3}, name="env")
    with pytest.raises(StudentError) as caught:
        roller.rollout(env, 4)
    assert caught.value.type_name == "BudgetSpent" and env.overspent
    assert caught.value.message == "env.step was called 3 times, all that this test allows"
    assert roller.greedy(Trusted(Counter(), methods=["step"], budget={"step": 3})) == (3, "BudgetSpent")


def test_what_is_not_listed_is_not_there(roller):
    env = Trusted(Counter(), methods=["step"], attributes=["size"], name="env")
    for name in ("secret", "reset", "__dict__x", "object"):
        with pytest.raises(StudentError, match=rf"env\.{name} is not there while grading; there is size, step"):
            roller.peek(env, name)
    with pytest.raises(StudentError, match=r"env\.total cannot be set while grading"):
        roller.spoil(env)


def test_a_trusted_object_is_called_from_the_main_thread_only(roller):
    caught = roller.in_a_thread(Trusted(Counter(), methods=["step"], name="env"))
    assert caught == ["step was called from a second thread; call it from the main thread"]


def test_an_environment_passes_for_one(make):
    gymnasium = pytest.importorskip("gymnasium")

    class Env(gymnasium.Env):
        action_space = gymnasium.spaces.Discrete(3)

        def step(self, action):
            return 0, 1.0, False, False, {}

    env = Trusted(Env(), methods=["step"], attributes=["action_space"])
    assert make().look(env) == (True, 3, 1.0)


def test_a_budget_for_an_unlisted_method_is_a_mistake_of_the_test():
    with pytest.raises(TypeError, match="a budget for stop, which is not among the trusted methods"):
        Trusted(Counter(), methods=["step"], budget={"stop": 1})


def test_generators_arrive_in_their_state_and_stay_as_they_were(student):
    rng = np.random.default_rng(5)
    first, second = student.draw(rng)
    assert (first, second) == (rng.normal(), rng.normal())


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_a_local_call_that_never_ends_is_interrupted_and_says_so(handler):
    """Also where Ctrl-C is ignored, as by what was started in the background."""
    before = signal.signal(signal.SIGINT, handler)
    module = types.ModuleType("notebook")
    exec("def spin():\n    while True:\n        pass\n\ndef ready():\n    return 1\n", module.__dict__)
    student = LocalStudent(module.__dict__, wall_s=0.5)
    try:
        with pytest.raises(WorkerTimedOut, match=r"one call took longer than 0\.5 s; does a loop end\?"):
            student.spin()
        assert student.ready() == 1
        time.sleep(0.7)  # a call that ended in time is not interrupted afterwards
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_local_call_is_not_taken_for_its_time_limit():
    module = types.ModuleType("notebook")
    exec("def stop():\n    raise KeyboardInterrupt\n", module.__dict__)
    with pytest.raises(KeyboardInterrupt):
        LocalStudent(module.__dict__, wall_s=5.0).stop()
