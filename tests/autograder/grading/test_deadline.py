from __future__ import annotations

import signal
import threading
import time

import pytest

from autograder.grading.deadline import deadline


def test_a_test_that_does_not_end_is_stopped() -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"the tests did not end within 0\.05 s of CPU"), deadline(0.05):
        while True:
            pass
    assert time.monotonic() - start < 60


def test_afterwards_nothing_of_it_is_left() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with deadline(0.05):
        pass
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_in_another_thread_it_does_nothing() -> None:
    ended = []

    def run() -> None:
        with deadline(0.01):
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]
