"""A contact sheet of every registered environment and of all that it sees.

``python -m environments.gallery docs/gallery.png`` writes it; ids after the path choose some. Cameras come
from the models, images from the observation spaces, and what is done before the picture from ``moments``.
"""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import environments
from environments.episode import Episode
from environments.moments import MOMENTS, Legend, Moment
from environments.raycast import Picture

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

PREFIX = "robolearn/"
COLUMNS = 4
CELL = (192, 256)  # (height, width) of a picture, pixels
GAP = 12  # pixels between cells
CAPTION = 22  # pixels above a picture
MARGIN = 20  # pixels around the sheet
HEADER = 54  # pixels
PAPER, INK, FAINT = "#f5f6f8", "#1b2430", "#6b7684"
MAT = "#e9ecf0"  # behind an image that does not fill its cell
WAY = "#d6136e"
KEPT_BITS = np.uint8(0b11111110)  # of a colour: the file is a fifth smaller, and nobody sees it
DPI = 100
DEPTH_COLOURS = "viridis_r"
NEAR_PLANE = 0.02  # m, nothing nearer to a camera is drawn


@dataclass(frozen=True)
class Panel:
    """One picture of the sheet.

    Attributes:
        name: the environment's id.
        view: the camera, or the entry of the observation.
        image: (h, w, 3) uint8, not higher than a cell.
        way: (T, 2) x and y of a point's way in the picture, pixels; NaN where the camera cannot see it.
        scale: (low, high, unit) of the image's colours; None if they are what they are.
        legend: names and colours of what is in an image of labels.
    """

    name: str
    view: str
    image: Image
    way: Array
    scale: tuple[float, float, str] | None = None
    legend: Legend = ()

    @property
    def span(self) -> int:
        """Columns of the sheet that it takes."""
        return max(1, -(-(self.image.shape[1] + GAP) // (CELL[1] + GAP)))


# What there is to see


def panels_of(name: str) -> list[Panel]:
    """Bring an environment to its moment, and take all its pictures.

    Args:
        name: a registered id.
    """
    moment = MOMENTS.get(name, Moment())
    env = gymnasium.make(name, **moment.settings).unwrapped
    assert isinstance(env, Episode)
    observation, way = moment.play(env)
    panels = [_photograph(name, env, camera, way) for camera in _cameras(env)]
    for key, image, space in _images(observation, env.observation_space):
        panels.append(_sensor(name, key, image, space, moment))
    env.close()
    return panels


def _cameras(env: Episode) -> list[str]:
    model, _, first = env._scene()
    names = [model.camera(i).name for i in range(model.ncam)]
    return sorted(names, key=lambda name: name != first)


def _photograph(name: str, env: Episode, camera: str, way: Array) -> Panel:
    model, data, _ = env._scene()
    height, width = env.image_size
    columns = max(1, round(width / height / (CELL[1] / CELL[0])))
    size = (CELL[0], columns * (CELL[1] + GAP) - GAP)
    picture = Picture(model, camera, *size)
    image = picture.take(data)
    carried = model.cam_bodyid[picture.camera_id] > 0 and (
        model.cam_mode[picture.camera_id] == mujoco.mjtCamLight.mjCAMLIGHT_FIXED
    )
    return Panel(name, camera, image, way[:0, :2] if carried else _project(model, picture, way))


def _project(model: mujoco.MjModel, picture: Picture, points_world: Array) -> Array:
    """Find the pixels (T, 2) of points (T, 3) in a picture just taken."""
    data, camera, (height, width) = picture.data, picture.camera_id, picture.size
    local = (points_world - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    ahead = np.where(-local[:, 2] > NEAR_PLANE, -local[:, 2], np.nan)
    pixels = height / 2 / np.tan(np.deg2rad(model.cam_fovy[camera]) / 2) / ahead
    return np.stack([width / 2 + local[:, 0] * pixels, height / 2 - local[:, 1] * pixels], axis=1)


def _images(observation: Any, space: spaces.Space[Any]) -> Iterable[tuple[str, Any, spaces.Box]]:
    """Find the images in an observation: (H, W) or (H, W, 3)."""
    parts = space.spaces if isinstance(space, spaces.Dict) else {"observation": space}
    for key, part in parts.items():
        if isinstance(part, spaces.Box) and len(part.shape) in (2, 3):
            yield key, observation[key] if isinstance(space, spaces.Dict) else observation, part


def _sensor(name: str, key: str, image: Any, space: spaces.Box, moment: Moment) -> Panel:
    """Colour an image of the observation, and enlarge it by a whole number to fill its cell."""
    from matplotlib import colormaps

    scale: tuple[float, float, str] | None = None
    legend: Legend = ()
    if image.ndim == 2 and image.dtype.kind == "f":
        scale = (float(space.low.min()), float(space.high.max()), "m")
        image = np.rint(255 * colormaps[DEPTH_COLOURS]((image - scale[0]) / (scale[1] - scale[0]))[..., :3])
    elif image.ndim == 2:
        names = moment.legend() if moment.legend else _numbers(int(space.high.max()) + 1)
        legend = tuple(names[i] for i in np.unique(image))
        image = np.rint(255 * np.array([colour for _, colour in names])[image])
    factor = max(1, CELL[0] // image.shape[0])
    large = image.astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    return Panel(name, key, large, np.zeros((0, 2)), scale, legend)


def _numbers(count: int) -> Legend:
    from matplotlib import colormaps

    return tuple((str(i), colormaps["tab20"](i % 20)[:3]) for i in range(count))


# The sheet


def place(panels: Sequence[Panel]) -> list[tuple[int, int]]:
    """Give each panel its (row, first column), in reading order; an id that fits into a row is not broken."""
    places, row, column = [], 0, 0
    for _, group in itertools.groupby(panels, key=lambda panel: panel.name):
        parts = list(group)
        if column > 0 and column + sum(panel.span for panel in parts) > COLUMNS:
            row, column = row + 1, 0
        for panel in parts:
            if column + panel.span > COLUMNS:
                row, column = row + 1, 0
            places.append((row, column))
            column += panel.span
    return places


def draw(panels: Sequence[Panel]) -> Image:
    """Lay panels out on a sheet, with captions, scales and legends."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places = place(panels)
    num_rows = places[-1][0] + 1 if places else 0
    width = 2 * MARGIN + COLUMNS * (CELL[1] + GAP) - GAP
    height = 2 * MARGIN + HEADER + num_rows * (CELL[0] + CAPTION + GAP) - GAP
    with matplotlib.style.context("default"):
        figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
        canvas = FigureCanvasAgg(figure)
        sheet = _Sheet(figure, width, height)
        num_ids = len({panel.name for panel in panels})
        what = f"{num_ids} environment{'s' * (num_ids != 1)}"
        title = f"robolearn: {what}, all their cameras and all the images they observe"
        sheet.write(MARGIN, MARGIN + 16, title, size=17, weight="bold")
        subtitle = "A line is the way so far: of a tip, a foot, or the robot."
        sheet.write(MARGIN, MARGIN + 38, subtitle, colour=FAINT)
        for panel, (row, column) in zip(panels, places):
            left = MARGIN + column * (CELL[1] + GAP)
            top = MARGIN + HEADER + row * (CELL[0] + CAPTION + GAP) + CAPTION
            sheet.show(panel, left, top)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3] & KEPT_BITS


class _Sheet:
    """A figure whose coordinates are pixels from the top left."""

    def __init__(self, figure: Any, width: int, height: int) -> None:
        self.figure, self.width, self.height = figure, width, height

    def write(
        self, x: float, y: float, text: str, *, size: float = 11, colour: str = INK, weight: str = "normal",
        align: str = "left",
    ) -> None:  # fmt: skip
        self.figure.text(
            x / self.width, 1 - y / self.height, text, fontsize=size * 72 / DPI, color=colour, weight=weight,
            ha=align, va="baseline",
        )  # fmt: skip

    def fill(self, x: float, y: float, width: float, height: float, colour: Any) -> None:
        from matplotlib.patches import Rectangle

        corner = (x / self.width, 1 - (y + height) / self.height)
        size = (width / self.width, height / self.height)
        self.figure.add_artist(Rectangle(corner, *size, color=colour, lw=0, zorder=0))

    def show(self, panel: Panel, left: int, top: int) -> None:
        """Draw a panel into its cell."""
        cell_width = panel.span * (CELL[1] + GAP) - GAP
        height, width = panel.image.shape[:2]
        alone = panel.scale is None and not panel.legend
        self.write(left, top - 7, panel.name.removeprefix(PREFIX), weight="bold")
        self.write(left + cell_width, top - 7, panel.view, colour=FAINT, align="right")
        self.fill(left, top, cell_width, CELL[0], MAT)
        left += (cell_width - width) // 2 if alone else 0
        self.figure.figimage(panel.image, left, self.height - top - height, origin="upper", zorder=1)
        self._line(panel, left, top)
        if panel.scale is not None:
            self._scale(panel.scale, left + width + 12, top)
        for i, (name, colour) in enumerate(panel.legend):
            self.fill(left + width + 6, top + 7 + 15 * i, 9, 9, colour)
            self.write(left + width + 18, top + 15 + 15 * i, name, size=8)

    def _line(self, panel: Panel, left: int, top: int) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.transforms import Bbox

        height, width = panel.image.shape[:2]
        x, y = left + panel.way[:, 0], top + panel.way[:, 1]
        bottom = self.height - top - height
        for pixels, colour in ((4.0, "white"), (2.0, WAY)):
            line = Line2D(
                x / self.width, 1 - y / self.height, color=colour, lw=pixels * 72 / DPI, zorder=2,
                solid_capstyle="round", solid_joinstyle="round",
            )  # fmt: skip
            self.figure.add_artist(line)
            line.set_clip_box(Bbox([(left, bottom), (left + width, bottom + height)]))

    def _scale(self, scale: tuple[float, float, str], left: int, top: int) -> None:
        from matplotlib import colormaps

        low, high, unit = scale
        bar = colormaps[DEPTH_COLOURS](np.linspace(1, 0, CELL[0] - 24))[:, None, :3].repeat(10, axis=1)
        self.figure.figimage(bar, left, self.height - top - CELL[0] + 12, origin="upper", zorder=1)
        for share in (0.0, 1 / 3, 2 / 3, 1.0):
            y = top + CELL[0] - 12 - share * (CELL[0] - 24) + 4
            self.write(left + 15, y, f"{low + share * (high - low):g} {unit}", size=9)


def write(path: Path | str, names: Iterable[str] = environments.IDS) -> Path:
    """Write the contact sheet of some ids as a PNG, which also holds the ids as text under "ids".

    Args:
        path: of the file.
        names: registered ids, in the order of the sheet; all if not given.
    """
    from PIL import Image as Images
    from PIL.PngImagePlugin import PngInfo

    chosen = tuple(names)
    sheet = draw([panel for name in chosen for panel in panels_of(name)])
    told = PngInfo()
    told.add_text("ids", " ".join(chosen))
    buffer = io.BytesIO()
    Images.fromarray(sheet).save(buffer, "PNG", optimize=True, pnginfo=told)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(buffer.getvalue())
    return target


if __name__ == "__main__":
    path, *ids = sys.argv[1:] or ["gallery.png"]
    print(write(path, ids or environments.IDS))
