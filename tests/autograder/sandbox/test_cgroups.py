"""Control groups: found where they may be made, and what they hold is the kernel's to count."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from autograder.course import Limits
from autograder.sandbox import Cell, Sandbox, WorkerCode, WorkerOutOfMemory, cgroups

HERE = cgroups.find()
needs_groups = pytest.mark.skipif(HERE is None, reason="no control group may be made here")
WAITS = "import sys\nsys.stdin.readline()\n"


def started(code):
    return subprocess.Popen(
        [sys.executable, "-c", WAITS + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@needs_groups
def test_memory_beyond_the_groups_ends_the_process_and_says_so():
    process = started("kept = bytearray(300 << 20)\nprint(len(kept))")
    group = HERE.admit(process.pid, 50, 8)
    assert not group.ran_out()
    output, _ = process.communicate("go\n")
    assert (process.returncode, output) == (-9, "") and group.ran_out()
    HERE.remove(group)
    assert not any(folder.exists() for folder in group.folders)


@needs_groups
def test_tasks_beyond_the_groups_are_refused():
    code = (
        "import os, signal\n"
        "made = []\n"
        "try:\n"
        "    while len(made) < 50:\n"
        "        made.append(os.fork()) if made or True else 0\n"
        "        if made[-1] == 0: signal.pause()\n"
        "except OSError as error: print(len(made), error.strerror)\n"
        "for pid in made: os.kill(pid, 9)\n"
    )
    process = started(code)
    group = HERE.admit(process.pid, 500, 5)
    assert process.communicate("go\n")[0] == "4 Resource temporarily unavailable\n"
    until = time.monotonic() + 60
    HERE.remove(group)
    while any(folder.exists() for folder in group.folders) and time.monotonic() < until:
        time.sleep(0.05)  # children that nobody waited for are still being buried
        HERE.tidy()
    assert not any(folder.exists() for folder in group.folders)


@needs_groups
def test_a_worker_that_the_kernel_ends_for_memory_is_out_of_memory(monkeypatch):
    monkeypatch.setattr(cgroups, "_SLACK_MB", -200)  # so that the group is reached before the addresses end
    code = WorkerCode((Cell("a", "import numpy as np\ndef hold(n): return int(np.ones(n << 17).sum())"),))
    limits = Limits(cpu_s=20, wall_s=60, memory_mb=300, threads=4, output_kb=4)
    with Sandbox((), tier="A") as sandbox, sandbox.worker(code, limits) as worker:
        assert worker.student.hold(50) == 50 << 17
        with pytest.raises(WorkerOutOfMemory, match="it needed more memory than 300 MB"):
            worker.student.hold(280)
    assert not list(_groups_of(os.getpid()))


@needs_groups
def test_groups_of_a_killed_grader_are_removed_by_the_next():
    gone = started("")
    gone.communicate("go\n")
    for parent in HERE.parents:
        (parent / f"autograder-{gone.pid}-1-1").mkdir()
    assert len(list(_groups_of(gone.pid))) == len(HERE.parents)
    cgroups.find()
    assert not list(_groups_of(gone.pid))


def _groups_of(pid):
    return (folder for parent in HERE.parents for folder in parent.glob(f"autograder-{pid}-*"))


def machine(folder, mounts, own):
    (folder / "proc").mkdir()
    (folder / "proc" / "mounts").write_text("".join(f"none {folder}/{line} 0 0\n" for line in mounts))
    (folder / "proc" / "cgroup").write_text(own)
    return folder / "proc"


def group(folder, controllers="cpu memory pids", offered="", procs="", typed=True):
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(offered)
    (folder / "cgroup.procs").write_text(procs)
    if typed:
        (folder / "cgroup.type").write_text("domain")


def test_root_of_version_2_is_used_where_it_offers_both(tmp_path):
    group(tmp_path / "cg", offered="cpu memory pids", typed=False)
    proc = machine(tmp_path, ["cg cgroup2 rw"], "0::/user.slice\n")
    found = cgroups.find(proc)
    assert found.parents == (tmp_path / "cg",) and found.version.number == 2


def test_a_delegated_group_makes_room_below_itself(tmp_path, monkeypatch):
    group(tmp_path / "cg")
    group(tmp_path / "cg" / "scope", procs="11\n12\n")
    proc = machine(tmp_path, ["cg cgroup2 rw"], "0::/scope\n")
    written = []

    def write(path, value):
        written.append((str(path.relative_to(tmp_path / "cg")), value))
        if path.name == "cgroup.subtree_control":
            path.write_text("memory pids")

    monkeypatch.setattr(cgroups, "_write", write)
    found = cgroups.find(proc)
    assert found.parents == (tmp_path / "cg" / "scope",)
    assert written == [
        ("scope/autograder-grader/cgroup.procs", "11"), ("scope/autograder-grader/cgroup.procs", "12"),
        ("scope/cgroup.subtree_control", "+memory +pids"),
    ]  # fmt: skip
    written.clear()
    (tmp_path / "proc" / "cgroup").write_text("0::/scope/autograder-grader\n")  # another process of the grader
    assert cgroups.find(proc).parents == found.parents and not written
    made = found.admit(77, 100, 9)
    name = f"scope/{made.folders[0].name}"
    assert written == [
        (f"{name}/memory.max", 164 << 20), (f"{name}/memory.swap.max", 0), (f"{name}/pids.max", 9),
        (f"{name}/cgroup.procs", 77),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        ([], "0::/\n"),
        (["cg cgroup2 rw"], "0::/nowhere\n"),
        (["cg cgroup rw,memory"], "4:memory:/\n"),  # tasks cannot be counted
    ],
)
def test_nowhere_is_an_answer(tmp_path, mounts, own):
    group(tmp_path / "cg", controllers="hugetlb")
    assert cgroups.find(machine(tmp_path, mounts, own)) is None
    assert cgroups.find(tmp_path / "no proc") is None


def test_a_process_that_is_gone_has_no_group(tmp_path):
    groups = cgroups.Groups((tmp_path,), cgroups._V2)
    assert groups.admit(2**22 + 1, 100, 4) is None and not list(tmp_path.iterdir())
