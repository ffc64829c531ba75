"""Names for content: what a result was computed from, so that nothing is graded twice or kept too long."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LENGTH = 16  # hexadecimal digits kept: 64 bits, plenty to tell the versions of one course apart
_IGNORED = frozenset({"__pycache__", ".pytest_cache", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"})


def of_bytes(data: bytes) -> str:
    """Return the digest of some bytes."""
    return hashlib.sha256(data).hexdigest()[:LENGTH]


def of_parts(parts: Mapping[str, str]) -> str:
    """Return the digest of named texts; the order does not count, names and borders do."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        for text in (name, parts[name]):
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:LENGTH]


def of_files(paths: Iterable[Path], root: Path) -> str:
    """Return the digest of some files: their contents and their names below ``root``, nothing else."""
    named = {path.relative_to(root).as_posix(): path for path in paths}
    return of_parts({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items()})


def files_in(folder: Path, keep: Callable[[Path], bool] = lambda path: True) -> list[Path]:
    """List a folder's files, sorted, without caches and hidden files.

    Args:
        folder: where to look; an absent folder has no files.
        keep: given a file's path relative to ``folder``, says whether it counts.
    """
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        relative = path.relative_to(folder)
        hidden = any(part in _IGNORED or part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden and path.suffix != ".pyc" and keep(relative):
            found.append(path)
    return found


def of_folder(folder: Path, keep: Callable[[Path], bool] = lambda path: True) -> str:
    """Return the digest of a folder's files; see :func:`files_in`."""
    return of_files(files_in(folder, keep), folder)


def of_package(name: str, root: Path | None = None) -> str:
    """Name the version of an importable package.

    A package whose files lie under ``root`` (the course) is named by its content, an installed one by
    its distribution's version, and anything else that can be found by its content.

    Args:
        name: top-level or dotted module name; only the top level counts.
        root: the course's folder.
    """
    top = name.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is None:
        return "absent"
    origin = Path(spec.origin) if spec.origin and spec.origin not in ("built-in", "frozen") else None
    if origin is None:
        return f"python {platform.python_version()}"
    folder = origin.parent if spec.submodule_search_locations else origin
    inside = root is not None and folder.resolve().is_relative_to(root.resolve())
    distributions = () if inside else _distributions().get(top, ())
    if distributions:
        return " ".join(f"{d} {importlib.metadata.version(d)}" for d in sorted(set(distributions)))
    return of_folder(folder) if folder.is_dir() else of_bytes(folder.read_bytes())


def of_environment(preload: Iterable[str], root: Path) -> str:
    """Name everything that student code may build on: Python, the packages, the course's environments.

    Args:
        preload: the modules that the manifest names.
        root: the course's folder; its ``environments`` folder always counts.
    """
    names = {name.partition(".")[0] for name in preload} - {"environments"}
    parts = {f"package {name}": of_package(name, root) for name in names}
    own = root / "environments"
    described = of_folder(own, lambda path: path.suffix not in (".md", ".txt"))
    parts["environments"] = described if own.is_dir() else of_package("environments")
    parts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
    return of_parts(parts)


@functools.cache
def of_grader() -> str:
    """Name the code that decides about points: not the pages, the exports and the command line."""
    package = Path(__file__).parents[1]
    deciding = {"grading", "intake", "sandbox", "source", "testing", "course.py", "results.py"}
    aside = {
        Path("grading") / f"{name}.py"
        for name in ("alone", "api", "batch", "gradebook", "pool", "progress", "store", "table")
    }
    return of_folder(
        package, lambda path: path.suffix == ".py" and path.parts[0] in deciding and path not in aside
    )


def of_seed(seed: int) -> str:
    """Name a grading seed without telling it: slow to compute and short, so that guessing shows nothing."""
    slow = hashlib.scrypt(str(seed).encode(), salt=b"robolearn grading seed", n=2**14, r=8, p=1, dklen=8)
    return slow.hex()[:8]


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
