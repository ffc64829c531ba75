"""Loads the reference of homework 1 from its one source, without the experiments."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


def load_reference() -> SimpleNamespace:
    """Execute the source's code cells in order, experiments left out, and return their names."""
    import jupytext

    names = {"__name__": "hw1_mdp"}
    for cell in jupytext.read(Path(__file__).with_name("hw1_mdp.py")).cells:
        if cell.cell_type == "code" and "experiment" not in cell.metadata.get("tags", []):
            exec(compile(cell.source, "hw1_mdp.py", "exec"), names)
    return SimpleNamespace(**names)
