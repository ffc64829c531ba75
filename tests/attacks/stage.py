"""Where attacks play: a course that nobody needs, and what a grader has about it that is worth having."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Course
from tests.attacks.course import CANARY, SLUGS, VAULT, checkpoints, solved_notebook, write_course

ABSTRACT = "\0siege-listener"  # a socket of the host's network namespace


@dataclass(frozen=True)
class Scene:
    """One course to attack; made once, used by every process of a run.

    Attributes:
        root: the course, outside /tmp, which workers cover with their own.
        solved: slug -> the right notebook.
        artifacts: slug -> the right files to hand in.
    """

    root: Path
    solved: dict[str, bytes]
    artifacts: dict[str, dict[str, bytes]]

    @property
    def course(self) -> Course:
        """The course."""
        return Course(self.root)


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """Write the course, and remove it afterwards."""
    root = Path(tempfile.mkdtemp(prefix="attacks-", dir="/var/tmp" if os.path.isdir("/var/tmp") else None))
    root.chmod(0o700)  # tier B hides files by their permissions
    try:
        course = write_course(root)
        solved = {slug: solved_notebook(course, slug) for slug in SLUGS}
        yield Scene(root, solved, {slug: checkpoints() if slug == VAULT else {} for slug in SLUGS})
    finally:
        shutil.rmtree(root, ignore_errors=True)


def join_session_keyring() -> None:
    """Start a ring of keys for this process and all that it starts, as logging in does."""
    join = {"x86_64": 250, "aarch64": 219}.get(platform.machine())  # keyctl, KEYCTL_JOIN_SESSION_KEYRING
    if join is not None:
        ctypes.CDLL(None).syscall(join, 1, None)


@dataclass
class Bait:
    """What this process has that a submission must not get: started once, closed with the process.

    Attributes:
        pid: of a process with a secret on its command line.
        port: where a listener of the host takes calls.
        heard: what it heard.
    """

    pid: int = 0
    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    _close: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    def laid(cls, scene: Scene) -> Bait:
        """Lay it out: environment, descriptor, process, listeners."""
        bait = cls()
        join_session_keyring()
        os.environ["GRADER_SECRET"] = CANARY
        secret = os.open(scene.root / "solutions/siege/grading.toml", os.O_RDONLY)
        os.set_inheritable(secret, True)
        bait._close.callback(os.close, secret)
        code = "import time; time.sleep(3600)"
        bystander = subprocess.Popen([sys.executable, "-c", code, CANARY], stdin=subprocess.DEVNULL)
        bait._close.callback(bystander.wait)
        bait._close.callback(bystander.kill)
        bait.pid = bystander.pid
        tcp = socket.create_server(("127.0.0.1", 0))
        bait.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", bait.port))
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(f"{ABSTRACT}-{bait.port}")
        unix.listen()
        path = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.bind(str(scene.root / f"socket-{bait.port}"))
        (scene.root / f"socket-{bait.port}").chmod(0o777)  # as services' sockets are: their folder keeps others out
        path.listen()
        for server in (tcp, udp, unix, path):
            bait._close.callback(server.close)
            threading.Thread(target=bait._listen, args=(server,), daemon=True).start()
        return bait

    def _listen(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                if server.type == socket.SOCK_DGRAM:
                    self.heard += server.recv(200)
                    continue
                caller, _ = server.accept()
                with caller, contextlib.suppress(OSError):
                    caller.settimeout(2)
                    caller.sendall(CANARY.encode())
                    self.heard += caller.recv(200)

    def close(self) -> None:
        """Take it all away."""
        self._close.close()
        os.environ.pop("GRADER_SECRET", None)
