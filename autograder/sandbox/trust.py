"""Objects of the grader that student code may call, within a budget."""

from __future__ import annotations

import signal
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np

from autograder.sandbox import gradients
from autograder.sandbox.defences import Defence
from autograder.sandbox.errors import BudgetSpent, Refused

CALLBACK_S = 120.0  # one call of a trusted object or a stand-in, with what it calls in turn
_MOMENT_S = 0.05
CALLBACK_MB = 2048  # memory that it may take while it runs
_CALLABLES = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType, partial,
    np.ufunc,
)  # fmt: skip
# What a bad argument provokes in an object that works: the fault of the code that passed it.
_CALLERS_FAULT = (
    BudgetSpent, Refused, TypeError, ValueError, LookupError, AssertionError, ArithmeticError, AttributeError,
    RuntimeError,
)  # fmt: skip


class Trusted:
    """An object that stays with the grader, such as an environment; student code reaches the listed members.

    Args:
        obj: the object; it never leaves the grader.
        methods: what student code may call.
        attributes: what student code may read; each must be data.
        budget: method -> how many calls are allowed in all.
        name: how messages name it; by default from its class.

    Attributes:
        object: the object itself.
        calls: how often student code called each method.
        overspent: whether student code asked for more than the budget.
    """

    def __init__(
        self,
        obj: Any,
        methods: Iterable[str] = (),
        attributes: Iterable[str] = (),
        budget: Mapping[str, int] | None = None,
        name: str = "",
    ) -> None:
        self.object = obj
        self.methods = frozenset(methods)
        self.attributes = frozenset(attributes)
        self.budget = dict(budget or {})
        self.name = name or _name_of(obj)
        self.calls: Counter[str] = Counter()
        self.overspent = False
        unknown = sorted(set(self.budget) - self.methods)
        if unknown:
            raise TypeError(f"a budget for {', '.join(unknown)}, which is not among the trusted methods")

    def remaining(self, method: str) -> int:
        """Return how many calls of ``method`` the budget still allows."""
        return self.budget[method] - self.calls[method]

    def label(self, member: str) -> str:
        """Return how people name a member: ``env.step``, or the function's own name."""
        return self.name if member == "__call__" else f"{self.name}.{member}"

    def call(
        self,
        member: str,
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
        without: Collection[Defence] = (),
    ) -> Any:
        """Call a method for student code; ``without`` names defences left out in a trial.

        Raises:
            BudgetSpent: the budget for this method is used up.
            Refused: there is no such method for student code.
        """
        if member not in self.methods and Defence.TRUSTED not in without:
            raise Refused(f"{self.label(member)} is not there while grading; there are {self._members()}")
        limit = self.budget.get(member)
        if limit is not None and self.calls[member] >= limit and Defence.BUDGET not in without:
            self.overspent = True
            raise BudgetSpent(f"{self.label(member)} was called {limit} times, all that this test allows")
        self.calls[member] += 1
        function = self.object if member == "__call__" else getattr(self.object, member)
        return function(*args, **kwargs)

    def fetch(self, attribute: str, without: Collection[Defence] = ()) -> Any:
        """Return an attribute for student code; Refused when it is not listed."""
        if attribute not in self.attributes and Defence.TRUSTED not in without:
            raise Refused(f"{self.label(attribute)} is not there while grading; there are {self._members()}")
        return getattr(self.object, attribute)

    def _members(self) -> str:
        return ", ".join(sorted(self.methods | self.attributes)) or "none"


def as_trusted(value: Any) -> Trusted | None:
    """Return ``value`` if it is trusted, or wrap a plain function; None for anything else."""
    if isinstance(value, Trusted):
        return value
    if isinstance(value, _CALLABLES):
        return Trusted(value, methods=("__call__",))
    return None


class StandIn(Trusted):
    """A function of the grader that answers for one of the submission, its derivative included."""

    def __init__(self, function: Callable[..., Any]) -> None:
        members = ("__call__", gradients.TRACE, gradients.PULL_BACK)
        super().__init__(gradients.Differentiable(function), members, name=_name_of(function))

    def label(self, member: str) -> str:
        """Return the function's own name, whatever is asked of it."""
        return self.name


def as_stand_in(function: Callable[..., Any]) -> Trusted:
    """Wrap whatever can be called, to answer for a function of the submission."""
    return function if isinstance(function, Trusted) else StandIn(function)


def is_callers_fault(error: Exception) -> bool:
    """Tell whether a trusted call failed because of what it was handed.

    The reference passes every test before a release, so an error of the kinds that bad arguments provoke
    is put down to the caller; a file that is missing is the grader's.
    """
    if isinstance(error, NotImplementedError):
        return False
    gym_error = getattr(sys.modules.get("gymnasium.error"), "Error", Refused)
    return isinstance(error, (*_CALLERS_FAULT, gym_error))


@contextmanager
def bounded(label: str) -> Iterator[None]:
    """Refuse an argument with which the grader's own code does not end, or eats the machine's memory.

    A discount of 1 is such an argument, and so is a number of states beyond counting. Works in the main
    thread, where nobody else uses the alarm; elsewhere the call runs as it is.
    """
    if (
        not hasattr(signal, "SIGALRM")  # Windows
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL
    ):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Refused(f"{label} did not end within {CALLBACK_S:g} s with what it was handed")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, CALLBACK_S)
    try:
        with memory_limit(CALLBACK_MB):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextmanager
def memory_limit(megabytes: int) -> Iterator[None]:
    """Let this process have so much more memory of its own; beyond that it meets a MemoryError.

    What libraries map and threads reserve is not counted: the grader may import something meanwhile.
    """
    if sys.platform != "linux":  # elsewhere the limit is not kept
        yield
        return
    import resource

    soft, hard = before = resource.getrlimit(resource.RLIMIT_DATA)
    most = _data_bytes(int(time.monotonic() / _MOMENT_S)) + (megabytes << 20)
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@lru_cache(maxsize=1)
def _data_bytes(moment: int) -> int:
    """Return this process's own writable memory; to look costs more than a small call, so once a moment."""
    import resource

    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[5]) * resource.getpagesize()


def is_environment(value: Any) -> bool:
    """Tell whether a value is a Gymnasium environment, without importing Gymnasium."""
    return isinstance(value, getattr(sys.modules.get("gymnasium"), "Env", ()))


def _name_of(obj: Any) -> str:
    if is_environment(obj):
        return "env"
    while isinstance(obj, partial):
        obj = obj.func
    return str(getattr(obj, "__name__", type(obj).__name__))


StandIns = Mapping[str, Callable[..., Any]]
