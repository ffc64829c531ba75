"""Runs student code in another process and speaks with it in plain data.

The names below are loaded when first used, so that a worker imports only what it needs.
"""

from __future__ import annotations

from typing import Any

_HOMES = {
    "Cell": "code", "CellError": "code", "LoadReport": "code", "Usage": "code", "WorkerCode": "code",
    "Defence": "defences",
    "BudgetSpent": "errors", "GraderSideError": "errors", "MissingName": "errors", "ProtocolError": "errors",
    "Refused": "errors", "StudentError": "errors", "WorkerBlocked": "errors", "WorkerCrashed": "errors",
    "WorkerDied": "errors", "WorkerOutOfMemory": "errors", "WorkerTimedOut": "errors",
    "LocalStudent": "local", "RemoteHandle": "remote", "RemoteStudent": "remote", "Trusted": "trust",
    "Sandbox": "supervisor", "Worker": "supervisor", "Tier": "tiers",
}  # fmt: skip
__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"autograder.sandbox.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'autograder.sandbox' has no attribute {name!r}")
