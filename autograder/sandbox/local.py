"""A submission in this very process, behind the same codec: what a student's own checks run against."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from autograder.sandbox.codec import Frame
from autograder.sandbox.errors import StudentError, WorkerTimedOut
from autograder.sandbox.host import Host
from autograder.sandbox.remote import Link, OutOfMemoryReply, RemoteStudent
from autograder.sandbox.trust import StandIns, as_stand_in

_ABSENT = object()


class LocalStudent(RemoteStudent):
    """The names of a namespace, called as a worker's are: arguments and results are copies.

    A student's exception is chained to the :class:`StudentError`, so that pytest shows its whole traceback.

    Args:
        namespace: the notebook's live names, or a module's ``__dict__``.
        stand_ins: name -> function that answers instead, for the length of each call.
        wall_s: a call that runs longer is interrupted as by Ctrl-C, and raises :class:`WorkerTimedOut`;
            only in the main thread. None: no limit.
    """

    def __init__(
        self, namespace: Mapping[str, Any], stand_ins: StandIns | None = None, wall_s: float | None = None
    ) -> None:
        super().__init__(_LocalLink(namespace, stand_ins or {}, wall_s))


class _LocalLink(Link):
    def __init__(self, namespace: Mapping[str, Any], stand_ins: StandIns, wall_s: float | None) -> None:
        super().__init__()
        self._wall_s = wall_s
        self._host = Host(namespace, self._ask, contain=(Exception, SystemExit))
        self._namespace = namespace
        # Through the codec like any other callback, so that copies are made here too.
        self._stand_ins = {
            name: self._host.decoder.decode(self.encoder.encode(as_stand_in(function)))
            for name, function in stand_ins.items()
        }

    def converse(self, frame: Frame) -> list[Any]:
        with _interrupted_after(self._wall_s), self._bound():
            return self.read_message(self._host.serve(self._host.decoder.decode(frame)))

    def _ask(self, frame: Frame) -> list[Any]:
        answer: list[Any] = self._host.decoder.decode(self.answer(self.read_message(frame)))
        return answer

    def request(self, kind: int, *fields: Any) -> Any:
        """Make one request; see :meth:`Link.request`."""
        self._host.last_error = None
        try:
            return super().request(kind, *fields)
        except StudentError as error:
            if error.__cause__ is None and self._host.last_error is not None:
                raise error from self._host.last_error
            raise
        except OutOfMemoryReply:
            raise StudentError("MemoryError", "memory ran out") from self._host.last_error

    @contextmanager
    def _bound(self) -> Iterator[None]:
        """Bind the stand-ins in the namespace, and afterwards what stood there before."""
        if not self._stand_ins or not isinstance(self._namespace, MutableMapping):
            yield
            return
        before = {name: self._namespace.get(name, _ABSENT) for name in self._stand_ins}
        self._namespace.update(self._stand_ins)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is _ABSENT:
                    self._namespace.pop(name, None)
                else:
                    self._namespace[name] = value


@contextmanager
def _interrupted_after(wall_s: float | None) -> Iterator[None]:
    """Interrupt the main thread when the time is up; works where signals do not, such as on Windows."""
    if wall_s is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    lock, fired, over = threading.Lock(), threading.Event(), threading.Event()

    def interrupt() -> None:
        with lock:
            if not over.is_set():
                fired.set()
                _thread.interrupt_main()

    timer = threading.Timer(wall_s, interrupt)
    timer.daemon = True
    # Whoever was started in the background ignores Ctrl-C, and this interruption with it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not fired.is_set():
            raise  # somebody pressed Ctrl-C
    finally:
        timer.cancel()
        with lock:
            over.set()
        # None: it was not set from Python, and cannot be put back.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
    if fired.is_set():
        raise WorkerTimedOut(f"one call took longer than {wall_s:g} s; does a loop end?")
