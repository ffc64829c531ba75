"""Notebooks: JSON that is made to break its reader, cells that claim to be others, code where none is read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from autograder.sandbox.defences import Defence
from tests.attacks.attack import FAILED, NOT_ATTEMPTED, Attack, Own, code_cell
from tests.attacks.evidence import Evidence

Edit = Callable[[dict[str, Any]], bytes | None]
_UNREADABLE = dict.fromkeys(("1.1", "1.2", "1.3"), NOT_ATTEMPTED)


def hostile(tries: str, notebook: Edit, won: Callable[[Evidence], bool], says: str = "", **more: Any) -> Attack:
    """Return an attack on whoever reads the notebook's JSON."""
    return Attack(tries, (Own.INTAKE,), notebook=notebook, won=won, says=says, **more)


def _silent(words: str) -> Callable[[Evidence], bool]:
    return lambda seen: words not in seen.findings


def _lost(seen: Evidence) -> bool:
    return seen.outcomes["1.1"] == "GRADER_ERROR"


def _with(text: str) -> Edit:
    """Put raw JSON text into the notebook's metadata, past any encoder."""

    def edit(data: dict[str, Any]) -> bytes:
        data["metadata"]["raw"] = "@RAW@"
        return json.dumps(data).replace('"@RAW@"', text).encode()

    return edit


def _outputs(megabytes: int) -> Edit:
    def edit(data: dict[str, Any]) -> None:
        text = random.Random(0).randbytes(megabytes << 19).hex()
        image = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text}}
        data["cells"].append(code_cell("x = 1", outputs=[image]))

    return edit


def _cells(count: int) -> Edit:
    return lambda data: data["cells"].extend(code_cell(f"x{n} = {n}", f"many-{n}") for n in range(count))


def _source(size: int) -> Edit:
    return lambda data: data["cells"].append(code_cell("x = '" + "z" * size + "'"))


def _surrogate(data: dict[str, Any]) -> bytes:
    data["cells"].append(code_cell("y = 1  # @SURROGATE@"))
    return json.dumps(data).replace("@SURROGATE@", "\\ud800").encode()


_JSON = {
    "nested deep": hostile("nests a hundred thousand lists", _with("[" * 100_000 + "]" * 100_000), _lost, "nested too deeply",
                           expected=_UNREADABLE),
    "a million containers": hostile("holds a million empty lists", _with("[" + "[]," * 1_000_000 + "[]]"), _silent("lists and objects"),
                                    "lists and objects", expected=_UNREADABLE),
    "huge outputs": hostile("hands in outputs of twenty megabytes", _outputs(20), lambda seen: seen.kept > 10 << 20, "too large to keep"),
    "many cells": hostile("hands in four thousand cells", _cells(4000), _silent("the first 3000"), "the first 3000"),
    "a huge cell": hostile("hands in a cell of two megabytes of code", _source(2 << 20), _silent("was left out"), "was left out"),
    "half a character": hostile("writes half a character, which no file can hold", _surrogate,
                                lambda seen: _lost(seen) or "error" in seen.pages),
}  # fmt: skip


def _setup_changed(data: dict[str, Any]) -> None:
    setup = next(cell for cell in data["cells"] if "setup" in cell["metadata"].get("tags", ()))
    setup["source"] += "\nimport time\nwhile time.process_time() < 60: pass"


_LOOP = "import time\nSTART = time.process_time()\nwhile time.process_time() < START + 3.6: pass"
_CELLS = {
    "a training run": Attack(
        "leaves a training run in a cell of its own, which costs the grader's time", (Own.ADDED_CELLS,), added=_LOOP,
        won=lambda seen: "did not load" in seen.findings, accident=True,
    ),
    "a changed given cell": Attack(
        "hangs a loop onto a cell that was given", (Own.ADDED_CELLS,), notebook=_setup_changed,
        won=lambda seen: "did not load" in seen.findings, accident=True,
    ),
    "a cell that exits": Attack(
        "leaves the kernel in a cell of its own", (Own.ADDED_CELLS,), added="import os\nos._exit(0)",
        won=lambda seen: "did not load" in seen.findings, accident=True,
    ),
    "a shell line": Attack(
        "runs a program from a cell, as notebooks can", (Own.BOUNDARY,),
        added="import os\nMADE = [0]\nos.system('touch made-by-a-cell')",
        bodies={"1.1": "import os\nreturn x + x if os.path.exists('made-by-a-cell') else 0 * x"}, expected={"1.1": FAILED},
    ),
    "a disguised constant": Attack(
        "calls a function of its own from what looks like a constant, so as to run at the top level",
        (Own.BOUNDARY,),
        above="def array(x):\n    open('results.json', 'w').write('{}')\n    import os\n    os._exit(0)\n",
        added="LIMITS = array([1.0])", bodies={"1.1": "return 0 * x"}, expected={"1.1": FAILED},
    ),
    "a module that shadows": Attack(
        "brings modules of the names that the grader's own process imports", (Own.INTAKE,),
        files={"numpy.py": b"raise SystemExit(0)\n", "json.py": b"", "msgpack.py": b"", "test_siege.py": b""},
        won=lambda seen: "numpy.py was taken along" in seen.findings,
    ),
    "a module full of harm": Attack(
        "hides what it does in a module beside the notebook", (Defence.FILES, Defence.LANDLOCK),
        files={"helper.py": b"SEEN = []\ndef read(path):\n    try:\n        SEEN.append(open(path).read())\n    except OSError:\n        pass\n    return SEEN\n"},
        bodies={"1.1": "import helper\nreturn x + x if helper.read('@ROOT@/solutions/siege/grading.toml') else 0 * x"},
        expected={"1.1": FAILED},
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_JSON, **_CELLS}
