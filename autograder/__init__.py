"""Releases assignments, checks them for students, and grades them in a sandbox.

``from autograder import check, submit`` is the one line of a notebook that touches this package;
both are loaded when first used.
"""

from __future__ import annotations

from typing import Any

__all__ = ["check", "submit"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from autograder import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'autograder' has no attribute {name!r}")
