"""Whoever dies, and whenever: none of its processes and folders stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STOPPED = """
import os, signal, sys, time
from autograder.grading import pool
from autograder.sandbox import Sandbox, mapping

whole = mapping.Handshake.complete
def complete(self):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)
    whole(self)
mapping.Handshake.complete = complete
signal.signal(signal.SIGTERM, pool._terminated)
Sandbox(("numpy",), read_only=[sys.argv[1]])
time.sleep(30)
"""


def running_with(text: str) -> list[str]:
    """Return the command lines of processes that name a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            found.append(line[:200])
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's bubblewrap waits for its users to be mapped")
def test_a_process_that_is_stopped_while_its_sandbox_starts_leaves_nothing(tmp_path: Path) -> None:
    """Without its parent the child of a half-started bubblewrap would wait for ever."""
    stopped = subprocess.run([sys.executable, "-c", STOPPED, str(tmp_path)], check=False, timeout=300)
    assert stopped.returncode == 128 + signal.SIGTERM
    until = time.monotonic() + 60
    while running_with(str(tmp_path)) and time.monotonic() < until:
        time.sleep(0.05)
    assert running_with(str(tmp_path)) == []
