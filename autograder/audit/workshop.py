"""Builds the submissions that an audit grades; one workshop a process."""

from __future__ import annotations

import json
from functools import cached_property

from autograder.audit.cases import Case, Part
from autograder.audit.reach import traced
from autograder.source.document import Source
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
        if isinstance(case.change, Mutant):
            return self._planted(case.change)
        return with_alternative(self._source, case.change) if case.change else self._solved

    @cached_property
    def _solved(self) -> Variant:
        return solved(self._source)

    def _planted(self, mutant: Mutant) -> Variant:
        """Plant a mistake in the one cell that it is in: many times faster than making the notebook anew."""
        body = hole_body(self._source, mutant.question)
        notebook = json.loads(self._solved.notebook)
        cells = [c for c in notebook["cells"] if mutant.question in c["metadata"]["robolearn"]["questions"]]
        sources = [c["source"] if isinstance(c["source"], str) else "".join(c["source"]) for c in cells]
        found = [i for i, source in enumerate(sources) if cells[i]["cell_type"] == "code" and body in source]
        if len(found) != 1 or sources[found[0]].count(body) != 1 or body.count(mutant.old) != 1:
            return with_mutant(self._source, mutant)  # its hole is in a further file, or the mutant is wrong
        changed = body.replace(mutant.old, mutant.new)
        cells[found[0]]["source"] = sources[found[0]].replace(body, changed)
        return Variant(json.dumps(notebook).encode(), self._solved.files)
