"""Frames to look at: an animation in a notebook, a GIF or a PNG on disk."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Animation:
    """An animated GIF that a notebook shows; ``save`` writes it to disk.

    Attributes:
        gif: the file's bytes.
        width: pixels.
        height: pixels.
    """

    gif: bytes
    width: int
    height: int

    def save(self, path: Path | str) -> Path:
        """Write the GIF."""
        target = Path(path)
        target.write_bytes(self.gif)
        return target

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.gif).decode("ascii")
        size = f'width="{self.width}" height="{self.height}"'
        return f'<img {size} alt="animation" src="data:image/gif;base64,{data}"/>'


def animate(frames: Iterable[Frame | None], frames_per_second: float = 20.0) -> Animation:
    """Turn the frames of a rollout into an animation: make it the last line of a notebook cell.

    Args:
        frames: (H, W, 3) uint8 pictures, as ``env.render()`` returns them.
        frames_per_second: use ``env.metadata["render_fps"]``; a GIF's clock ticks in 10 ms.
    """
    import imageio.v3 as iio

    pictures = _checked(list(frames))
    if not frames_per_second > 0:
        raise ValueError(f"frames_per_second: got {frames_per_second!r}, expected a positive number.")
    buffer = io.BytesIO()
    milliseconds = max(20, 10 * round(100 / frames_per_second))  # viewers slow shorter delays down to 100 ms
    iio.imwrite(buffer, np.stack(pictures), extension=".gif", plugin="pillow", duration=milliseconds, loop=0)
    height, width = pictures[0].shape[:2]
    return Animation(buffer.getvalue(), width, height)


def save_png(path: Path | str, frame: Frame | None) -> Path:
    """Write one frame as a PNG."""
    import imageio.v3 as iio

    target = Path(path)
    iio.imwrite(target, _checked([frame])[0], extension=".png")
    return target


def _checked(frames: Sequence[Frame | None]) -> list[Frame]:
    if not frames:
        raise ValueError("no frames: collect env.render() after reset() and after each step().")
    checked = []
    for i, frame in enumerate(frames):
        array = np.asarray(frame)
        if frame is None or array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            got = "None" if frame is None else f"{array.dtype} {array.shape}"
            raise ValueError(
                f"frame {i}: got {got}, expected uint8 (H, W, 3). "
                'Was the environment made with render_mode="rgb_array"?'
            )
        checked.append(array)
    return checked
