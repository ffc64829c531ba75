"""Limits that the grader keeps from outside: CPU time to the tick, its own memory, and words it may believe."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from autograder.course import Limits
from autograder.sandbox import (
    GraderSideError,
    MissingName,
    StudentError,
    WorkerBlocked,
    WorkerOutOfMemory,
    WorkerTimedOut,
    trust,
)
from autograder.sandbox.clock import CpuMeter, reader

ROOMY = Limits(cpu_s=20, wall_s=60, memory_mb=300, threads=8, output_kb=4)
SOURCE = r"""
import os, struct, sys, threading, time
import msgpack

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
def spin_in(number):
    def spin():
        while True: sum(range(10000))
    for _ in range(number - 1):
        threading.Thread(target=spin, daemon=True).start()
    spin()
def ask(n): return len(backup(n))
def ask_and_go_on(n):
    try:
        return len(backup(n))
    except MemoryError as error:
        return str(error)
def backup(n): raise NotImplementedError
def lie(reply):
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "call_back"):
        frame = frame.f_back
    header = msgpack.packb([reply[0], frame.f_locals["self"]._requests[-1], *reply[1:]])
    os.write(3, struct.pack("<II", len(header), 0) + header)
    time.sleep(5)
def forget():
    global burn
    del burn
"""


def test_cpu_time_is_ended_at_its_limit(start):
    limits = Limits(cpu_s=0.3, wall_s=60, memory_mb=300, threads=8, output_kb=4)
    worker = start(SOURCE, limits=limits, load_limits=ROOMY)
    with pytest.raises(WorkerTimedOut, match=r"it used more than 0\.3 s of CPU time; it was at cell 0, line"):
        worker.student.burn(10)
    worker.close()
    assert 0.3 <= worker.usage.cpu_s < 2.0  # with what loading took, and the time to show where it was


def test_cpu_time_is_counted_over_calls(start):
    limits = Limits(cpu_s=0.4, wall_s=60, memory_mb=300, threads=8, output_kb=4)
    worker = start(SOURCE, limits=limits, load_limits=ROOMY)
    calls = 0
    with pytest.raises(WorkerTimedOut, match=r"more than 0\.4 s of CPU time"):
        for _ in range(20):
            worker.student.burn(0.1)
            calls += 1
    assert 2 <= calls <= 5


def test_cpu_time_of_all_threads_counts(start):
    limits = Limits(cpu_s=0.3, wall_s=60, memory_mb=300, threads=8, output_kb=4)
    worker = start(SOURCE, limits=limits, load_limits=ROOMY)
    with pytest.raises(WorkerTimedOut, match=r"more than 0\.3 s of CPU time"):
        worker.student.spin_in(3)


def test_what_loading_takes_is_not_charged_to_calls(start):
    limits = Limits(cpu_s=0.3, wall_s=60, memory_mb=300, threads=8, output_kb=4)
    worker = start(SOURCE, "burn(0.5)", limits=limits, load_limits=ROOMY)
    worker.student.burn(0.1)


def test_a_meter_looks_only_when_the_time_may_be_up():
    used, looks = [0.0], []

    def read():
        looks.append(used[0])
        return used[0]

    meter = CpuMeter(read)
    assert meter.look_s == float("inf") and not meter.is_spent(5.0)
    meter.allow(8.0, waited_s=100.0)
    assert 100.0 < meter.look_s <= 108.0 and looks == [0.0]
    assert not meter.is_spent((100.0 + meter.look_s) / 2) and len(looks) == 1  # cannot be up yet
    used[0] = 7.0
    assert not meter.is_spent(200.0) and len(looks) == 2 and meter.look_s <= 201.0
    used[0] = 8.0
    assert meter.is_spent(300.0)


def test_the_clock_of_a_process_that_is_gone_tells_nothing():
    meter = CpuMeter(reader(2**22 + 1))
    meter.allow(1.0, 0.0)
    assert not meter.is_spent(1000.0)


def memory_of_the_grader():
    return resource.getrlimit(resource.RLIMIT_DATA)


@pytest.mark.parametrize("huge", [10**13, 10_000], ids=["at once", "bit by bit"])
def test_a_stand_in_driven_out_of_memory_is_the_callers_own_doing(start, monkeypatch, huge):
    def backup(n):
        return np.zeros(n) if n > 10**9 else [bytes(1 << 20) for _ in range(n)]

    monkeypatch.setattr(trust, "CALLBACK_MB", 100)
    before = memory_of_the_grader()
    with pytest.raises(WorkerOutOfMemory, match="it needed more memory"):
        start(SOURCE, stand_ins={"backup": backup}).student.ask(huge)
    student = start(SOURCE, stand_ins={"backup": backup}).student
    assert student.ask_and_go_on(huge) == "backup ran out of memory with what it was handed"
    assert student.ask(3) == 3 and memory_of_the_grader() == before


def test_a_stand_ins_result_that_is_too_large_is_the_callers_own_doing(start):
    def backup(n):
        return np.zeros(n, np.uint8)

    student = start(SOURCE, stand_ins={"backup": backup}).student
    with pytest.raises(StudentError, match="backup has no result that can be sent for this: arrays of 300 MB"):
        student.ask(300 << 20)
    assert student.ask(1 << 20) == 1 << 20


def test_a_stand_in_that_returns_no_data_is_the_graders_own_failure(start):
    with pytest.raises(GraderSideError, match="object is not data"):
        start(SOURCE, stand_ins={"backup": lambda n: [object()]}).student.ask(3)


@pytest.mark.parametrize("told", ["burn", "other"])
def test_a_missing_name_is_believed_only_if_it_was_asked_for(start, told):
    with pytest.raises(WorkerBlocked, match="a missing name that nobody asked for"):
        start(SOURCE).student.lie([16, told, ""])


def test_a_name_that_was_there_is_not_missing(start):
    student = start(SOURCE).student
    student.forget()
    with pytest.raises(StudentError, match="`burn` was there when the notebook was loaded, and is gone") as caught:
        student.burn(0)
    assert not isinstance(caught.value, MissingName)


def test_a_nearest_name_is_one_that_the_notebook_has(start):
    student = start(SOURCE).student
    with pytest.raises(MissingName, match="the nearest name it defines is `burn`"):
        student.burns(1)
    student.lie  # noqa: B018 - known as a function
    link = object.__getattribute__(student, "_link")
    forged = link._missing("burns", "<b>ignore all previous points</b>", (0, "burns"))
    assert type(forged) is MissingName and forged.nearest == ""
