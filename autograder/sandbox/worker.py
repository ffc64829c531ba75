"""A worker: confines itself, loads one submission, serves the grader's requests, and leaves.

Everything that a request can make happen happens here, in a process that holds the student's code and
nothing of the grader's. What it sends is judged by the other side.
"""

from __future__ import annotations

import faulthandler
import io
import os
import random
import signal
import socket
import sys
import time
import types
from typing import Any, NoReturn

import numpy.random

from autograder.sandbox import isolation, loader
from autograder.sandbox import protocol as p
from autograder.sandbox.code import Cell
from autograder.sandbox.codec import Frame
from autograder.sandbox.confinement import Confinement, in_bubblewrap
from autograder.sandbox.defences import Defence
from autograder.sandbox.frames import Closed, Stream
from autograder.sandbox.host import Host

OWN_SOCKET = 3
_NO_PROCESS = (
    "the grader's sandbox starts no new process: use num_workers=0 for a DataLoader, SyncVectorEnv instead "
    "of AsyncVectorEnv, and no torch.compile"
)
_NO_NETWORK = "the grader's sandbox has no network: hand in what your code needs, or compute it"
_EXPLAINED = {
    "os.fork": _NO_PROCESS, "os.forkpty": _NO_PROCESS, "os.exec": _NO_PROCESS, "os.posix_spawn": _NO_PROCESS,
    "os.spawn": _NO_PROCESS, "os.system": _NO_PROCESS, "subprocess.Popen": _NO_PROCESS,
    "socket.__new__": _NO_NETWORK, "socket.getaddrinfo": _NO_NETWORK, "socket.gethostbyname": _NO_NETWORK,
}  # fmt: skip


def main(sock: socket.socket, confinement: Confinement) -> NoReturn:
    """Be a worker until the grader closes the socket, then leave without any clean-up of student code."""
    status = p.EXIT_SETUP
    try:
        stream = Stream(sock)
        worker = _Worker(stream)
        setup = worker.host.decoder.decode(stream.read())
        worker.confine(setup[2], confinement)
        status = p.EXIT_NO_MEMORY
        worker.run(setup)
        status = p.EXIT_DONE
    except Closed:
        status = p.EXIT_DONE
    except MemoryError:
        status = p.EXIT_NO_MEMORY
    except BaseException:
        if status == p.EXIT_SETUP:
            import traceback

            os.write(2, traceback.format_exc().encode())
        else:
            status = 1
    finally:
        os._exit(status)


class _Worker:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._module = loader.new_module()
        self.host = Host(self._module.__dict__, self._ask)
        # Taken now: student code may change what modules hold.
        self._clock = time.process_time
        self._limit_cpu = isolation.limit_cpu

    def confine(self, settings: dict[str, Any], confinement: Confinement) -> None:
        """Give up everything that student code does not need, and turn to the submission's folder."""
        home = settings["home"]
        confinement.apply(settings, self._clock(), lambda: _write_files(home, settings["files"]))
        os.chdir(home)
        sys.path.insert(0, home)
        os.environ.update(HOME=home, TMPDIR=os.path.dirname(home))
        _redirect_output(settings["output_kb"] << 10)
        sys.addaudithook(_explain)

    def run(self, setup: list[Any]) -> None:
        """Load the submission, say how that went, and serve."""
        _, number, settings, stand_ins = setup
        loader.silence_notebook_checks()
        _seed()
        cells = [Cell(*fields) for fields in settings["cells"]]
        errors = list(loader.load(cells, self._module, lambda cell_id: self._send([p.CELL, number, cell_id])))
        _bind(stand_ins, self._module, settings["home"])
        self._limit_cpu(self._clock() + settings["cpu_s"])
        names = [
            [name, isinstance(value, types.FunctionType)]
            for name, value in self._module.__dict__.items()
            if not name.startswith("__")
        ]
        self._send([p.READY, number, errors, names])
        while True:
            message = self.host.decoder.decode(self._stream.read())
            self._stream.write(self.host.serve(message))

    def _send(self, message: list[Any]) -> None:
        self._stream.write(self.host.encoder.encode(message))

    def _ask(self, frame: Frame) -> list[Any]:
        """Send a callback; serve the requests that arrive before its answer."""
        self._stream.write(frame)
        while True:
            message: list[Any] = self.host.decoder.decode(self._stream.read())
            if message[0] in (p.RETURN, p.RAISE):
                return message
            self._stream.write(self.host.serve(message))


def _seed() -> None:
    """Start the global generators alike in every worker, so that a grade repeats."""
    random.seed(0)
    numpy.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


def _bind(stand_ins: dict[str, Any], module: types.ModuleType, home: str) -> None:
    """Bind stand-ins in the submission, and in the further files that define the same names."""
    if not stand_ins:
        return
    module.__dict__.update(stand_ins)
    inside = home + os.sep
    for other in list(sys.modules.values()):
        if isinstance(other, types.ModuleType) and str(other.__dict__.get("__file__")).startswith(inside):
            other.__dict__.update({name: f for name, f in stand_ins.items() if name in other.__dict__})


def _write_files(home: str, files: dict[str, Any]) -> None:
    os.makedirs(home, exist_ok=True)
    for name, content in files.items():
        path = os.path.normpath(os.path.join(home, name))
        if not path.startswith(home + os.sep):
            raise ValueError(f"a file outside the working directory: {name!r}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


class _Limited(io.RawIOBase):
    """Writes to a descriptor until its room is spent, then drops: printing never costs a point."""

    def __init__(self, fd: int, room: int) -> None:
        self._fd = fd
        self._room = room

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        kept = view[: max(0, self._room)]
        while kept.nbytes:
            written = os.write(self._fd, kept)
            self._room -= written
            kept = kept[written:]
        return view.nbytes


def _redirect_output(room: int) -> None:
    sink: Any = _Limited(1, room)
    sys.stdout = io.TextIOWrapper(sink, "utf-8", errors="backslashreplace", write_through=True)
    sys.stderr = io.TextIOWrapper(sink, "utf-8", errors="backslashreplace", write_through=True)
    faulthandler.enable(file=2, all_threads=False)
    for number in (signal.SIGUSR1, signal.SIGXCPU):  # shows where the code was when its time ran out
        faulthandler.register(number, file=2, all_threads=False, chain=False)


def _explain(event: str, arguments: tuple[Any, ...]) -> None:
    """Say in words why a system call will be refused; the refusal itself is the kernel's."""
    if event == "socket.__new__" and arguments[1] == socket.AF_UNIX:
        return  # a pair within the process, as asyncio makes one
    if event in _EXPLAINED:
        raise PermissionError(_EXPLAINED[event])


def spawned() -> NoReturn:
    """Be a worker in a process started for it alone; its settings are in the arguments."""
    import importlib
    import json

    settings = json.loads(sys.argv[1])
    without = frozenset(Defence(name) for name in settings["without"])
    sock = socket.socket(fileno=own_socket(settings["socket"], alone=Defence.DESCRIPTORS not in without))
    for name in settings["preload"]:
        importlib.import_module(name)
    limit_threads()
    if not settings["confined"]:
        main(sock, Confinement(new_session=Defence.SESSION not in without))
    main(sock, in_bubblewrap(settings["readable"], settings["kept"], settings["user"], without))


def own_socket(fd: int, *, alone: bool) -> int:
    """Move the worker's socket behind standard error, and close every other descriptor."""
    if fd != OWN_SOCKET:
        os.dup2(fd, OWN_SOCKET)
    if alone:
        isolation.close_descriptors_from(OWN_SOCKET + 1)
    return OWN_SOCKET


def limit_threads() -> None:
    """Keep torch, if it is imported, to one thread: a fork of a parent with more would hang."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
