"""What a notebook calls: ``check("1.3")`` and ``submit()``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.results import TestResult
    from autograder.testing.checking import PublicChecks, QuestionCheck
    from autograder.testing.panel import Panel, Trouble

_NBGRADER = "NBGRADER_EXECUTION"  # set by nbgrader where it validates or grades: a cell fails by raising
_folders: dict[Path, PublicChecks] = {}


def check(*questions: str, folder: str | Path | None = None) -> Panel | Trouble | None:
    """Run the public checks of questions on the definitions of the calling notebook.

    Args:
        questions: ids such as ``"1.3"``; none means all.
        folder: the assignment's folder; found from the working directory when absent.

    Returns:
        A panel that a notebook shows and that prints as text; ``.passed`` says whether all is well.
        Nothing where nbgrader runs the notebook.

    Raises:
        AssertionError: nbgrader runs the notebook, and not all is well: its points hang on that alone.
    """
    from autograder.errors import AutograderError
    from autograder.testing.panel import Panel, Trouble

    names = sys._getframe(1).f_globals
    panel: Panel | Trouble
    try:
        checks = _public_checks(folder, names)
        wanted = checks.questions(str(q) for q in questions)
        results = checks.run(wanted, names, _announce if len(wanted) > 1 else None)
        panel = Panel(_with_cell_numbers(results), checks.seen)
    except AutograderError as error:
        panel = Trouble(str(error))
    if _NBGRADER in os.environ:
        if not panel.passed:
            raise AssertionError(f"not all public checks passed\n{panel}")
        print(panel)
        return None  # nbgrader would read a value as partial credit
    if not _shows_values():
        print(panel)
    return panel


def submit(folder: str | Path | None = None, **options: Any) -> Any:
    """Write the zip to hand in; ``autograder submit`` does the same from a shell.

    Args:
        folder: the assignment's folder; found from the working directory when absent.
        options: passed on to ``autograder.handin.submit``.
    """
    from autograder.errors import AutograderError
    from autograder.handin import HandIn, NothingWritten
    from autograder.handin import submit as hand_in

    result: HandIn | NothingWritten
    try:
        result = hand_in(_find(folder, sys._getframe(1).f_globals), **options)
    except AutograderError as error:
        result = NothingWritten(str(error))
    if not _shows_values():
        print(result)
    return result


def _find(folder: str | Path | None, names: Mapping[str, Any]) -> Path:
    from autograder.testing.checking import find_folder

    return find_folder(Path(folder) if folder is not None else Path.cwd(), names)


def _public_checks(folder: str | Path | None, names: Mapping[str, Any]) -> PublicChecks:
    """Return the folder's checks, collected anew only when its files changed."""
    from autograder.testing.checking import PublicChecks, stamp

    found = _find(folder, names)
    known = _folders.get(found)
    if known is None or known.stamp != stamp(found):
        fresh = PublicChecks(found)
        if known is not None:
            fresh.remember(known)
        _folders[found] = known = fresh
    return known


def _announce(label: str) -> None:
    """Overwrite one line with the question being checked; an empty label clears it."""
    width = 60
    words = f"checking {label} …" if label else ""
    print(f"\r{words:<{width}}" + ("" if label else "\r"), end="", flush=True)


def _shows_values() -> bool:
    """Say whether whoever called us shows the value of an expression: a notebook, IPython or the prompt."""
    return hasattr(sys, "ps1") or _shell() is not None


def _shell() -> Any:
    """Return the running IPython shell, if there is one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _with_cell_numbers(results: tuple[QuestionCheck, ...]) -> tuple[QuestionCheck, ...]:
    """Name cells in tracebacks as the notebook does, ``In[5]``, not by the kernel's temporary files."""
    known = getattr(getattr(_shell(), "compile", None), "_filename_map", {})
    cells = {os.path.basename(str(name)): count for name, count in known.items()}
    if not cells:
        return results

    def renamed(match: re.Match[str]) -> str:
        count = cells.get(match["name"])
        return match[0] if count is None else f"Cell In[{count}], line {match['line']}"

    def told(test: TestResult) -> TestResult:
        text = re.sub(r'File "(?P<name>[^"\n]+)", line (?P<line>\d+)', renamed, test.student_error)
        return replace(test, student_error=text)

    return tuple(replace(check, tests=tuple(told(test) for test in check.tests)) for check in results)
