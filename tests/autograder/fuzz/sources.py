"""Sources of assignments, made so that every secret line and every given line can be told afterwards.

A secret line holds a word that begins with ``secret_``, a given one ``given_``; no word comes twice.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

SECRET = re.compile(r"secret_\d+")
GIVEN = re.compile(r"given_\d+")
MARKER = re.compile(r"[ \t]*### (?:BEGIN|END) SOLUTION .*")


@dataclass
class Author:
    """Writes a percent file with holes, and remembers what the student must see."""

    chance: random.Random
    lines: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    words: int = 0

    def word(self, kind: str) -> str:
        """Return a word that was not used before."""
        self.words += 1
        return f"{kind}_{self.words}"

    def write(self) -> str:
        """Write a whole file: a title, then cells."""
        self.lines += ["# %% [markdown]", f"# # Title {self.word('given')}"]
        for _ in range(self.chance.randint(1, 4)):
            self.chance.choice((self._markdown, self._quoted, self._glue, self._holes, self._holes, self._experiment))()
        if not self.labels:
            self._holes()
        return "\n".join(self.lines) + "\n"

    # Cells

    def _markdown(self) -> None:
        self.lines += ["# %% [markdown]", f"# Text {self.word('given')}: the solution begins below; BEGIN with it."]

    def _quoted(self) -> None:
        quote = self.chance.choice(('"""', "'''"))
        self.lines += ["# %% [markdown]", quote, f"Text {self.word('given')}", quote]

    def _glue(self) -> None:
        self.lines += ["# %%", f"{self.word('given')} = '''", "### BEGIN SOLUTION 1.1 a", "'''  # a string"]
        if self.chance.random() < 0.5:
            self.lines += ["", f"def {self.word('given')}():", "    return 1"]

    def _experiment(self) -> None:
        self.lines += ['# %% tags=["experiment"]', f"print('{self.word('given')}')"]

    def _holes(self) -> None:
        self.lines.append("# %%")
        if self.chance.random() < 0.3:
            self.lines.append(f"{self.word('given')} = 1")
        for _ in range(self.chance.choice((1, 1, 2))):
            self._function(self.chance.choice(("", "", "", "class")))

    def _function(self, inside: str) -> None:
        indent = ""
        if inside:
            self.lines += ["", f"class {self.word('given').title()}:"]
            indent = "    "
        if self.chance.random() < 0.2:
            self.lines.append(f"{indent}@staticmethod")
        asynchronous = "async " if self.chance.random() < 0.1 else ""
        name = f"f{len(self.labels) + 1}"
        if self.chance.random() < 0.3:
            self.lines += [f"{indent}{asynchronous}def {name}(", f"{indent}    {self.word('given')},", f"{indent}):"]
        else:
            self.lines.append(f"{indent}{asynchronous}def {name}({self.word('given')}):")
        step = self.chance.choice(("    ", "    ", "  ", "\t")) if not indent else "    "
        indent += step
        if self.chance.random() < 0.7:
            self.lines += self._docstring(indent)
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            self.lines.append(f"{indent}{self.word('given')} = 0")
        self._hole(indent, name)

    def _docstring(self, indent: str) -> list[str]:
        text = f"{indent}\"\"\"Say {self.word('given')}."
        if self.chance.random() < 0.5:
            return [text + '"""']
        return [text, "", f"{indent}### BEGIN SOLUTION 9.9 nothing", f'{indent}"""']

    def _hole(self, indent: str, name: str) -> None:
        label = f"1.{len(self.labels) + 1} {name}"
        self.labels.append(label)
        self.lines.append(f"{indent}### BEGIN SOLUTION {label}")
        for _ in range(self.chance.choice((0, 1, 2))):
            self.lines.append(f"{indent}# HINT: Mind {self.word('given')}.")
        for _ in range(self.chance.randint(1, 4)):
            self.lines += self._secret(indent)
        self.lines.append(f"{indent}### END SOLUTION {label}")

    def _secret(self, indent: str) -> list[str]:
        one, two, three = (self.word("secret") for _ in range(3))
        return self.chance.choice((
            [f"{indent}{one} = 1  # {two}"],
            [f"{indent}# {one}", f"{indent}return {two}"],
            [f"{indent}{one} = '''", two, f"'''; {three} = 2"],
            [f"{indent}if {one}:", f"{indent}    {two}()", f"{indent}else:", f"{indent}    {three}()"],
            [f"{indent}def {one}():", f"{indent}    return {two}", f"{indent}{three}()"],
            [f"{indent}{one} = (", f"    {two},", f"{indent})", "", f"{indent}{three} = 1"],
            [f"{indent}{one} = {two} + \\", f"  {three}"],
            [f'{indent}{one} = """', "# %% not a cell", f'{two}"""'] if self.chance.random() < 0.1 else [f"{indent}{one}"],
            [f"{indent}for {one} in {two}: {three}()"],
            [f"{indent}{one} = 1; {two} = 2"],
        ))  # fmt: skip


# Near-misses: what an author may have typed in a marker's place


def spoiled_marker(line: str, chance: random.Random) -> str:
    """Return a marker's line with a slip of the finger in it."""
    indent, text = line[: len(line) - len(line.lstrip())], line.strip()
    at = chance.randrange(len(text))
    return indent + chance.choice((
        text.lower(), text.title(), text.replace("### ", "###"), text.replace("### ", "# "), text.replace("### ", "#### "),
        text.replace(" ", "  ", 1), text.replace(" ", "\t"), text.replace(" ", "\u00a0"), text + " ", text + ":",
        text.replace("SOLUTION", "SOLUTIONS"), text.replace("SOLUTION", "SOLN"), text.replace("SOLUTION", "ANSWER"),
        text.replace("BEGIN", "START").replace("END", "STOP"), text.replace("BEGIN", "END"), text.replace("END", "BEGIN"),
        text.rsplit(" ", 1)[0], text.rsplit(" ", 2)[0], text + "x", text.replace("1.", "2."), "\u200b" + text,
        text.replace("E", "\u0415"), text.replace("BEGIN", "\uff22\uff25\uff27\uff29\uff2e"), text[:at] + text[at + 1 :],
        text[:at] + chance.choice("xX_-. #") + text[at:], text[:at] + text[at].swapcase() + text[at + 1 :], f"pass  {text}",
        f"'{text}'", f'"""{text}"""', text.replace("###", "##\u0023\u200d"), "", " " + text, "    " + text, text.lstrip("# "),
    ))  # fmt: skip


def near_miss(text: str, chance: random.Random) -> str:
    """Return a source with one mistake about its markers, its cells or its line ends."""
    lines = text.split("\n")
    markers = [i for i, line in enumerate(lines) if MARKER.fullmatch(line)]
    at = chance.choice(markers)
    match chance.choice(("marker", "marker", "marker", "gone", "twice", "swapped", "moved", "cell", "lines", "bytes")):
        case "marker":
            for i in {at, chance.choice((at, chance.choice(markers)))}:
                lines[i] = spoiled_marker(lines[i], chance)
        case "gone":
            del lines[at]
        case "twice":
            lines.insert(chance.choice((at, chance.randrange(len(lines)))), lines[at])
        case "swapped":
            other = chance.choice(markers)
            lines[at], lines[other] = lines[other], lines[at]
        case "moved":  # END anywhere; BEGIN only upwards, for lines above it may be the author's to give
            line = lines.pop(at)
            last = at if "BEGIN" in line else len(lines)
            lines.insert(chance.randint(max(0, at - 4), min(last, at + 4)), line)
        case "cell":
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(("# %%", "#%%", "    # %%", "# %% [markdown]", '# %% tags="experiment"')))
        case "lines":
            i = chance.randrange(len(lines))
            lines[i] = chance.choice(("\r", "\x0c", "\x0b", "\x1c", "\u2028", "\x85", "\\", "'''", "(", "\t")) + lines[i]
        case "bytes":
            joined = "\n".join(lines)
            i = chance.randrange(len(joined))
            odd = chance.choice(("\r", "\r\n", "\x0c", "\x1a", "\x00", "\u2028", "\x85", "#", '"', "\\\n", "\n", " "))
            return joined[:i] + odd + joined[i:]
    return "\n".join(lines)
