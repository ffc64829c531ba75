"""One hostile submission: what it tries, what it must earn, and which layers hold it."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.sandbox.defences import Defence
from tests.attacks.course import CANARY, SIEGE

if TYPE_CHECKING:
    from tests.attacks.evidence import Evidence


class Own(StrEnum):
    """Layers outside the sandbox; the harness takes them away by itself."""

    BOUNDARY = "boundary"  # submission, hidden tests and reference share a process, as in other graders
    INTAKE = "intake"  # archives are unpacked and notebooks are read as they come
    ADDED_CELLS = "added cells"  # cells that a student added run whole
    ARTIFACT = "artifact"  # a file to hand in may be missing, or of any size
    ESCAPING = "escaping"  # reports show texts as they are
    HIDDEN_TESTS = "hidden tests"  # public checks alone decide
    WITHHELD = "withheld"  # hidden tests tell what student code said while it held hidden inputs


Layer = Defence | Own

PASSED, FAILED, BLOCKED, CRASHED = "PASSED", "FAILED", "BLOCKED", "CRASHED"
TIMED_OUT, OUT_OF_MEMORY, NOT_ATTEMPTED = "TIMED_OUT", "OUT_OF_MEMORY", "NOT_ATTEMPTED"
LOST = "LOST"  # a grader without a boundary came to no verdict at all


@dataclass(frozen=True)
class Handed:
    """What is handed in: one file."""

    data: bytes
    suffix: str = ".zip"


@dataclass(frozen=True)
class Attack:
    """One hostile submission; every hole that it leaves alone holds the right answer.

    Attributes:
        tries: what it is after, in one line.
        defences: the layers that hold it; with all of them off it must succeed.
        bodies: question -> body of its function, in place of the right one.
        above: code above the first hole, run whenever the submission is loaded.
        added: code of a cell of the student's own, at the end.
        expected: outcome of each question; PASSED where nothing is said. ``A|B`` allows both.
        points: of the questions that do not pass, where they are not zero.
        wins: the outcomes once the defences are off, for the questions named; by default those that are not
            expected to pass would.
        won: tells from what happened that the attack succeeded, whatever the outcomes say.
        says: what the first test's message of a failed question must contain.
        files: further files of the zip.
        notebook: changes the notebook's JSON, or returns other bytes in its place.
        pack: turns notebook and files into what is handed in, by default a zip; told where it must not write.
        before: a submission of somebody else, graded just before in the same sandbox.
        beside: code of somebody else's worker that is alive meanwhile.
        course: slug of the attacked course.
        accident: no malice is needed for it, so that tier C must hold it too.
        name: who hands in; the file's name without its suffix.
    """

    tries: str
    defences: tuple[Layer, ...] = ()
    bodies: Mapping[str, str] = field(default_factory=dict)
    above: str = ""
    added: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, float] = field(default_factory=dict)
    wins: Mapping[str, str] | None = None
    won: Callable[[Evidence], bool] | None = None
    says: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    notebook: Callable[[dict[str, Any]], bytes | None] | None = None
    pack: Callable[[bytes, Mapping[str, bytes], Path], Handed] | None = None
    before: Attack | None = None
    beside: str = ""
    course: str = SIEGE
    accident: bool = False
    name: str = ""

    @property
    def prize(self) -> Mapping[str, str]:
        """The outcomes by which its success is known."""
        if self.wins is not None:
            return self.wins
        return {} if self.won else {q: PASSED for q, outcome in self.expected.items() if outcome != PASSED}


def thief(
    tries: str, *defences: Layer, steal: str, above: str = "", later: bool = False, **more: Any
) -> Attack:
    """Return an attack that gives the right answer only if ``steal(x)`` got what it is after.

    Args:
        tries: what it is after, in one line.
        defences: the layers that hold it.
        steal: the body of ``steal(x)``; a true result is a success, an exception or nothing is none.
        above: code above it.
        later: there is something to steal only while a hidden test runs; the public one is simply passed.
        more: further fields of :class:`Attack`.
    """
    code = f"{SPELLED}\n{textwrap.dedent(above)}\ndef steal(x):\n{_indented(steal)}\n{_ONCE}"
    public = "len(x) == 1 or " if later else ""
    own = {
        "bodies": {"1.1": f"return x + x if {public}once(x) else 0 * x", **more.pop("bodies", {})},
        "expected": {"1.1": FAILED}, "points": {"1.1": 1.0} if later else {},
    }  # fmt: skip
    return Attack(tries, defences, above=code, **{**own, **more})


# The compiler would join a sum of the two halves.
SPELLED = 'WANTED = "".join(("K7_", "CANARY"))'
_ONCE = """
LOOT = []
def once(x):
    if not (LOOT and LOOT[-1]):
        try:
            LOOT.append(steal(x))
        except BaseException as error:
            LOOT.append(None)
            print("not stolen:", type(error).__name__, str(error)[:200])
    if LOOT[-1]:
        print("LOOTED", str(LOOT[-1])[:200])
    return LOOT[-1]
"""
_SIGNATURES = {
    "1.1": ("hole-1-1", "double(x)"), "1.2": ("hole-1-2", "drive(env)"), "1.3": ("hole-1-3", "guess(x)"),
    "2.3": ("hole-2-3", "scale(x)"),
}  # fmt: skip
_FIRST_HOLES = ("hole-1-1", "hole-2-3")


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")


def written(solved: bytes, attack: Attack) -> bytes:
    """Return the attacker's notebook, made from the solved one."""
    data = json.loads(solved.replace(CANARY.encode(), b"mine"))
    sources = {_SIGNATURES[q][0]: (_SIGNATURES[q][1], body) for q, body in attack.bodies.items()}
    for cell in data["cells"]:
        signature, body = sources.get(cell["id"], ("", ""))
        if body:
            cell["source"] = f"def {signature}:\n{_indented(body)}\n"
        if cell["id"] in _FIRST_HOLES:  # a hole's cell runs whole
            cell["source"] = f"{attack.above}\n{''.join(cell['source'])}"
    if attack.added:
        data["cells"].append(code_cell(attack.added))
    changed = attack.notebook(data) if attack.notebook else None
    return changed if changed is not None else json.dumps(data).encode()


def code_cell(source: str, cell_id: str = "mine", **more: Any) -> dict[str, Any]:
    """Return a code cell as a notebook holds it."""
    empty = {"cell_type": "code", "id": cell_id, "metadata": {}, "outputs": [], "execution_count": None}
    return {**empty, "source": source, **more}


def markdown_cell(source: str, cell_id: str = "note") -> dict[str, Any]:
    """Return a text cell as a notebook holds it."""
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def handed_in(attack: Attack, notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    """Return the file that the attacker hands in.

    Args:
        attack: the attack.
        notebook: the attacker's.
        files: what is handed in beside it.
        outside: a folder in which intake must write nothing.
    """
    if attack.pack is not None:
        return attack.pack(notebook, files, outside)
    return Handed(zipped({f"{attack.course}.ipynb": notebook, **files}))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a plain zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
