"""Who imports whom: one table, held against every import statement of the project."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"environments", "autograder", "solutions", "assignments", "starter_code", "tests"}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def offences(files: list[Path], allowed: set[str], forbidden: set[str] = frozenset()) -> list[str]:
    assert files, "nothing was looked at"
    found = []
    for path in files:
        for line, module in imports(path):
            top = module.split(".")[0]
            if (top in OURS and top not in allowed) or top in forbidden:
                found.append(f"{path.relative_to(ROOT)}:{line}: imports {module}")
    return found


def test_environments_know_neither_the_grader_nor_torch() -> None:
    files = sorted((ROOT / "environments").rglob("*.py"))
    assert offences(files, {"environments"}, {"torch"}) == []


def test_the_autograder_knows_no_course() -> None:
    files = sorted((ROOT / "autograder").rglob("*.py"))
    assert offences(files, {"autograder"}) == []


def test_tests_that_score_use_the_testing_api_and_the_environments_alone() -> None:
    files = [*(ROOT / "assignments").glob("*/tests/*.py"), *(ROOT / "solutions").glob("*/tests/*.py")]
    assert offences(files, {"autograder", "environments"}) == []
    strangers = [
        f"{path.relative_to(ROOT)}:{line}: imports {module}"
        for path in files
        for line, module in imports(path)
        if module.startswith("autograder") and module != "autograder.testing"
    ]
    assert strangers == []


SOLUTIONS = sorted((ROOT / "solutions").glob("*/*.py"))
AUTHORS = ("autograder.course", "autograder.source")  # what an author's own scripts may use besides


@pytest.mark.parametrize("script", SOLUTIONS, ids=lambda p: f"{p.parent.name} {p.stem}")
def test_an_authors_script_imports_what_reads_sources_alone(script: Path) -> None:
    assert offences([script], {"environments", "autograder"}) == []
    if script.stem != script.parent.name:
        theirs = [module for _, module in imports(script) if module.split(".")[0] == "autograder"]
        assert [module for module in theirs if not module.startswith(AUTHORS)] == []


@pytest.mark.parametrize("source", [p for p in SOLUTIONS if p.stem == p.parent.name], ids=lambda p: p.stem)
def test_a_solution_imports_the_grader_only_for_check_and_submit(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder"):
            assert node.module == "autograder"
            assert {alias.name for alias in node.names} <= {"check", "submit"}
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("autograder") for alias in node.names)


def test_the_worker_imports_nothing_heavy() -> None:
    """What runs beside student code stays small: no notebooks, no pytest, no web of dependencies."""
    import subprocess
    import sys

    code = (
        "import autograder.sandbox.worker, autograder.sandbox.loader, sys;"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {
        "nbformat",
        "nbconvert",
        "jsonschema",
        "pytest",
        "_pytest",
        "pydantic",
        "click",
        "rich",
        "sqlalchemy",
        "torch",
    }
    assert heavy & set(out.stdout.split()) == set()
