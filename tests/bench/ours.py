"""This grader on the three small questions, and on the sample class of homework 1."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autograder.course import Course, Limits
from autograder.sandbox import Cell, Sandbox, WorkerCode
from tests.bench.measure import Cost, run
from tests.bench.questions import answer_kinds, questions, setup

ROOT = Path(__file__).parents[2]
AUTOGRADER = Path(sys.executable).with_name("autograder")


def small_course(folder: Path, flavour: str) -> str:
    """Write a course with the three small questions; return its slug."""
    shutil.rmtree(folder, ignore_errors=True)
    slug = f"small_{flavour}"
    public, secret = folder / "assignments" / slug, folder / "solutions" / slug
    (public / "tests").mkdir(parents=True)
    (secret / "tests").mkdir(parents=True)
    manifest = [f'slug = "{slug}"\ntitle = "Small questions"\nversion = "1.0.0"\npreload = ["{flavour}"]\n']
    cells = [f'# %% [markdown]\n# # Small questions\n\n# %% tags=["setup"]\n{setup(flavour)}\n']
    for i, q in enumerate(questions(flavour), start=1):
        label = f"1.{i} {q.name}"
        manifest.append(f'[[questions]]\nid = "1.{i}"\nname = "{q.name}"\ntitle = "{q.name}"\npoints = 2\n')
        head = q.answer("right").split("\n")
        cells.append(
            "\n".join(
                [
                    "# %%", *head[:2], f"    ### BEGIN SOLUTION {label}", "    # HINT: Yours.", *head[2:],
                    f"    ### END SOLUTION {label}\n",
                ]
            )
        )  # fmt: skip
        for where, kind in ((public, "public"), (secret, "hidden")):
            (where / "tests" / f"test_{q.name}_{kind}.py").write_text(
                "import numpy as np\n\nfrom autograder.testing import question\n\n\n"
                f'@question("{label}", points=1)\ndef test_{q.name}_{kind}(student):\n'
                f'    """The numbers are right."""\n    f = student.{q.name}\n    {q.test}\n'
            )
    (public / "assignment.toml").write_text("\n".join(manifest))
    (secret / f"{slug}.py").write_text("\n".join(cells))
    (secret / "grading.toml").write_text("seed = 1\n")
    run([AUTOGRADER, "starter", slug], folder)
    return slug


def small_class(folder: Path, slug: str, flavour: str, num_submissions: int) -> Path:
    """Write a class that answers the small questions right, wrong or not at all."""
    starter = json.loads((folder / "starter_code" / slug / f"{slug}.ipynb").read_text())
    out = folder / f"class{num_submissions}"
    out.mkdir(exist_ok=True)
    for n in range(num_submissions):
        notebook = json.loads(json.dumps(starter))
        for i, (q, kind) in enumerate(zip(questions(flavour), answer_kinds(n)), start=1):
            cell = next(c for c in notebook["cells"] if c["id"] == f"hole-1-{i}")
            if kind != "blank":
                cell["source"] = q.answer(kind)
        (out / f"student{n:02d}.ipynb").write_text(json.dumps(notebook))
    return out


def small(folder: Path, flavour: str, num_submissions: int, *options: str) -> tuple[Cost, Cost]:
    """Return the cost of the first submission alone, and that of each further one.

    One process, so that CPU and wall mean the same; no pages, as the peers' autograde writes none.
    ``options`` are further ones of ``autograder grade``.
    """
    slug = small_course(folder, flavour)
    costs = []
    for n in (1, num_submissions):
        submissions = small_class(folder, slug, flavour, n)
        command = [AUTOGRADER, "grade", slug, submissions, "--out", folder / f"out{n}"]
        costs.append(run([*command, "--jobs", "1", "--fresh", "--no-pages", *options], folder))
    one, many = costs
    further = num_submissions - 1
    each = Cost((many.wall_s - one.wall_s) / further, (many.cpu_s - one.cpu_s) / further, many.complete)
    return one, each


@dataclass(frozen=True)
class Calls:
    """What the sandbox costs, in milliseconds (medians); "here" is the same in this process, without one."""

    tier: str
    cold_start_ms: float
    worker_ms: float
    worker_cpu_ms: float
    call_ms: float
    megabyte_ms: float
    load_here_ms: float
    call_here_ms: float
    megabyte_here_ms: float


def sandbox(preload: tuple[str, ...], repeats: int = 40) -> Calls:
    """Measure the sandbox: start of the warm parent, a fresh worker, one call, one megabyte both ways."""
    import numpy as np

    source = "def same(x):\n    return x\n"
    code, megabyte = WorkerCode((Cell("a", source, "hole", ("1.1",), "cell 1"),)), np.zeros(131072)
    begin = time.perf_counter()
    with Sandbox(preload=preload) as warm:
        with warm.worker(code, Limits(), Limits()) as worker:
            worker.student.same(0)
        cold = time.perf_counter() - begin
        ready, cpu, calls, megabytes = [], [], [], []
        here: tuple[list[float], list[float], list[float]] = ([], [], [])
        for _ in range(repeats):
            begin = time.perf_counter()
            with warm.worker(code, Limits(), Limits()) as worker:
                worker.student.same(0)
                ready.append(time.perf_counter() - begin)
                calls += _times(lambda: worker.student.same([0.5] * 8), 20)
                megabytes += _times(lambda: worker.student.same(megabyte), 2)
            cpu.append(worker.usage.cpu_s)
            begin = time.perf_counter()
            namespace: dict[str, Callable[[object], object]] = {}
            exec(source, namespace)
            here[0].append(time.perf_counter() - begin)
            same, eight = namespace["same"], [0.5] * 8
            here[1].extend(_times(partial(same, eight), 20))
            here[2].extend(_times(partial(same, megabyte), 2))
        tier = str(warm.tier)
    ms = [1000 * statistics.median(x) for x in (ready, cpu, calls, megabytes, *here)]
    return Calls(tier, 1000 * cold, *ms)


def _times(action: object, repeats: int) -> list[float]:
    out = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()  # type: ignore[operator]
        out.append(time.perf_counter() - begin)
    return out


def sample_class(folder: Path, slug: str, num_submissions: int) -> dict[str, float]:
    """Grade an assignment's sample class, repeated, and tell what is not the student's own compute.

    Beyond the tests themselves (in which student code runs, and the grader waits or computes what to compare
    with) there are reading, forks, loading and storing.
    """
    from autograder.results import from_dict

    shutil.rmtree(folder, ignore_errors=True)
    once, repeated = folder / "once", folder / "class"
    repeated.mkdir(parents=True)
    run([AUTOGRADER, "examples", slug, "--out", once], ROOT)
    originals = sorted(p for p in once.iterdir())
    for n in range(num_submissions):
        source = originals[n % len(originals)]
        copy = repeated / f"{n:02d}_{source.name}"
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    begin = time.perf_counter()
    command = [AUTOGRADER, "grade", slug, repeated, "--out", folder / "out", "--fresh", "--no-pages"]
    total = run(command, ROOT)
    wall_s = time.perf_counter() - begin
    run([AUTOGRADER, "export", slug, "--out", folder / "out", "--to", "json"], ROOT)
    results = [from_dict(d) for d in json.loads((folder / "out" / "results.json").read_text())]
    beyond = [r.wall_s - sum(q.wall_s for q in r.questions) for r in results]
    return {
        "submissions": len(results),
        "questions": len(Course(ROOT).assignment(slug).questions),
        "wall_s": wall_s,
        "cpu_s_per_submission": total.cpu_s / len(results),
        "median_wall_s": statistics.median(r.wall_s for r in results),
        "median_wall_s_beyond_tests": statistics.median(beyond),
    }
