"""The grader's side of the conversation: the ``student`` that tests call, and handles on what is not data."""

from __future__ import annotations

import itertools
import random
import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

from autograder.sandbox import protocol as p
from autograder.sandbox.bounds import WIDE, EncodeError, FrameLimits
from autograder.sandbox.code import CellError
from autograder.sandbox.codec import Decoder, Encoder, Frame
from autograder.sandbox.defences import Defence
from autograder.sandbox.errors import (
    BudgetSpent,
    GraderSideError,
    MissingName,
    ProtocolError,
    StudentError,
    WorkerDied,
)
from autograder.sandbox.trust import (
    Trusted,
    as_trusted,
    bounded,
    is_callers_fault,
    is_environment,
)

__all__ = ["Link", "RemoteHandle", "RemoteStudent", "Trusted"]

_IDS = random.SystemRandom()


class NotData(EncodeError):
    """A value cannot cross whatever its size."""


class OutOfMemoryReply(Exception):
    """The student's code ran into the memory limit and said so."""


class Link(ABC):
    """Carries requests to a student's code and answers its callbacks.

    A subclass says how frames travel; what they mean is the same in another process and in this one.
    """

    def __init__(self, without: Collection[Defence] = ()) -> None:
        self._without = frozenset(without)
        self.frame_limits = WIDE if Defence.FRAME_LIMITS in self._without else FrameLimits()
        self.encoder = Encoder(self, grader_side=True)
        self.decoder = Decoder(self, limits=self.frame_limits)
        self.names: frozenset[str] | None = None  # what the submission defines, where that was told
        # Nobody can know the next one in advance; in a trial, everybody.
        counted = Defence.REQUEST_IDS in self._without
        self._draw_id = itertools.count(1).__next__ if counted else partial(_IDS.getrandbits, 64)
        self.cell_errors: tuple[CellError, ...] = ()
        self._handles: weakref.WeakValueDictionary[int, RemoteHandle] = weakref.WeakValueDictionary()
        self._freed: set[int] = set()
        self._trusted: dict[int, Trusted] = {}
        self._exported: dict[int, tuple[Any, int]] = {}  # id(value) -> the value, kept alive, and its number
        self._requests: list[int] = []  # those being waited for, innermost last
        self._raised: dict[int, tuple[Exception, str]] = {}  # callback id -> what it raised
        self._grader_error: Exception | None = None

    @abstractmethod
    def converse(self, frame: Frame) -> list[Any]:
        """Send a request, answer callbacks meanwhile, and return the reply's message."""

    # References: what crosses without being data.

    def export(self, value: Any) -> list[Any]:
        """Name a handle by its id, and a trusted object by a new one."""
        if isinstance(value, RemoteHandle):
            if value._link is not self:
                raise NotData("a handle of another worker cannot be passed to this one")
            return ["handle", value._id]
        if isinstance(value, RemoteFunction) and value._link is self:
            return ["function", value._target, value.__name__]
        known = self._exported.get(id(value))
        if known is None:
            wrapped = as_trusted(value)
            if wrapped is None and Defence.TRUSTED in self._without:
                wrapped = Trusted(value)
            if wrapped is None:
                kind = type(value).__name__
                raise NotData(f"a {kind} object is not data; hand it in as trusted(obj, methods=[...])")
            known = self._exported[id(value)] = (value, len(self._trusted) + 1)
            self._trusted[known[1]] = wrapped
        number = known[1]
        wrapped = self._trusted[number]
        return [
            "trusted", number, wrapped.name, sorted(wrapped.methods), sorted(wrapped.attributes),
            is_environment(wrapped.object),
        ]  # fmt: skip

    def resolve(self, fields: list[Any]) -> Any:
        """Return the handle, or the trusted object itself, that the worker names."""
        match fields:
            case ["handle", int(number), str(type_name), bool(is_callable)]:
                handle = self._handles.get(number)
                if handle is None:
                    handle = self._handles[number] = RemoteHandle(
                        self, number, type_name[: p.NAME_CHARS], is_callable
                    )
                self._freed.discard(number)
                return handle
            case ["trusted", int(number)] if number in self._trusted:
                return self._trusted[number].object
        raise ProtocolError("a reference to nothing")

    # Requests.

    def request(self, kind: int, *fields: Any) -> Any:
        """Make one request and return what the student's code returned.

        Raises:
            StudentError: the student's code raised.
            WorkerDied: its process is gone.
            GraderSideError: the arguments cannot cross, or a callback failed on the grader's side.
        """
        if len(self._requests) >= p.NESTING:
            raise StudentError("RecursionError", f"calls nested {p.NESTING} deep between student and grader")
        number = self._draw_id()
        freed, self._freed = sorted(self._freed), set()
        try:
            frame = self.encoder.encode([kind, number, *fields, freed])
        except EncodeError as error:
            self._freed.update(freed)
            raise GraderSideError(f"the test hands over what cannot cross: {error}") from error
        self._requests.append(number)
        try:
            reply = self.converse(frame)
            return self._unwrap(reply, number, fields)
        finally:
            self._requests.pop()
            if not self._requests:
                self._grader_error = None
                self._raised.clear()

    def _unwrap(self, reply: list[Any], number: int, asked: tuple[Any, ...]) -> Any:
        if self._grader_error is not None:
            error = self._grader_error
            raise GraderSideError(f"{type(error).__name__}: {error}") from error
        match reply:
            case [p.RESULT, int(echo), value] if echo == number:
                return value
            case [p.IS_CALLABLE, int(echo)] if echo == number:
                return CALLABLE
            case [p.NO_MEMORY, int(echo)] if echo == number:
                raise OutOfMemoryReply
            case [p.MISSING, int(echo), str(name), str(nearest)] if echo == number:
                raise self._missing(name, nearest, asked)
            case [p.ERROR, int(echo), str(kind), str(message), str(text), int(callback)] if echo == number:
                raise self._student_error(kind, message, text, callback)
        raise ProtocolError("a reply that answers no request")

    def _missing(self, name: str, nearest: str, asked: tuple[Any, ...]) -> Exception:
        """Return the error for a name that the worker says is not there, if it was asked for at all."""
        if asked[:2] != (p.MAIN, name):
            return ProtocolError("a missing name that nobody asked for")
        if self.names is not None and name in self.names:
            words = f"`{name}` was there when the notebook was loaded, and is gone"
            return StudentError("AttributeError", words)
        if self.names is not None and nearest not in self.names:
            nearest = ""
        return MissingName(name, nearest[: p.NAME_CHARS], self._cell_that_defines(name))

    def _student_error(self, kind: str, message: str, text: str, callback: int) -> Exception:
        message, text = message[: p.MESSAGE_CHARS], text[: p.TRACEBACK_CHARS]
        error, label = self._raised.get(callback, (None, ""))
        if isinstance(error, StudentError):
            return error  # raised by student code that a trusted object called
        if isinstance(error, AssertionError) and type(error) is not AssertionError:
            return error  # an expectation inside a callback speaks for itself
        student_error = StudentError(kind[: p.NAME_CHARS], message, text, label)
        student_error.__cause__ = error
        return student_error

    def _cell_that_defines(self, name: str) -> CellError | None:
        return next((e for e in self.cell_errors if name in e.defines), None)

    def read_message(self, frame: Frame) -> list[Any]:
        """Decode a frame that must be a message: a kind, an id, fields."""
        message = self.decoder.decode(frame)
        if type(message) is not list or len(message) < 2 or [type(m) for m in message[:2]] != [int, int]:
            raise ProtocolError("a message that is no message")
        return message

    # Callbacks.

    def answer(self, message: list[Any]) -> Frame:
        """Serve one callback and return the frame that answers it.

        Raises:
            ProtocolError: the message is no callback under the request being waited for.
        """
        match message:
            case [p.CALLBACK, int(number), int(request), int(target), str(member), tuple(args), dict(kwargs)]:
                pass
            case [p.FETCH, int(number), int(request), int(target), str(member)]:
                args, kwargs = (), {}
            case _:
                raise ProtocolError("a message of no known kind")
        if not self._requests or request != self._requests[-1] or target not in self._trusted:
            raise ProtocolError("a callback that belongs to no request")
        if not all(type(key) is str for key in kwargs):
            raise ProtocolError("a keyword that is not text")
        owner = self._trusted[target]
        try:
            with bounded(owner.label(member)):
                if message[0] == p.FETCH:
                    value = owner.fetch(member, self._without)
                else:
                    value = owner.call(member, args, kwargs, self._without)
                return self.encoder.encode([p.RETURN, number, value])
        except (WorkerDied, ProtocolError, OutOfMemoryReply):
            raise
        except Exception as error:
            return self._refuse(number, error, owner.label(member))

    def _refuse(self, number: int, error: Exception, label: str) -> Frame:
        if isinstance(error, StudentError):
            name, text = error.type_name, error.message
        elif isinstance(error, EncodeError) and not isinstance(error, NotData):
            name, text = "ValueError", f"{label} has no result that can be sent for this: {error}"
        elif isinstance(error, MemoryError):
            name, text = "MemoryError", f"{label} ran out of memory with what it was handed"
        elif is_callers_fault(error) and not isinstance(error, NotData):
            name, text = type(error).__name__, str(error)
        else:
            self._grader_error = self._grader_error or error
            name, text = GraderSideError.__name__, "the grader's own code failed; this costs no points"
        self._raised[number] = (error, "" if isinstance(error, StudentError | BudgetSpent) else label)
        return self.encoder.encode([p.RAISE, number, name, text[: p.MESSAGE_CHARS]])


CALLABLE = object()
_OWN = frozenset(("_id", "_is_callable", "_link", "_methods", "_type_name"))


class RemoteStudent:
    """A student's submission as tests see it: functions to call, values to read.

    ``student.f(x)`` calls; ``student.GAMMA`` reads. Arguments and results are copies. A name that the
    submission does not define raises :class:`MissingName`.
    """

    def __init__(self, link: Link, functions: Iterable[str] = ()) -> None:
        object.__setattr__(self, "_link", link)
        known = {name: RemoteFunction(link, p.MAIN, name) for name in functions}
        object.__setattr__(self, "_functions", known)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        functions: dict[str, RemoteFunction] = self._functions
        if name not in functions:
            value = self._link.request(p.GET, p.MAIN, name)
            if value is not CALLABLE:
                return value
            functions[name] = RemoteFunction(self._link, p.MAIN, name)
        return functions[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a test does not set names of the submission (got {name!r}); use a stand-in")

    def __repr__(self) -> str:
        return "<student>"


class RemoteFunction:
    """A function, class or method of the student's code."""

    __slots__ = ("__name__", "_link", "_owner", "_target")

    def __init__(self, link: Link, target: int, name: str, owner: Any = None) -> None:
        self._link = link
        self._target = target
        self._owner = owner  # keeps the handle alive
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function over there."""
        return self._link.request(p.CALL, self._target, self.__name__, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"`{self.__name__}` is a function of the student's code; it can only be called")

    def __repr__(self) -> str:
        return f"<student's {self.__name__}>"


class _HasNoLength(StudentError, TypeError):
    pass


class RemoteHandle:
    """An object of the student's code that is not data; it stays over there.

    Call it, call its methods, read and set its attributes, index it, iterate over it.
    """

    def __init__(self, link: Link, number: int, type_name: str, is_callable: bool) -> None:
        set_here = object.__setattr__
        set_here(self, "_link", link)
        set_here(self, "_id", number)
        set_here(self, "_type_name", type_name)
        set_here(self, "_is_callable", is_callable)
        set_here(self, "_methods", set())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        methods: set[str] = self._methods
        if name not in methods:
            value = self._link.request(p.GET, self._id, name)
            if value is not CALLABLE:
                return value
            methods.add(name)
        return RemoteFunction(self._link, self._id, name, self)

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.request(p.SET, self._id, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object over there."""
        return self._link.request(p.CALL, self._id, "", args, kwargs)

    def __len__(self) -> int:
        try:
            size = self._link.request(p.CALL, self._id, "__len__", (), {})
        except StudentError as error:
            if error.type_name == "AttributeError":  # list() asks, and goes on when told so
                raise _HasNoLength("TypeError", f"a {self._type_name} has no length") from None
            raise
        if type(size) is not int or not 0 <= size < 2**62:
            raise StudentError("TypeError", f"the length of a {self._type_name} is {size!r}"[: p.NAME_CHARS])
        return size

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self._link.request(p.CALL, self._id, "__getitem__", (key,), {})

    def __iter__(self) -> Iterator[Any]:
        iterator = self._link.request(p.CALL, self._id, "__iter__", (), {})
        if not isinstance(iterator, RemoteHandle):
            raise StudentError("TypeError", f"a {self._type_name} cannot be iterated over")
        while True:
            try:
                item = self._link.request(p.CALL, iterator._id, "__next__", (), {})
            except StudentError as error:
                if error.type_name == "StopIteration":
                    return
                raise
            yield item

    def __del__(self) -> None:
        if (link := self.__dict__.get("_link")) is not None:
            link._freed.add(self._id)

    def __repr__(self) -> str:
        return f"<student's {self._type_name} object>"
