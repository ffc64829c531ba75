"""The student's side of the conversation: serves the grader's requests on a submission's namespace.

The same host serves in a worker and, for a student's own checks, in the notebook's process.
"""

from __future__ import annotations

import builtins
import difflib
import threading
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from autograder.sandbox import gradients, tracebacks
from autograder.sandbox import protocol as p
from autograder.sandbox.codec import Decoder, EncodeError, Encoder, Frame
from autograder.sandbox.errors import BudgetSpent, GraderSideError, ProtocolError, Refused

Message = list[Any]
_FUNCTIONS = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType,
)  # fmt: skip
_OWN_ERRORS = {error.__name__: error for error in (BudgetSpent, GraderSideError, Refused)}
_NO_MEMORY_WORDS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "bad_alloc")
_FORWARDED = ("__call__", "__len__", "__getitem__", "__iter__", "__next__", "__contains__")


class Host:
    """Serves requests.

    Args:
        namespace: the submission's names.
        ask: sends a callback's frame to the grader and returns the message that answers it.
        contain: exceptions of the student's code that become replies.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        ask: Callable[[Frame], Message],
        contain: tuple[type[BaseException], ...] = (BaseException,),
    ) -> None:
        self.encoder = Encoder(self)
        self.decoder = Decoder(self, trusting=True)
        self.last_error: BaseException | None = None
        self._namespace = namespace
        self._ask = ask
        self._contain = contain
        self._handles: dict[int, Any] = {}
        self._handle_ids: dict[int, int] = {}
        self._next_handle = 1
        self._proxies: dict[int, Any] = {}
        self._requests: list[int] = []
        self._callbacks = 0
        self._raised: dict[int, tuple[BaseException, int]] = {}  # id(error) -> the error, its callback
        self._thread = threading.get_ident()

    # References.

    def export(self, value: Any) -> list[Any]:
        """Name a trusted object by its number, anything else by a handle."""
        if isinstance(value, TrustedProxy):
            return ["trusted", object.__getattribute__(value, "_number")]
        number = self._handle_ids.get(id(value))
        if number is None:
            number, self._next_handle = self._next_handle, self._next_handle + 1
            self._handles[number] = value
            self._handle_ids[id(value)] = number
        return ["handle", number, type(value).__name__[: p.NAME_CHARS], callable(value)]

    def resolve(self, fields: list[Any]) -> Any:
        """Return the object behind a handle, a function by name, or a proxy of a trusted object."""
        kind, number, *rest = fields
        if kind == "handle":
            return self._handles[number]
        if kind == "function":
            return self._namespace[rest[0]] if number == p.MAIN else getattr(self._handles[number], rest[0])
        if number not in self._proxies:
            self._proxies[number] = make_proxy(self, number, rest)
        return self._proxies[number]

    # Requests.

    def serve(self, message: Message) -> Frame:
        """Carry out one request and return the frame of its reply."""
        kind, number, target, name, *fields, freed = message
        for handle in freed:
            self._handle_ids.pop(id(self._handles.pop(handle, None)), None)
        self._requests.append(number)
        try:
            reply = self._reply(kind, number, self._missing_or(target), name, fields)
            return self.encoder.encode(reply)
        except self._contain as error:
            return self.encoder.encode(self._describe(number, error))
        finally:
            self._requests.pop()
            if not self._requests:
                self._raised.clear()

    def _missing_or(self, target: int) -> Any:
        return None if target == p.MAIN else self._handles[target]

    def _reply(self, kind: int, number: int, owner: Any, name: str, fields: list[Any]) -> Message:
        if kind == p.SET:
            setattr(owner, name, fields[0])
            return [p.RESULT, number, None]
        if owner is None and name not in self._namespace:
            return [p.MISSING, number, name, self._nearest(name)]
        found = self._namespace[name] if owner is None else getattr(owner, name) if name else owner
        if kind == p.GET:
            return [p.IS_CALLABLE, number] if isinstance(found, _FUNCTIONS) else [p.RESULT, number, found]
        args, kwargs = fields
        return [p.RESULT, number, found(*args, **kwargs)]

    def _nearest(self, name: str) -> str:
        public = [known for known in self._namespace if not known.startswith("_")]
        return next(iter(difflib.get_close_matches(name, public, n=1, cutoff=0.6)), "")

    def _describe(self, number: int, error: BaseException) -> Message:
        self.last_error = error
        if is_memory_error(error):
            return [p.NO_MEMORY, number]
        if isinstance(error, EncodeError):
            return [p.ERROR, number, "TypeError", f"the result cannot be read: {error}", "", 0]
        kind, text, lines = tracebacks.describe(error)
        return [p.ERROR, number, kind, text, lines, self._raised.get(id(error), (None, 0))[1]]

    # Callbacks.

    def call_back(self, kind: int, target: int, member: str, *fields: Any) -> Any:
        """Call or read a trusted object and return what the grader answers."""
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"{member} was called from a second thread; call it from the main thread")
        if not self._requests:
            raise RuntimeError(f"{member} was called while no test was waiting")
        self._callbacks += 1
        number = self._callbacks
        frame = self.encoder.encode([kind, number, self._requests[-1], target, member, *fields])
        match self._ask(frame):
            case [p.RETURN, int(echo), value] if echo == number:
                return value
            case [p.RAISE, int(echo), str(name), str(text)] if echo == number:
                error = _rebuild(name, text)
                self._raised[id(error)] = (error, number)
                raise error
        raise ProtocolError("an answer that belongs to no callback")


def _rebuild(name: str, text: str) -> BaseException:
    """Make an exception of the class that the grader named, or the nearest that is safe to raise."""
    kind = _OWN_ERRORS.get(name) or getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):  # some want more than a text
            return kind(text) if kind is not StopIteration else RuntimeError(f"{name}: {text}")
    return RuntimeError(f"{name}: {text}")


def is_memory_error(error: BaseException) -> bool:
    """Tell whether an exception means that memory ran out; torch says so with a RuntimeError."""
    if isinstance(error, MemoryError):
        return True
    return type(error) is RuntimeError and any(words in str(error).lower() for words in _NO_MEMORY_WORDS)


class TrustedProxy:
    """Stands for an object of the grader in student code."""

    def __init__(self, host: Host, number: int, name: str, methods: list[str], attributes: list[str]) -> None:
        put = object.__setattr__
        put(self, "_host", host)
        put(self, "_number", number)
        put(self, "_name", name)
        put(self, "_methods", frozenset(methods))
        put(self, "_attributes", frozenset(attributes))

    def __getattr__(self, name: str) -> Any:
        get = object.__getattribute__
        if name in get(self, "_methods"):
            method = _forward(get(self, "_host"), get(self, "_number"), name)
            object.__setattr__(self, name, method)
            return method
        if name in get(self, "_attributes"):
            return get(self, "_host").call_back(p.FETCH, get(self, "_number"), name)
        there = ", ".join(sorted(get(self, "_methods") | get(self, "_attributes"))) or "nothing"
        raise AttributeError(f"{get(self, '_name')}.{name} is not there while grading; there is {there}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{object.__getattribute__(self, '_name')}.{name} cannot be set while grading")

    def __repr__(self) -> str:
        return f"<{object.__getattribute__(self, '_name')} of the grader>"


def _forward(host: Host, number: int, member: str) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return host.call_back(p.CALLBACK, number, member, args, kwargs)

    forward.__name__ = forward.__qualname__ = member
    return forward


def _attribute(host: Host, number: int, member: str) -> property:
    return property(lambda self: host.call_back(p.FETCH, number, member))


def make_proxy(host: Host, number: int, fields: list[Any]) -> Any:
    """Build a proxy whose type has what is listed; an environment's is a ``gymnasium.Env`` too."""
    name, methods, attributes, is_env = fields
    if methods == ["__call__"] and not attributes:
        return _function_proxy(FunctionProxy, host, number, name)
    if set(methods) == {"__call__", gradients.TRACE, gradients.PULL_BACK} and not attributes:
        return _function_proxy(StandInProxy, host, number, name)
    members: dict[str, Any] = {}
    for member in set(methods) & set(_FORWARDED):
        members[member] = staticmethod(_forward(host, number, member))
    bases: tuple[type, ...] = (TrustedProxy,)
    if is_env:
        import gymnasium

        bases = (TrustedProxy, gymnasium.Env)
        members["unwrapped"] = property(lambda self: self)
        for member in ("reset", "step", "render", "close"):
            if member in methods:
                members[member] = staticmethod(_forward(host, number, member))
        members.setdefault("close", lambda self: None)
        for member in attributes:
            members[member] = _attribute(host, number, member)
    return type("TrustedProxy", bases, members)(host, number, name, methods, attributes)


class FunctionProxy(TrustedProxy):
    """Stands for a function of the grader."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Have the grader call the function."""
        get = object.__getattribute__
        return get(self, "_host").call_back(p.CALLBACK, get(self, "_number"), "__call__", args, kwargs)


class StandInProxy(FunctionProxy):
    """Stands for a function of the grader that answers for the submission's own; gradients flow through."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Have the grader call the function, and differentiate it when autograd asks."""
        get = object.__getattribute__
        host, number = get(self, "_host"), get(self, "_number")
        return gradients.call(lambda member: _forward(host, number, member), args, kwargs)


def _function_proxy(kind: type[FunctionProxy], host: Host, number: int, name: str) -> FunctionProxy:
    proxy = kind(host, number, name, ["__call__"], [])
    object.__setattr__(proxy, "__name__", name)
    return proxy
