"""A release: refuse or write the three zips."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.release.archives import write_bytes, zip_bytes
from autograder.release.gate import GradeNotebook, inspect, listed, refuse_release
from autograder.release.leaks import Leak, public_of, scan
from autograder.release.packages import Packing, grader_files, gradescope_files, student_files
from autograder.release.secrets import secrets_of
from autograder.release.wheel import Wheel, build_wheel
from autograder.source.document import Source
from autograder.source.starter import starter_files


@dataclass(frozen=True)
class Archive:
    """One zip of a release."""

    path: Path
    data: bytes

    @property
    def digest(self) -> str:
        """The digest of its bytes."""
        return sha256(self.data).hexdigest()


def release(
    course: Course,
    slug: str,
    out: Path,
    *,
    grade: GradeNotebook | None = None,
    wheel: Wheel | None = None,
    dry_run: bool = False,
) -> tuple[Archive, ...]:
    """Release an assignment: ``out/<slug>/<slug>-<version>-{student,grader,gradescope}.zip``.

    Args:
        course: the course.
        slug: the assignment.
        out: the folder of releases.
        grade: what grades a notebook; by default the real grader.
        wheel: this project's wheel; by default it is built.
        dry_run: find the reasons against it, and write nothing.

    Raises:
        ReleaseError: there are reasons not to release; all of them are listed, and nothing is written.
    """
    found = inspect(course, slug, grade)
    reasons = list(found.reasons)
    archives: tuple[Archive, ...] = ()
    if found.source is not None:
        packing = Packing(course, found.source, wheel or build_wheel())
        archives = _archives(packing, out)
        try:
            reasons += [f"leak: {leak}" for leak in find_leaks(packing, archives[0])]
        except AuthoringError as error:
            reasons += [reason for reason in listed(error) if reason not in reasons]
    refuse_release(slug, tuple(reasons))
    if not dry_run:
        for archive in archives:
            write_bytes(archive.path, archive.data)
    return archives


def leaks_of(course: Course, source: Source, wheel: Wheel | None = None) -> list[Leak]:
    """Search what would be released to students now for anything of solutions/.

    Args:
        course: the course.
        source: the assignment's source.
        wheel: this project's wheel; by default it is built.
    """
    packing = Packing(course, source, wheel or build_wheel())
    name = f"{source.assignment.slug}-{source.assignment.version}-student.zip"
    return find_leaks(packing, Archive(Path(name), zip_bytes(student_files(packing))))


def find_leaks(packing: Packing, student: Archive) -> list[Leak]:
    """Search the student's zip for anything of solutions/."""
    source: Source = packing.source
    public = public_of(packing.course, source, packing.wheel.packages)
    given = [Path(name).name for name in starter_files(packing.course, source.assignment.slug, source)]
    return scan(student.data, student.path.name, secrets_of(source), public, given)


def _archives(packing: Packing, out: Path) -> tuple[Archive, ...]:
    assignment = packing.assignment
    makers = {"student": student_files, "grader": grader_files, "gradescope": gradescope_files}
    return tuple(
        Archive(
            out / assignment.slug / f"{assignment.slug}-{assignment.version}-{name}.zip",
            zip_bytes(make(packing)),
        )
        for name, make in makers.items()
    )


__all__ = ["Archive", "find_leaks", "leaks_of", "release"]
