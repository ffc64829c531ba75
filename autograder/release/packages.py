"""What goes into each of the three zips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import MANIFEST, Assignment, Course, Kind
from autograder.release.wheel import Wheel, pins
from autograder.source.document import Source
from autograder.source.starter import files_under, starter_files

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Packing:
    """An assignment about to be packed."""

    course: Course
    source: Source
    wheel: Wheel

    @property
    def assignment(self) -> Assignment:
        """The assignment's manifest."""
        return self.source.assignment


def student_files(packing: Packing) -> dict[str, bytes]:
    """Return the student's zip: the starter's files, a README, requirements, the wheel, in one folder."""
    assignment = packing.assignment
    starter = starter_files(packing.course, assignment.slug, packing.source)
    context = _context(packing, pins())
    context["contents"] = [
        *_contents(assignment, starter),
        (packing.wheel.name, "this course's environments and checks"),
    ]
    files = {
        **starter,
        "README.md": render("student/README.md.j2", context),
        "requirements.txt": render("student/requirements.txt.j2", context),
        packing.wheel.name: packing.wheel.data,
    }
    return {f"{assignment.slug}/{name}": data for name, data in files.items()}


def grader_files(packing: Packing) -> dict[str, bytes]:
    """Return the grader's zip: all that a TA needs, in one folder."""
    slug = packing.assignment.slug
    context = _context(packing, pins("grade"))
    files = {
        **_course_files(packing.course, slug),
        "README.md": render("grader/README.md.j2", context),
        "requirements-grade.txt": render("grader/requirements-grade.txt.j2", context),
        packing.wheel.name: packing.wheel.data,
    }
    return {f"{slug}-grader/{name}": data for name, data in files.items()}


def gradescope_files(packing: Packing) -> dict[str, bytes]:
    """Return Gradescope's zip; Gradescope unpacks it to /autograder/source."""
    context = _context(packing, pins("grade"))
    return {
        **_course_files(packing.course, packing.assignment.slug),
        **{
            name: render(f"gradescope/{name}.j2", context)
            for name in ("README.md", "setup.sh", "run_autograder")
        },
        "requirements-grade.txt": render("grader/requirements-grade.txt.j2", context),
        packing.wheel.name: packing.wheel.data,
    }


def _course_files(course: Course, slug: str) -> dict[str, bytes]:
    folders = (course.root / "assignments" / slug, course.solution(slug), course.starter(slug))
    return {
        path.relative_to(course.root).as_posix(): path.read_bytes()
        for folder in folders
        for path in files_under(folder)
    }


def _context(packing: Packing, pinned: tuple[str, ...]) -> dict[str, Any]:
    assignment = packing.assignment
    bonus = sum(q.points for q in assignment.questions if q.bonus)
    code = [q for q in assignment.questions if q.kind is not Kind.WRITTEN]
    memory = max(q.limits.memory_mb for q in assignment.questions)
    return {
        "slug": assignment.slug,
        "title": assignment.title,
        "version": assignment.version,
        "points": f"{assignment.possible:g}",
        "bonus": f" and {bonus:g} bonus points" if bonus else "",
        "question": (code or list(assignment.questions))[0].id,
        "notebook": assignment.notebook,
        "handout": next((d for d in assignment.data if d.endswith(".md")), ""),
        "memory_gb": max(4, -(-2 * memory // 1024)),
        "wheel": packing.wheel.name,
        "pins": pinned,
        "torch": next((p for p in pinned if p.startswith("torch==")), "torch"),
    }


def _contents(assignment: Assignment, files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    told = {assignment.notebook: "the notebook that you complete", MANIFEST: "questions, points and limits"}
    told.update({name: "a file that you complete, too" for name in assignment.files})
    rows = [(name, told[name]) for name in (assignment.notebook, *assignment.files, MANIFEST)]
    if any(name.startswith("tests/") for name in files):
        rows.append(("tests/", "the public tests"))
    known = {name for name, _ in rows}
    rows += [
        (name, "goes with the notebook")
        for name in files
        if name not in known and not name.startswith("tests/")
    ]
    return rows


def render(template: str, context: Mapping[str, Any]) -> bytes:
    """Fill a template of this package in; a name that it asks for and does not get is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
    text = environment.get_template(template).render(**context)
    return (text.rstrip("\n") + "\n").encode()


__all__ = ["Packing", "grader_files", "gradescope_files", "render", "student_files"]
