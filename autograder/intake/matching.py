"""Turn a student's cells into the code that a worker loads, in the starter's order, with what was noticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from autograder.course import Assignment
from autograder.intake.notebook import NotebookCell
from autograder.intake.pairing import Pairing, pair
from autograder.intake.statements import names, statements, without_magics
from autograder.intake.template import Template, TemplateCell, untouched_holes
from autograder.results import Finding
from autograder.sandbox.code import Cell

RESTORED = "a given cell, put back"

# How far a cell got that stands for a hole's cell.
EMPTY, UNTOUCHED, WITHOUT_NAME, STILL_RAISES, ATTEMPTED = range(5)


@dataclass
class Matched:
    """A student's notebook as the grader sees it."""

    cells: tuple[Cell, ...]
    findings: tuple[Finding, ...]
    pairing: Pairing
    chosen: dict[int, str] = field(default_factory=dict)  # position of a student's cell -> starter cell id


def match(
    cells: Sequence[NotebookCell], template: Template, assignment: Assignment, script: bool = False
) -> Matched:
    """Match a student's cells to the starter's and put them in the order in which they run.

    Args:
        cells: the student's, in their order.
        template: the starter notebook.
        assignment: for the questions' labels.
        script: whether they come from a ``.py``, where given cells are often left out.
    """
    labels = {q.id: q.label for q in assignment.questions}
    return _Matcher(pair(template, cells), labels, script).run()


class _Matcher:
    def __init__(self, pairing: Pairing, labels: dict[str, str], script: bool) -> None:
        self.pairing, self.labels, self.script = pairing, labels, script
        self.template, self.cells = pairing.template, pairing.cells
        self.findings: list[Finding] = []
        self.chosen: dict[int, str] = {}
        self.put_back: list[TemplateCell] = []
        self.given = {name for c in self.template.cells for name in c.defines} - set(self.template.functions)
        self.written = frozenset(n for c in self.cells if c.type == "code" for n in names(c.source))

    def run(self) -> Matched:
        added = self._added()
        cells = [self._added_cell(p) for p in added.get(-1, ())]
        for given in self.template.cells:
            cells += self._for(given)
            cells += [self._added_cell(p) for p in added.get(given.index, ())]
        self._tell_put_back()
        self._tell_redefined(cells)
        self._tell_order()
        cells = [c for c in cells if c.source.strip()]
        return Matched(tuple(cells), tuple(self.findings), self.pairing, self.chosen)

    def _find(self, what: str, questions: Sequence[str] = ()) -> None:
        self.findings.append(Finding(what, tuple(questions)))

    def _label(self, question: str) -> str:
        return self.labels.get(question, question)

    def _labels(self, cell: TemplateCell) -> str:
        return ", ".join(self._label(q) for q in cell.questions)

    # Added cells

    def _added(self) -> dict[int, list[int]]:
        """Return the positions of added code cells, by the starter cell that they follow (-1: none)."""
        after = -1
        found: dict[int, list[int]] = {}
        for position, cell in enumerate(self.cells):
            if position in self.pairing.claims:
                after = self.pairing.claims[position]
            elif cell.type == "code":
                found.setdefault(after, []).append(position)
        return found

    def _added_cell(self, position: int, suffix: str = "") -> Cell:
        cell = self.cells[position]
        source = without_magics(cell.source)
        if "experiment" in cell.tags or cell.kind == "experiment":
            source = self._new_definitions(cell.source, ())
        return Cell(f"added-{cell.number}{suffix}", source, "added", self._touches(position), cell.label)

    def _touches(self, position: int) -> tuple[str, ...]:
        """Return the questions whose functions a cell defines."""
        defines = self.pairing.facts[position].defines
        found = (q for c in self.template.cells for q, f in c.holes.items() if f and f in defines)
        return tuple(dict.fromkeys(found))

    def _new_definitions(self, source: str, known: Sequence[str]) -> str:
        """Return the functions and classes of an experiment's cell that its student added."""
        found = (s for s in statements(source) if s.defines and s.defines not in (*known, *self.given))
        return "\n\n".join(s.text for s in found)

    # The starter's cells

    def _for(self, given: TemplateCell) -> Iterator[Cell]:
        claimants = self.pairing.claimants(given)
        if given.kind == "glue":
            yield from self._glue(given, claimants)
        elif given.kind == "hole":
            yield from self._hole(given, claimants)
        elif given.kind == "experiment":
            yield from self._experiment(given, claimants)
        elif claimants:
            self._choose(claimants[-1], given)

    def _choose(self, position: int, given: TemplateCell) -> None:
        self.chosen[position] = given.id

    def _restored(self, given: TemplateCell) -> Cell:
        return Cell(given.id, without_magics(given.source), "restored", given.questions, RESTORED)

    def _glue(self, given: TemplateCell, claimants: list[int]) -> Iterator[Cell]:
        if not claimants:
            self.put_back.append(given)
            yield self._restored(given)
            return
        changed = [p for p in claimants if self.pairing.facts[p].norm not in ("", given.norm)]
        emptied = not changed and all(not self.pairing.facts[p].norm for p in claimants)
        self._choose(changed[-1] if changed else claimants[-1], given)
        if emptied:
            self.put_back.append(given)
            yield self._restored(given)
            return
        label = self.cells[claimants[-1]].label
        yield Cell(given.id, without_magics(given.source), "restored" if changed else "glue", (), label)
        for position in changed:
            cell = self.cells[position]
            kind = "added" if cell.type != "code" or self._runs_more(position, given) else "glue"
            if cell.type == "code":
                yield Cell(f"{given.id}~{cell.number}", without_magics(cell.source), kind, (), cell.label)
                self._find(f"{cell.label} was given and is changed: the original runs first, then this one.")

    def _runs_more(self, position: int, given: TemplateCell) -> bool:
        """Tell whether a cell does more at its top level than the starter's: a training run, say."""
        known = {s.text for s in statements(given.source)}
        return any(s.runs and s.text not in known for s in statements(self.cells[position].source))

    def _experiment(self, given: TemplateCell, claimants: list[int]) -> Iterator[Cell]:
        for position in claimants:
            cell = self.cells[position]
            self._choose(position, given)
            source = self._new_definitions(cell.source, given.defines) if cell.type == "code" else ""
            if source:
                yield Cell(f"{given.id}~{cell.number}", source, "added", self._touches(position), cell.label)

    # Holes

    def _hole(self, given: TemplateCell, claimants: list[int]) -> Iterator[Cell]:
        ranks = {p: self._rank(p, given) for p in claimants}
        best = max(claimants, key=lambda p: (ranks[p], p), default=None)
        if best is None or ranks[best] == EMPTY:
            yield from self._missing(given, best)
            return
        self._choose(best, given)
        self._tell_duplicates(given, best, ranks)
        for position in claimants:
            if position != best and ranks[position] > UNTOUCHED:
                yield self._added_cell(position, "~old")
        cell = self.cells[best]
        if ranks[best] == UNTOUCHED:
            yield from self._unless_elsewhere(given, cell)
            return
        if self._lost_helpers(given):
            yield Cell(f"{given.id}~given", without_magics(given.source), "restored", (), RESTORED)
        if cell.type != "code":
            self._find(
                f"{self._labels(given)}: {cell.label} is a {cell.type} cell, so your notebook never ran it;"
                " its text was graded as code.", given.questions,
            )  # fmt: skip
        self._tell_names(given, best)
        guessed = self.pairing.how[best] in ("name", "likeness")
        kind = "added" if guessed and self._runs_more(best, given) else "hole"
        questions = tuple(dict.fromkeys((*given.questions, *self._touches(best))))
        yield Cell(given.id, without_magics(cell.source), kind, questions, cell.label)

    def _rank(self, position: int, given: TemplateCell) -> int:
        facts, cell = self.pairing.facts[position], self.cells[position]
        functions = set(given.holes.values()) - {""}
        if not facts.norm:
            return EMPTY
        if facts.norm == given.norm:
            return UNTOUCHED
        if functions and not functions.intersection((*facts.defines, *names(cell.source))):
            return WITHOUT_NAME
        return STILL_RAISES if set(given.holes) <= set(untouched_holes(cell.source)) else ATTEMPTED

    def _elsewhere(self, given: TemplateCell) -> dict[str, NotebookCell]:
        """Return the hole's questions whose function stands in a cell that counts as another starter cell."""
        found = {}
        for question, function in given.holes.items():
            for position, cell in enumerate(self.cells):
                claimed = self.pairing.claims.get(position)
                if claimed not in (None, given.index) and function in self.pairing.facts[position].defines:
                    found[question] = cell
        return found

    def _missing(self, given: TemplateCell, emptied: int | None) -> Iterator[Cell]:
        elsewhere = self._elsewhere(given)
        for question, cell in elsewhere.items():
            self._find(
                f"{self._label(question)} was read from {cell.label}; its own cell is gone.", (question,)
            )
        lost = [q for q in given.questions if q not in elsewhere]
        if lost:
            what = "its cell is empty" if emptied is not None else "its cell is not in the notebook"
            self._find(f"{', '.join(map(self._label, lost))}: {what}; it counts as not attempted.", lost)
        if emptied is not None:
            self._choose(emptied, given)
        if lost or self._lost_helpers(given):
            yield self._restored(given)

    def _unless_elsewhere(self, given: TemplateCell, cell: NotebookCell) -> Iterator[Cell]:
        """Yield an untouched hole's cell, unless the student wrote its function into another cell."""
        elsewhere = self._elsewhere(given)
        for question, other in elsewhere.items():
            self._find(
                f"{self._label(question)} was read from {other.label}; its own cell is untouched.",
                (question,),
            )
        if set(elsewhere) != set(given.questions) or self._lost_helpers(given):
            yield Cell(given.id, without_magics(given.source), "hole", given.questions, cell.label)

    def _lost_helpers(self, given: TemplateCell) -> bool:
        """Tell whether given names of a hole's cell are nowhere in the student's notebook."""
        return bool(names(given.source) - set(self.template.functions) - self.written)

    # What people are told

    def _tell_duplicates(self, given: TemplateCell, best: int, ranks: dict[int, int]) -> None:
        if len(ranks) < 2 or ranks[best] == UNTOUCHED:
            return
        others = _listed([self.cells[p].label for p in ranks if p != best])
        self._find(
            f"{self._labels(given)}: {others} and {self.cells[best].label} both hold it;"
            f" {self.cells[best].label} counts.", given.questions,
        )  # fmt: skip

    def _tell_names(self, given: TemplateCell, position: int) -> None:
        cell, facts = self.cells[position], self.pairing.facts[position]
        for question, function in given.holes.items():
            if function and function not in self.written and function not in facts.defines:
                others = [f"`{n}`" for n in facts.defines if n not in given.defines]
                instead = f"defines {', '.join(others)}" if others else "does not define it"
                self._find(
                    f"{self._label(question)}: {cell.label} {instead}, expected `{function}`."
                    " Keep the function's name.", (question,),
                )  # fmt: skip

    def _tell_put_back(self) -> None:
        if self.put_back and not self.script:
            count = len(self.put_back)
            first = self.put_back[0].source.strip().split("\n")[0][:60]
            more = f" and {count - 1} more" if count > 1 else ""
            self._find(f"Given cells were missing and were put back: the one that begins `{first}`{more}.")

    def _tell_redefined(self, cells: Sequence[Cell]) -> None:
        """Say where a hole's function is defined a second time, because the last definition counts."""
        where: dict[str, list[str]] = {}
        for cell in cells:
            if cell.kind in ("hole", "added") and not cell.id.endswith("~old"):
                for question in cell.questions:
                    where.setdefault(question, []).append(cell.label)
        for question, labels in where.items():
            if len(labels) > 1:
                self._find(
                    f"{self._label(question)} is defined in {_listed(labels)};"
                    f" the one in {labels[-1]} counts.",
                    (question,),
                )

    def _tell_order(self) -> None:
        placed = (p for p in sorted(self.chosen) if self.pairing.how[p] != "name")  # not work in a new cell
        order = [self.pairing.claims[p] for p in placed]
        order = [i for i in order if self.template.cells[i].kind in ("glue", "hole")]
        if order != sorted(order):
            self._find("The notebook's cells are in another order than given; they ran in the given order.")


def _listed(labels: Sequence[str]) -> str:
    """Join a few labels; of many, count the rest."""
    return " and ".join(labels) if len(labels) <= 6 else f"{labels[0]} and {len(labels) - 1} more cells"
