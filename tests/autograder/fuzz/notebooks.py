"""What can happen to a notebook's cells, one mutation a function; :func:`mutate` does a few of them."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

Notebook = dict[str, Any]
Mutation = Callable[[Notebook, random.Random], None]
MUTATIONS: list[Mutation] = []

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800", "\u202e", "é" * 50,
    [], {}, [[]], [None], {"": ""}, [1, "two", None], {"cells": []}, {"robolearn": 7}, "1.1", ["1.1"], ["9.9"], "hole",
)  # fmt: skip
TAGS = ("experiment", "setup", "hole", "", "é")
LINES = (
    "%matplotlib inline", "!pip install torch", "?len", "%%time", "%%bash\nls", "x = !ls", "print(", "    pass",
    "def f(:", "import antigravity_of_mine", "raise SystemExit", "1/0", "\t\tif", "'''", '"""', "\\", "#", "\x0c", "\x00",
    "from __future__ import annotations", "get_ipython().run_line_magic('time', '')", "ﬁ = 1", "λ = lambda: 0", "\ufeff",
    "\u202e# x", "a = '\ud800'", "plt.show()", "await x", "x" * 3000,
)  # fmt: skip


def mutation(function: Mutation) -> Mutation:
    """Register a mutation."""
    MUTATIONS.append(function)
    return function


def mutate(notebook: Notebook, chance: random.Random) -> list[str]:
    """Do one to six mutations to a notebook, in place; return their names."""
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        step = chance.choice(MUTATIONS)
        if isinstance(notebook.get("cells"), list) and notebook["cells"]:
            step(notebook, chance)
            done.append(step.__name__)
    return done


def _cells(notebook: Notebook) -> list[Any]:
    return notebook["cells"]  # type: ignore[no-any-return]


def _any(notebook: Notebook, chance: random.Random, code: bool = False) -> dict[str, Any]:
    """Return a random cell that is still one; a new one where none is."""
    found = [c for c in _cells(notebook) if isinstance(c, dict) and (not code or c.get("cell_type") == "code")]
    return chance.choice(found) if found else {}


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    parts = source if isinstance(source, list) else [source]  # an earlier step may have put anything there
    return "".join(part for part in parts if isinstance(part, str))


def _fresh(source: str, kind: str = "code") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    return {**cell, "outputs": [], "execution_count": None} if kind == "code" else cell


# Cells


@mutation
def delete_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    del cells[chance.randrange(len(cells))]


@mutation
def delete_many_cells(notebook: Notebook, chance: random.Random) -> None:
    notebook["cells"] = [c for c in _cells(notebook) if chance.random() < 0.7]


@mutation
def repeat_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    cells.insert(chance.randrange(len(cells) + 1), copy.deepcopy(chance.choice(cells)))


@mutation
def repeat_all_cells(notebook: Notebook, chance: random.Random) -> None:
    notebook["cells"] = _cells(notebook) + copy.deepcopy(_cells(notebook))


@mutation
def move_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    cell = cells.pop(chance.randrange(len(cells)))
    cells.insert(chance.randrange(len(cells) + 1), cell)


@mutation
def shuffle_the_cells(notebook: Notebook, chance: random.Random) -> None:
    chance.shuffle(_cells(notebook))


@mutation
def reverse_the_cells(notebook: Notebook, chance: random.Random) -> None:
    _cells(notebook).reverse()


@mutation
def merge_two_cells(notebook: Notebook, chance: random.Random) -> None:
    cells = [c for c in _cells(notebook) if isinstance(c, dict) and c.get("cell_type") == "code"]
    if len(cells) > 1:
        at = chance.randrange(len(cells) - 1)
        cells[at]["source"] = f"{_text(cells[at])}\n{_text(cells[at + 1])}"
        notebook["cells"] = [c for c in _cells(notebook) if c is not cells[at + 1]]


@mutation
def split_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    lines = _text(cell).split("\n")
    at = chance.randrange(len(lines) + 1)
    rest = {**copy.deepcopy(cell), "source": "\n".join(lines[at:])}
    if chance.random() < 0.7:
        rest["id"] = f"split-{chance.randrange(10**6)}"
    cell["source"] = "\n".join(lines[:at])
    where = next((i for i, c in enumerate(_cells(notebook)) if c is cell), 0)
    _cells(notebook).insert(where + 1, rest)


@mutation
def add_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    kind = chance.choice(("code", "code", "markdown", "raw"))
    cells.insert(chance.randrange(len(cells) + 1), _fresh(chance.choice(LINES), kind))


@mutation
def add_empty_cells(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    for _ in range(chance.choice((1, 5, 50))):
        cells.insert(chance.randrange(len(cells) + 1), _fresh(""))


@mutation
def change_the_type_of_a_cell(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance)["cell_type"] = chance.choice(("code", "markdown", "raw", "heading", "Code", *NASTY))


@mutation
def put_in_what_is_no_cell(notebook: Notebook, chance: random.Random) -> None:
    cells = _cells(notebook)
    cells[chance.randrange(len(cells))] = chance.choice(NASTY)


# Ids and metadata


@mutation
def remove_all_ids(notebook: Notebook, chance: random.Random) -> None:
    for cell in _cells(notebook):
        if isinstance(cell, dict):
            cell.pop("id", None)


@mutation
def remove_an_id(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance).pop("id", None)


@mutation
def swap_two_ids(notebook: Notebook, chance: random.Random) -> None:
    one, other = _any(notebook, chance), _any(notebook, chance)
    one["id"], other["id"] = other.get("id"), one.get("id")


@mutation
def shuffle_all_ids(notebook: Notebook, chance: random.Random) -> None:
    cells = [c for c in _cells(notebook) if isinstance(c, dict)]
    ids = [c.get("id") for c in cells]
    chance.shuffle(ids)
    for cell, id_ in zip(cells, ids):
        cell["id"] = id_


@mutation
def give_an_id_twice(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance)["id"] = _any(notebook, chance).get("id")


@mutation
def spoil_an_id(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance)["id"] = chance.choice(NASTY)


@mutation
def renew_all_ids(notebook: Notebook, chance: random.Random) -> None:
    for cell in _cells(notebook):
        if isinstance(cell, dict):
            cell["id"] = f"{chance.randrange(2**32):08x}"


@mutation
def remove_all_metadata(notebook: Notebook, chance: random.Random) -> None:
    notebook["metadata"] = {}
    for cell in _cells(notebook):
        if isinstance(cell, dict):
            cell["metadata"] = {}


@mutation
def remove_a_cells_metadata(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance).pop("metadata", None)


@mutation
def swap_metadata(notebook: Notebook, chance: random.Random) -> None:
    one, other = _any(notebook, chance), _any(notebook, chance)
    one["metadata"], other["metadata"] = other.get("metadata"), one.get("metadata")


@mutation
def spoil_metadata(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance)
    own = {"kind": chance.choice(("hole", "glue", "experiment", "check", "text", "written", *NASTY))}
    own["questions"] = chance.choice((["1.1"], ["1.1", "1.2"], ["77.7"], *NASTY))
    metadata = chance.choice(
        (chance.choice(NASTY), {"robolearn": chance.choice(NASTY)}, {"robolearn": own}, {"nbgrader": {"grade_id": "x"}})
    )
    cell["metadata"] = metadata


@mutation
def change_tags(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance)
    if isinstance(cell.get("metadata"), dict):
        cell["metadata"]["tags"] = chance.choice((list(TAGS), [chance.choice(TAGS)], [], chance.choice(NASTY)))


@mutation
def spoil_the_notebooks_metadata(notebook: Notebook, chance: random.Random) -> None:
    notebook["metadata"] = chance.choice(
        (*NASTY, {"robolearn": {"assignment": chance.choice(NASTY)}}, {"kernelspec": chance.choice(NASTY)})
    )


@mutation
def change_the_format_number(notebook: Notebook, chance: random.Random) -> None:
    notebook[chance.choice(("nbformat", "nbformat_minor"))] = chance.choice((2, 3, 4, 5, 99, *NASTY))


@mutation
def save_as_format_three(notebook: Notebook, chance: random.Random) -> None:
    for cell in _cells(notebook):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            cell["input"] = cell.pop("source", "")
            cell["prompt_number"] = 1
    notebook["worksheets"] = [{"cells": notebook.pop("cells"), "metadata": {}}]
    notebook["nbformat"] = 3


# Sources


@mutation
def empty_a_cell(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance)["source"] = chance.choice(("", [], " \n ", "# nothing"))


@mutation
def spoil_a_source(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance)["source"] = chance.choice(NASTY)


@mutation
def remove_a_source(notebook: Notebook, chance: random.Random) -> None:
    _any(notebook, chance).pop("source", None)


@mutation
def write_sources_as_lists(notebook: Notebook, chance: random.Random) -> None:
    for cell in _cells(notebook):
        if isinstance(cell, dict) and isinstance(cell.get("source"), str):
            cell["source"] = cell["source"].splitlines(keepends=True)


@mutation
def put_oddities_into_a_list_of_lines(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance)
    lines: list[Any] = _text(cell).splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(NASTY))
    cell["source"] = lines


@mutation
def put_a_line_into_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    lines = _text(cell).split("\n")
    lines.insert(chance.choice((0, len(lines), chance.randrange(len(lines) + 1))), chance.choice(LINES))
    cell["source"] = "\n".join(lines)


@mutation
def remove_a_line(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    lines = _text(cell).split("\n")
    del lines[chance.randrange(len(lines))]
    cell["source"] = "\n".join(lines)


@mutation
def indent_a_cell(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    space = chance.choice(("    ", " ", "\t", "\u00a0"))
    cell["source"] = "\n".join(space + line for line in _text(cell).split("\n"))


@mutation
def change_line_ends(notebook: Notebook, chance: random.Random) -> None:
    end = chance.choice(("\r\n", "\r", "\n\n", "\u2028", "\x0b"))
    for cell in _cells(notebook):
        if isinstance(cell, dict):
            cell["source"] = _text(cell).replace("\n", end)


@mutation
def put_a_character_somewhere(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance)
    text = _text(cell)
    at = chance.randrange(len(text) + 1)
    cell["source"] = text[:at] + chance.choice(("\x00", "\ufeff", "\u200b", "\u202e", "\ud800", "'", "(", "\\", "\t")) + text[at:]


@mutation
def comment_a_cell_out(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    cell["source"] = "\n".join(f"# {line}" for line in _text(cell).split("\n"))


@mutation
def put_a_cell_into_a_string(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    quote = chance.choice(('"""', "'''"))
    cell["source"] = f"{quote}\n{_text(cell)}\n{quote}"


@mutation
def rename_a_function(notebook: Notebook, chance: random.Random) -> None:
    cell = _any(notebook, chance, code=True)
    cell["source"] = re.sub(r"^def (\w+)", r"def \1_v2", _text(cell), count=1, flags=re.M)


@mutation
def put_back_what_was_given(notebook: Notebook, chance: random.Random) -> None:
    """Append a later cell that leaves a function unwritten again, as an old draft does."""
    cell = _any(notebook, chance, code=True)
    head = re.search(r"^def (\w+)\(.*?\).*?:$", _text(cell), re.M | re.S)
    if head:
        stub = f"{head[0]}\n    raise NotImplementedError('later')"
        where = chance.choice((0, len(_cells(notebook))))
        _cells(notebook).insert(where, _fresh(stub))


# Outputs


@mutation
def fill_an_output(notebook: Notebook, chance: random.Random) -> None:
    size = chance.choice((10, 10_000, 700_000, 1_500_000))
    output = {"output_type": "stream", "name": "stdout", "text": chance.choice(("[", "]", '"', "\\", "x")) * size}
    _any(notebook, chance)["outputs"] = [output]


@mutation
def spoil_outputs(notebook: Notebook, chance: random.Random) -> None:
    kind = chance.choice(("stream", "error", "display_data", "execute_result", "pyout", *NASTY))
    one = {"output_type": kind, "text": chance.choice(NASTY), "data": chance.choice(NASTY), "traceback": chance.choice(NASTY)}
    _any(notebook, chance)["outputs"] = chance.choice(([one], [one, one], chance.choice(NASTY), [chance.choice(NASTY)]))


@mutation
def nest_deeply(notebook: Notebook, chance: random.Random) -> None:
    inner: Any = "x"
    for _ in range(chance.choice((20, 60, 150))):
        inner = [inner] if chance.random() < 0.5 else {"a": inner}
    _any(notebook, chance)[chance.choice(("outputs", "metadata", "source", "attachments"))] = inner


# Anything


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _paths(item, (*path, index))
    return found


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@mutation
def change_a_value_somewhere(notebook: Notebook, chance: random.Random) -> None:
    path = chance.choice(_paths(notebook))
    _at(notebook, path[:-1])[path[-1]] = copy.deepcopy(chance.choice(NASTY))


@mutation
def remove_a_value_somewhere(notebook: Notebook, chance: random.Random) -> None:
    path = chance.choice(_paths(notebook))
    del _at(notebook, path[:-1])[path[-1]]


@mutation
def add_a_key_somewhere(notebook: Notebook, chance: random.Random) -> None:
    path = chance.choice([(), *_paths(notebook)])
    place = _at(notebook, path)
    if isinstance(place, dict):
        place[chance.choice(("source", "cells", "id", "outputs", "é", "", "a" * 300))] = chance.choice(NASTY)


# Bytes


def written(notebook: Notebook, chance: random.Random) -> bytes:
    """Write a notebook as some tool would."""
    ascii_only, indent = chance.random() < 0.6, chance.choice((None, None, 1, 2))
    text = json.dumps(notebook, ensure_ascii=ascii_only, indent=indent)
    return text.encode("utf-8", "surrogatepass")


def damaged(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Damage or re-encode the bytes of a file; return them and what was done."""
    damage = chance.choice(DAMAGES)
    return damage(data, chance), damage.__name__.strip("_")


def _cut(data: bytes, chance: random.Random) -> tuple[bytes, bytes]:
    at = chance.randrange(len(data) + 1)
    return data[:at], data[at:]


def _byte_order_mark(data: bytes, chance: random.Random) -> bytes:
    return b"\xef\xbb\xbf" * chance.choice((1, 2)) + data


def _another_encoding(data: bytes, chance: random.Random) -> bytes:
    encoding = chance.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis", "utf-7"))
    return data.decode("utf-8", "replace").encode(encoding, "replace")


def _line_ends(data: bytes, chance: random.Random) -> bytes:
    return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\r\n")))


def _null_bytes(data: bytes, chance: random.Random) -> bytes:
    return (b"\0" * chance.choice((1, 5, 3000))).join(_cut(data, chance))


def _invalid_utf8(data: bytes, chance: random.Random) -> bytes:
    wrong = (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80")
    return chance.choice(wrong).join(_cut(data, chance))


def _truncated(data: bytes, chance: random.Random) -> bytes:
    return _cut(data, chance)[0]


def _bits_flipped(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(chance.choice((1, 2, 20)) if flipped else 0):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _part_repeated(data: bytes, chance: random.Random) -> bytes:
    before, after = _cut(data, chance)
    return before + after[: chance.randrange(3000)] + after


def _part_removed(data: bytes, chance: random.Random) -> bytes:
    before, after = _cut(data, chance)
    return before + after[chance.randrange(3000) :]


def _merge_conflict(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines) + 1)
    marks = [b"<<<<<<< HEAD", b'"a"', b"=======", b'"b"', b">>>>>>> theirs"]
    return b"\n".join([*lines[:at], *marks, *lines[at:]])


def _bytes_before(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"\n\n", b" ", b"<html>", b"%PDF-1.4", b"PK\x03\x04", b"x = 1\n")) + data


def _bytes_after(data: bytes, chance: random.Random) -> bytes:
    return data + chance.choice((b"\n\n", b"}", b"garbage", data))


def _nothing_left(data: bytes, chance: random.Random) -> bytes:
    return b""


def _keys_twice(data: bytes, chance: random.Random) -> bytes:
    return data.replace(b'"cells":', b'"cells": [], "cells":', 1)


def _escaped(data: bytes, chance: random.Random) -> bytes:
    return json.dumps(data.decode("utf-8", "replace")).encode()


def _nested_for_ever(data: bytes, chance: random.Random) -> bytes:
    bracket = chance.choice((b"[", b'{"a":'))
    return data.replace(b'"outputs":', b'"attachments": ' + bracket * 100_000 + b', "outputs":', 1)


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _byte_order_mark, _another_encoding, _line_ends, _null_bytes, _invalid_utf8, _truncated, _bits_flipped, _bits_flipped,
    _part_repeated, _part_removed, _merge_conflict, _bytes_before, _bytes_after, _nothing_left, _keys_twice, _escaped,
    _nested_for_ever,
)  # fmt: skip
