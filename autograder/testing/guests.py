"""Objects of ours that a test hands to student code, remembered so that a spent budget is noticed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

_handed_out: ContextVar[list[Any] | None] = ContextVar("handed_out", default=None)


def trusted(
    obj: Any,
    methods: Iterable[str] = (),
    attributes: Iterable[str] = (),
    budget: Mapping[str, int] | None = None,
    name: str = "",
) -> Any:
    """Wrap an object of ours, such as an environment, for student code to call.

    Args:
        obj: the object; it stays with the grader.
        methods: what student code may call.
        attributes: what student code may read; each must be data.
        budget: how often each method may be called; one call more fails the test, caught or not.
        name: how messages name it; by default from its class.
    """
    from autograder.sandbox import Trusted

    wrapped = Trusted(obj, methods, attributes, budget, name)
    remembered = _handed_out.get()
    if remembered is not None:
        remembered.append(wrapped)
    return wrapped


def start() -> list[Any]:
    """Begin a test: forget what earlier tests handed out."""
    remembered: list[Any] = []
    _handed_out.set(remembered)
    return remembered


def overspent(handed_out: Iterable[Any], *, hidden: bool) -> str:
    """Say which budget was overspent, or return nothing; a hidden check's budget stays hidden."""
    for guest in handed_out:
        if guest.overspent and hidden:
            return "Your code used up the calls that it was given."
        if guest.overspent:
            spent = [m for m, limit in guest.budget.items() if guest.calls[m] >= limit]
            names = " and ".join(f"{guest.label(m)} more than {guest.budget[m]} times" for m in spent)
            return f"Your code called {names}, which is all that this check allows."
    return ""
