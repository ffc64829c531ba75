"""Every layer is real: with it left out, what it stops succeeds; with it in place, and others left out, not."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import Cell, Defence, Sandbox, StudentError, Trusted, Worker, WorkerCode, WorkerDied

D = Defence
SOURCE = r'''
import ctypes, os, signal, struct, sys, threading, time
import msgpack
import numpy as np
libc = ctypes.CDLL(None, use_errno=True)
COUNT = 0

def check(number):
    if number < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return number
def read(path): return open(path).read()
def leave(path): open(os.path.join(os.environ["TMPDIR"], path), "w").close()
def left(path): return read(os.path.join(os.environ["TMPDIR"], path))
def reach(pid): os.kill(pid, 0)
def visible(pid): return os.path.exists(f"/proc/{pid}")
def connect(port):
    fd = check(libc.socket(2, 1, 0))
    check(libc.connect(fd, struct.pack("=HHI8x", 2, socket_order(port), 0x0100007F), 16))
def socket_order(port): return (port & 255) << 8 | port >> 8
def queue(key): return check(libc.msgget(key, 0))
def from_descriptor(fd): return os.pread(fd, 100, 0).decode()
def variable(name): return os.environ[name]
def end_group():
    os.kill(0, 9)
    time.sleep(0.5)
def fork():
    pid = check(libc.fork())
    if pid == 0:
        libc._exit(0)
    os.waitpid(pid, 0)
def user(): return os.getuid()
def pid(): return os.getpid()
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
def sleep(seconds): time.sleep(seconds)
def hold(megabytes): return int(np.ones(megabytes << 17).sum()) >> 17
def threads(number):
    stop = threading.Event()
    made = [threading.Thread(target=stop.wait) for _ in range(number)]
    try:
        [thread.start() for thread in made]
    finally:
        stop.set()
def descriptors(number):
    for fd in [os.open("/dev/null", os.O_RDONLY) for _ in range(number)]:
        os.close(fd)
def fill(megabytes):
    with open(os.path.join(os.environ["TMPDIR"], "filled"), "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
def files(number):
    for i in range(number):
        open(f"{i}", "w").close()
def say(length): print("x" * length)
def host():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "call_back"):
        frame = frame.f_back
    return frame.f_locals["self"]
def send(message):
    header = msgpack.packb(message)
    os.write(3, struct.pack("<II", len(header), 0) + header)
def deep():
    value = 1
    for _ in range(50):
        value = [value]
    send([13, host()._requests[-1], value])
def forge_next():
    answer = [13, host()._requests[-1] + 1, "forged"]
    threading.Timer(0.05, send, (answer,)).start()
def honest(): return "honest"
def violate():
    send([99, 1])
    return "went on"
def count():
    global COUNT
    COUNT += 1
    return COUNT
def secret_of(thing): return host().call_back(19, object.__getattribute__(thing, "_number"), "secret")
def use(f, times): return [f() for _ in range(times)][-1]
'''
CODE = WorkerCode((Cell("a", SOURCE),))
ROOMY = Limits(cpu_s=20, wall_s=60, memory_mb=600, threads=8, output_kb=4)


class World:
    """One sandbox, and what lies around it for attacks to find."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.workers: list[Worker] = []

    def student(self, **limits: float) -> Any:
        loading = replace(ROOMY, memory_mb=limits.get("memory_mb", ROOMY.memory_mb))
        self.workers.append(self.sandbox.worker(CODE, replace(ROOMY, **limits), loading))
        return self.workers[-1].student


@contextmanager
def nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Trial:
    """What one layer stops: ``attack`` returns when it gets through, and raises when it is held."""

    defence: Defence
    attack: Callable[[World], object]
    with_: tuple[Defence, ...] = ()  # layers behind it that would hold the attack too
    tiers: tuple[str, ...] = ("A", "A'", "B", "C")
    setup: Callable[[pytest.MonkeyPatch, Path], AbstractContextManager[None]] = nothing


def reads_secret(world: World) -> None:
    assert world.student().read(str(world.folder / "secret.txt")) == "secret"


def leaves_something(world: World) -> None:
    first, second = world.student(), world.student()
    first.leave("left")
    second.left("left")


def sees_the_grader(world: World) -> None:
    assert world.student().visible(os.getpid())


def reaches_the_grader(world: World) -> None:
    world.student().reach(os.getpid())


def connects(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        world.student().connect(server.getsockname()[1])


def finds_queue(world: World) -> None:
    libc, key = ctypes.CDLL(None), 0x5EC
    number = libc.msgget(key, 0o1000 | 0o666)
    try:
        assert world.student().queue(key) == number
    finally:
        libc.msgctl(number, 0, None)


def shares_a_user(world: World) -> None:
    first, second = world.student(), world.student()
    first.reach(second.pid())


FD = 60


@contextmanager
def open_inheritable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    fd = os.open(folder / "secret.txt", os.O_RDONLY)
    os.dup2(fd, FD, inheritable=True)
    os.close(fd)
    try:
        yield
    finally:
        os.close(FD)


@contextmanager
def in_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    monkeypatch.setenv("SECRET", "secret")
    yield


def reads_descriptor(world: World) -> None:
    assert world.student().from_descriptor(FD) == "secret"


def ends_its_group(world: World) -> None:
    with suppress(WorkerDied), pytest.raises(SandboxError, match="lost"):
        world.student().end_group()


def shares_a_group(world: World) -> None:
    world.student()
    pid = world.workers[-1]._link._process.pid()
    assert os.getsid(pid) != pid


def forges(world: World) -> None:
    student = world.student()
    student.forge_next()
    time.sleep(1.0)  # it comes 0.05 s later
    assert student.honest() == "forged"


def goes_on_after_a_violation(world: World) -> None:
    student = world.student()
    assert student.violate() == "went on" and student.honest() == "honest"


def keeps_state(world: World) -> None:
    assert [world.student().count(), world.student().count()] == [1, 2]


class Thing:
    secret = "secret"

    def step(self) -> int:
        return 1


def reaches_into(world: World) -> None:
    assert world.student().secret_of(Trusted(Thing(), methods=("step",))) == "secret"


def overspends(world: World) -> None:
    thing = Trusted(Thing().step, methods=("__call__",), budget={"__call__": 3})
    assert world.student().use(thing, 5) == 1


def prints_much(world: World) -> None:
    world.student().say(100_000)
    world.workers[-1].close()
    assert len(world.workers[-1].stdout) > 100_000


WARM, ABOVE_C = ("A", "B"), ("A", "A'", "B")
TRIALS = (
    Trial(D.FILES, reads_secret, (D.LANDLOCK,), ABOVE_C),
    Trial(D.LANDLOCK, reads_secret, (D.FILES,), ABOVE_C),
    Trial(D.OWN_FILES, leaves_something),
    Trial(D.PROCESSES, sees_the_grader, (D.LANDLOCK,), ("A", "A'")),
    Trial(D.PROCESSES, reaches_the_grader, (D.LANDLOCK,), ("A", "A'")),
    Trial(D.NETWORK, connects, (D.SECCOMP, D.LANDLOCK), ("A", "A'")),
    Trial(D.SECCOMP, connects, (D.NETWORK, D.LANDLOCK), ("A", "A'")),
    Trial(D.IPC, finds_queue, (D.SECCOMP,), ("A", "A'")),
    Trial(D.OWN_USER, shares_a_user, (D.LANDLOCK,), ("B",)),
    Trial(D.DESCRIPTORS, reads_descriptor, setup=open_inheritable),
    Trial(D.ENVIRONMENT, lambda w: w.student().variable("SECRET"), setup=in_environment),
    Trial(D.SESSION, ends_its_group, (D.LANDLOCK,), ("A",)),
    Trial(D.SESSION, shares_a_group),
    Trial(D.SECCOMP, lambda w: w.student().fork(), tiers=ABOVE_C),
    Trial(D.CPU_LIMIT, lambda w: w.student(cpu_s=0.3).burn(0.6)),
    Trial(D.WALL_LIMIT, lambda w: w.student(wall_s=0.3).sleep(0.5)),
    Trial(D.MEMORY_LIMIT, lambda w: w.student(memory_mb=200).hold(300)),
    Trial(D.THREAD_LIMIT, lambda w: w.student().threads(20), tiers=ABOVE_C),
    Trial(D.DESCRIPTOR_LIMIT, lambda w: w.student().descriptors(400)),
    Trial(D.DISK_LIMIT, lambda w: w.student().fill(100)),
    Trial(D.INODE_LIMIT, lambda w: w.student().files(21_000), tiers=("A", "A'", "B")),
    Trial(D.OUTPUT_LIMIT, prints_much),
    Trial(D.FRAME_LIMITS, lambda w: w.student().deep()),
    Trial(D.REQUEST_IDS, forges),
    Trial(D.VIOLATIONS, goes_on_after_a_violation),
    Trial(D.FRESH_WORKER, keeps_state),
    Trial(D.TRUSTED, reaches_into),
    Trial(D.BUDGET, overspends),
)  # fmt: skip


def test_every_layer_has_a_trial():
    assert {trial.defence for trial in TRIALS} == set(Defence)


def gets_through(trial: Trial, sandbox: Sandbox, folder: Path) -> bool:
    world = World(sandbox, folder)
    try:
        trial.attack(world)
    except (StudentError, WorkerDied, AssertionError, pytest.fail.Exception):
        return False
    finally:
        for worker in world.workers:
            worker.close()
    return True


@pytest.fixture(scope="module")
def sandboxes():
    """Sandboxes by tier and by what they leave out; those that only behave are shared between trials."""
    made: dict[tuple[str, frozenset[Defence]], Sandbox] = {}

    def get(tier: str, without: tuple[Defence, ...]) -> Sandbox:
        key = tier, frozenset(without)
        if key not in made:
            made[key] = Sandbox((), tier=tier, without=without)
        return made[key]

    yield get
    for sandbox in made.values():
        sandbox.close()


def cases():
    for trial in TRIALS:
        for tier in trial.tiers:
            marks = () if tier == "A" and trial.defence is not D.INODE_LIMIT else (pytest.mark.slow,)
            yield pytest.param(trial, tier, id=f"{trial.defence}-{trial.attack.__name__}-{tier}", marks=marks)


@pytest.mark.parametrize(("trial", "tier"), cases())
def test_what_a_layer_stops_succeeds_without_it(trial, tier, tmp_path, monkeypatch, sandboxes):
    (tmp_path / "secret.txt").write_text("secret")
    with trial.setup(monkeypatch, tmp_path):
        with Sandbox((), tier=tier, without=(trial.defence, *trial.with_)) as sandbox:
            assert gets_through(trial, sandbox, tmp_path)
        if trial.setup is nothing:
            assert not gets_through(trial, sandboxes(tier, trial.with_), tmp_path)
        else:
            with Sandbox((), tier=tier, without=trial.with_) as sandbox:
                assert not gets_through(trial, sandbox, tmp_path)
