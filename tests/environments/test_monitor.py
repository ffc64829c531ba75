"""A run shows how it goes, in a terminal and in a notebook."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import nbclient
import nbformat
import pytest

from environments.monitor import Monitor

matplotlib.use("Agg")


def test_the_line_tells_how_far_and_the_latest_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    with Monitor(total=200, title="PPO", every=0.0) as monitor:
        monitor.record(50, loss=2.0)
        monitor.record(100, loss=1.5)
        assert "100 of 200 steps" in monitor.line and "loss 1.5" in monitor.line and "s left" in monitor.line
        assert monitor.line.count("█") == monitor.line.count("░") == 15
    assert monitor.history == {"loss": [(50, 2.0), (100, 1.5)]}
    assert "100 of 200 steps" in capsys.readouterr().err


def test_what_is_no_number_is_left_out() -> None:
    monitor = Monitor(total=10)
    monitor.record(1, a=math.nan, b=1.0)
    assert monitor.history == {"b": [(1, 1.0)]}


def test_curves_are_smoothed_and_the_goal_is_drawn() -> None:
    monitor = Monitor(total=100, curves=("up",), goal=3.0)
    for i in range(100):
        monitor.record(i + 1, up=i % 2, other=0)
    (ax,) = monitor.plot()
    faint, strong, goal = ax.get_lines()
    assert list(faint.get_ydata()) == [i % 2 for i in range(100)]
    assert list(strong.get_ydata())[-1] == 0.5
    assert set(goal.get_ydata()) == {3.0}


def test_a_run_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="got total 0, expected at least 1 step"):
        Monitor(total=0)


def test_a_notebook_keeps_one_output_with_bar_and_curve(tmp_path: Path) -> None:
    source = """
from environments.monitor import Monitor
with Monitor(total=3, title="run", every=0.0) as monitor:
    for i in range(3):
        monitor.record(i + 1, gain=float(i))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert "3 of 3 steps" in output.data["text/plain"]
    assert "<img" in output.data["text/html"]
