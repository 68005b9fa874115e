"""From an order to a picture, on the graphics card: the steps of ``renderer.render``, pass by pass.

Order of work: hair follows the head -> triangles in view -> depth maps -> ambient light -> relief of the skin -> shading -> light
spreads under the skin -> hair -> lenses -> final size -> sensor. The pictures in between stay on the card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aufait.synthetic.drawing.lenses import DARK
from aufait.synthetic.drawing.lighting import AMBIENT_DIRECTIONS, SHADOW_SIZE, VISIBILITY_SIZE
from aufait.synthetic.drawing.primitives import Mesh, outward_normals
from aufait.synthetic.drawing.strands import LASH_TAPER, SOLID, strand_pixels
from aufait.synthetic.looks.wrinkles import MIN_AMOUNT
from aufait.synthetic.opengl.device import FRAME, OTHER, TILES, Device
from aufait.synthetic.opengl.order import Order, constants, packed_triangles
from aufait.synthetic.opengl.uploads import ModelOnDevice, PersonOnDevice, four

if TYPE_CHECKING:
    import moderngl

_CLIP_DISTANCES = (0x3000, 0x3001, 0x3002, 0x3003)
_SPARSE = 13
"""One point of scalp hair in so many is drawn into the maps of ambient light."""
_PIXELS, _LINE, _ONE = (8, 8), (64, 1), (1, 1)


class Painted(NamedTuple):
    """A picture before what the sensor's optics and the file do to it."""

    image: np.ndarray
    """(S, S, 3) uint8 RGB."""
    alpha: np.ndarray
    """(S, S) uint8."""
    parts: np.ndarray
    """(S, S) uint8."""
    visible: np.ndarray
    """(L,) bool of the landmarks."""


class _Canvases:
    """Pictures in between, of one drawing side R and one final side S."""

    def __init__(self, device: Device, side: int, size: int) -> None:
        self.sides = (side, size)
        self.numbers, self.depth = device.canvas(side, 1), device.depths(side)
        self.lens_numbers, self.lens_depth = device.canvas(side, 1), device.depths(side)
        self.light, self.albedo, self.shine, self.sums, self.picture, self.hair = (device.canvas(side, 4) for _ in range(6))
        self.small = device.canvas(size, 4)
        self.backdrop = device.texture(np.zeros((size, size, 3), np.float32))
        frame = device.context.framebuffer
        self.mesh_frame = frame([self.numbers], self.depth)
        self.lens_frame = frame([self.lens_numbers], self.lens_depth)
        self.picture_frame = frame([self.picture, self.hair], self.depth)


class _Maps:
    """Depth maps along the lights, and the skin's relief."""

    def __init__(self, device: Device, relief_side: int) -> None:
        self.shadow, self.visibility = device.depths(SHADOW_SIZE), device.depths(TILES * VISIBILITY_SIZE)
        self.shadow_frame = device.context.framebuffer([], self.shadow)
        self.visibility_frame = device.context.framebuffer([], self.visibility)
        self.relief = device.canvas(relief_side, 2)
        self.slopes = device.texture(np.zeros((relief_side, relief_side, 4), np.float32))


class Painter:
    """Draws frames on one device; belongs to the thread that made its context.

    Args:
        context: from ``open_context``; given back by ``close``.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self.name = str(context.info["GL_RENDERER"])
        self._device = Device(context)
        self._model: ModelOnDevice | None = None
        self._person: PersonOnDevice | None = None
        self._canvases: _Canvases | None = None
        self._maps: _Maps | None = None

    def paint(self, order: Order) -> Painted:
        """Draw one frame."""
        with self._device.context as context:  # another may have come to this thread
            context.gc()
            scene = _Passes(self._device, order, *self._places(order))
            scene.draw()
            return scene.result()

    def close(self) -> None:
        """Give back everything on the device."""
        self._model = self._person = self._canvases = self._maps = None
        self._device.close()

    def _places(self, order: Order) -> tuple[ModelOnDevice, PersonOnDevice, _Canvases, _Maps]:
        sides = (order.view.resolution, order.size)
        if self._model is None or self._model.model is not order.model:
            self._model = ModelOnDevice(self._device, order.model)
        if self._person is None or self._person.skin is not order.skin:
            self._person = PersonOnDevice(self._device, order.skin, order.model)
        if self._canvases is None or self._canvases.sides != sides:
            self._canvases = _Canvases(self._device, *sides)
        if self._maps is None:
            self._maps = _Maps(self._device, order.skin.bump.shape[0])
        return self._model, self._person, self._canvases, self._maps


class _Passes:
    """The passes of one frame."""

    def __init__(
        self, device: Device, order: Order, model: ModelOnDevice, person: PersonOnDevice, canvases: _Canvases, maps: _Maps
    ) -> None:
        self.device, self.order, self.model, self.person, self.on, self.maps = device, order, model, person, canvases, maps
        self.strands = [person.hair(strands) for strands in order.strands]
        self._compute = device.compute
        self.side, self.size = canvases.sides

    def draw(self) -> None:
        """All passes, one after the other."""
        self._send()
        self._hair_points()
        self._triangles_in_view()
        self._depth_maps()
        self._ambient_light()
        self._relief()
        self._shade()
        self._hair()
        for lens in self.order.lenses:
            self._lens(lens)
        self._finish()

    def result(self) -> Painted:
        """Fetch the picture; waits until it is done."""
        area = self.size**2
        lines = np.frombuffer(self._result.read(), np.uint8).reshape(-1, 4)  # four bytes of one number, the lowest first
        picture, labels = lines[: 2 * area].reshape(2, self.size, self.size, 4)
        parts, alpha = (np.ascontiguousarray(labels[..., k]) for k in range(2))
        return Painted(np.ascontiguousarray(picture[..., :3]), alpha, parts, lines[2 * area :, 0] > 0)

    def _send(self) -> None:
        device, drawing = self.device, self.order.drawing
        flat = np.zeros((len(drawing.flat), 8), np.float32)
        flat[:, :5] = drawing.flat
        device.bind(FRAME, device.put("frame", constants(self.order)))
        values = {
            "POSITIONS": drawing.vertices,
            "NORMALS": drawing.normals,
            "TRIANGLES": packed_triangles(drawing),
            "IN_VIEW": np.zeros(len(drawing.vertices), np.uint32),
            "FLAT_PAINT": flat,
            "LEVELS": np.zeros((2, 4), np.float32),
        }
        self._bind(**{name: device.put(name, array) for name, array in values.items()})
        self._result = device.room("RESULT", (2 * self.size**2 + self.model.landmarks) * 4)
        self._bind(RESULT=self._result, IRRADIANCE=device.room("IRRADIANCE", len(drawing.vertices) * 16))

    def _hair_points(self) -> None:
        for hair in self.strands:
            count, points = hair.strands.offsets.shape[:2]
            self._bind(ROWS=hair.corners, EXTRA=hair.weights_and_offsets, POINTS=hair.points)
            self._compute("strand_points", (count * points, 1), _LINE, strands=count, count=points)

    def _triangles_in_view(self) -> None:
        self._triangles(self.on.mesh_frame, len(self.order.drawing.triangles))
        self._compute("mark", (self.side, self.side), _PIXELS, textures=[self.on.numbers])

    def _triangles(self, frame: moderngl.Framebuffer, count: int) -> None:
        context = self.device.context
        frame.use()
        frame.clear(depth=1.0)
        context.disable(context.BLEND)
        context.enable(context.DEPTH_TEST)
        context.depth_func = "<"
        self.device.drawer("mesh", "mesh").render(context.TRIANGLES, vertices=3 * count)

    def _depth_maps(self) -> None:
        self._map(self.maps.shadow_frame, "casters", self.order.drawing.casters, directions=0, every=1)
        directions = len(AMBIENT_DIRECTIONS)
        self._map(self.maps.visibility_frame, "proxy", self.order.drawing.proxy, directions=directions, every=_SPARSE)

    def _map(self, frame: moderngl.Framebuffer, name: str, corners: np.ndarray, *, directions: int, every: int) -> None:
        """Depths along the key light, or along all ``directions`` at once: triangles, and every so manieth point of scalp hair."""
        context, drawer = self.device.context, self.device.drawer("map", "map")
        frame.use()
        frame.clear(depth=1.0)
        for plane in _CLIP_DISTANCES:
            context.enable_direct(plane)
        drawer.program["directions"] = directions
        drawer.program["every"] = 0
        self._bind(ROWS=self.device.put(name, corners.astype(np.int32)))
        drawer.render(context.TRIANGLES, vertices=corners.size, instances=max(directions, 1))
        drawer.program["every"] = every
        for hair in self.strands:
            if hair.strands.is_scalp:
                self._bind(POINTS=hair.points)
                drawer.render(context.POINTS, vertices=-(-hair.count // every), instances=max(directions, 1))
        for plane in _CLIP_DISTANCES:
            context.disable_direct(plane)

    def _ambient_light(self) -> None:
        vertices = len(self.order.drawing.vertices)
        self._compute("ambient", (vertices, 1), _LINE, textures=[self.maps.visibility], vertices=vertices)
        self._bind(ROWS=self.model.light_rows, EXTRA=self.model.light_share)
        self._compute("mouth", _ONE, _ONE, landmarks=self.model.landmarks, inside=self.model.inside)

    def _relief(self) -> None:
        shown = self.order.wrinkles > MIN_AMOUNT
        self._bind(ROWS=self.device.put("layers", self.model.layer_places[shown]), EXTRA=self.model.layer_texels)
        self.device.bind(OTHER, self.device.put("amounts", self.order.wrinkles[shown].astype(np.float32)))
        rest, maps = self.person.rest, self.maps
        self._compute("wrinkles", rest.size, _PIXELS, textures=[rest], images=[maps.relief], layers=int(shown.sum()))
        self._compute("slopes", rest.size, _PIXELS, textures=[maps.relief], images=[maps.slopes])

    def _shade(self) -> None:
        on, person, maps, all_pixels = self.on, self.person, self.maps, (self.side, self.side)
        self._bind(TEXTURE_PLACES=self.model.texture_places, NEUTRAL=self.model.neutral)
        seen = [on.numbers, person.face, person.head, maps.slopes, maps.shadow]
        self._compute("shade", all_pixels, _PIXELS, textures=seen, images=[on.light, on.albedo, on.shine])
        self._compute("blur_rows", all_pixels, _PIXELS, textures=[on.light], images=[on.sums])
        on.backdrop.write(np.ascontiguousarray(self.order.backdrop, np.float32))
        layers = [on.light, on.sums, on.albedo, on.shine, on.backdrop]
        self._compute("compose", all_pixels, _PIXELS, textures=layers, images=[on.picture, on.hair])

    def _hair(self) -> None:
        for hair in self.strands:
            self._bind(POINTS=hair.points, EXTRA=hair.colours)
            look = hair.strands
            self._draw_hair(look.offsets.shape[:2], look.width, look.taper, look.specular, look.is_scalp)
        points, width, colour = self.order.lashes
        if len(points):
            self._bind(POINTS=self.device.put("lashes", four(points.reshape(-1, 3))))
            self._bind(EXTRA=self.device.put("lash colours", four(np.tile(np.asarray(colour, np.float32), (len(points), 1)))))
            self._draw_hair(points.shape[:2], width, LASH_TAPER, 0.0, False)

    def _draw_hair(self, shape: tuple[int, ...], width: float, taper: float, specular: float, scalp: bool) -> None:
        """Draw the (strands, points) that are bound: first what hides, then what does not."""
        context, drawer = self.device.context, self.device.drawer("strand", "strand")
        pixels = strand_pixels(width, self.order.view)
        self._bind(PAINTS=self.device.room("PAINTS", shape[0] * shape[1] * 16))
        self._compute(
            *("strand_paint", (shape[0] * shape[1], 1), _LINE),
            textures=[self.maps.shadow], strands=shape[0], count=shape[1], specular=specular, scalp=scalp,
        )  # fmt: skip
        for name, value in {"count": shape[1], "width": pixels, "taper": taper}.items():
            drawer.program[name] = value
        self._blend_over()
        for solid in (True, False):
            if pixels > SOLID if solid else pixels * (1 - taper) <= SOLID:
                drawer.program["solid"] = solid
                self.on.picture_frame.depth_mask = solid
                drawer.render(context.TRIANGLES, vertices=6 * shape[0] * (shape[1] - 1))
        self.on.picture_frame.depth_mask = True

    def _blend_over(self) -> None:
        """Draw on the picture: colours over what is there, and the larger coverage."""
        context = self.device.context
        self.on.picture_frame.use()
        context.enable(context.DEPTH_TEST | context.BLEND)
        context.blend_func = context.SRC_ALPHA, context.ONE_MINUS_SRC_ALPHA
        context.blend_equation = context.FUNC_ADD, context.MAX

    def _lens(self, lens: Mesh) -> None:
        device, drawer = self.device, self.device.drawer("screen", "lens")
        triangles = np.column_stack([lens.triangles, np.zeros(len(lens.triangles))]).astype(np.int32)
        positions = device.put("lens", lens.vertices.astype(np.float32))
        self._bind(POSITIONS=positions, TRIANGLES=device.put("lens triangles", triangles))
        self._bind(NORMALS=device.put("lens normals", outward_normals(lens).astype(np.float32)))
        self._triangles(self.on.lens_frame, len(triangles))
        drawer.program["tint"] = (*lens.colour, lens.opacity)
        drawer.program["highlight"] = (lens.specular, lens.exponent)
        self.on.lens_numbers.use(0)
        self.on.lens_depth.use(1)
        self._blend_over()
        self.on.picture_frame.depth_mask = lens.opacity > DARK
        drawer.render(device.context.TRIANGLES, vertices=3)
        self.on.picture_frame.depth_mask = True

    def _finish(self) -> None:
        on, final = self.on, (self.size, self.size)
        self._bind_mesh()
        drawn = [on.picture, on.hair, on.numbers, on.light]
        self._compute("shrink", final, _PIXELS, textures=drawn, images=[on.small])
        self._bind(ROWS=self.model.light_rows)
        self._compute("level", _ONE, _ONE, textures=[on.small, on.depth], landmarks=self.model.landmarks)
        self.device.bind(OTHER, self.device.put("noise", self.order.film.noise))
        self._compute("develop", final, _PIXELS, textures=[on.small])

    def _bind_mesh(self) -> None:
        self._bind(**{name: self.device.buffer(name) for name in ("POSITIONS", "NORMALS", "TRIANGLES")})

    def _bind(self, **buffers: moderngl.Buffer) -> None:
        for name, buffer in buffers.items():
            self.device.bind(name, buffer)
