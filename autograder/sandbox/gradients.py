"""Gradients through a stand-in: the reference's function answers, and its derivative comes back too.

Student code that differentiates what an earlier question computes would, with plain numbers, get no gradient.
Both ends are stateless: the student's side asks for the value (:data:`TRACE`) with the names of the arguments
that want a gradient, and, when autograd comes by, for the product of a cotangent with the Jacobian
(:data:`PULL_BACK`), which the grader's side computes anew. Only tensors that are arguments themselves are
followed, not those inside lists or dicts; torch is imported only where a tensor appears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from autograder.sandbox import tensors

TRACE, PULL_BACK = "trace", "pull_back"
Wanted = Sequence[int | str]  # positions and keywords of arguments


class Differentiable:
    """A function of the grader whose derivative may be asked for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self._function(*args, **kwargs)

    def trace(self, args: Sequence[Any], kwargs: Mapping[str, Any], wanted: Wanted) -> Any:
        """Call the function; its tensors say whether a gradient flows from them to the arguments wanted."""
        return self._run(args, kwargs, wanted)[0]

    def pull_back(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], wanted: Wanted, cotangents: Sequence[Any]
    ) -> list[Any]:
        """Return the derivative of <cotangents, outputs> for each argument wanted; None where none flows."""
        import torch

        value, leaves = self._run(args, kwargs, wanted)
        pairs = [(y, g) for y, g in zip(_several(value), cotangents, strict=True) if _wants(y)]
        outputs, weights = [y for y, _ in pairs], [g for _, g in pairs]
        return list(torch.autograd.grad(outputs, leaves, weights, allow_unused=True))

    def _run(self, args: Sequence[Any], kwargs: Mapping[str, Any], wanted: Wanted) -> tuple[Any, list[Any]]:
        import torch

        arguments = _named(args, kwargs)
        leaves = [arguments[key].detach().requires_grad_() for key in wanted]
        arguments.update(zip(wanted, leaves, strict=True))
        positional = [arguments[i] for i in range(len(args))]
        with torch.enable_grad():  # autograd switches it off while it asks, where both sides are one process
            return self._function(*positional, **{name: arguments[name] for name in kwargs}), leaves


def call(forward: Callable[[str], Callable[..., Any]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a :class:`Differentiable` on the other side; ``forward`` gives its members."""
    arguments = _named(args, kwargs)
    wanted = [key for key, value in arguments.items() if _wants(value)]
    if not wanted or not _is_recording():
        return forward("__call__")(*args, **kwargs)
    value = forward(TRACE)(args, kwargs, wanted)
    outputs = _several(value)
    if not any(_wants(output) for output in outputs):
        return value
    plain = {key: v.detach().clone() if _wants(v) else v for key, v in arguments.items()}
    kept = [plain[i] for i in range(len(args))], {name: plain[name] for name in kwargs}

    def pull_back(cotangents: Sequence[Any]) -> Any:
        return forward(PULL_BACK)(*kept, wanted, list(cotangents))

    attached = _attach().apply(pull_back, outputs, *(arguments[key] for key in wanted))
    if not isinstance(value, tuple | list):
        return attached[0]
    return type(value)(attached)


def _named(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[int | str, Any]:
    named: dict[int | str, Any] = dict(enumerate(args))
    named.update(kwargs)
    return named


def _wants(value: Any) -> bool:
    return tensors.is_tensor(value) and bool(value.requires_grad)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _is_recording() -> bool:
    import torch

    return torch.is_grad_enabled()


@cache
def _attach() -> Any:
    """Return the autograd function that hangs given outputs on the graph of its inputs."""
    import torch
    from torch.autograd.function import once_differentiable

    class Attach(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, pull_back: Any, outputs: tuple[Any, ...], *inputs: Any) -> Any:
            ctx.pull_back = pull_back
            given = tuple(y.detach() if tensors.is_tensor(y) else y for y in outputs)
            constant = [
                g for y, g in zip(outputs, given, strict=True) if tensors.is_tensor(y) and not _wants(y)
            ]
            ctx.mark_non_differentiable(*constant)
            return given

        @staticmethod
        @once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return (None, None, *ctx.pull_back(cotangents))

    return Attach
