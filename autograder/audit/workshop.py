"""Builds the submissions that an audit grades; one workshop a process."""

from __future__ import annotations

import json
from functools import cached_property

from autograder.audit.automatic.mutants import AutomaticMutant
from autograder.audit.cases import Case, Part
from autograder.audit.reach import traced
from autograder.source.document import Source
from autograder.source.holes import body, uncover
from autograder.source.notebooks import solved_notebook_of
from autograder.source.variants import (
    Mutant,
    Variant,
    hole_body,
    solved,
    starter,
    with_alternative,
    with_mutant,
)


class Workshop:
    """Builds the submissions of one assignment."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def build(self, case: Case) -> Variant:
        """Build the submission of one case."""
        if case.part is Part.TRACED:
            return traced(self._source)
        if case.part is Part.STARTER:
            return starter(self._source)
        if isinstance(case.change, AutomaticMutant):
            return self._changed(case.change.question, case.change.body)
        if isinstance(case.change, Mutant):
            lines = hole_body(self._source, case.change.question)
            if lines.count(case.change.old) != 1:
                return with_mutant(self._source, case.change)  # which says what is wrong with it
            return self._changed(case.change.question, lines.replace(case.change.old, case.change.new))
        return with_alternative(self._source, case.change) if case.change else self._solved

    @cached_property
    def _solved(self) -> Variant:
        return solved(self._source)

    def _changed(self, question: str, new: str) -> Variant:
        """Put other lines into a hole, also none that do anything."""
        name, file, hole = self._source.place(question)
        if name == self._source.assignment.notebook:
            return Variant(self._notebook(body(file.text, hole), question, new), self._solved.files)
        text = uncover(file.text, file.holes, {question: new})
        return Variant(self._solved.notebook, {**self._solved.files, name: text.encode()})

    def _notebook(self, old: str, question: str, new: str) -> bytes:
        """Change the one cell that a hole is in: many times faster than making the notebook anew."""
        notebook = json.loads(self._solved.notebook)
        cells = [c for c in notebook["cells"] if question in c["metadata"]["robolearn"]["questions"]]
        sources = [c["source"] if isinstance(c["source"], str) else "".join(c["source"]) for c in cells]
        found = [i for i, source in enumerate(sources) if cells[i]["cell_type"] == "code" and old in source]
        if len(found) != 1 or sources[found[0]].count(old) != 1:  # the same lines stand there twice
            file = self._source.notebook
            return solved_notebook_of(self._source, uncover(file.text, file.holes, {question: new}))
        cells[found[0]]["source"] = sources[found[0]].replace(old, new)
        return json.dumps(notebook).encode()
