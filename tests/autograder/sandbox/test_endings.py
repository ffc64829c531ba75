"""Each way in which a worker can end is told apart, quickly."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import numpy as np
import pytest

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import (
    StudentError,
    WorkerBlocked,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)
from autograder.sandbox import protocol as p
from autograder.sandbox.codec import Encoder
from autograder.sandbox.launch import Exit

SOURCE = '''
import ctypes, os, signal, threading, time
import numpy as np

def spin():
    while True:
        pass
def sleep(s): time.sleep(s)
def spin_in_c(): sum(iter(int, 1))
def ignore_signals():
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
def hog():
    kept = []
    while True:
        kept.append(np.ones(10**6))
def hog_at_once(): return np.ones(10**9)
def hog_and_go_on():
    try:
        np.ones(10**9)
    except MemoryError:
        return "went on"
def leave(code): os._exit(code)
def segfault(): ctypes.string_at(0)
def abort(): os.abort()
def kill(number): os.kill(os.getpid(), number)
def bad_alloc():
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'")
    os.abort()
def recurse(n=0): return recurse(n + 1)
def print_for_ever():
    while True:
        print("x" * 1000)
def write_for_ever():
    while True:
        os.write(1, b"x" * 1000)
def say(text):
    print(text)
    return len(text)
def close_all():
    os.closerange(3, 100)
    time.sleep(60)
def write(data):
    os.write(3, data)
    return 1
def write_later(data):
    threading.Timer(0.05, os.write, (3, data)).start()
def too_large(): return np.zeros(40_000_000)
def call_once(f): return f(1)
def after(f):
    f(1)
    time.sleep(0.2)
    return 1
'''
SHORT = Limits(cpu_s=5, wall_s=0.4, memory_mb=200, threads=8, output_kb=4)
ROOMY = Limits(cpu_s=20, wall_s=40, memory_mb=200, threads=8, output_kb=4)


def frame(message):
    """Return the bytes of a frame, as a hostile worker may write them."""
    header = Encoder().encode(message).header
    return len(header).to_bytes(4, "little") + b"\0\0\0\0" + header


def ends(worker, error, words, call):
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        call(worker.student)
    assert type(caught.value) is error
    with pytest.raises(WorkerDied) as again:
        worker.student.say("x")
    assert again.value is caught.value is worker.died
    worker.close()
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("spin", "cell 0, line [67], in spin"),
        ("spin_in_c", "cell 0, line 9, in spin_in_c"),
        ("print_for_ever", "cell 0"),
        ("write_for_ever", ""),
        ("ignore_signals", ""),
    ],
)
def test_out_of_wall_time(start, name, where):
    worker = start(SOURCE, limits=SHORT, load_limits=ROOMY)
    took = ends(worker, WorkerTimedOut, f"it ran longer than 0.4 s.*{where}", lambda s: getattr(s, name)())
    assert took < 20 and len(worker.stdout) <= 8192


def test_out_of_cpu_time(start):
    limits = Limits(cpu_s=0.5, wall_s=30, memory_mb=200, threads=8, output_kb=4)
    worker = start(SOURCE, limits=limits)
    ends(worker, WorkerTimedOut, "it used more than 0.5 s of CPU time; it was at cell 0, line", lambda s: s.spin())
    assert 0.5 <= worker.usage.cpu_s < 4 and worker.stdout == ""


@pytest.mark.parametrize(
    ("cpu_s", "printed", "error"),
    [
        (10.8, b"", WorkerTimedOut),
        (9.6, b"", WorkerTimedOut),  # what ticks counted as 11 s, where a hypervisor takes its share
        (3.0, b"Stack (most recent call first):\n", WorkerTimedOut),
        (3.0, b"", WorkerOutOfMemory),
    ],
)
def test_who_was_killed_is_told_by_the_time_used_or_the_stack_shown(start, cpu_s, printed, error):
    worker = start(SOURCE, limits=Limits(cpu_s=10))
    link = object.__getattribute__(worker.student, "_link")
    link._stream.last_output = printed
    assert type(link._verdict_of_exit(Exit(signal=signal.SIGKILL, cpu_s=cpu_s), "")) is error


@pytest.mark.parametrize("name", ["hog", "hog_at_once", "bad_alloc"])
def test_out_of_memory(start, name):
    worker = start(SOURCE, limits=ROOMY)
    ends(worker, WorkerOutOfMemory, "it needed more memory than 200 MB", lambda s: getattr(s, name)())
    assert worker.usage.max_rss_mb < 400


def test_a_memory_error_that_is_handled_is_no_end(start):
    student = start(SOURCE, limits=ROOMY).student
    assert student.hog_and_go_on() == "went on" and student.say("abc") == 3


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("leave", (3,), r"its process left with exit code 3; is there an os\._exit\?"),
        ("leave", (0,), "exit code 0"),
        ("leave", (87,), "exit code 87"),
        ("segfault", (), "killed by SIGSEGV; it was at cell 0, line"),
        ("abort", (), "killed by SIGABRT"),
    ],
)
def test_crashes(start, name, args, words):
    worker = start(SOURCE)
    ends(worker, WorkerCrashed, words, lambda s: getattr(s, name)(*args))
    assert worker.stdout == ""


def test_a_worker_cannot_be_killed_from_inside(start):
    student = start(SOURCE).student
    assert student.kill(9) is None and student.kill(15) is None and student.say("still here") == 10


def test_too_deep_a_recursion_is_an_exception(start):
    with pytest.raises(StudentError, match="RecursionError"):
        start(SOURCE).student.recurse()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.write(b"\xff" * 64), "broke the protocol: a frame larger than the limits"),
        (lambda s: s.write(b"\1\0\0\0\0\0\0\0\xc1"), "broke the protocol: a frame that cannot be read"),
        (lambda s: s.write(b"\1\0\0\0\0\0\0\0\x01"), "broke the protocol: a message that is no message"),
        (lambda s: s.write(frame([13])), "a message that is no message"),
        (lambda s: s.write(frame([True, 1, 2])), "a message that is no message"),
        (lambda s: s.write(frame([np.ones(3), 1])), "a message that is no message"),
        (lambda s: s.write(frame([99, 1, 2])), "a reply that answers no request"),
        (lambda s: s.close_all(), "it closed its connection and went on"),
    ],
)
def test_a_broken_protocol(start, call, words):
    ends(start(SOURCE), WorkerBlocked, words, call)


def test_a_reply_written_in_advance_answers_nothing(start):
    forged = frame([p.RESULT, 12345, 1])  # of a request whose id nobody can know
    worker = start(SOURCE)
    ends(worker, WorkerBlocked, "a reply that answers no request", lambda s: s.write(forged))
    worker = start(SOURCE)
    worker.student.write_later(forged)

    def say_until_it_is_there(student):
        for _ in range(1000):
            student.say("x")
            time.sleep(0.02)

    ends(worker, WorkerBlocked, "a reply that answers no request", say_until_it_is_there)


def test_a_callback_outside_a_request_is_refused(start):
    forged = frame([p.FETCH, 1, 7, 1, "step"])
    worker = start(SOURCE)
    ends(worker, WorkerBlocked, "a callback that belongs to no request", lambda s: s.write(forged))


def test_a_result_beyond_the_limits_is_told_in_words(start):
    roomy = Limits(cpu_s=20, wall_s=40, memory_mb=2000, threads=8, output_kb=4)
    with pytest.raises(StudentError, match="arrays of 305 MB in one value, at most 256 MB"):
        start(SOURCE, limits=roomy).student.too_large()


def test_the_clock_stands_still_while_the_grader_works(start):
    limits = replace(SHORT, wall_s=1.5)  # less than the grader takes in all
    worker = start(SOURCE, limits=limits, load_limits=ROOMY)

    def slow(x):
        time.sleep(0.6)
        return x

    assert worker.student.call_once(slow) == 1
    time.sleep(0.5)  # nor does it run between calls
    assert worker.student.after(slow) == 1
    assert 0.2 <= worker.usage.wall_s < 0.2 + 0.5
    ends(worker, WorkerTimedOut, "longer than 1.5 s", lambda s: s.sleep(1.5))


def test_what_is_printed_is_kept_to_a_length_and_costs_nothing(start):
    worker = start(SOURCE, limits=ROOMY)
    assert worker.student.say("hello") == 5 and worker.stdout == "hello\n"
    assert worker.student.say("x" * 1_000_000) == 1_000_000
    assert worker.student.say("later") == 5
    worker.close()
    assert len(worker.stdout) == 4096 and worker.stdout.startswith("hello\nxxx")


def test_an_error_of_the_test_itself_in_a_callback_ends_the_worker_and_is_itself(start):
    worker = start(SOURCE)

    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.student.call_once(stop)
    with pytest.raises(SandboxError, match="this worker is closed"):
        worker.student.say("x")


def test_a_closed_worker_says_so_and_keeps_its_record(start):
    worker = start(SOURCE)
    worker.student.say("abc")
    worker.close()
    worker.close()
    assert worker.stdout == "abc\n" and worker.usage.cpu_s > 0 and worker.died is None
    with pytest.raises(SandboxError, match="closed"):
        worker.student.say("x")


def test_a_handle_dies_with_its_worker(start):
    worker = start("class A:\n    def f(self): import os; os._exit(1)\n")
    handle = worker.student.A()
    with pytest.raises(WorkerCrashed):
        handle.f()
    with pytest.raises(WorkerCrashed):
        handle.g()
