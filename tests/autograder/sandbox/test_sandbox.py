"""The sandbox itself: tiers, refusals in words, sharing between threads, coming back after a loss."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import (
    Cell,
    Sandbox,
    StudentError,
    Tier,
    WorkerCode,
    WorkerCrashed,
    WorkerTimedOut,
    bubblewrap,
    measure,
    supervisor,
)

CODE = WorkerCode((Cell("a", "import os\ndef f(x): return x + 1\ndef pid(): return os.getpid()\ndef die(): os._exit(2)"),))
SPIN = WorkerCode((Cell("a", "def spin():\n    while True: pass", label="cell 1"),))
LIMITS = Limits(cpu_s=5, wall_s=20, memory_mb=256, threads=4, output_kb=8)


@pytest.mark.parametrize("tier", [Tier.A_PRIME, Tier.C])
def test_the_other_tiers_serve_alike(tier):
    with Sandbox(("numpy",), tier=tier) as sandbox:
        assert sandbox.tier is tier
        with sandbox.worker(CODE, LIMITS) as worker:
            assert worker.student.f(1) == 2
            with pytest.raises(WorkerCrashed, match="exit code 2"):
                worker.student.die()
        assert worker.usage.cpu_s > 0
        short = Limits(cpu_s=5, wall_s=0.3, memory_mb=256)
        where = r"longer than 0\.3 s; it was at cell 1, line 2, in spin"
        with sandbox.worker(SPIN, short, LIMITS) as worker, pytest.raises(WorkerTimedOut, match=where):
            worker.student.spin()


def test_tier_c_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxError) as caught:
        Sandbox()
    text = str(caught.value)
    assert "Tier B: each submission needs a user of its own, and only root can give it one" in text
    assert "student code cannot be kept apart on this machine" in text
    assert "Tier A: bubblewrap is not installed: no `bwrap` on PATH." in text
    assert "apt-get install bubblewrap" in text
    with Sandbox(tier="C") as sandbox, sandbox.worker(CODE, LIMITS) as worker:
        assert worker.student.f(1) == 2


def test_a_weaker_tier_is_taken_with_the_reason(monkeypatch):
    def refuse(*args):
        raise SandboxError("no nested namespaces here")

    monkeypatch.setitem(supervisor._LAUNCHERS, Tier.A, refuse)
    with Sandbox() as sandbox:
        assert sandbox.tier is Tier.A_PRIME
        assert sandbox.report.refused == ((Tier.A, "no nested namespaces here"),)
    with pytest.raises(SandboxError, match="Tier A: no nested namespaces here"):
        Sandbox(tier="A")


def test_a_module_that_cannot_be_preloaded_is_named():
    with pytest.raises(SandboxError, match="cannot preload 'no_such_module': ModuleNotFoundError"):
        Sandbox(("no_such_module",), tier="A")


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(SandboxError, match="no package 'no_such_package' to show to student code"):
        Sandbox(tier="A", packages=("no_such_package",))


def test_what_is_asked_for_is_shown_and_no_more(tmp_path):
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "a.txt").write_text("for all")
    (tmp_path / "hidden.txt").write_text("secret")
    code = WorkerCode((Cell("a", "def read(path): return open(path).read()"),))
    with Sandbox(tier="A", read_only=[tmp_path / "shown"]) as sandbox, sandbox.worker(code, LIMITS) as worker:
        assert worker.student.read(str(tmp_path / "shown" / "a.txt")) == "for all"
        with pytest.raises(StudentError, match="FileNotFoundError"):
            worker.student.read(str(tmp_path / "hidden.txt"))


def test_a_warm_parent_knows_nothing_of_the_graders_environment(monkeypatch):
    monkeypatch.setenv("GRADING_SEED", "12345")
    code = WorkerCode((Cell("a", "import os\ndef environ(): return dict(os.environ)"),))
    with Sandbox(tier="A") as sandbox, sandbox.worker(code, LIMITS) as worker:
        environ = worker.student.environ()
    assert "12345" not in environ.values() and environ["OMP_NUM_THREADS"] == "1"
    assert set(environ) <= {*bubblewrap.ENVIRONMENT, "PYTHONPATH", "PWD"}


def test_threads_share_a_sandbox(sandbox):
    def one(i):
        with sandbox.worker(CODE, LIMITS) as worker:
            return [worker.student.f(k) for k in range(i, i + 20)]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, range(12)))
    assert results == [list(range(i + 1, i + 21)) for i in range(12)]


def test_a_killed_warm_parent_is_replaced_and_costs_nobody_points():
    with Sandbox(tier="A") as sandbox:
        worker = sandbox.worker(CODE, LIMITS)
        assert worker.student.f(1) == 2
        os.kill(sandbox.processes[0], signal.SIGKILL)
        with pytest.raises(SandboxError, match="a worker is lost, and with it the warm parent"):
            for _ in range(1000):  # the kernel takes its time
                worker.student.f(1)
                time.sleep(0.01)
        worker.close()
        with sandbox.worker(CODE, LIMITS) as again:
            assert again.student.f(1) == 2


def test_a_warm_parent_that_no_longer_answers_is_replaced_before_the_kernel_has_ended_it(monkeypatch):
    with Sandbox(tier="A") as sandbox:
        os.kill(sandbox.processes[0], signal.SIGKILL)
        launcher = sandbox._launcher
        launcher._parent.process.wait(60)
        monkeypatch.setattr(launcher._parent.process, "poll", lambda: None)  # as where the machine is busy
        with sandbox.worker(CODE, LIMITS) as worker:
            assert worker.student.f(1) == 2


def _use(sandbox):
    try:
        sandbox.worker(CODE, LIMITS)
    except SandboxError as error:
        return os._exit(7 if "belongs to the process that made it" in str(error) else 8)
    os._exit(9)


def test_another_process_needs_a_sandbox_of_its_own(sandbox):
    process = multiprocessing.get_context("fork").Process(target=_use, args=(sandbox,))
    process.start()
    process.join(30)
    assert process.exitcode == 7


def test_closing_takes_everything_along_at_once():
    sandbox = Sandbox(tier="A")
    workers = [sandbox.worker(CODE, LIMITS) for _ in range(5)]
    (parent,) = sandbox.processes
    assert workers[0].student.f(1) == 2
    began = time.monotonic()
    sandbox.close()
    assert time.monotonic() - began < 20, "nothing is waited for"
    assert not os.path.exists(f"/proc/{parent}")
    for worker in workers:
        with pytest.raises(SandboxError):
            worker.student.f(1)
        worker.close()


def test_a_grader_that_is_killed_leaves_nothing_behind(tmp_path):
    code = (
        "import time, autograder.sandbox as a\n"
        "sandbox = a.Sandbox(tier='A')\nprint(sandbox.processes[0], flush=True)\ntime.sleep(60)\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert grader.stdout is not None
    parent = int(grader.stdout.readline())
    grader.kill()
    grader.wait()
    grader.stdout.close()
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{parent}") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{parent}")


def test_the_costs_are_measured():
    costs = measure.measure(("numpy",), "A", repeats=3)
    assert costs.tier == "A" and 0 < costs.worker_cpu_ms < 5000 and 0 < costs.call_us < 1_000_000


def test_workers_import_nothing_of_the_graders_tools(start):
    source = "import sys\ndef loaded(): return sorted(sys.modules)"
    loaded = set(start(source).student.loaded())
    assert "numpy" in loaded
    assert not loaded & {"pydantic", "click", "pytest", "nbformat", "rich", "sqlalchemy", "autograder.course"}
