"""The device's programs and buffers, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aufait.synthetic.drawing.lighting import MAP_SPAN, SHADOW_SIZE, VISIBILITY_SIZE
from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.shading import SHADOW_BIAS, SKIN_EXPONENT
from aufait.synthetic.drawing.strands import SOLID
from aufait.synthetic.looks.wrinkles import CM_PER_TEXTURE, MAX_CAVITY, SKY_SHADE

if TYPE_CHECKING:
    import moderngl

FRAME = 0
"""Where the constants of a frame are bound."""
OTHER = 14
"""Where the numbers are bound that one shader alone reads."""
VERSION = 430
"""OpenGL 4.3 is the first with compute shaders."""
TILES = 4
"""Maps of ambient light that lie side by side in a row."""
MOST_DIRECTIONS = 32
"""Of ambient light."""
_NUMBERS = {
    "OTHER": OTHER,
    "TILES": TILES,
    "DIRECTIONS": MOST_DIRECTIONS,
    "SHADOW_SIZE": SHADOW_SIZE,
    "VISIBILITY_SIZE": VISIBILITY_SIZE,
    "MAP_SPAN": MAP_SPAN,
    "SHADOW_BIAS": SHADOW_BIAS,
    "SKIN_EXPONENT": float(SKIN_EXPONENT),
    "SOLID": SOLID,
    "MAX_CAVITY": MAX_CAVITY,
    "CM_PER_TEXTURE": CM_PER_TEXTURE,
    "SKY_SHADE": SKY_SHADE,
} | {material.name: int(material) for material in Material}
_SHADERS = Path(__file__).with_name("shaders")


def source(name: str) -> str:
    """Text of a shader: the numbers that it has in common with the engine on the processor, what all shaders share, its own."""
    numbers = "".join(f"#define {key} {value}\n" for key, value in _NUMBERS.items())
    shared, own = ((_SHADERS / file).read_text("utf-8") for file in ("common.glsl", name))
    return f"#version {VERSION}\n{numbers}#line 1\n{shared}#line 1\n{own}"


@cache
def bindings() -> dict[str, int]:
    """Name -> place of the buffers that ``common.glsl`` declares."""
    text = (_SHADERS / "common.glsl").read_text("utf-8")
    return {name: int(place) for name, place in re.findall(r"#define (\w+) layout\(std430, binding = (\d+)\)", text)}


class Device:
    """Programs, compiled at their first use, and buffers that grow as needed."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        context.gc_mode = "context_gc"  # what is dropped is freed when the next picture begins, by the thread that may
        self._computers: dict[str, moderngl.ComputeShader] = {}
        self._drawers: dict[tuple[str, str], moderngl.VertexArray] = {}
        self._buffers: dict[str, moderngl.Buffer] = {}

    def compute(
        self,
        name: str,
        threads: tuple[int, int],
        group: tuple[int, int],
        *,
        textures: Sequence[moderngl.Texture] = (),
        images: Sequence[moderngl.Texture] = (),
        **uniforms: float,
    ) -> None:
        """Run a compute shader.

        Args:
            name: of its file, without the end.
            threads, group: how many along x and y in all, and in a group.
            textures, images: read and written, in the order of their places.
            uniforms: by their names.
        """
        if name not in self._computers:
            self._computers[name] = self.context.compute_shader(source(f"{name}.comp"))
        program = self._computers[name]
        for place, texture in enumerate(textures):
            texture.use(place)
        for place, image in enumerate(images):
            image.bind_to_image(place, read=False, write=True)
        for key, value in uniforms.items():
            program[key] = value
        program.run(-(-threads[0] // group[0]), -(-threads[1] // group[1]))
        self.context.memory_barrier()

    def drawer(self, vertex: str, fragment: str) -> moderngl.VertexArray:
        """A raster program that makes its vertices from their numbers."""
        key = (vertex, fragment)
        if key not in self._drawers:
            program = self.context.program(vertex_shader=source(f"{vertex}.vert"), fragment_shader=source(f"{fragment}.frag"))
            self._drawers[key] = self.context.vertex_array(program, [])
        return self._drawers[key]

    def put(self, name: str, values: np.ndarray) -> moderngl.Buffer:
        """Send values to the buffer ``name``."""
        data = np.ascontiguousarray(values)
        buffer = self.room(name, data.nbytes)
        if data.nbytes:
            buffer.write(data)
        return buffer

    def room(self, name: str, size: int) -> moderngl.Buffer:
        """The buffer ``name`` with ``size`` bytes whose content does not matter."""
        size = max(size, 16)
        if name not in self._buffers:
            self._buffers[name] = self.context.buffer(reserve=size, dynamic=True)
        self._buffers[name].orphan(size)
        return self._buffers[name]

    def buffer(self, name: str) -> moderngl.Buffer:
        """The buffer ``name`` as it was last filled."""
        return self._buffers[name]

    def store(self, values: np.ndarray) -> moderngl.Buffer:
        """A buffer that keeps ``values``."""
        return self.context.buffer(np.ascontiguousarray(values))

    def bind(self, place: str | int, buffer: moderngl.Buffer) -> None:
        """Let shaders see a buffer under the name, or the number, of its place."""
        buffer.bind_to_storage_buffer(bindings()[place] if isinstance(place, str) else place)

    def texture(self, values: np.ndarray) -> moderngl.Texture:
        """(H, W, C) float32 as a texture that is read between its texels and repeats nothing."""
        height, width, channels = values.shape
        made = self.context.texture((width, height), channels, np.ascontiguousarray(values, np.float32), dtype="f4")
        made.repeat_x = made.repeat_y = False
        return made

    def canvas(self, side: int, channels: int) -> moderngl.Texture:
        """A float32 texture to draw on."""
        return self.context.texture((side, side), channels, dtype="f4")

    def depths(self, side: int) -> moderngl.Texture:
        """A depth texture that shaders read as numbers."""
        made = self.context.depth_texture((side, side))
        made.compare_func = ""
        return made

    def close(self) -> None:
        """Give everything back."""
        self._computers.clear()
        self._drawers.clear()
        self._buffers.clear()
        self.context.release()
