"""The peers' environment, and nbgrader and Otter in it on the three small questions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from tests.bench.measure import CommandFailed, Cost, run
from tests.bench.questions import SmallQuestion, answer_kinds, questions, setup

ROOT = Path(__file__).parents[2]
SHARED = ("numpy==2.4.*", "torch==2.13.0")
GRADERS = ("nbgrader==0.9.6", "otter-grader==7.0.0", "ipykernel", *SHARED)
ENVIRONMENTS = ("envpool==1.2.5", "gymnasium[mujoco]==1.4.0", "mujoco==4.0.0", *SHARED)
LEARNERS = ("stable-baselines3==2.9.2", "gymnasium==1.4.0", "mujoco==4.0.0", *SHARED)


def environment(venv: Path, packages: Sequence[str]) -> Path:
    """Create the peers' virtual environment and install what it lacks, once; return its bin folder."""
    if not (venv / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    noted = venv / "installed.txt"
    installed = noted.read_text().splitlines() if noted.exists() else []
    if missing := [package for package in packages if package not in installed]:
        print(f"Installing {', '.join(missing)} into {venv} (once)", flush=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", *missing], check=True)
        noted.write_text("\n".join([*installed, *missing]) + "\n")
    return venv / "bin"


def run_module(venv: Path, packages: Sequence[str], module: str, out: Path) -> Any:
    """Run a module of this bench in the peers' environment; return the JSON that it writes to ``out``."""
    python = environment(venv, packages) / "python"
    subprocess.run([python, "-m", module, out], check=True, cwd=ROOT)
    return json.loads(out.read_text())


def _nbgrader_cell(
    source: str, grade_id: str, *, points: int = 0, solution: bool = False
) -> nbformat.NotebookNode:
    nbgrader = {
        "schema_version": 3, "grade_id": grade_id, "grade": points > 0, "solution": solution,
        "locked": not solution, "task": False, **({"points": points} if points else {}),
    }  # fmt: skip
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": nbgrader})


def _test_function(question: SmallQuestion) -> str:
    return f"import numpy as np\nf = {question.name}\n{question.test}"


def _nbgrader_notebook(flavour: str, kinds: tuple[str, str, str]) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(setup(flavour))]
    for question, kind in zip(questions(flavour), kinds):
        cells.append(_nbgrader_cell(question.answer(kind), question.name, solution=True))
        cells.append(_nbgrader_cell(_test_function(question), f"{question.name}_test", points=1))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def nbgrader(bin_dir: Path, folder: Path, flavour: str, num_submissions: int) -> Cost:
    """Return nbgrader autograde's cost per submission, over a class."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "source" / "ps1").mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'bench'\n")
    nbformat.write(_nbgrader_notebook(flavour, ("right",) * 3), folder / "source" / "ps1" / "ps1.ipynb")
    env = {"PATH": f"{bin_dir}:/usr/bin:/bin", "IPYTHONDIR": str(folder / ".ipython")}
    run([bin_dir / "nbgrader", "generate_assignment", "ps1"], folder, env)
    for i in range(num_submissions):
        target = folder / "submitted" / f"student{i:02d}" / "ps1"
        target.mkdir(parents=True)
        nbformat.write(_nbgrader_notebook(flavour, answer_kinds(i)), target / "ps1.ipynb")
    cost = run([bin_dir / "nbgrader", "autograde", "ps1"], folder, env)
    graded = len(list((folder / "autograded").glob("*/ps1/ps1.ipynb")))
    if graded != num_submissions:
        raise CommandFailed(f"nbgrader graded {graded} of {num_submissions} submissions")
    return Cost(cost.wall_s / num_submissions, cost.cpu_s / num_submissions)


def _otter_test(question: SmallQuestion) -> str:
    body = _test_function(question).replace("\n", "\n    ")
    return (
        "from otter.test_files import test_case\n\nOK_FORMAT = False\n"
        f'name = "{question.name}"\npoints = 1\n\n'
        f"@test_case(points=1)\ndef test_it({question.name}):\n    {body}\n"
    )


def otter(bin_dir: Path, folder: Path, flavour: str, num_submissions: int) -> Cost:
    """Return the cost per submission of Otter's ``api.grade_submission``, over a class."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tests").mkdir(parents=True)
    for question in questions(flavour):
        (folder / "tests" / f"{question.name}.py").write_text(_otter_test(question))
    env = {"PATH": f"{bin_dir}:/usr/bin:/bin", "IPYTHONDIR": str(folder / ".ipython")}
    run([bin_dir / "otter", "generate", "-t", "tests", "-o", "ag.zip"], folder, env)
    names = []
    for i in range(num_submissions):
        cells = [nbformat.v4.new_code_cell(setup(flavour))]
        cells += [
            nbformat.v4.new_code_cell(q.answer(kind)) for q, kind in zip(questions(flavour), answer_kinds(i))
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        names.append(f"student{i:02d}.ipynb")
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / names[-1]
        )
    (folder / "grade.py").write_text(
        "import sys\nfrom otter.api import grade_submission\n"
        "scores = [grade_submission(name, 'ag.zip', quiet=True).total for name in sys.argv[1:]]\n"
        "assert scores[0] == 3, scores\nprint(scores)\n"
    )
    cost = run([bin_dir / "python", "grade.py", *names], folder, env)
    return Cost(cost.wall_s / num_submissions, cost.cpu_s / num_submissions)
