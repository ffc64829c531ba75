"""A worker that answers garbage at any step costs its own question, soon, and nobody else's."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import Cell, Sandbox, WorkerBlocked, WorkerCode, WorkerCrashed, WorkerDied
from autograder.sandbox.errors import StudentError
from tests.autograder.fuzz import frames, liar
from tests.autograder.fuzz.effort import tries

WALL_S = 0.25  # after which silence is a death
SPOILERS = st.one_of(
    st.integers(0, 2**32).map(liar.damage),
    st.builds(
        liar.replace_by, st.lists(frames.FORGED, max_size=6) | frames.FORGED, st.booleans(),
        st.one_of(st.none(), st.integers(0, 20)),
    ),
    st.sampled_from((liar.twice, liar.nothing)),
)  # fmt: skip


def test_an_honest_conversation_is_understood() -> None:
    process = liar.Here(0, liar.honest, "go on")
    assert liar.converse(process) == liar.HONEST
    assert process.sent == liar.NUM_MESSAGES


@given(st.integers(2, liar.NUM_MESSAGES), SPOILERS, st.sampled_from(("close", "close", "close", "go on")))
@tries(40)
def test_garbage_at_any_step_is_a_death_that_is_told_or_does_no_harm(
    when: int, spoil: liar.Spoil, then: str
) -> None:
    began, before = time.monotonic(), threading.active_count()
    try:
        liar.converse(liar.Here(when, spoil, then), WALL_S)
    except WorkerDied as error:
        assert error.message
    except StudentError:
        pass  # the garbage said so, and a worker may
    assert time.monotonic() - began < 60, "what it may wait is a quarter of a second"
    assert threading.active_count() == before
    assert liar.converse(liar.Here(0, liar.honest, "go on")) == liar.HONEST


def test_a_process_that_says_nothing_before_student_code_runs_is_the_sandboxs_failure() -> None:
    with pytest.raises(SandboxError, match="could not confine itself"):
        liar.converse(liar.Here(1, liar.nothing, "close"))


@pytest.mark.parametrize("when", range(2, liar.NUM_MESSAGES + 1))
def test_silence_at_any_step_is_a_death(when: int) -> None:
    with pytest.raises(WorkerDied):
        liar.converse(liar.Here(when, liar.nothing, "close"))


WRITES = """
import os
def write(data):
    os.write(3, data)
    return 1
def fine(): return "fine"
"""


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox(("numpy",)) as made:
        yield made


def test_after_garbage_from_a_worker_the_next_one_is_fine(sandbox: Sandbox) -> None:
    code, limits = WorkerCode((Cell("c0", WRITES),)), Limits(cpu_s=5, wall_s=20)
    ends: set[type[BaseException]] = set()
    garbage = (b"\xff" * 40, b"\0" * 8, frames.encoded([13, 0, None]), frames.encoded([13, 0, None])[:-1])
    for data in garbage:
        with sandbox.worker(code, limits) as worker:
            with pytest.raises(WorkerDied) as caught:
                worker.student.write(data)
                worker.student.fine()
            ends.add(type(caught.value))
        with sandbox.worker(code, limits) as worker:
            assert worker.student.fine() == "fine"
    assert ends <= {WorkerBlocked, WorkerCrashed}
