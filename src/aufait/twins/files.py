"""Files in the data sets' own formats: label texts, landmark files, pictures, videos. The same content gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aufait.errors import MissingExtraError, OutputError
from aufait.files.atomic import whole_file

JPEG_QUALITY = 95
_QUALITY = "236"
"""Quantiser 2 of the encoders' scale, in their unit of 1/118; the finest but one."""
_MATLAB_HEADER = 116
_HDF5_USER_BLOCK = 512


def need_landmark_library() -> None:
    """Refuse early where BP4D's landmark files could not be written.

    Raises:
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("writing BP4D's landmark files (package h5py)", "synth") from error


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """A text file with its folders; it is whole, or as it was before."""
    _write(path, text.encode())


def occurrence_table(frames: np.ndarray, header: Sequence[int], codes: np.ndarray) -> str:
    """BP4D's occurrence file: a header row 0,1,2,... of action units and a column of frame numbers."""
    lines = [",".join(map(str, (0, *header)))]
    lines += [",".join(map(str, (frame, *row))) for frame, row in zip(frames.tolist(), codes.tolist(), strict=True)]
    return "\n".join(lines) + "\n"


def intensity_list(frames: np.ndarray, levels: np.ndarray) -> str:
    """``frame,intensity`` per line, as in BP4D's and DISFA's files."""
    return "".join(f"{frame},{level}\n" for frame, level in zip(frames.tolist(), levels.tolist(), strict=True))


def write_picture(path: Path, image: np.ndarray) -> None:
    """An RGB picture as JPEG."""
    _write(path, jpeg(image))


def jpeg(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB -> JPEG."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def write_avi(path: Path, images: Iterable[np.ndarray], fps: float) -> None:
    """RGB pictures as Motion JPEG in an AVI file, every frame whole."""
    _write_video(path, images, fps, "avi", "mjpeg", "yuvj420p")


def write_mp4(path: Path, images: Iterable[np.ndarray], fps: float) -> None:
    """RGB pictures as MPEG-4 video in an MP4 file.

    Not H.264: with frames that refer to later ones its encoder gives other bytes for the same pictures from time to time.
    """
    _write_video(path, images, fps, "mp4", "mpeg4", "yuv420p")


def _write_video(path: Path, images: Iterable[np.ndarray], fps: float, container: str, codec: str, pixels: str) -> None:
    import av

    rate = Fraction(fps).limit_denominator(1000)
    options = {"fflags": "+bitexact"}
    with whole_file(path) as temporary, av.open(str(temporary), "w", format=container, container_options=options) as box:
        stream: Any = box.add_stream(codec, rate=rate)
        stream.pix_fmt = pixels
        stream.options = {"flags": "+bitexact+qscale", "global_quality": _QUALITY}
        stream.codec_context.thread_count = 1
        number = -1
        for number, image in enumerate(images):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(format=pixels, threads=1)
            frame.pts, frame.time_base = number, 1 / rate
            box.mux(stream.encode(frame))
        if number < 0:
            raise OutputError(f"cannot write {path}: there is no frame")
        box.mux(stream.encode(None))


def write_points(path: Path, points: np.ndarray) -> None:
    """DISFA's landmark file: a MATLAB 5 file with ``pts``, 66 x 2, pixels counted from 1.

    Args:
        points: (66, 2) pixels counted from 0.
    """
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"pts": points.astype(np.float64) + 1})
    data = bytearray(stream.getvalue())
    # The library writes the time of day there.
    data[:_MATLAB_HEADER] = b"MATLAB 5.0 MAT-file, synthetic landmarks".ljust(_MATLAB_HEADER)
    _write(path, bytes(data))


def write_track(path: Path, points: np.ndarray) -> None:
    """BP4D's 2D landmark track: a MATLAB 7.3 file with ``fit/pred``, one cell of 2 x 49 per picture, pixels from 1.

    Args:
        points: (F, 49, 2) pixels counted from 0.
    """
    with whole_file(path) as temporary:
        _write_track(temporary, points)


def _write_track(path: Path, points: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=_HDF5_USER_BLOCK) as file:
        cells = np.empty((len(points), 1), dtype=h5py.ref_dtype)
        store = file.create_group("#refs#")
        for row, frame in enumerate(points):
            cell = store.create_dataset(f"p{row}", data=frame.T.astype(np.float64) + 1)
            cell.attrs["MATLAB_class"] = np.bytes_("double")
            cells[row, 0] = cell.ref
        fit = file.create_group("fit")
        fit.attrs["MATLAB_class"] = np.bytes_("struct")
        fit.create_dataset("pred", data=cells, dtype=h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_("cell")
    head = b"MATLAB 7.3 MAT-file, synthetic landmarks".ljust(_MATLAB_HEADER) + bytes(8) + b"\x00\x02IM"
    with path.open("r+b") as raw:
        raw.write(head.ljust(_HDF5_USER_BLOCK, b"\x00"))
