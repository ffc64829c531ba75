from __future__ import annotations

from pathlib import Path

import pytest

from autograder.errors import AuthoringError
from autograder.source.holes import body, cut, uncover, with_body
from autograder.source.markers import find_holes

LABELS = ("2.3 gae", "2.4 act")
SOURCE = '''import numpy as np

GAMMA = 0.9


def gae(rewards):
    """Estimate advantages.

    ### BEGIN SOLUTION 2.3 gae in a docstring is text.
    """
    scale = 1.0
    ### BEGIN SOLUTION 2.3 gae
    # HINT: Walk backwards in time. Two masks: which one stops the bootstrap,
    # HINT:   and which one stops the sum?
    # HINT: About 7 lines.
    advantage = 0.0

    for r in rewards[::-1]:  # backwards
        advantage = r + GAMMA * advantage
    return scale * advantage
    ### END SOLUTION 2.3 gae


class Policy:
    def act(self, o):
        ### BEGIN SOLUTION 2.4 act
        return np.sign(o)
        ### END SOLUTION 2.4 act

    name = "policy"
'''
CUT = '''import numpy as np

GAMMA = 0.9


def gae(rewards):
    """Estimate advantages.

    ### BEGIN SOLUTION 2.3 gae in a docstring is text.
    """
    scale = 1.0
    # TODO(2.3 gae): Walk backwards in time. Two masks: which one stops the bootstrap,
    #   and which one stops the sum?
    #   About 7 lines.
    raise NotImplementedError("2.3 gae is yours to write")


class Policy:
    def act(self, o):
        # TODO(2.4 act): Write this part.
        raise NotImplementedError("2.4 act is yours to write")

    name = "policy"
'''


def test_a_cut_hole_leaves_its_hints_and_a_not_implemented_error() -> None:
    assert cut(SOURCE, LABELS) == CUT


def test_a_cut_copy_raises_where_the_student_is_to_write() -> None:
    namespace: dict[str, object] = {}
    exec(cut(SOURCE, LABELS), namespace)
    with pytest.raises(NotImplementedError, match=r"^2\.3 gae is yours to write$"):
        namespace["gae"]([1.0])  # type: ignore[operator]


def test_a_cut_copy_has_nothing_left_to_cut() -> None:
    assert cut(CUT, LABELS) == CUT


def test_nothing_is_cut_where_a_marker_is_off() -> None:
    with pytest.raises(AuthoringError, match=r"here\.py:28: END SOLUTION 2.4 Act closes"):
        cut(SOURCE.replace("### END SOLUTION 2.4 act", "### END SOLUTION 2.4 Act"), LABELS, Path("here.py"))


def test_the_complete_code_comes_without_markers_and_hints() -> None:
    holes = find_holes(SOURCE, LABELS, Path("x.py"))
    lines = SOURCE.split("\n")
    assert uncover(SOURCE, holes) == "\n".join(
        lines[:11] + lines[15:20] + lines[21:25] + lines[26:27] + lines[28:]
    )


def test_a_hole_takes_another_body() -> None:
    holes = find_holes(SOURCE, LABELS, Path("x.py"))
    assert body(SOURCE, holes[1]) == "        return np.sign(o)"
    changed = with_body(SOURCE, holes[1], "        x = o\n        return x")
    assert changed == SOURCE.replace("        return np.sign(o)", "        x = o\n        return x")


def test_hints_are_wrapped_anew_where_the_label_makes_a_line_too_long() -> None:
    words = (
        "One residual and two fractions, then a logarithm that is rounded up to whole sweeps of the table. "
    )
    source = (
        "def f():\n"
        f"    ### BEGIN SOLUTION 2.3 gae\n    # HINT: {words}Mind\n    # HINT:   the end.\n"
        "    return 1\n    ### END SOLUTION 2.3 gae\n"
    )
    lines = cut(source, ["2.3 gae"]).splitlines()
    assert all(len(line) <= 110 for line in lines)
    assert lines[1].startswith("    # TODO(2.3 gae): One residual")
    assert lines[2].startswith("    #   ")
    said = " ".join(line.strip().lstrip("# ") for line in lines[1:3])
    assert said == f"TODO(2.3 gae): {words}Mind the end."
