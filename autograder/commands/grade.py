"""``autograder grade``: a folder of submissions becomes a table, a gradebook and pages to hand out."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.course import Course
    from autograder.grading.grader import Grader
    from autograder.grading.store import Store
    from autograder.intake import SubmissionSource
    from autograder.results import SubmissionResult
    from autograder.sandbox import Tier

_ID = re.compile(r"\d+(\.\d+)?")


class _Spread(click.Command):
    """Takes several values after one option, as people write them: ``--questions 1.1 3.2``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


def spread(args: list[str]) -> list[str]:
    """Repeat ``--questions`` and ``--only`` before each value that follows them.

    Question ids cannot be anything else. Names can, so that ``--only`` takes more than one only after the
    assignment and the submissions were given.
    """
    out: list[str] = []
    option, taken, positional = "", 0, 0
    for arg in args:
        if arg.startswith("-"):
            option, taken = arg, 0
            out.append(arg)
            continue
        more = (
            taken == 0
            or (option == "--questions" and _ID.fullmatch(arg))
            or (option == "--only" and positional >= 2)
        )
        if option in ("--questions", "--only") and more:
            out += [arg] if taken == 0 else [option, arg]
            taken += 1
            continue
        previous_takes_value = bool(option) and taken == 0 and out[-1] == option and option in _WITH_VALUE
        positional += not previous_takes_value
        taken += 1
        out.append(arg)
    return out


@click.command(cls=_Spread, short_help="Grade a folder of submissions, or an export of an LMS.")
@click.argument("hw", metavar="HW")
@click.argument("submissions", type=click.Path(path_type=Path), metavar="SUBMISSIONS")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results. [default: graded/HW]")
@click.option("--store", metavar="URL", help="Database of attempts. [default: OUT/grades.sqlite]")
@click.option("--jobs", type=click.IntRange(1), help="Submissions graded at a time. [default: one a core]")
@click.option(
    "--resume/--fresh", default=True, show_default=True,
    help="Keep what was graded from the same code, tests, environments and seed; or grade everything again.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="NAME...", help="These people alone: id, name, e-mail or file name."
)
@click.option(
    "--questions", multiple=True, metavar="ID...", help="Grade these questions again; keep the others."
)
@click.option("--written", type=click.Path(path_type=Path), metavar="FILE",
              help="A TA's marks for written answers: person,question,points,comment.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Grading seed. [default: the secret one in solutions/]")
@click.option(
    "--tier", metavar="TIER",
    help="Sandbox to insist on: A, A', B or C. [default: A, else A', else B where root grades]",
)  # fmt: skip
@click.option(
    "--official", is_flag=True,
    help="Refuse to grade unless the sandbox, attacked at start, keeps adversaries out: tier A, A' or B.",
)
@click.option("--gradescope-json", type=click.Path(path_type=Path), metavar="PATH",
              help="Write one submission's results.json for Gradescope.")  # fmt: skip
@click.option("--metadata", type=click.Path(path_type=Path), metavar="PATH",
              help="Gradescope's submission_metadata.json: who handed in, and when.")  # fmt: skip
@click.option("--pages/--no-pages", default=True, help="Write the class page and a feedback page a person.")
@click.pass_context
def command(ctx: click.Context, **options: Any) -> None:
    """Grade a folder of submissions: zips, notebooks, or an export of Gradescope, Canvas or Moodle.

    Every question runs in a fresh sandboxed process, against public and hidden tests. Results are stored one
    by one: stop with Ctrl-C whenever you like, and run the same command again to go on.

    \b
    autograder grade hw1_mdp submissions/
    autograder grade hw1_mdp export.zip --jobs 8 --out graded/hw1
    autograder grade hw1_mdp submissions/ --only ada bob
    autograder grade hw1_mdp submissions/ --questions 1.1 3.2
    autograder grade hw1_mdp submissions/ --written written.csv

    Exit codes: 0 graded; 1 a submission cannot be read, or the grader failed on a question; 2 wrong use.
    """
    from autograder.grading.threads import single_threaded

    single_threaded()
    ctx.exit(_run(Options(**options)))


_WITH_VALUE = frozenset(
    name
    for option in command.params
    if isinstance(option, click.Option) and not option.is_flag
    for name in option.opts
)


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    hw: str
    submissions: Path
    out: Path | None
    store: str | None
    jobs: int | None
    resume: bool
    only: tuple[str, ...]
    questions: tuple[str, ...]
    written: Path | None
    seed: int | None
    tier: str | None
    official: bool
    gradescope_json: Path | None
    metadata: Path | None
    pages: bool


@dataclass(frozen=True)
class _Run:
    """One call of the command: what it works with."""

    options: Options
    console: Console
    grader: Grader
    store: Store
    out: Path
    everybody: list[SubmissionSource]
    sources: list[SubmissionSource]  # those to grade now

    def grade(self) -> list[SubmissionResult]:
        """Grade, show progress, and say how long it took."""
        from autograder.grading.batch import grade_class
        from autograder.grading.progress import Shown
        from autograder.grading.written import read_marks
        from autograder.reports.publish import keep_notebook
        from autograder.sandbox.tiers import sentence

        options, assignment = self.options, self.grader.assignment
        people = {source.person.id for source in self.everybody} | set(
            self.store.latest_keys(assignment.slug)
        )
        marks = read_marks(options.written, assignment, people) if options.written else None
        shown, start = Shown(self.console), time.perf_counter()
        try:
            results = grade_class(
                self.sources, self.grader, self.store, jobs=options.jobs, fresh=not options.resume,
                questions=options.questions, marks=marks, progress=shown,
                keep=lambda digest, notebook: keep_notebook(self.out, digest, lambda: notebook),
            )  # fmt: skip
        except KeyboardInterrupt:
            self.console.print(
                f"Stopped. {shown.done} of {len(self.sources)} submissions are graded and stored in "
                f"{self.store.place}.\n  Next: run the same command again; it goes on where it stopped.",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
            raise click.exceptions.Exit(1) from None
        kept = f", {shown.kept} of them kept from before" if shown.kept else ""
        took = time.perf_counter() - start
        number = "1 submission" if len(results) == 1 else f"{len(results)} submissions"
        self.say(f"{number} in {took:.1f} s{kept}.")
        for tier in sorted({result.tier for result in results if result.tier}):
            self.say(f"Sandbox {sentence(tier)}.")
        return results

    def certify(self) -> None:
        """Attack the sandbox before anybody is graded, and say what it may claim.

        Raises:
            UsageError: it is weaker than an official run may be.
        """
        from autograder.errors import SandboxError

        try:
            report = self.grader.certify()
        except SandboxError as error:
            raise UsageError(f"--official: {error}") from None
        tried = len(report.probes)
        stopped = tried - sum(how.startswith("!!") for _, how in report.probes)
        self.say(f"Official: sandbox {report.sentence}; it stopped {stopped} of {tried} attacks.")

    def report(self, results: list[SubmissionResult]) -> None:
        """Print the table, and write the gradebook and the pages."""
        from autograder.grading.gradebook import write_gradebook
        from autograder.grading.table import class_table, summary

        options, assignment = self.options, self.grader.assignment
        self.console.print(class_table(results, assignment))
        self.say(summary(results))
        shown = self.store.latest(assignment.slug) if options.only else results
        self.say(f"Gradebook:    {write_gradebook(shown, assignment, self.out)}")
        if options.gradescope_json:
            self.say(f"Gradescope:   {_write_gradescope(results[0], self.grader, options.gradescope_json)}")
        elif options.pages:
            self.say(f"Class report: {self.write_pages(shown)}")

    def write_pages(self, results: list[SubmissionResult]) -> Path:
        """Write the class page and the feedback pages; return the class page's path.

        The notebooks that the pages show were kept while they were graded, so that `autograder report` can
        write the pages again.
        """
        from rich.progress import Progress

        from autograder.reports.publish import publish

        with Progress(console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task("Writing pages", total=len(results))
            paths = publish(
                results, self.grader.course, self.grader.assignment, self.out,
                lambda done, total: progress.update(task, completed=done),
            )  # fmt: skip
        return paths.class_page

    def say(self, text: str) -> None:
        """Print one line that nothing breaks or colours."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


def _run(options: Options) -> int:
    from autograder.course import Course
    from autograder.grading.gradebook import needs_a_person
    from autograder.grading.grader import Grader
    from autograder.grading.store import Store
    from autograder.grading.table import wide_console

    course = Course.find()
    everybody, sources = _sources(options, course)
    out = options.out or Path("graded") / options.hw
    out.mkdir(parents=True, exist_ok=True)
    tier = _tier(options.tier)
    with (
        Grader(course, options.hw, tier=tier, seed=options.seed) as grader,
        Store(options.store or out / "grades.sqlite") as store,
    ):
        run = _Run(options, wide_console(), grader, store, out, everybody, sources)
        grader.secrets += _private(options, out)
        if options.official:
            run.certify()
        results = run.grade()
        run.report(results)
    return 1 if any(needs_a_person(result) for result in results) else 0


def _sources(options: Options, course: Course) -> tuple[list[SubmissionSource], list[SubmissionSource]]:
    """Return all submissions, and those to grade."""
    from autograder.grading.batch import select
    from autograder.intake import find_submissions

    assignment = course.assignment(options.hw)
    if options.gradescope_json:
        one = [_gradescope_source(options.submissions, options.metadata)]
        return one, one
    if options.metadata:
        raise UsageError("--metadata goes with --gradescope-json.\n  Next: give both, or neither.")
    everybody = find_submissions(options.submissions, assignment)
    return everybody, select(everybody, options.only) if options.only else everybody


def _private(options: Options, out: Path) -> tuple[Path, ...]:
    """Return what one student's code must not read of the others', where permissions have to see to that."""
    if options.gradescope_json:
        return ()  # one submission, alone in its container
    store = [Path(options.store)] if options.store and "://" not in options.store else []
    return (options.submissions, out, *store)


def _tier(name: str | None) -> Tier | None:
    from autograder.sandbox import Tier

    known = {tier.value: tier for tier in Tier}
    if name is not None and name.upper() not in known:
        raise UsageError(f"--tier {name}: no such tier.\n  Next: give one of {', '.join(known)}.")
    return known[name.upper()] if name is not None else None


def _write_gradescope(result: SubmissionResult, grader: Grader, path: Path) -> str:
    """Write Gradescope's results.json, unless the grader itself failed: that is never a student's mark."""
    from autograder.files import write_whole
    from autograder.reports.lms import gradescope_results
    from autograder.results import Outcome

    if failed := [q.id for q in result.questions if q.outcome is Outcome.GRADER_ERROR]:
        return f"nothing written, the grader failed on {', '.join(failed)}; grade it where the grader runs"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = gradescope_results(result, grader.assignment.title)
    return str(write_whole(path, json.dumps(data, indent=1) + "\n"))


def _gradescope_source(submission: Path, metadata: Path | None) -> SubmissionSource:
    """Return the one submission in Gradescope's folder, with who handed in and when."""
    from autograder.intake import Part, SubmissionSource
    from autograder.results import Person

    if not submission.exists():
        raise UsageError(
            f"{submission}: no such file or folder.\n  Next: give the folder with the submission."
        )
    person, submitted_at = Person(submission.resolve().name), ""
    if metadata is not None:
        try:
            about = json.loads(metadata.read_text(encoding="utf-8"))
            users = about.get("users") or [{}]
            first = users[0]
            who = str(first.get("email") or first.get("id") or person.id)
            person = Person(who, str(first.get("name", "")), str(first.get("email", "")))
            submitted_at = str(about.get("created_at", ""))
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise UsageError(
                f"{metadata}: not Gradescope's metadata ({type(error).__name__}: {error}).\n"
                "  Next: give submission_metadata.json, or leave --metadata out."
            ) from None
    name = "" if submission.is_dir() else submission.name
    return SubmissionSource(person, submission, (Part(submission, name),), submitted_at)
