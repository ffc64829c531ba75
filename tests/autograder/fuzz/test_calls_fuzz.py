"""Random conversations between tests and student code, against a model of what should come of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from autograder.course import Limits
from autograder.sandbox import (
    Cell,
    GraderSideError,
    LocalStudent,
    MissingName,
    RemoteHandle,
    Sandbox,
    StudentError,
    Trusted,
    WorkerCode,
)
from autograder.sandbox.loader import new_module
from tests.autograder.fuzz.effort import tries
from tests.autograder.fuzz.values import LEAVES, plain, same, values

SOURCE = '''
import weakref

ALIVE = weakref.WeakSet()

class Box:
    def __init__(self, value):
        self.value = value
        ALIVE.add(self)
    def swap(self, value):
        old, self.value = self.value, value
        return old
    def me(self): return self
    def __call__(self, f): return f(self.value)
    def __getitem__(self, key): return (key, self.value)
    def __len__(self): return 3

def alive():
    return len(ALIVE)
def same(x): return x
def read(box): return box.value
def pack(boxes): return {"boxes": list(boxes), "first": boxes[0]}
def each(f, items): return [f(item) for item in items]
def nested(f, x, depth): return f(x, depth)
def fail(name, text): raise getattr(__import__("builtins"), name)(text)
def survive(f, x):
    try:
        return ("fine", f(x))
    except Exception as error:
        return ("raised", type(error).__name__)
def step_until_spent(env, limit):
    taken = 0
    try:
        for _ in range(limit):
            env.step(taken)
            taken += 1
    except Exception as error:
        return taken, type(error).__name__
    return taken, ""
'''

SMALL = values(LEAVES, max_leaves=4)
ERRORS = st.sampled_from(("ValueError", "KeyError", "ZeroDivisionError", "NotImplementedError", "SystemExit"))


class Stepper:
    """Stands for an environment of the grader."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        return action


class Conversation(RuleBasedStateMachine):
    """Calls, handles, callbacks, errors and releases in any order; the model is a dict of what boxes hold."""

    student: ClassVar[Any]
    boxes = Bundle("boxes")

    def __init__(self) -> None:
        super().__init__()
        self.handles: dict[int, Any] = {}
        self.held: dict[int, Any] = {}
        self.made = 0

    def teardown(self) -> None:
        self.handles.clear()

    @rule(value=SMALL)
    def data_comes_back(self, value: Any) -> None:
        assert same(self.student.same(value), plain(value))

    @rule(target=boxes, value=SMALL)
    def make(self, value: Any) -> int:
        self.made += 1
        self.handles[self.made] = self.student.Box(value)
        self.held[self.made] = plain(value)
        assert isinstance(self.handles[self.made], RemoteHandle)
        return self.made

    @rule(box=boxes, other=boxes)
    def read(self, box: int, other: int) -> None:
        handle = self.handles[box]
        assert same(handle.value, self.held[box])
        assert same(self.student.read(self.handles[other]), self.held[other])
        assert same(handle["key"], ("key", self.held[box])) and len(handle) == 3
        assert (handle.me() is self.handles[other]) == (box == other)

    @rule(box=boxes, value=SMALL)
    def write(self, box: int, value: Any) -> None:
        self.handles[box].value = value
        self.held[box] = plain(value)

    @rule(box=boxes, value=SMALL)
    def swap(self, box: int, value: Any) -> None:
        assert same(self.handles[box].swap(value), self.held[box])
        self.held[box] = plain(value)

    @rule(chosen=st.lists(boxes, min_size=1, max_size=4))
    def handles_inside_data_are_the_same_handles(self, chosen: list[int]) -> None:
        packed = self.student.pack([self.handles[box] for box in chosen])
        assert [id(h) for h in packed["boxes"]] == [id(self.handles[box]) for box in chosen]
        assert packed["first"] is self.handles[chosen[0]]

    @rule(box=consumes(boxes))
    def release(self, box: int) -> None:
        del self.handles[box], self.held[box]

    @rule(box=boxes)
    def a_handle_is_called_and_calls_back(self, box: int) -> None:
        heard: list[Any] = []
        assert self.handles[box](lambda value: heard.append(value) or len(heard)) == 1
        assert same(heard, [self.held[box]])

    @rule(items=st.lists(SMALL, max_size=4))
    def callbacks_answer_in_order(self, items: list[Any]) -> None:
        count = iter(range(100))
        assert same(self.student.each(lambda item: (next(count), item), items), [(i, plain(x)) for i, x in enumerate(items)])

    @rule(value=SMALL, depth=st.integers(0, 6))
    def calls_nest(self, value: Any, depth: int) -> None:
        def back(x: Any, left: int) -> Any:
            return self.student.nested(back, x, left - 1) if left else (x, depth)

        assert same(self.student.nested(back, value, depth), (plain(value), depth))

    @rule(name=ERRORS, text=st.text(max_size=10))
    def errors_are_told(self, name: str, text: str) -> None:
        with pytest.raises(StudentError) as caught:
            self.student.fail(name, text)
        assert caught.value.type_name == name

    @rule(value=SMALL)
    def what_a_callback_raises_reaches_student_code(self, value: Any) -> None:
        def refuse(x: Any) -> Any:
            raise LookupError("not today")

        assert self.student.survive(refuse, value) == ("raised", "LookupError")

    @rule(budget=st.integers(0, 5), limit=st.integers(0, 8))
    def a_budget_is_kept(self, budget: int, limit: int) -> None:
        env = Stepper()
        guest = Trusted(env, methods=["step"], budget={"step": budget})
        taken, error = self.student.step_until_spent(guest, limit)
        assert taken == env.steps == guest.calls["step"] == min(budget, limit)
        assert (error == "BudgetSpent") == guest.overspent == (limit > budget)

    @rule()
    def what_cannot_cross_is_the_tests_fault_and_breaks_nothing(self) -> None:
        with pytest.raises(GraderSideError, match="what cannot cross"):
            self.student.same(object())
        with pytest.raises(MissingName):
            self.student.nowhere(1)

    @invariant()
    def nothing_is_kept_that_nobody_holds(self) -> None:
        self.student.same(None)
        assert self.student.alive() == len(self.handles)


def local_student() -> LocalStudent:
    module = new_module()
    exec(compile(SOURCE, "cell 0", "exec"), module.__dict__)
    return LocalStudent(module.__dict__)


def test_any_conversation_goes_as_the_model_says_in_this_process() -> None:
    machine = type("Here", (Conversation,), {"student": local_student()})
    run_state_machine_as_test(machine, settings=tries(8, stateful_step_count=20))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(("numpy",)) as made:
        yield made


def test_any_conversation_goes_as_the_model_says_in_a_worker(sandbox: Sandbox) -> None:
    code = WorkerCode((Cell("c0", textwrap.dedent(SOURCE)),))
    with sandbox.worker(code, Limits(cpu_s=600, wall_s=600)) as worker:
        machine = type("There", (Conversation,), {"student": worker.student})
        run_state_machine_as_test(machine, settings=tries(5, stateful_step_count=20))  # type: ignore[arg-type]
