"""What goes into a worker and what is known of it afterwards: frozen, plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One cell of a submission, in the order in which it runs.

    ``kind`` is ``glue``, ``hole``, ``restored`` (from the template) or ``file``, which run whole, or
    ``added`` by the student, of which imports, definitions and constants are kept.
    """

    id: str
    source: str
    kind: str = "glue"
    questions: tuple[str, ...] = ()
    label: str = ""  # for people: "cell 12"


@dataclass(frozen=True)
class WorkerCode:
    """A submission's code: cells, and further files that its worker finds in its working directory."""

    cells: tuple[Cell, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)  # relative path -> content


@dataclass(frozen=True)
class CellError:
    """One cell that did not load."""

    cell_id: str
    type_name: str
    message: str
    traceback_text: str = ""
    label: str = ""
    defines: tuple[str, ...] = ()  # functions, classes and constants that its source would have defined


@dataclass(frozen=True)
class LoadReport:
    """How loading went.

    Attributes:
        errors: cells that raised, in order, and cells given up because loading died in them
            (type_name ``TimedOut``, ``OutOfMemory``, ``Crashed`` or ``Blocked``).
        lost_cells: ids of the cells in which loading died; pass them as ``skip_cells`` next time.
        names: the names that the submission defines.
    """

    errors: tuple[CellError, ...] = ()
    lost_cells: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    hung_cell: str = ""  # the first cell in which loading ran out of time
    crashed_cell: str = ""  # the first cell in which loading crashed or ran out of memory


@dataclass(frozen=True)
class Usage:
    """What a worker used."""

    cpu_s: float = 0.0
    wall_s: float = 0.0  # time that the grader waited for it
    max_rss_mb: float = 0.0
