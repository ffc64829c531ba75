"""Coverage-guided fuzzing with Atheris, a process a target: ``python -m tests.autograder.fuzz.targets codec …``.

Atheris is not among the project's dependencies; ``make fuzz`` puts it into ``build/fuzz/tools``. A target raises
where its code does anything but read or refuse; libFuzzer then keeps the input beside the corpus.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["autograder.sandbox", "autograder.source", "autograder.intake"]):
    from autograder.errors import AuthoringError, IntakeError
    from autograder.intake.notebook import read_notebook, read_script
    from autograder.intake.statements import statements, without_magics
    from autograder.sandbox.codec import Decoder, EncodeError, Encoder, Frame
    from autograder.sandbox.errors import ProtocolError
    from autograder.sandbox.frames import Closed
    from autograder.source.holes import cut_holes
    from autograder.source.markers import find_holes

from tests.autograder.fuzz import frames
from tests.autograder.fuzz.sources import Author, near_miss
from tests.autograder.fuzz.values import same

LABELS = ("1.1 f1", "1.2 f2", "1.3 f3", "1.4 f4", "1.5 f5")
SEEDS = 60


def codec(data: bytes) -> None:
    """Read bytes off the wire, and as a header; what is read must survive being sent on."""
    for read in (lambda: frames.read(data), lambda: Decoder().decode(Frame(data))):
        with suppress(ProtocolError, Closed):
            value = read()
            with suppress(EncodeError):
                assert same(Decoder().decode(Encoder().encode(value)), value)


def markers(data: bytes) -> None:
    """Find holes in text and cut them; what stands around them is left as it is."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    try:
        holes = find_holes(text, LABELS, Path("source.py"))
    except AuthoringError as error:
        assert str(error).startswith("source.py:")
        return
    lines = text.split("\n")
    kept = cut_holes(text, holes).split("\n")
    if holes:
        first, last = holes[0].begin - 1, len(lines) - holes[-1].end
        assert kept[:first] == lines[:first] and kept[len(kept) - last :] == lines[len(lines) - last :]
    for hole in holes:
        assert f'{hole.indent}raise NotImplementedError("{hole.label} is yours to write")' in kept


def notebook(data: bytes) -> None:
    """Read bytes as a notebook and as a script, and text as statements."""
    for read in (read_notebook, read_script):
        with suppress(IntakeError):
            read(data, "ada.ipynb")
    text = data.decode("utf-8", "replace")
    statements(text)
    without_magics(text)


def _seeds(name: str) -> list[bytes]:
    chance = random.Random(0)
    if name == "codec":
        values = ([1, 2.5, None, "x"], {"a": (1, b"x")}, {1, 2}, [frozenset((1,)), 2**80, 1j], list(range(40)))
        return [data for value in values for data in (frames.encoded(value), Encoder().encode(value).header)]
    if name == "markers":
        texts = [Author(chance).write() for _ in range(SEEDS)]
        return [text.encode() for text in texts] + [near_miss(t, chance).encode("utf-8", "replace") for t in texts]
    return [b'{"cells": [{"cell_type": "code", "source": ["x = 1"], "outputs": []}]}', b"# %% [markdown]\n# x\n# %%\n%time f()\n"]


TARGETS: dict[str, Callable[[bytes], None]] = {"codec": codec, "markers": markers, "notebook": notebook}


def main() -> None:
    """Fuzz one target; the corpus folder is the second argument, libFuzzer's options follow."""
    name, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(_seeds(name)):
        (corpus / f"seed-{number}").write_bytes(data)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
