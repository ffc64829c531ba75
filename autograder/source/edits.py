"""What happens to a notebook between release and hand-in: the edits that students, editors and Colab make.

Sample classes are built with these from the solved and the starter notebook, so that they never go stale.
Every edit changes the notebook it is given; an edit that finds nothing to change is an error.
"""

from __future__ import annotations

import ast
import json
import random
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.errors import UsageError

Notebook = dict[str, Any]
Cell = dict[str, Any]

_RAISE = re.compile(r"^(?P<indent>[ \t]*)raise NotImplementedError\([\"'](?P<id>\d+(?:\.\d+)?) .*$", re.M)
_TODO = re.compile(r"^[ \t]*# TODO\((?P<id>\d+(?:\.\d+)?) .*\n(?:[ \t]*#   .*\n)*", re.M)


def load(data: bytes) -> Notebook:
    """Parse a notebook; sources become text."""
    notebook: Notebook = json.loads(data)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def dump(notebook: Notebook) -> bytes:
    """Write a notebook with the same bytes each time."""
    return (json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def cell(notebook: Notebook, id: str) -> Cell:
    """Return a cell by its id.

    Raises:
        UsageError: there is none.
    """
    for one in notebook["cells"]:
        if one.get("id") == id:
            found: Cell = one
            return found
    raise UsageError(
        f"no cell {id!r} in the notebook.\n  Next: give an id of the solved or the starter notebook."
    )


def of_question(notebook: Notebook, question: str, kind: str = "hole") -> Cell:
    """Return the cell of a question: its ``hole``, its ``check``, or its ``written`` answer.

    Raises:
        UsageError: there is none; the message names the questions there are.
    """
    for one in of_kind(notebook, kind):
        if question in one["metadata"]["robolearn"]["questions"]:
            return one
    known = ", ".join(_questions(notebook, kind))
    raise UsageError(f"no {kind} cell of {question!r} in the notebook.\n  Known questions: {known}.")


def _questions(notebook: Notebook, kind: str) -> list[str]:
    return [q for c in of_kind(notebook, kind) for q in c["metadata"]["robolearn"]["questions"]]


def of_kind(notebook: Notebook, kind: str) -> list[Cell]:
    """Return all cells of a kind: glue, hole, check, experiment, text, written."""
    return [c for c in notebook["cells"] if c["metadata"].get("robolearn", {}).get("kind") == kind]


# What students write


def fill(notebook: Notebook, starter: Notebook, question: str, body: str) -> None:
    """Write lines into a hole as it was given out; signature, docstring and what else is given stay.

    Args:
        notebook: the notebook to change.
        starter: the notebook as it was given out.
        question: the hole's question id.
        body: the lines, not indented.
    """
    given = of_question(starter, question)["source"]
    match = next((m for m in _RAISE.finditer(given) if m["id"] == question), None)
    if match is None:
        raise UsageError(f"the starter's cell of {question} has no hole.\n  Next: cut the starter again.")
    lines = [match["indent"] + line if line.strip() else line for line in body.strip("\n").split("\n")]
    source = given[: match.start()] + "\n".join(lines) + given[match.end() :]
    of_question(notebook, question)["source"] = _TODO.sub(
        lambda m: "" if m["id"] == question else m[0], source
    )


def reset(notebook: Notebook, starter: Notebook, *questions: str) -> None:
    """Leave holes and answers as they were given out."""
    for question in questions:
        kind = "hole" if question in _questions(starter, "hole") else "written"
        given = of_question(starter, question, kind)
        of_question(notebook, question, kind)["source"] = given["source"]


def replace(notebook: Notebook, question: str, old: str, new: str) -> None:
    """Replace text that stands exactly once in a hole's cell.

    Raises:
        UsageError: it does not.
    """
    one = of_question(notebook, question)
    if one["source"].count(old) != 1:
        raise UsageError(
            f"the cell of {question} holds {old!r} {one['source'].count(old)} times, expected once.\n"
            "  Next: give more of the text around it."
        )
    one["source"] = one["source"].replace(old, new)


def rewrite(notebook: Notebook, question: str, source: str) -> None:
    """Put other definitions in place of a hole's: over its cell, or below it if the cell gives more."""
    one = of_question(notebook, question)
    if _top_level(one["source"]) <= _top_level(source):
        one["source"] = source
    else:
        insert(notebook, source, after=of_question(notebook, question, "check")["id"])


def _top_level(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        else:
            found |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return found


def answer(notebook: Notebook, question: str, text: str) -> None:
    """Write an answer."""
    of_question(notebook, question, "written")["source"] = text


def insert(notebook: Notebook, source: str, after: str | None = None, markdown: bool = False) -> str:
    """Add a cell of the student's own below another, or at the top; return its id."""
    number = 1 + sum(c.get("id", "").startswith("own-") for c in notebook["cells"])
    made: Cell = {"cell_type": "markdown" if markdown else "code", "id": f"own-{number}", "metadata": {}}
    made["source"] = source
    if not markdown:
        made.update(outputs=[], execution_count=None)
    position = 0 if after is None else notebook["cells"].index(cell(notebook, after)) + 1
    notebook["cells"].insert(position, made)
    return f"own-{number}"


def delete(notebook: Notebook, *ids: str) -> None:
    """Delete cells."""
    for id in ids:
        notebook["cells"].remove(cell(notebook, id))


def shuffle(notebook: Notebook, seed: int) -> None:
    """Put the cells in another order."""
    random.Random(seed).shuffle(notebook["cells"])


def rename_locals(source: str, suffix: str = "_") -> str:
    """Give the local variables of top-level functions other names; parameters and globals keep theirs.

    The code is written anew from its syntax tree: another layout, no comments.
    """
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            _Renamer(node, suffix).visit(node)
    return ast.unparse(tree)


class _Renamer(ast.NodeTransformer):
    def __init__(self, function: ast.FunctionDef, suffix: str) -> None:
        nodes = list(ast.walk(function))
        kept = {n.arg for n in nodes if isinstance(n, ast.arg)}
        for node in nodes:
            if isinstance(node, ast.Global | ast.Nonlocal):
                kept |= set(node.names)
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.renamed, self.suffix = {n for n in stored - kept if n != "_"}, suffix

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.renamed:
            node.id += self.suffix
        return node


# What editors do


def with_output(one: Cell, text: str, count: int = 1) -> None:
    """Give a code cell printed output, as if it had run."""
    one["execution_count"] = count
    one["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}]


def saved_by_colab(notebook: Notebook, name: str) -> None:
    """Leave a notebook as Colab saves it: no cell ids, Colab's metadata in place of ours, outputs kept."""
    notebook["nbformat_minor"] = 0
    notebook["metadata"] = {
        "colab": {"name": name, "provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python"},
    }
    ids = random.Random(name)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for one in notebook["cells"]:
        one.pop("id", None)
        one["metadata"] = {"id": "".join(ids.choices(alphabet, k=12))}
        if one.get("outputs"):
            one["metadata"].update(
                colab={"base_uri": "https://localhost:8080/"}, outputId="".join(ids.choices(alphabet, k=12))
            )


def as_script(notebook: Notebook) -> str:
    """Write a notebook as a percent script, as editors export it; only tags remain of the metadata."""
    parts = []
    for one in notebook["cells"]:
        if one["cell_type"] == "markdown":
            lines = ("# " + line if line else "#" for line in one["source"].split("\n"))
            parts.append("# %% [markdown]\n" + "\n".join(lines) + "\n")
        else:
            tags = one["metadata"].get("tags")
            parts.append(f"# %%{f' tags={json.dumps(tags)}' if tags else ''}\n{one['source']}\n")
    return "\n".join(parts)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack a submission with the same bytes each time."""
    from autograder.release.archives import zip_bytes

    return zip_bytes(files)


def firsts(alternatives: Mapping[str, str], which: int = 0) -> dict[str, str]:
    """Choose one alternative of each question: the first, the second, or the last before it.

    Args:
        alternatives: ``"3.2 in_place"`` to source.
        which: 0 for the first of each question.
    """
    by_question: dict[str, list[str]] = {}
    for label, source in alternatives.items():
        by_question.setdefault(label.split()[0], []).append(source)
    return {question: sources[min(which, len(sources) - 1)] for question, sources in by_question.items()}


def common_mistake(mutants: Path, question: str) -> tuple[str, str]:
    """Return what the first planted mistake of a question replaces, and by what.

    Raises:
        UsageError: the folder ``solutions/<hw>/mutants`` has none for it.
    """
    for path in sorted(mutants.glob("*.toml")):
        for mutant in tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", ()):
            if mutant["question"] == question:
                return mutant["old"], mutant["new"]
    raise UsageError(f"no mutant of {question} in {mutants}; plant one, or leave the question alone.")


def questions(notebook: Notebook) -> list[str]:
    """Return the ids of the questions of a notebook: those with holes, then those with answers."""
    return _questions(notebook, "hole") + _questions(notebook, "written")
