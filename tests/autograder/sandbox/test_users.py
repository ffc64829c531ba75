"""Tier B: what a worker is, what it leaves behind, what must be closed to it, and where it is chosen."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import (
    Cell,
    Defence,
    Sandbox,
    StudentError,
    WorkerCode,
    claims,
    isolation,
    mapping,
    seats,
)
from autograder.sandbox.claims import PLACE, Claim, Place
from autograder.sandbox.seats import BLOCK, WrongAccess, check_access, users_alive
from tests.autograder.sandbox import container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="tier B needs root")

LIMITS = Limits(cpu_s=20, wall_s=60, memory_mb=256, threads=8, output_kb=8)
SOURCE = """
import ctypes, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)
def who(): return os.getresuid(), os.getresgid(), os.getgroups()
def capabilities():
    data = ctypes.create_string_buffer(24)
    libc.capget(struct.pack("Ii", 0x20080522, 0), data)
    return struct.unpack("6I", data.raw)
def read(path): return open(path).read()
def home(): return os.getcwd()
def fill(megabytes):
    for i in range(megabytes):
        with open(f"{i}", "wb") as file:
            file.write(bytes(1 << 20))
    time.sleep(5)
def files(number):
    for i in range(number):
        open(f"f{i}", "w").close()
    time.sleep(5)
def stay():
    if libc.fork() == 0:
        os.setsid()
        if libc.fork() != 0:
            libc._exit(0)
        while True:
            time.sleep(1)
    time.sleep(0.1)
def share(): return libc.shmget(0, 4096, 0o666 | 0o1000), libc.msgget(0, 0o666 | 0o1000), libc.semget(0, 1, 0o1666)
def leave(path): open(path, "w").close()
"""
CODE = WorkerCode((Cell("a", SOURCE),))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox((), tier="B") as made:
        yield made


@pytest.fixture(scope="module")
def unfenced():
    """Neither Landlock nor seccomp: what is left is the user."""
    with Sandbox((), tier="B", without=(Defence.LANDLOCK, Defence.SECCOMP)) as made:
        yield made


def test_each_worker_is_a_user_of_its_own_without_group_or_capability(sandbox):
    seen = set()
    for _ in range(BLOCK + 3):
        with sandbox.worker(CODE, LIMITS) as worker:
            (uid, *uids), gids, groups = worker.student.who()
            assert uids == [uid, uid] and gids == (uid, uid, uid) and groups == [] and uid > 0
            assert worker.student.capabilities() == (0, 0, 0, 0, 0, 0)
            seen.add(uid)
    assert len(seen) == BLOCK - 1  # the first of the block is for nobody; the others take turns


def test_no_two_workers_at_once_have_one_user_and_the_last_is_refused(sandbox):
    workers = [sandbox.worker(CODE, LIMITS) for _ in range(BLOCK - 1)]
    try:
        assert len({worker.student.who()[0][0] for worker in workers}) == BLOCK - 1
        with pytest.raises(SandboxError, match="31 workers at once, and no spare user is left"):
            sandbox.worker(CODE, LIMITS)
    finally:
        for worker in workers:
            worker.close()
    with sandbox.worker(CODE, LIMITS) as worker:
        assert worker.student.who()


def test_the_user_alone_keeps_secrets(unfenced, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    with unfenced.worker(CODE, LIMITS) as one, unfenced.worker(CODE, LIMITS) as other:
        there = Path(other.student.home())
        for path in (tmp_path / "secret.txt", there / "x", there.parent, f"/proc/{os.getpid()}/environ"):
            with pytest.raises(StudentError, match=r"PermissionError|FileNotFoundError"):
                one.student.read(str(path))


def test_what_a_worker_leaves_running_is_ended(unfenced):
    with unfenced.worker(CODE, LIMITS) as worker:
        uid = worker.student.who()[0][0]
        worker.student.stay()
        assert users_alive({uid})
    assert not users_alive({uid})
    with unfenced.worker(CODE, LIMITS) as worker:  # and the warm parent goes on
        assert worker.student.who()


def test_what_a_worker_leaves_in_the_kernel_and_in_open_folders_is_removed(unfenced):
    left = [f"{folder}/left-by-a-worker" for folder in ("/tmp", "/var/tmp", "/dev/shm")]
    with unfenced.worker(CODE, LIMITS) as worker:
        uid = worker.student.who()[0][0]
        assert min(worker.student.share()) >= 0
        for path in left:
            worker.student.leave(path)
        folder = Path(worker.student.home()).parent
        assert all(map(os.path.exists, left)) and folder.exists()
        assert _ipc_of(uid) == {"shm", "msg", "sem"}
    assert not any(map(os.path.exists, left)) and not folder.exists()
    assert _ipc_of(uid) == set()


def test_what_workers_of_a_trial_share_is_there_for_the_next_and_gone_with_the_sandbox():
    left = "/dev/shm/left-by-a-worker"
    with Sandbox((), tier="B", without=(Defence.OWN_FILES, Defence.LANDLOCK)) as shared:
        with shared.worker(CODE, LIMITS) as worker:
            worker.student.leave(left)
        with shared.worker(CODE, LIMITS) as worker:
            assert worker.student.read(left) == ""
    assert not os.path.exists(left)


def test_what_a_preloaded_package_keeps_at_home_lies_in_the_sandboxs_own_folder():
    """The warm parent is root: what it kept in the machine's own folders would stay there."""
    with Sandbox((), tier="B") as made:
        (parent,) = made.processes
        variables = Path(f"/proc/{parent}/environ").read_text().split("\0")
        (home,) = (v.removeprefix("HOME=") for v in variables if v.startswith("HOME="))
        assert os.path.basename(home).startswith(PLACE)
    assert not os.path.exists(home)


@pytest.mark.parametrize("tier", ["A", "A'"])
def test_a_folder_of_the_machine_where_workers_have_theirs_is_no_obstacle(tier):
    """Shown with the host's other files, in a trial, it would lie over the worker's own."""
    there = Path(isolation.HOME)
    mine = not there.exists()
    there.mkdir(exist_ok=True)
    try:
        with Sandbox((), tier=tier, without=(Defence.FILES, Defence.LANDLOCK)) as shown:
            code = WorkerCode(CODE.cells, files={"note.txt": b"here"})
            with shown.worker(code, LIMITS) as worker:
                assert worker.student.read("note.txt") == "here"
    finally:
        if mine:
            there.rmdir()


def _ipc_of(uid: int) -> set[str]:
    return {k for k in ("shm", "msg", "sem") if str(uid) in Path(f"/proc/sysvipc/{k}").read_text().split()}


def test_a_secret_that_others_can_read_is_refused_until_it_is_closed(tmp_path_factory):
    folder = Path("/dev/shm") / f"course-{os.getpid()}"  # below a folder that everybody may pass
    (folder / "solutions").mkdir(parents=True)
    try:
        with pytest.raises(SandboxError) as caught:
            Sandbox((), tier="B", secrets=[folder / "solutions"])
        where = f"{folder}/solutions"
        assert f"could read {where}.\n  Next: chmod -R go= {where}" in str(caught.value)
        (folder / "solutions").chmod(0o700)
        with Sandbox((), tier="B", secrets=[folder / "solutions", folder / "none"]) as sandbox:
            assert sandbox.tier == "B"
    finally:
        (folder / "solutions").rmdir()
        folder.rmdir()


def test_an_interpreter_that_others_cannot_reach_is_named(tmp_path):
    (tmp_path / "python").mkdir()
    tmp_path.chmod(0o700)
    with pytest.raises(WrongAccess) as caught:
        check_access(400_001, [], [str(tmp_path / "python")])
    closed = isolation.closed_folder(str(tmp_path / "python"))
    assert f"could not read {tmp_path}/python, which it needs.\n  Next: chmod o+x {closed}" in str(caught.value)
    with pytest.raises(SandboxError, match=f"could not read {tmp_path}, which it needs.\n  Next: chmod -R o\\+rX"):
        Sandbox((), tier="A", read_only=[tmp_path])


def test_two_graders_claim_different_users_and_places():
    one, other = Claim(), Claim()
    assert abs(one.first - other.first) >= BLOCK
    other.give_back()
    again = Claim()
    assert again.first == other.first
    again.give_back()
    one.give_back()


@pytest.mark.parametrize(
    ("uid_map", "found"),
    [
        ("         0          0 4294967295\n", [400_000, 60_578]),
        ("         0     100000      65536\n", [60_578]),  # a container with users of its own
        ("         0       1000          1\n         1     100000      65536\n", [60_578]),
        ("         0       1000          1\n", []),
    ],
)
def test_numbers_are_taken_from_what_a_container_knows(uid_map, found):
    assert [start for start, count in claims.RANGES if claims._is_mapped(start, count, uid_map)] == found


def test_a_map_that_the_kernel_refuses_is_told_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(mapping, "INNER", 1000)  # twice the same number inside
    before, mark = len(os.listdir("/proc/self/fd")), f"mark_{os.getpid()}"
    for tier in ("A", "A'"):
        with pytest.raises(SandboxError, match="a spare user cannot be mapped for student code"):
            Sandbox((mark,), tier=tier)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    deadline = time.monotonic() + 60
    while _processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _processes_with(mark) == []


def _processes_with(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        found += [line[:200]] if text in line else []
    return found


def test_the_place_of_a_killed_grader_is_removed_by_the_next():
    code = "import time, autograder.sandbox.claims as c\nprint(c.Place().path, flush=True)\ntime.sleep(60)"
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert grader.stdout is not None
    path = Path(grader.stdout.readline().strip())
    mine = Place()
    assert path.is_dir() and path.name.startswith(PLACE)  # while it lives, it stays
    grader.kill()
    grader.wait()
    grader.stdout.close()
    theirs = Place()
    assert not path.exists() and Path(mine.path).is_dir()
    for place in (mine, theirs):
        place.remove()
        assert not Path(place.path).exists()


def test_a_folder_beyond_its_room_is_told(tmp_path):
    seat = seats.Seat(os.getuid(), str(tmp_path / "1"), mounts=False)
    Path(seat.folder).mkdir()
    assert seats.excess(seat) == ""
    seats.furnish(seat, 1, 10)
    Path(seat.folder, "a").write_bytes(bytes(900_000))
    assert seats.excess(seat) == ""
    Path(seat.folder, "b").write_bytes(bytes(300_000))
    assert seats.excess(seat) == "it wrote more than 1 MB"
    seats.furnish(seat, 10, 1)
    assert seats.excess(seat) == "it made more than 1 files"


IN_CONTAINER = """
from autograder.course import Limits
from autograder.sandbox import *
from tests.autograder.sandbox.test_users import CODE, LIMITS
with Sandbox(()) as sandbox:
    report = sandbox.report
    assert report.tier == "B" and [tier for tier, why in report.refused] == ["A", "A'"], report
    assert all("create new namespace" in why for tier, why in report.refused), report
    print(report.sentence)
    for call in (lambda s: s.fill(80), lambda s: s.files(21_000)):
        with sandbox.worker(CODE, LIMITS) as worker:
            try:
                call(worker.student)
            except WorkerBlocked as error:
                print(error)
"""


@pytest.mark.parametrize("options", [(), ("--no-landlock",)])
def test_a_container_without_namespaces_or_mounts_is_given_tier_b(options):
    sentence, *excess = container.run(IN_CONTAINER, *options).splitlines()
    assert sentence.startswith("tier B: hidden files unreadable, grades unforgeable")
    words = "without Landlock, a submission can leave files in folders open to all until it ends"
    assert (words in sentence) is bool(options)
    assert excess == ["it wrote more than 64 MB", "it made more than 20000 files"]


PLAIN = """
import os
from autograder.errors import SandboxError
from autograder.sandbox import *
from tests.autograder.sandbox.test_users import CODE, LIMITS, SOURCE
code = WorkerCode((Cell("a", SOURCE + "import threading\\ndef threads(n):\\n"
    "    stop = threading.Event()\\n    made = [threading.Thread(target=stop.wait) for _ in range(n)]\\n"
    "    try:\\n        [t.start() for t in made]\\n    finally:\\n        stop.set()\\n    return n"),))
for tier in ("A", "A'"):
    with Sandbox((), tier=tier) as sandbox, sandbox.worker(code, LIMITS) as worker:
        assert sandbox.tier == tier and worker.student.capabilities() == (0, 0, 0, 0, 0, 0)
        assert worker.student.threads(6) == 6
        for call in (
            lambda s: s.threads(30), lambda s: s.files(21_000), lambda s: s.read("/etc/passwd"),
        ):
            try:
                call(worker.student)
            except StudentError as error:
                print(tier, error.message)
try:
    Sandbox((), tier="B")
except SandboxError as error:
    print(error)
"""


def test_a_plain_user_has_tiers_a_and_a_prime_with_all_limits():
    said = container.run(PLAIN, "--plain-user").splitlines()
    assert [line.split()[0] for line in said[:6]] == ["A"] * 3 + ["A'"] * 3
    for i in (0, 3):
        assert "can't start new thread" in said[i]
        assert "No space left on device" in said[i + 1]
        assert "No such file" in said[i + 2] or "Permission denied" in said[i + 2]
    assert "only root can give it one" in "".join(said[6:])


@pytest.mark.parametrize("tier", ["A", "A'", "B", "C"])
def test_nothing_outlives_a_grader_whose_group_is_killed(tier):
    code = (
        "import time, os, autograder.sandbox as a\n"
        "from tests.autograder.sandbox.test_users import CODE, LIMITS\n"
        f"sandbox = a.Sandbox((), tier={tier!r})\n"
        "workers = [sandbox.worker(CODE, LIMITS) for _ in range(2)]\n"
        "print(*sandbox.processes, *(w._link._process.pid() for w in workers), flush=True)\ntime.sleep(60)\n"
    )
    grader = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=container.ROOT
    )
    assert grader.stdout is not None
    pids = [int(pid) for pid in grader.stdout.readline().split()]
    assert len(pids) == (3 if tier in "AB" else 2) and all(map(_alive, pids))
    os.killpg(grader.pid, signal.SIGKILL)
    grader.wait()
    grader.stdout.close()
    deadline = time.monotonic() + 60
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_alive, pids))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
