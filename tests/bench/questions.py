"""Three small questions, in a NumPy and in a PyTorch flavour, with right, wrong and blank answers."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

FLAVOURS = ("numpy", "torch")


@dataclass(frozen=True)
class SmallQuestion:
    """One question: the function's head, a right and a wrong body, and a test's body over the name ``f``."""

    name: str
    head: str
    right: str
    wrong: str
    test: str

    def answer(self, kind: str) -> str:
        """Return the function with its right, wrong or blank body."""
        body = {"right": self.right, "wrong": self.wrong, "blank": "raise NotImplementedError()"}[kind]
        return self.head + "\n" + indent(dedent(body).strip(), "    ")


def setup(flavour: str) -> str:
    """Return the import line of a flavour."""
    return "import numpy as xp" if flavour == "numpy" else "import torch as xp"


def questions(flavour: str) -> list[SmallQuestion]:
    """Return the three questions; tests speak plain NumPy to the function ``f``."""
    asarray = "xp.asarray(x)" if flavour == "numpy" else "xp.as_tensor(x, dtype=xp.float64)"
    axis = "axis" if flavour == "numpy" else "dim"
    keep = "keepdims=True" if flavour == "numpy" else "keepdim=True"
    amax = f"x.max({axis}=-1, keepdims=True)" if flavour == "numpy" else "x.max(dim=-1, keepdim=True).values"
    return [
        SmallQuestion(
            "moving_average",
            'def moving_average(x, width):\n    """Average over a window of the given width."""',
            f"x = {asarray}\ntotal = xp.cumsum(x, {axis}=0)\n"
            "total[width:] = total[width:] - total[:-width].copy()\nreturn total[width - 1:] / width"
            if flavour == "numpy"
            else f"x = {asarray}\nreturn x.unfold(0, width, 1).mean(-1)",
            f"x = {asarray}\nreturn x[width - 1:] / width",
            "np.testing.assert_allclose(np.asarray(f([1.0, 2.0, 3.0, 4.0], 2)), [1.5, 2.5, 3.5])",
        ),
        SmallQuestion(
            "softmax",
            'def softmax(x):\n    """Softmax over the last axis."""',
            f"x = {asarray}\ne = xp.exp(x - {amax})\nreturn e / e.sum({axis}=-1, {keep})",
            f"x = {asarray}\nreturn xp.exp(x)",
            "np.testing.assert_allclose(np.asarray(f([[1000.0, 1000.0], [0.0, 0.0]])), [[0.5, 0.5], [0.5, 0.5]])",
        ),
        SmallQuestion(
            "distances",
            'def distances(x, y):\n    """Euclidean distances between the rows of x and of y."""',
            f"x, y = {asarray}, {asarray.replace('(x', '(y')}\n"
            f"return xp.sqrt(((x[:, None] - y[None]) ** 2).sum({axis}=-1))",
            f"x, y = {asarray}, {asarray.replace('(x', '(y')}\nreturn xp.abs(x[:, None] - y[None]).sum({axis}=-1)",
            "np.testing.assert_allclose(np.asarray(f([[0.0, 0.0]], [[3.0, 4.0]])), [[5.0]])",
        ),
    ]


def answer_kinds(submission: int) -> tuple[str, str, str]:
    """Return which answers the nth submission of the class gives: a third are all right."""
    patterns = [
        ("right", "right", "right"),
        ("right", "wrong", "right"),
        ("blank", "right", "wrong"),
        ("right", "right", "blank"),
        ("right", "right", "right"),
        ("wrong", "blank", "right"),
    ]
    a, b, c = patterns[submission % len(patterns)]
    return a, b, c
