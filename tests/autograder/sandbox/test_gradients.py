"""Gradients through stand-ins: alike in this process and in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from autograder.course import Limits
from autograder.sandbox import Cell, LocalStudent, Sandbox, StudentError, WorkerCode
from autograder.sandbox.loader import new_module

SOURCE = """
import torch
def backup(x): raise NotImplementedError
def differentiate(x, slope, offset):
    leaves = [t.clone().requires_grad_() for t in (x, slope, offset)]
    first, weight, second = backup(leaves[0], slope=leaves[1], offset=leaves[2])
    value = torch.sum(first * weight + second)
    return value, list(torch.autograd.grad(value, leaves, allow_unused=True))
def wants(x):
    return getattr(backup(x.clone().requires_grad_()), "requires_grad", False)
def wants_in_silence(x):
    with torch.no_grad():
        return wants(x)
def train(x):
    weight = torch.nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.SGD([weight], lr=0.25)
    for _ in range(20):
        optimiser.zero_grad()
        backup(weight * x).backward()
        optimiser.step()
    return weight
"""
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One warm parent with torch."""
    with Sandbox(("numpy", "torch"), tier="A") as made:
        yield made


@pytest.fixture(params=["local", "worker"])
def make(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Make]:
    """Make a student whose function ``backup`` is answered for."""
    workers = []

    def make(backup: Callable[..., Any]) -> Any:
        if request.param == "local":
            module = new_module()
            exec(compile(SOURCE, "cell 0", "exec"), module.__dict__)
            return LocalStudent(module.__dict__, {"backup": backup})
        limits = Limits(cpu_s=5, wall_s=20, memory_mb=2048, threads=8, output_kb=8)
        code = WorkerCode((Cell("c0", SOURCE, label="cell 0"),), {})
        workers.append(sandbox.worker(code, limits, stand_ins={"backup": backup}))
        return workers[-1].student

    yield make
    for worker in workers:
        worker.close()


def bent(x: torch.Tensor, slope: torch.Tensor, offset: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Three outputs, the second a constant; the offset is held constant."""
    return slope * torch.sin(x) + offset.detach(), 2.0 * offset.detach(), slope * x


def test_gradients_flow_through_a_stand_in(make: Make) -> None:
    x, slope, offset = torch.tensor([0.3, 2.0]), torch.tensor(1.5), torch.tensor([1.0, 4.0])
    value, (to_x, to_slope, to_offset) = make(bent).differentiate(x, slope, offset)
    weight = 2 * offset  # of d/dx sum((slope sin x + offset) weight + slope x), held constant
    assert float(value) == pytest.approx(
        float(torch.sum((slope * torch.sin(x) + offset) * weight + slope * x))
    )
    assert to_x.numpy() == pytest.approx((slope * torch.cos(x) * weight + slope).numpy())
    assert float(to_slope) == pytest.approx(float(torch.sum(torch.sin(x) * weight + x)))
    assert to_offset is None


def test_an_optimiser_descends_through_a_stand_in(make: Make) -> None:
    # d/dw (3 w - 6)^2 / 18 = w - 2, with steps of a quarter: 2 (1 - 0.75^20)
    weight = make(lambda x: (x - 6.0) ** 2 / 18).train(torch.tensor(3.0))
    assert float(weight) == pytest.approx(2 * (1 - 0.75**20), rel=1e-5)


def test_what_depends_on_nothing_that_wants_a_gradient_is_plain(make: Make) -> None:
    assert make(lambda x: x.detach() + 1).wants(torch.ones(2)) is False
    assert make(lambda x: x.detach().sum().item()).wants(torch.ones(2)) is False
    assert make(lambda x: x + 1).wants_in_silence(torch.ones(2)) is False
    assert make(lambda x: x + 1).wants(torch.ones(2)) is True


def test_an_argument_that_is_refused_blames_the_caller(make: Make) -> None:
    def refuse(x: torch.Tensor) -> torch.Tensor:
        return torch.ones(3) @ x

    with pytest.raises(StudentError) as caught:
        make(refuse).wants(torch.ones(4))
    assert caught.value.type_name == "RuntimeError" and caught.value.callback == "refuse"


NONSENSE = """
import torch
from autograder.sandbox import protocol

def backup(x): raise NotImplementedError
def ask(member, *arguments):
    get = object.__getattribute__
    return get(backup, "_host").call_back(protocol.CALLBACK, get(backup, "_number"), member, arguments, {})
"""


@pytest.mark.parametrize(
    "question",
    [
        'ask("pull_back", [x], {}, [99], [x])',
        'ask("pull_back", [x], {}, [0], [])',
        'ask("pull_back", [x], {}, [0], [torch.ones(7)])',
        'ask("pull_back", [x], {}, [[0]], [x])',
        'ask("pull_back", [x], {}, [0], ["a"])',
        'ask("pull_back", x, 5, None, [x])',
        'ask("trace", [x.to(torch.int64)], {}, [0])',
        'ask("trace", [3], {}, [0])',
        'ask("trace")',
        'ask("_run", [x], {}, [0])',
        'ask("__init__", [x])',
    ],
)
def test_nonsense_in_place_of_a_derivative_blames_the_caller(sandbox: Sandbox, question: str) -> None:
    """Code that speaks to the grader's side by itself gets an error of its own, and no more."""
    source = f"{NONSENSE}def go():\n    x = torch.ones(2)\n    return {question}\n"
    limits = Limits(cpu_s=5, wall_s=20, memory_mb=2048, threads=8, output_kb=8)
    code = WorkerCode((Cell("c0", source, label="cell 0"),), {})
    stand_ins = {"backup": lambda x: 2 * x}
    with sandbox.worker(code, limits, stand_ins=stand_ins) as worker, pytest.raises(StudentError) as caught:
        worker.student.go()
    assert caught.value.callback == "<lambda>"
