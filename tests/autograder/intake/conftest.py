"""A small assignment with a starter notebook, and the edits that students make to it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Assignment, Kind, Question

GAE = '''def gae(rewards, gamma):
    """Estimate advantages."""
    # TODO(2.1 gae): Walk backwards.
    raise NotImplementedError("2.1 gae is yours to write")
'''
LOSS = '''SCALE = 0.5


def scaled(x):
    return SCALE * x


def loss(x):
    """Return the loss."""
    # TODO(2.2 loss): One line.
    raise NotImplementedError("2.2 loss is yours to write")
'''
SETUP = "import numpy as np\n\nfrom autograder import check"
HELPER = "def discount(x, gamma):\n    return x * gamma\n\n\nTABLE = np.arange(4)"
TRAIN = "for step in range(10**9):\n    loss(step)\nprint('trained')"
SOLVED = {
    "2.1": "def gae(rewards, gamma):\n    return rewards * gamma",
    "2.2": "SCALE = 0.5\n\n\ndef scaled(x):\n    return SCALE * x\n\n\ndef loss(x):\n    return scaled(x) ** 2",
}


def _cell(
    kind: str, source: str, id: str, questions: tuple[str, ...] = (), tags: tuple[str, ...] = ()
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"robolearn": {"kind": kind, "questions": list(questions)}}
    if tags:
        metadata["tags"] = list(tags)
    code = kind not in ("text", "written")
    cell = {"cell_type": "code" if code else "markdown", "id": id, "metadata": metadata, "source": source}
    return {**cell, "execution_count": None, "outputs": []} if code else cell


CELLS = [
    _cell("text", "# Homework 9", "text-a"),
    _cell("glue", SETUP, "glue-a"),
    _cell("text", "## 2. Learn", "text-b"),
    _cell("hole", GAE, "hole-2-1", ("2.1",)),
    _cell("check", 'check("2.1")', "check-2-1", ("2.1",), ("experiment",)),
    _cell("glue", HELPER, "glue-b"),
    _cell("hole", LOSS, "hole-2-2", ("2.2",)),
    _cell("check", 'check("2.2")', "check-2-2", ("2.2",), ("experiment",)),
    _cell("experiment", TRAIN, "experiment-a", (), ("experiment",)),
    _cell("text", "Why does it learn?", "text-c"),
    _cell("written", "*Your answer to 3.1 here.*", "written-3-1", ("3.1",)),
    _cell("text", "What would break it?", "text-d"),
    _cell("written", "*Your answer to 3.2 here.*", "written-3-2", ("3.2",)),
]


class Book:
    """A notebook being edited, by cell id."""

    def __init__(self) -> None:
        self.cells = copy.deepcopy(CELLS)
        self.metadata: dict[str, Any] = {"robolearn": {"assignment": "hw9", "version": "1.0.0"}}

    def position(self, id: str) -> int:
        return next(i for i, c in enumerate(self.cells) if c["id"] == id)

    def __getitem__(self, id: str) -> dict[str, Any]:
        return self.cells[self.position(id)]

    def write(self, id: str, source: str) -> Book:
        self[id]["source"] = source
        return self

    def solve(self, *ids: str) -> Book:
        for id in ids or ("2.1", "2.2"):
            self.write(f"hole-{id.replace('.', '-')}", SOLVED[id])
        return self

    def drop(self, *ids: str) -> Book:
        self.cells = [c for c in self.cells if c["id"] not in ids]
        return self

    def add(self, source: str, after: str | None = None, type: str = "code", **metadata: Any) -> Book:
        cell = {"cell_type": type, "id": f"new-{len(self.cells)}", "metadata": metadata, "source": source}
        self.cells.insert(len(self.cells) if after is None else self.position(after) + 1, cell)
        return self

    def strip_ids(self) -> Book:
        for cell in self.cells:
            cell["metadata"] = {}
        self.stripped = True
        return self

    def dict(self) -> dict[str, Any]:
        cells = copy.deepcopy(self.cells)
        if getattr(self, "stripped", False):
            for cell in cells:
                del cell["id"]
        return {"cells": cells, "metadata": self.metadata, "nbformat": 4, "nbformat_minor": 5}

    def bytes(self) -> bytes:
        return json.dumps(self.dict()).encode()


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(scope="session")
def template() -> bytes:
    return Book().bytes()


@pytest.fixture(scope="session")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    folder: Path = tmp_path_factory.mktemp("hw9")
    (folder / "map.csv").write_text("1,2\n")
    (folder / "handout.md").write_text("# Handout\n")
    return Assignment(
        "hw9", "Homework 9", "1.0.0", folder,
        (
            Question("2.1", "gae", "GAE", 2), Question("2.2", "loss", "Loss", 2),
            Question("3.1", "why", "Why", 1, Kind.WRITTEN), Question("3.2", "breaks", "Breaks", 1, Kind.WRITTEN),
        ),
        data=("handout.md", "map.csv"),
    )  # fmt: skip
