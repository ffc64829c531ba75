"""Say which cell of the starter notebook each of a student's cells came from.

Ids are asked first, then what the metadata tells, then the text itself: the same text, the functions that a
cell defines, likeness, and for written answers the place between known neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property

from autograder.intake.notebook import NotebookCell
from autograder.intake.statements import definitions
from autograder.intake.template import Template, TemplateCell, normal, placeholder_of

FOREIGN = 0.3  # likeness below which a cell is not what its id or its metadata say
ALIKE = 0.6  # likeness from which an unknown cell counts as a changed starter cell
MAX_PAIRS = 20_000  # comparisons of two cells by their lines
MAX_CLOSE = 150  # comparisons by their characters
SHORT = 4  # cells of so few lines are compared by characters too
MAX_CHARACTERS = 1000


@dataclass(frozen=True)
class Facts:
    """What the passes ask of a student's cell, computed once."""

    norm: str
    defines: tuple[str, ...]


@dataclass
class Pairing:
    """Which starter cell each student cell stands for; several may stand for one."""

    template: Template
    cells: Sequence[NotebookCell]
    facts: Sequence[Facts]
    claims: dict[int, int] = field(default_factory=dict)  # position in `cells` -> index in the template
    how: dict[int, str] = field(default_factory=dict)  # id, metadata, text, name, likeness, place

    def claim(self, position: int, index: int, how: str) -> None:
        """Let a student's cell stand for a starter cell."""
        self.claims[position], self.how[position] = index, how

    def claimants(self, cell: TemplateCell) -> list[int]:
        """Return the positions of the cells that stand for a starter cell, in the student's order."""
        return sorted(p for p, index in self.claims.items() if index == cell.index)

    def free(self, kind: str) -> list[int]:
        """Return the positions of unclaimed cells: ``code``, or ``text`` for the others."""
        return [
            p
            for p, cell in enumerate(self.cells)
            if p not in self.claims and (cell.type == "code") == (kind == "code")
        ]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The text of every cell of the student's."""
        return frozenset(facts.norm for facts in self.facts)

    def index_of_text(self, norm: str, code: bool) -> int | None:
        """Return the first starter cell with this very text; None if none has it."""
        found = (c.index for c in self.template.cells if c.norm == norm and c.is_code == code)
        return next(found, None)

    def is_given_text(self, position: int) -> bool:
        """Tell whether a cell that none stands for is the course's text, as another version gave it out."""
        if self.cells[position].kind != "text":
            return False
        lines = Counter(_lines(self.facts[position].norm))
        given = (Counter(_lines(c.norm)) for c in self.template.cells if c.kind == "text")
        return any(_overlap(known, lines) >= FOREIGN for known in given)

    def unclaimed(self, kinds: Iterable[str]) -> list[TemplateCell]:
        """Return the starter cells of these kinds that no cell stands for."""
        taken = set(self.claims.values())
        return [c for c in self.template.cells if c.kind in kinds and c.index not in taken]


def pair(template: Template, cells: Sequence[NotebookCell]) -> Pairing:
    """Pair a student's cells with the starter's."""
    facts = [Facts(normal(c.source), _defines(c)) for c in cells]
    pairing = Pairing(template, cells, facts)
    _by_id(pairing)
    _by_metadata(pairing)
    _by_text(pairing)
    _by_function(pairing)
    _by_likeness(pairing)
    _by_place(pairing)
    return pairing


def _defines(cell: NotebookCell) -> tuple[str, ...]:
    if cell.type != "code" and "def " not in cell.source and "class " not in cell.source:
        return ()
    return definitions(cell.source)


def _by_id(pairing: Pairing) -> None:
    known = {cell.id: cell.index for cell in pairing.template.cells}
    for position, cell in enumerate(pairing.cells):
        index = next((known[i] for i in cell.ids if i in known), None)
        if index is not None and not _is_of_another(pairing, position, index):
            pairing.claim(position, index, "id")


def _by_metadata(pairing: Pairing) -> None:
    kinds = ("hole", "check", "written")
    known = {(c.kind, c.questions): c.index for c in pairing.template.cells if c.kind in kinds}
    for position, cell in enumerate(pairing.cells):
        index = known.get((cell.kind, cell.questions))
        if position in pairing.claims or index is None or _is_of_another(pairing, position, index):
            continue
        pairing.claim(position, index, "metadata")


def _is_of_another(pairing: Pairing, position: int, index: int) -> bool:
    """Tell whether a cell carries the id or the metadata of a starter cell by mistake, as after a bad merge.

    It does when it is another starter cell to the letter; when it defines what another hole asks for, or is
    plain text, and shares next to nothing with this one; when it is text under a hole's id and no code.
    """
    given, facts = pairing.template.cells[index], pairing.facts[position]
    code = pairing.cells[position].type == "code"
    if facts.norm in ("", given.norm):
        return False
    if pairing.index_of_text(facts.norm, code) not in (None, index):
        return True
    if set(given.defines).intersection(facts.defines):
        return False
    if given.kind == "hole" and not code and "def " not in facts.norm:
        return True
    elsewhere = given.kind not in ("hole", "written") and given.norm in pairing.texts
    if not elsewhere and not pairing.template.functions.keys() & set(facts.defines):
        return False
    return _overlap(Counter(_lines(given.norm)), Counter(_lines(facts.norm))) < FOREIGN


def _by_text(pairing: Pairing) -> None:
    same: dict[tuple[str, bool], list[int]] = {}
    for given in pairing.template.cells:
        if given.norm:
            same.setdefault((given.norm, given.is_code), []).append(given.index)
    taken = set(pairing.claims.values())
    for position, cell in enumerate(pairing.cells):
        indices = same.get((pairing.facts[position].norm, cell.type == "code"))
        if position not in pairing.claims and indices:
            index = next((i for i in indices if i not in taken), indices[0])
            taken.add(index)
            pairing.claim(position, index, "text")


def _by_function(pairing: Pairing) -> None:
    """Take every free cell that defines a hole's function, where no attempt was found by other means."""
    for cell in pairing.template.cells:
        functions = set(cell.holes.values()) - {""}
        if not functions or any(_attempts(pairing, p, cell, functions) for p in pairing.claimants(cell)):
            continue
        for kind in ("code", "text"):
            found = [p for p in pairing.free(kind) if functions.intersection(pairing.facts[p].defines)]
            for position in found:
                pairing.claim(position, cell.index, "name")
            if found:
                break


def _attempts(pairing: Pairing, position: int, cell: TemplateCell, functions: set[str]) -> bool:
    facts = pairing.facts[position]
    return facts.norm != cell.norm and bool(functions.intersection(facts.defines))


def _by_likeness(pairing: Pairing) -> None:
    """Pair what is left by how much of the text is the same, the most alike first."""
    wanted, free = pairing.unclaimed(("glue", "experiment", "hole")), pairing.free("code")
    if not wanted or not free:
        return
    known = {c.index: Counter(_lines(c.norm)) for c in wanted}
    own = {p: Counter(_lines(pairing.facts[p].norm)) for p in free[: max(MAX_PAIRS // len(wanted), 1)]}
    close, scores = 0, []
    for cell in wanted:
        for position, lines in own.items():
            score = _overlap(known[cell.index], lines)
            short = min(len(known[cell.index]), len(lines)) <= SHORT
            if score < ALIKE and short and close < MAX_CLOSE:
                ratio, compared = _ratio(cell.norm, pairing.facts[position].norm)
                score, close = max(score, ratio), close + compared
            if score >= ALIKE:
                scores.append((-score, abs(position - cell.index), cell.index, position))
    taken: set[int] = set()
    for _, _, index, position in sorted(scores):
        if index not in taken and position not in pairing.claims:
            taken.add(index)
            pairing.claim(position, index, "likeness")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()][:400]


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)


def _ratio(one: str, other: str) -> tuple[float, int]:
    """Return the likeness of two short texts, and whether it was worth the full comparison."""
    if max(len(one), len(other)) > MAX_CHARACTERS:
        return 0.0, 0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0, 0
    return matcher.ratio(), 1


def _by_place(pairing: Pairing) -> None:
    """Find written answers by their placeholder, then between the neighbours that the starter gives them."""
    for cell in pairing.unclaimed(("written",)):
        texts = pairing.free("text")
        marked = [p for p in texts if placeholder_of(pairing.cells[p].source) in cell.questions]
        for position in marked:
            pairing.claim(position, cell.index, "text")
        if not marked:
            between = _between(pairing, cell)
            first = next((p for p in texts if p in between and pairing.facts[p].norm), None)
            if first is not None:
                pairing.claim(first, cell.index, "place")


def _between(pairing: Pairing, cell: TemplateCell) -> range:
    """Return the positions after the starter's cells before this one and before those after it."""
    before = max((i for i in pairing.claims.values() if i < cell.index), default=None)
    after = min((i for i in pairing.claims.values() if i > cell.index), default=None)
    begin = -1 if before is None else max(p for p, i in pairing.claims.items() if i == before)
    ends = [p for p, i in pairing.claims.items() if i == after and p > begin]
    return range(begin + 1, min(ends, default=len(pairing.cells)))
