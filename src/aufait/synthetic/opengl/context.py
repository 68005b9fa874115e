"""OpenGL without a screen: opening it, which machines have it, and one painter for each thread.

A driver does not survive a fork: worker processes must be spawned, or forked before OpenGL is opened.

On Linux the driver is reached through EGL, which needs no display. Where a machine has several devices,
``GLCONTEXT_DEVICE_INDEX`` in the environment picks one.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from aufait.errors import AufaitError, InputError, MissingExtraError

if TYPE_CHECKING:
    import moderngl

    from aufait.synthetic.opengl.painter import Painter

RENDERERS = ("cpu", "opengl", "auto")
"""What a user can ask for."""
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")
_BACKEND: dict[str, Any] = {"backend": "egl"} if sys.platform == "linux" else {}
_mine = threading.local()
_opened_in: set[int] = set()
"""Processes that have opened OpenGL: this one, or the one that it was forked from."""


def choose_renderer(wanted: str) -> str:
    """``"cpu"`` or ``"opengl"``: what was asked for, or for ``"auto"`` OpenGL where it runs on a graphics card.

    Raises:
        InputError: ``wanted`` is none of ``RENDERERS``, or OpenGL was asked for and cannot be opened.
        MissingExtraError: OpenGL was asked for and its package is not installed.
    """
    if wanted not in RENDERERS:
        raise InputError(f"the renderer is one of {', '.join(RENDERERS)}; got {wanted!r}")
    if wanted == "cpu":
        return wanted
    try:
        device = device_name()
    except AufaitError:
        if wanted == "opengl":
            raise
        return "cpu"
    return "cpu" if wanted == "auto" and is_software(device) else "opengl"


def device_name() -> str:
    """The device that OpenGL draws on, as its driver names it.

    Raises:
        InputError, MissingExtraError: see ``open_context``.
    """
    context = open_context()
    try:
        return str(context.info["GL_RENDERER"])
    finally:
        context.release()


def is_software(device: str) -> bool:
    """Whether a device of this name is the processor itself."""
    return any(name in device.lower() for name in _SOFTWARE)


def open_context() -> moderngl.Context:
    """A new context that draws off screen; it belongs to the thread that opens it.

    Raises:
        MissingExtraError: the package moderngl is not installed.
        InputError: there is no driver, none of this version, or it refuses; or this process was forked from one that uses it.
    """
    try:
        import moderngl
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing by OpenGL (package moderngl)", "opengl") from error

    from aufait.synthetic.opengl.device import VERSION

    if _opened_in - {os.getpid()}:
        raise InputError(
            "this process was forked from one that draws by OpenGL, whose driver does not survive that; start workers with "
            'multiprocessing_context="spawn", or draw on the processor: renderer="cpu"'
        )
    _opened_in.add(os.getpid())
    try:
        return moderngl.create_context(require=VERSION, standalone=True, **_BACKEND)
    except Exception as error:  # moderngl and glcontext raise bare ones
        raise InputError(
            f"no OpenGL {VERSION // 100}.{VERSION // 10 % 10} without a screen on this machine ({error}); install the driver of "
            "the graphics card with its EGL library, or Mesa's (package libegl1), or draw on the processor: --renderer cpu"
        ) from error


def painter() -> Painter:
    """The painter of this thread, opened at its first use.

    Raises:
        InputError, MissingExtraError: see ``open_context``.
    """
    from aufait.synthetic.opengl.painter import Painter

    if getattr(_mine, "process", None) != os.getpid():
        _mine.painter, _mine.process = Painter(open_context()), os.getpid()
    return _mine.painter


def close_painter() -> None:
    """Give back what this thread's painter holds on the device; the next picture opens it again."""
    if getattr(_mine, "process", None) == os.getpid():
        _mine.painter.close()
        _mine.__dict__.clear()


atexit.register(close_painter)
