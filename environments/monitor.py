"""How a long run goes: a progress bar with its latest numbers, and in a notebook a live curve."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR = 30  # characters
_WINDOW = 20  # records over which a curve is smoothed


class Monitor:
    """Follow a run of known length. A context manager; leaving it shows the last state.

    In a notebook one output cell is updated in place: a bar with the latest numbers and the time left, and a
    curve for each name in ``curves``. Elsewhere the bar alone is written to the terminal.

        with Monitor(total=300_000, title="PPO", curves=("return",)) as monitor:
            ...
            monitor.record(steps, **{"return": mean_return, "kl": kl})
        monitor.history["return"]   # [(step, value), ...]

    Args:
        total: steps of the whole run.
        title: what runs.
        curves: names of the recorded values to draw; all by default.
        unit: what a step is called.
        every: seconds between two updates, at least; drawing a curve takes about 0.1 s.
        goal: a horizontal line in the first curve, such as the return that solves the task.
    """

    def __init__(
        self, total: int, title: str = "", *, curves: Sequence[str] | None = None, unit: str = "steps",
        every: float = 2.0, goal: float | None = None,
    ) -> None:  # fmt: skip
        if total < 1:
            raise ValueError(f"Monitor: got total {total!r}, expected at least 1 step.")
        self.total = int(total)
        self.title = title
        self.curves = curves
        self.unit = unit
        self.goal = goal
        self.history: dict[str, list[tuple[int, float]]] = {}
        self.step = 0
        self._every = every
        self._began = self._shown = time.monotonic()
        self._display: Any = None
        self._in_notebook = _in_notebook()

    def record(self, step: int, **values: float) -> None:
        """Note values at a step, the first ``step`` of ``total``; a value that is None or NaN is left out."""
        self.step = int(step)
        for name, value in values.items():
            if value is not None and not math.isnan(number := float(value)):
                self.history.setdefault(name, []).append((self.step, number))
        if time.monotonic() - self._shown >= self._every:
            self._show()

    @property
    def line(self) -> str:
        """The bar and the latest numbers, in one line of text."""
        share = min(1.0, self.step / self.total)
        full = round(share * _BAR)
        took = time.monotonic() - self._began
        left = f", {took * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
        numbers = "".join(f"  {name} {points[-1][1]:.4g}" for name, points in self.history.items())
        bar = "█" * full + "░" * (_BAR - full)
        return f"{self.title} {bar} {self.step:,} of {self.total:,} {self.unit}, {took:.0f} s{left}{numbers}"

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the curves: every record faint, the mean of the last few records strong."""
        import matplotlib.pyplot as plt

        names = [name for name in self.curves or self.history if name in self.history]
        if axes is None:
            num = max(1, len(names))
            _, grid = plt.subplots(1, num, figsize=(4.5 * num, 2.8), squeeze=False, layout="constrained")
            axes = grid[0]
        for i, (ax, name) in enumerate(zip(axes, names, strict=False)):
            steps, values = zip(*self.history[name], strict=True)
            windows = [values[max(0, k - _WINDOW + 1) : k + 1] for k in range(len(values))]
            ax.plot(steps, values, color="tab:blue", alpha=0.25, linewidth=1)
            ax.plot(steps, [sum(window) / len(window) for window in windows], color="tab:blue", linewidth=2)
            if i == 0 and self.goal is not None:
                ax.axhline(self.goal, color="tab:green", linestyle="--", linewidth=1)
            ax.set(xlabel=self.unit, ylabel=name, title=self.title if i == 0 else "", xlim=(0, self.total))
            ax.grid(alpha=0.3)
        return axes

    def _show(self) -> None:
        self._shown = time.monotonic()
        if not self._in_notebook:
            sys.stderr.write(f"\r\033[K{self.line}" if sys.stderr.isatty() else "")
            sys.stderr.flush()
            return
        from IPython.display import display

        shown = _Shown(self.line, self._picture())
        if self._display is None:
            self._display = display(shown, display_id=True)
        else:
            self._display.update(shown)

    def _picture(self) -> bytes:
        import matplotlib.pyplot as plt

        if not any(name in self.history for name in self.curves or self.history):
            return b""
        self.plot()
        buffer = io.BytesIO()
        plt.savefig(buffer, format="png", dpi=70)
        plt.close()
        return buffer.getvalue()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()
        if not self._in_notebook:
            sys.stderr.write("\n" if sys.stderr.isatty() else f"{self.line}\n")


class _Shown:
    """A line and a picture, as a notebook shows them."""

    def __init__(self, line: str, png: bytes) -> None:
        self._line = line
        self._png = png

    def __repr__(self) -> str:
        return self._line

    def _repr_html_(self) -> str:
        import base64
        import html

        image = base64.b64encode(self._png).decode("ascii")
        alt = html.escape(self._line)
        picture = f'<img alt="{alt}" src="data:image/png;base64,{image}"/>' if image else ""
        return f"<pre>{html.escape(self._line)}</pre>{picture}"


def _in_notebook() -> bool:
    """Tell whether an IPython kernel runs this; IPython is not imported for that."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
