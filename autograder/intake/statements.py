"""Python text as its top-level statements, read without a parser.

Student code may be broken, hostile or enormous, so this looks only at strings, brackets and line starts: time
and memory are linear, and text that is no Python still gives the definitions around the damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_INTERESTING = re.compile(r"\"\"\"|'''|[\"'#()\[\]{}\n]|\\\n")
_STRING_END = {
    '"""': re.compile(r'\\.|"""', re.S),
    "'''": re.compile(r"\\.|'''", re.S),
    '"': re.compile(r'\\.|"|\n', re.S),
    "'": re.compile(r"\\.|'|\n", re.S),
}
_RESTART = re.compile(r"(?:async[ \t]+)?(?:def|class|import|from)\b")  # at column 0 never inside brackets
_DEFINITION = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_ASSIGNMENT = re.compile(r"(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b")
_RUNS = re.compile(r"(?:for|while|with|if|try|async[ \t]+(?:for|with)|assert|del|raise|match)\b")
_PASSIVE = re.compile(r"(?:import|from|pass|global)\b|@|[rRbBuUfF]{0,2}[\"']|#")

_LINE_MAGIC = re.compile(r"([ \t]*+)(?:[%!?][^\n]*+|[\w.]++\?{1,2}[ \t]*+)(?=\n|\Z)")
_ASSIGNED_MAGIC = re.compile(r"([\w, \t]++)=[ \t]*+[!%][^\n]*+(?=\n|\Z)")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*(?:\n|\Z)")
_PYTHON_MAGICS = {
    "time",
    "timeit",
    "capture",
    "prun",
    "python",
    "python3",
    "memit",
    "mprun",
    "debug",
    "snakeviz",
}


@dataclass(frozen=True)
class Statement:
    """One top-level statement with what is indented below it."""

    text: str
    line: int  # of the cell, from 1

    @property
    def defines(self) -> str:
        """The function or class that it defines; empty if none."""
        match = _DEFINITION.search(self.text) if self.text.startswith("@") else _DEFINITION.match(self.text)
        return match[1] if match else ""

    @property
    def assigns(self) -> str:
        """The plain name that it assigns to; empty if none."""
        match = _ASSIGNMENT.match(self.text)
        return match[1] if match else ""

    @property
    def runs(self) -> bool:
        """Whether it does something when the cell runs, beyond naming things: a loop, a call, a condition."""
        if self.defines or _PASSIVE.match(self.text):
            return False
        return bool(_RUNS.match(self.text)) or not self.assigns


def statements(source: str) -> tuple[Statement, ...]:
    """Split Python text into its top-level statements; blank lines and comments between them are left out."""
    groups: list[tuple[int, list[str]]] = []
    for line, text in _logical_lines(source):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        decorated = bool(groups) and groups[-1][1][-1].startswith("@")
        if groups and (text[0] in " \t" or _CONTINUES.match(text) or decorated):
            groups[-1][1].append(text)
        else:
            groups.append((line, [text]))
    return tuple(Statement("\n".join(texts), line) for line, texts in groups)


def definitions(source: str) -> tuple[str, ...]:
    """Return the functions and classes that the text defines at its top level, in order."""
    return tuple(s.defines for s in statements(source) if s.defines)


def names(source: str) -> frozenset[str]:
    """Return every name that the text defines or assigns at its top level."""
    return frozenset(n for s in statements(source) for n in (s.defines, s.assigns) if n)


def _logical_lines(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each logical line; strings and brackets hold lines together, magics do not."""
    start, line = 0, 1
    while start < len(source):
        magic = _LINE_MAGIC.match(source, start) or _ASSIGNED_MAGIC.match(source, start)
        end = magic.end() if magic else _end_of_line(source, start)
        yield line, source[start:end]
        line += source.count("\n", start, end + 1)
        start = end + 1


def _end_of_line(source: str, position: int) -> int:
    """Return where the logical line that begins here ends: at its newline, or at the end of the text."""
    depth = 0
    while (match := _INTERESTING.search(source, position)) is not None:
        token, position = match[0], match.end()
        if token in _STRING_END:
            position = _skip_string(source, position, token)
        elif token == "#":
            position = source.find("\n", position)
            if position < 0:
                break
        elif token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(depth - 1, 0)
        elif token == "\n" and (depth == 0 or _RESTART.match(source, position)):
            return position - 1
    return len(source)


def _skip_string(source: str, position: int, quote: str) -> int:
    """Return the position after a string; an unclosed short one ends with its line."""
    while (match := _STRING_END[quote].search(source, position)) is not None:
        if match[0] == "\n":
            return match.start()
        position = match.end()
        if match[0] == quote:
            return position
    return len(source)


def without_magics(source: str) -> str:
    """Return a notebook cell as plain Python; line numbers stay.

    IPython's line magics and shell commands become ``pass``, their assigned results None; ``%%time`` and its
    like are taken off; a cell in another language becomes empty.
    """
    match = _CELL_MAGIC.match(source)
    if match:
        if match[1] not in _PYTHON_MAGICS:
            return "\n" * source.count("\n")
        source = "\n" * match[0].count("\n") + source[match.end() :]
    if not re.search(r"[%!?]", source):
        return source
    return "\n".join(_plain_line(text) for _, text in _logical_lines(source))


def _plain_line(text: str) -> str:
    if match := _LINE_MAGIC.fullmatch(text):
        return match[1] + "pass"
    match = _ASSIGNED_MAGIC.fullmatch(text)
    return f"{match[1].rstrip()} = None" if match else text
