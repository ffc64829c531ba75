"""Pictures without OpenGL: ``mj_multiRay`` finds the surfaces, Lambert's law shades them.

The same picture on every machine, headless or not. Light is the model's headlight and its first light, which
casts shadows from its position, or along its direction; a light's cone, attenuation and gloss do not count.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

DEFAULT_SIZE = (240, 320)  # (height, width), pixels
SKY_TOP = np.array([0.62, 0.74, 0.88])
SKY_BOTTOM = np.array([0.93, 0.95, 0.97])
HORIZON = 0.65  # share of the far clipping plane at which haze is complete; the closest to MuJoCo's renderer
SUN_DISTANCE = 100.0  # extents of the model from which a directional light is cast, nearly parallel
EDGE_CONTRAST = 0.04  # neighbours that differ by more than this (of 1) are sampled again
SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))  # rotated grid, pixels
SHADOW_BIAS = 1e-4  # m, shortens a shadow ray so that a surface does not shade itself
VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)  # MuJoCo's default visual groups
STATE = mujoco.mjtState.mjSTATE_INTEGRATION  # what a picture is of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """What a bundle of R rays from one point met.

    Attributes:
        origin_world: (3,) float64, m.
        direction_world: (R, 3) float64, unit length.
        geom_id: (R,) int32, -1 where a ray met nothing.
        distance: (R,) float64 along the ray, m, -1 where it met nothing.
        normal_world: (R, 3) float64, outward, zero where it met nothing.
    """

    origin_world: Array
    direction_world: Array
    geom_id: NDArray[np.int32]
    distance: Array
    normal_world: Array


def cast(model: mujoco.MjModel, data: mujoco.MjData, origin_world: Array, direction_world: Array) -> Hits:
    """Cast R rays from one point at the visible geoms.

    Args:
        model: the model.
        data: its data, kinematics up to date.
        origin_world: (3,) float64, m.
        direction_world: (R, 3) float64, unit length.
    """
    return _cast(with_everything_in_sight(model), data, origin_world, direction_world)


def _cast(model: mujoco.MjModel, data: mujoco.MjData, origin_world: Array, direction_world: Array) -> Hits:
    num_rays = len(direction_world)
    directions = np.ascontiguousarray(direction_world, dtype=np.float64)
    geom_id = np.full(num_rays, -1, dtype=np.int32)
    distance = np.full(num_rays, -1.0)
    normal = np.zeros(num_rays * 3)
    mujoco.mj_multiRay(
        model, data, np.asarray(origin_world, dtype=np.float64), directions.reshape(-1), VISIBLE_GROUPS,
        True, -1, geom_id, distance, normal, num_rays, mujoco.mjMAXVAL,
    )  # fmt: skip
    return Hits(np.asarray(origin_world), directions, geom_id, distance, normal.reshape(-1, 3))


def with_everything_in_sight(model: mujoco.MjModel) -> mujoco.MjModel:
    """Return the model, or a copy of it, in which rays find also what does not collide.

    ``mj_multiRay`` skips a body where a ray misses its bounding volume, which MuJoCo's compiler wraps around
    the colliding geoms alone: the others would vanish where they stick out. Here it is around all of them.
    """
    reach = np.linalg.norm(model.geom_pos - model.body_ipos[model.geom_bodyid], axis=1) + model.geom_rbound
    reach[model.geom_rbound == 0] = mujoco.mjMAXVAL  # planes
    radius = np.zeros(model.nbody)
    np.maximum.at(radius, model.geom_bodyid, reach)
    bodies = np.flatnonzero(model.body_bvhadr >= 0)
    roots = model.body_bvhadr[bodies]
    volumes = np.zeros((len(bodies), 6))  # the middle, from the centre of mass, and half lengths
    volumes[:, 3] = radius[bodies]  # MuJoCo takes the sphere around the box
    if np.array_equal(model.bvh_aabb[roots], volumes):
        return model
    widened = copy.copy(model)
    widened.bvh_aabb[roots] = volumes
    return widened


def camera_rays(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    camera_id: int,
    size: tuple[int, int],
    pixels: Array | None = None,
) -> tuple[Array, Array]:
    """Find the rays of a pinhole camera through its pixels' centres.

    Args:
        model: the model.
        data: its data, camera poses up to date.
        camera_id: which camera; it looks along its -z, y is up in the picture.
        size: (height, width), pixels.
        pixels: (R, 2) float64 (row, column) positions, 0 at the centre of the first; all pixels if None.

    Returns:
        The origin (3,) and unit directions (R, 3), both in the world frame.
    """
    in_camera = _rays_in_camera(float(model.cam_fovy[camera_id]), size, pixels)
    rotation = data.cam_xmat[camera_id].reshape(3, 3)
    return data.cam_xpos[camera_id].copy(), in_camera @ rotation.T


def _rays_in_camera(fovy_deg: float, size: tuple[int, int], pixels: Array | None) -> Array:
    if pixels is None:
        return _rays_of_all_pixels(fovy_deg, size)
    height, width = size
    half_height = np.tan(np.deg2rad(fovy_deg) / 2)
    up = (1 - 2 * (pixels[:, 0] + 0.5) / height) * half_height
    right = (2 * (pixels[:, 1] + 0.5) / width - 1) * half_height * width / height
    in_camera = np.stack([right, up, np.full_like(up, -1.0)], axis=1)
    in_camera /= np.linalg.norm(in_camera, axis=1, keepdims=True)
    return in_camera


@lru_cache(maxsize=8)
def _rays_of_all_pixels(fovy_deg: float, size: tuple[int, int]) -> Array:
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    pixels = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(np.float64)
    rays = _rays_in_camera(fovy_deg, size, pixels)
    rays.flags.writeable = False
    return rays


def shade(model: mujoco.MjModel, data: mujoco.MjData, hits: Hits) -> Array:
    """Colour what the rays met, with Lambert's law and the first light's shadows.

    Returns:
        (R, 3) float64 in [0, 1].
    """
    return _shade(with_everything_in_sight(model), data, hits)


def _shade(model: mujoco.MjModel, data: mujoco.MjData, hits: Hits) -> Array:
    height = np.clip(0.5 + 0.5 * hits.direction_world[:, 2:], 0, 1)
    colour = SKY_BOTTOM + (SKY_TOP - SKY_BOTTOM) * height
    met = np.flatnonzero(hits.geom_id >= 0)
    if len(met) == 0:
        return colour
    normal = hits.normal_world[met]
    point = hits.origin_world + hits.distance[met, None] * hits.direction_world[met]
    light = _lamp(model, data, point, normal)
    if model.vis.headlight.active:
        facing = np.abs(np.sum(normal * hits.direction_world[met], axis=1, keepdims=True))
        light = light + model.vis.headlight.ambient + model.vis.headlight.diffuse * facing
    surface = np.clip(_surface_colour(model, data, hits.geom_id[met], point) * light, 0, 1)
    share = _haze(model, hits.geom_id[met], hits.distance[met])[:, None]
    colour[met] = surface + (model.vis.rgba.haze[:3] - surface) * share
    return colour


def _haze(model: mujoco.MjModel, geom_id: NDArray[np.int32], distance: Array) -> Array:
    """Find the share of haze before what was met: on endless planes under a sky, as in MuJoCo's renderer."""
    if not np.any(model.tex_type == int(mujoco.mjtTexture.mjTEXTURE_SKYBOX)):
        return np.zeros(len(geom_id))
    horizon = HORIZON * model.vis.map.zfar * model.stat.extent
    depth = max(model.vis.map.haze, 1e-6)
    is_plane = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
    is_endless = is_plane & np.any(model.geom_size[:, :2] == 0, axis=1)
    return is_endless[geom_id] * np.clip((distance / horizon - 1) / depth + 1, 0, 1)


def _lamp(model: mujoco.MjModel, data: mujoco.MjData, point: Array, normal: Array) -> Array:
    """Return the first light's (R, 3) part at points (R, 3); what its ray meets before them is in shadow."""
    if model.nlight == 0 or not model.light_active[0]:
        return np.zeros((len(point), 3))
    lamp = data.light_xpos[0]
    if model.light_type[0] == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL:
        lamp = model.stat.center - SUN_DISTANCE * model.stat.extent * data.light_xdir[0]
    to_point = point - lamp
    range_to_point = np.linalg.norm(to_point, axis=1)
    direction = to_point / np.maximum(range_to_point, 1e-12)[:, None]
    shadow = _cast(model, data, lamp, direction)
    lit = (shadow.distance < 0) | (shadow.distance > range_to_point * (1 - SHADOW_BIAS) - SHADOW_BIAS)
    share = np.clip(-np.sum(normal * direction, axis=1), 0, 1) * lit
    return share[:, None] * model.light_diffuse[0]


def _surface_colour(
    model: mujoco.MjModel, data: mujoco.MjData, geom_id: NDArray[np.int32], point: Array
) -> Array:
    material = model.geom_matid[geom_id]
    colour = model.geom_rgba[geom_id, :3].astype(np.float64)
    if model.nmat == 0:
        return colour
    has_material = material >= 0
    colour[has_material] = model.mat_rgba[material[has_material], :3]
    for geom in np.unique(geom_id[has_material]):
        texture = int(model.mat_texid[model.geom_matid[geom], mujoco.mjtTextureRole.mjTEXROLE_RGB])
        if texture < 0 or model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_PLANE:
            continue
        rows = geom_id == geom
        local = (point[rows] - data.geom_xpos[geom]) @ data.geom_xmat[geom].reshape(3, 3)
        # A plane's texture covers 2 / texrepeat metres, as in MuJoCo's own renderer.
        repeat = model.mat_texrepeat[model.geom_matid[geom]] / 2
        colour[rows] *= _texel(model, texture, local[:, :2] * repeat)
    return colour


def _texel(model: mujoco.MjModel, texture: int, uv: Array) -> Array:
    height, width = int(model.tex_height[texture]), int(model.tex_width[texture])
    channels, first = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
    image = model.tex_data[first : first + height * width * channels].reshape(height, width, channels)
    row = (np.mod(-uv[:, 1], 1.0) * height).astype(int) % height
    column = (np.mod(uv[:, 0], 1.0) * width).astype(int) % width
    return image[row, column, :3] / 255.0


class Picture:
    """A camera that takes pictures of a simulation, and never changes it.

    Args:
        model: the model.
        camera: the camera's name.
        height: rows.
        width: columns.
        opengl: use ``mujoco.Renderer`` instead of rays.

    Raises:
        ValueError: the model has no such camera.
        RuntimeError: OpenGL was asked for and is not there.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: str, height: int = DEFAULT_SIZE[0], width: int = DEFAULT_SIZE[1],
        opengl: bool = False,
    ) -> None:  # fmt: skip
        self.camera_id = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if self.camera_id < 0:
            names = [model.camera(i).name for i in range(model.ncam)]
            raise ValueError(f"camera {camera!r} is not in the model, expected one of {names}.")
        self.model, self.size = model, (height, width)
        self.data = mujoco.MjData(model)
        self._renderer = _open_gl(model, height, width) if opengl else None

    def take(self, data: mujoco.MjData | Array) -> NDArray[np.uint8]:
        """Take an (H, W, 3) uint8 picture of the state in ``data``, or of a state by value (S,)."""
        self._show(data)
        if self._renderer is not None:
            self._renderer.update_scene(self.data, camera=self.camera_id)
            return self._renderer.render().copy()
        model = with_everything_in_sight(self.model)
        image = self._sample(model, None).reshape(*self.size, 3)
        jagged = np.argwhere(_edges(image)).astype(np.float64)
        if len(jagged):
            smooth = [self._sample(model, jagged + np.array(offset)) for offset in SUBPIXELS]
            rows, columns = jagged.astype(int).T
            image[rows, columns] = np.mean(smooth, axis=0)
        return np.rint(image * 255).astype(np.uint8)

    def depth(self, data: mujoco.MjData | Array) -> Array:
        """Measure (H, W) float64 depth along the camera's axis, m; infinity where nothing is."""
        hits = self._meet(data)
        axis = -self.data.cam_xmat[self.camera_id].reshape(3, 3)[:, 2]
        depth = np.where(hits.geom_id >= 0, hits.distance * (hits.direction_world @ axis), np.inf)
        return depth.reshape(self.size)

    def segment(self, data: mujoco.MjData | Array) -> NDArray[np.int32]:
        """Name the geom in each pixel: (H, W) int32 ids, -1 where nothing is."""
        return self._meet(data).geom_id.reshape(self.size)

    def _show(self, data: mujoco.MjData | Array) -> None:
        """Bring the picture's own data to another's state, or to a vector of ``mjSTATE_INTEGRATION``."""
        if isinstance(data, mujoco.MjData):
            mujoco.mj_copyState(self.model, data, self.data, STATE)
        else:
            mujoco.mj_setState(self.model, self.data, np.ascontiguousarray(data, dtype=np.float64), STATE)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def _meet(self, data: mujoco.MjData | Array) -> Hits:
        self._show(data)
        origin, direction = camera_rays(self.model, self.data, self.camera_id, self.size)
        return cast(self.model, self.data, origin, direction)

    def _sample(self, model: mujoco.MjModel, pixels: Array | None) -> Array:
        origin, direction = camera_rays(model, self.data, self.camera_id, self.size, pixels)
        return _shade(model, self.data, _cast(model, self.data, origin, direction))

    def close(self) -> None:
        """Let go of OpenGL."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _edges(image: Array) -> NDArray[np.bool_]:
    """Mark the pixels that differ from a neighbour."""
    edge = np.zeros(image.shape[:2], dtype=bool)
    down = np.abs(np.diff(image, axis=0)).max(axis=2) > EDGE_CONTRAST
    right = np.abs(np.diff(image, axis=1)).max(axis=2) > EDGE_CONTRAST
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge


def _open_gl(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:
        raise RuntimeError(
            f"OpenGL was asked for and is not there ({error}). "
            'Use renderer="raycast", or set MUJOCO_GL to egl or osmesa where those libraries are installed.'
        ) from error
