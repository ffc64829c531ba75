"""A grader as others build it: submission, hidden tests and reference in one pytest process.

Loaded with ``pytest -p naive_plugin`` in the folder of the submission; :mod:`tests.attacks.boundary` puts it
there and reads what comes out. Its comparisons are those that one finds in homework. Nothing grades with it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import site
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

OUTCOMES: dict[str, str] = {}


def question(label: str, points: float = 1) -> Callable[[Any], Any]:
    def mark(function: Any) -> Any:
        OUTCOMES.setdefault(label.split(maxsplit=1)[0], "PASSED")
        function.label = label.split(maxsplit=1)[0]
        return function

    return mark


def expect(condition: Any, message: str = "", hint: str = "") -> None:
    assert condition, message


def expect_close(got: Any, expected: Any, atol: float = 1e-8, **words: Any) -> None:
    if "torch" in sys.modules and isinstance(got, sys.modules["torch"].Tensor):
        assert sys.modules["torch"].allclose(got.double(), sys.modules["torch"].as_tensor(expected).double())
        return
    expected = np.asarray(expected)
    tolerance = atol + 1e-5 * np.maximum(np.abs(got), np.abs(expected))
    if np.any(np.abs(got - expected) > tolerance):
        raise AssertionError(f"{got} is not {expected}")


def expect_equal(got: Any, expected: Any, **words: Any) -> None:
    assert np.all(got == expected), f"{got} is not {expected}"


def linear(value: Any, low: float, high: float) -> Any:
    return min(1.0, (value - low) / (high - low))


def trusted(thing: Any, **rules: Any) -> Any:
    return thing


def pytest_configure(config: Any) -> None:
    """Load the submission, as a notebook is executed before its tests run, with the packages it brings."""
    site.addsitedir(os.getcwd())
    testing = types.ModuleType("autograder.testing")
    vars(testing).update({f.__name__: f for f in (question, expect, expect_close, expect_equal, linear, trusted)})
    sys.modules["autograder.testing"] = testing
    import autograder

    vars(autograder).update(testing=testing, check=lambda *a: None, submit=lambda *a: None)
    importlib.import_module("submission")


@pytest.fixture
def student() -> Any:
    """Hand out the submission once it is sure that nobody touched the tests; some graders look."""
    for path in Path("tests").glob("*_hidden.py"):
        hashlib.sha256(path.read_bytes())
    return sys.modules["submission"]


@pytest.fixture
def reference() -> Any:
    return importlib.import_module("solution")


@pytest.fixture
def rng() -> Any:
    return np.random.default_rng(31337)


@pytest.fixture(name="trusted")
def trusted_fixture() -> Any:
    return trusted


@pytest.fixture
def attach() -> Any:
    return lambda *arguments, **words: None


@pytest.fixture
def credit() -> Any:
    def credit(fraction: Any, measured: str = "") -> None:
        assert fraction >= 1.0, measured

    return credit


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        label = LABELS.get(report.nodeid, "")
        if label:
            OUTCOMES[label] = "FAILED"


LABELS: dict[str, str] = {}


def pytest_itemcollected(item: Any) -> None:
    LABELS[item.nodeid] = getattr(item.function, "label", "")


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    Path("results.json").write_text(json.dumps(OUTCOMES))
