"""What student code tries from inside a worker, in the strongest tier, and how it ends."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.sandbox import StudentError, attacks
from autograder.sandbox.probes import _hidden_paths

ROOT = Path(__file__).parents[3]
SOURCE = '''
import ctypes, os, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)

def read(path): return open(path).read()
def listing(path): return sorted(os.listdir(path))
def ids(): return os.getpid(), os.getuid()
def leave(path):
    with open(path, "w") as file:
        file.write("mine")
    return os.path.exists(path)
def exists(path): return os.path.lexists(path)
def run(): return subprocess.run(["/bin/true"])
def fork(): return os.fork()
def connect(): return socket.create_connection(("127.0.0.1", 22), 1)
def errno_of(name, *args):
    result = getattr(libc, name)(*args)
    return ctypes.get_errno() if result == -1 else 0
def kill(pid): return os.kill(pid, 0)
def descriptors(): return [fd for fd in range(64) if is_open(fd)]
def is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
def threads(n):
    made = [threading.Thread(target=lambda: None) for _ in range(n)]
    [t.start() for t in made]
    [t.join() for t in made]
    return n
def fill(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
'''


@pytest.fixture
def worker(start):
    return start(SOURCE)


@pytest.fixture
def student(worker):
    return worker.student


def refused(call, *args, kind="PermissionError|FileNotFoundError"):
    with pytest.raises(StudentError, match=kind) as caught:
        call(*args)
    return caught.value.message


def test_the_course_is_not_there(student, tmp_path):
    secret = tmp_path / "hidden.txt"
    secret.write_text("secret")
    for path in (ROOT / "solutions", ROOT / "pyproject.toml", ROOT / "assignments", ROOT / "tests", ROOT / ".git"):
        assert path.exists() or path.name == ".git"
        assert not student.exists(str(path))
    refused(student.read, str(secret))
    refused(student.read, "/etc/shadow")
    refused(student.read, "/etc/passwd")
    assert "solutions" not in student.listing("/packages")


def test_only_the_courses_own_packages_are_shown(student):
    assert student.listing("/packages") == ["autograder", "environments"]
    assert student.listing("/tmp/work") == []


def test_no_other_process_is_seen_or_reached(student):
    assert student.ids()[0] == 1  # the first of its own namespace
    refused(student.listing, "/proc")
    refused(student.read, "/proc/self/status")
    assert "processor" in student.read("/proc/cpuinfo")  # torch looks here
    refused(student.read, "/proc/1/environ")
    for pid in (2, os.getpid(), os.getppid()):
        refused(student.kill, pid, kind="ProcessLookupError|PermissionError")


def test_nothing_is_written_outside_its_tmp(student):
    for folder in ("/", "/usr/lib", "/packages", "/packages/autograder", "/dev", "/proc", "/var", "/home", sys.prefix):
        refused(student.leave, os.path.join(folder, "left"), kind=r"PermissionError|FileNotFoundError|OSError")
    assert student.leave("/tmp/mine") and student.leave("mine")


def test_nothing_is_left_for_the_next_submission(start):
    for folder in ("/tmp", "/dev/shm"):
        assert start(SOURCE).student.leave(f"{folder}/left-behind")
        assert not start(SOURCE).student.exists(f"{folder}/left-behind")


def test_no_process_is_started_and_the_reason_is_said(student):
    words = "the grader's sandbox starts no new process: use num_workers=0 for a DataLoader"
    assert words in refused(student.run) and words in refused(student.fork)
    for name in ("fork", "vfork"):
        assert student.errno_of(name) == 1
    assert student.errno_of("execve", b"/bin/true", None, None) == 1
    assert student.errno_of("memfd_create", b"x", 0) == 1
    assert student.errno_of("ptrace", 0, 0, 0, 0) == 1
    assert student.errno_of("unshare", 0x10000000) == 1
    assert student.errno_of("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 1
    assert student.errno_of("syscall", 435, 0, 0) == 38  # clone3: ENOSYS, so that threads fall back to clone


def test_threads_work_up_to_their_limit(student):
    assert student.threads(6) == 6


def test_there_is_no_network_and_the_reason_is_said(student):
    assert "the grader's sandbox has no network" in refused(student.connect)
    assert student.errno_of("socket", 2, 1, 0) == 1 and student.errno_of("socket", 1, 1, 0) == 1


def test_an_event_loop_runs(start):
    source = "import asyncio\nasync def g(): return 3\ndef f(): return asyncio.run(g())"
    assert start(source).student.f() == 3


def test_its_descriptors_are_its_own(student):
    assert student.descriptors() == [0, 1, 2, 3]


def test_files_have_a_size(student):
    refused(student.fill, "/tmp/large", 200, kind="OSError")


def test_the_probes_find_what_is_open(tmp_path):
    """Each attack succeeds where nothing stands in its way: here, in a subprocess without any sandbox."""
    (tmp_path / "hidden.txt").write_text("secret")
    secret = str(tmp_path / "hidden.txt")
    neighbour = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = {
        "tier": "B", "hidden_file": secret, "hidden_paths": [str(tmp_path)], "secrets": [secret],
        "grader_pid": os.getpid(), "neighbour": neighbour.pid, "neighbours_files": [], "environment": "PATH",
        "outside": ["/", "/usr", "/dev", "/var/tmp"], "memory_mb": 512, "file_mb": 128,
    }  # fmt: skip
    code = f"from autograder.sandbox import attacks; print(attacks.attack({here!r}))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, pass_fds=(os.open(secret, os.O_RDONLY),),
        )  # fmt: skip
    finally:
        neighbour.communicate()
    results = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    open_doors = {name for name, how in results.items() if how.startswith("!! ")}
    needs_root = set() if os.getuid() == 0 else {"write_outside"}
    assert open_doors >= {a.__name__ for a in attacks.ATTACKS} - needs_root - {"new_namespace"}


def test_the_probes_ran_and_stopped_every_attack(sandbox):
    report = sandbox.report
    assert {name for name, _ in report.probes} == {a.__name__ for a in attacks.ATTACKS}
    assert not any(how.startswith("!!") for _, how in report.probes)
    assert report.sentence == "tier A: " + (
        "hidden files unreadable, grades unforgeable, submissions isolated from each other, barring bugs of the kernel"
    )


def test_paths_for_the_probe_leave_out_what_is_shown(tmp_path):
    for name in ("hidden", "shown", "holds"):
        (tmp_path / name).mkdir()
    shown = [str(tmp_path / "shown"), str(tmp_path / "holds" / "deeper")]
    assert _hidden_paths(tmp_path, shown) == [str(tmp_path / "hidden")]
