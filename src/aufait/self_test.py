"""Unusual and damaged files, made here and given to this installation: does each become what the documentation says?

What decoders do with unusual files depends on their versions, so a table that is right on one computer may be wrong on another.
Every file here is drawn or written by this module; nothing is downloaded, and the folder is removed afterwards.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aufait.errors import AufaitError, InputWarning, MissingExtraError, printable

READ, NOTE, REFUSED = "read", "note", "refused"
_MOST_SECONDS = 20.0
_DAMAGED = 200


@dataclass(frozen=True)
class OddFile:
    """One thing to try.

    Attributes:
        kind: what it is, in a few words.
        expected: READ, NOTE (read, with a remark) or REFUSED.
        words: what the remark or the refusal must say, a regular expression.
        attempt: makes the file in a new folder and reads it, as the commands do.
    """

    kind: str
    expected: str
    words: str
    attempt: Callable[[Path], object]


@dataclass(frozen=True)
class Finding:
    """What came of it.

    Attributes:
        kind, expected: see ``OddFile``.
        got: the same, with the words of the program.
        right: whether that is as it should be.
        seconds: that it took.
    """

    kind: str
    expected: str
    got: str
    right: bool
    seconds: float


def self_test() -> Iterator[Finding]:
    """All findings, one by one; half a minute on two cores."""
    importlib.import_module("aufait.models.default.predictor")  # torch takes longer to load than any file may
    with tempfile.TemporaryDirectory(prefix="aufait-self-test-") as folder:
        for number, odd in enumerate([*_pictures(), *_videos(), *_no_files(), *_other_files(), *_whole()]):
            home = Path(folder) / str(number)
            home.mkdir()
            yield _try(odd, home)


def _try(odd: OddFile, folder: Path) -> Finding:
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            odd.attempt(folder)
            notes = [str(one.message) for one in caught if issubclass(one.category, InputWarning)]
            result, words = (NOTE, notes[0]) if notes else (READ, "")
        except MissingExtraError as error:
            return Finding(odd.kind, odd.expected, f"not tried: {error}", True, time.perf_counter() - start)
        except AufaitError as error:
            result, words = REFUSED, str(error)
        except Exception as error:  # what this looks for: anything that is not a clear answer
            result, words = type(error).__name__, str(error)
    seconds = time.perf_counter() - start
    words = printable(words.replace(f"{folder}{os.sep}", "").partition("\n")[0])
    right = result == odd.expected and re.search(odd.words, words) is not None and seconds < _MOST_SECONDS
    return Finding(odd.kind, odd.expected, f"{result}: {words}" if words else result, right, seconds)


# --- pictures --------------------------------------------------------------------------------------------------------


def _picture(seed: int = 0, width: int = 64, height: int = 48) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (4 + seed) + c) + np.cos(y / 6 - c) for c in range(3)]
    return Image.fromarray((128 + 50 * np.stack(waves, axis=2)).astype(np.uint8))


def _saved(name: str, change: Callable[[bytes], bytes] | None = None, picture: Image.Image | None = None, **options: Any) -> Any:
    """An attempt: a picture saved under a name, changed, and read."""

    def attempt(folder: Path) -> object:
        from aufait.media.images import read_image

        path = folder / name
        (picture or _picture()).save(path, **options)
        if change is not None:
            path.write_bytes(change(path.read_bytes()))
        return read_image(path)

    return attempt


def _written(name: str, content: bytes) -> Callable[[Path], object]:
    """An attempt: bytes under the name of a picture."""

    def attempt(folder: Path) -> object:
        from aufait.media.images import read_image

        (folder / name).write_bytes(content)
        return read_image(folder / name)

    return attempt


def _pictures() -> Iterator[OddFile]:
    deep = Image.fromarray(np.asarray(_picture().convert("L")).astype(np.uint16) * 4)
    pages: dict[str, Any] = {"save_all": True, "append_images": [_picture(1), _picture(2)]}
    turned = Image.Exif()
    turned[274] = 6
    raw = {50706: b"\x01\x04\x00\x00", 271: "Maker"}
    yield OddFile("picture with a wrong extension", READ, "", _saved("a.png", format="JPEG"))
    yield OddFile("picture with transparency", READ, "", _saved("a.png", picture=_picture().convert("RGBA")))
    yield OddFile("picture turned by EXIF", READ, "", _turned(turned))
    yield OddFile("CMYK picture", READ, "", _saved("a.jpg", picture=_picture().convert("CMYK")))
    yield OddFile("animated GIF", NOTE, "3 pictures", _saved("a.gif", **pages))
    yield OddFile("TIFF of three pages", NOTE, "3 pictures", _saved("a.tif", **pages))
    yield OddFile("10-bit values in a 16-bit PNG", NOTE, "10-bit", _saved("a.png", picture=deep))
    yield OddFile("camera raw", REFUSED, "camera raw", _saved("a.dng", format="TIFF", tiffinfo=raw))
    yield OddFile("empty file", REFUSED, "", _written("a.jpg", b""))
    yield OddFile("text called .jpg", REFUSED, "", _written("a.jpg", b"no picture at all\n"))
    yield OddFile("PDF called .jpg", REFUSED, "", _written("a.jpg", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"))
    yield OddFile("PostScript called .jpg", REFUSED, "", _written("a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"))
    heic = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(64)
    yield OddFile("HEIC photograph", REFUSED, "HEIC", _written("a.heic", heic))
    for name in ("a.jpg", "a.png", "a.webp", "a.tif", "a.avif"):
        if Image.registered_extensions().get(Path(name).suffix) in Image.SAVE:
            yield OddFile(f"{name[2:].upper()} that is cut off", REFUSED, "", _saved(name, lambda data: data[: len(data) // 2]))
    yield OddFile("PNG that claims 60,000 x 60,000", REFUSED, "larger", _saved("a.png", _claiming))
    yield OddFile(f"{_DAMAGED} damaged pictures", READ, "", _many_damaged)


def _turned(exif: Image.Exif) -> Callable[[Path], object]:
    def attempt(folder: Path) -> object:
        image: Any = _saved("a.jpg", exif=exif)(folder)
        if image.shape != (64, 48, 3):
            raise AssertionError(f"the picture came as {image.shape}, not upright")
        return image

    return attempt


def _claiming(data: bytes) -> bytes:
    import zlib

    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def _many_damaged(folder: Path) -> object:
    """Bits flipped and ends cut off at random: every one is read or refused, or the error comes through."""
    from aufait.media.images import read_image

    rng = np.random.default_rng(0)
    wholes = []
    for name in ("a.jpg", "a.png", "a.gif", "a.webp", "a.tif", "a.bmp"):
        _picture().save(folder / name)
        wholes.append((folder / name).read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(_DAMAGED):
            damaged = bytearray(wholes[number % len(wholes)])
            for _ in range(int(rng.integers(1, 6))):
                damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
            path = folder / "damaged"
            path.write_bytes(damaged[: int(rng.integers(len(damaged))) if number % 4 == 0 else len(damaged)])
            try:
                read_image(path)
            except AufaitError:
                continue
    return _DAMAGED


# --- videos ----------------------------------------------------------------------------------------------------------


def _clip(path: Path, *, sound_only: bool = False) -> Path:
    import av

    with av.open(str(path), "w") as container:
        if sound_only:
            sound = container.add_stream("aac", rate=8000)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux(sound.encode(silence))
            container.mux(sound.encode())
            return path
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            container.mux(stream.encode(av.VideoFrame.from_image(_picture(number))))
        container.mux(stream.encode())
    return path


def _video(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """An attempt: a file made, and read as a video to its end."""

    def attempt(folder: Path) -> object:
        from aufait.media.video import open_video

        make(folder / name)
        with open_video(folder / name) as video:
            return [frame.timestamp for frame in video]

    return attempt


def _videos() -> Iterator[OddFile]:
    def cut(path: Path) -> None:
        path.write_bytes(_clip(path).read_bytes()[:-400])

    def wrong_name(path: Path) -> None:
        _clip(path.with_suffix(".mp4")).replace(path)

    playlist = b"ffconcat version 1.0\nfile a.mp4\n"
    yield OddFile("video with a wrong extension", READ, "", _video("a.avi", wrong_name))
    yield OddFile("MP4 without its end", REFUSED, "", _video("a.mp4", cut))
    yield OddFile("sound called .mp4", REFUSED, "no video stream", _video("a.mp4", lambda path: _clip(path, sound_only=True)))
    yield OddFile("text called .mp4", REFUSED, "", _video("a.mp4", lambda path: path.write_bytes(b"no video at all\n" * 200)))
    yield OddFile("list of other files called .mp4", REFUSED, "", _video("a.mp4", lambda path: path.write_bytes(playlist)))
    yield OddFile("empty video", REFUSED, "", _video("a.mp4", lambda path: path.write_bytes(b"")))


# --- what is not a file -------------------------------------------------------------------------------------------------


def _no_files() -> Iterator[OddFile]:
    def folder_of_pipes(folder: Path) -> object:
        from aufait.media.sources import expand_inputs

        _picture().save(folder / "a.png")
        os.mkfifo(folder / "b.jpg")
        return expand_inputs([str(folder)])

    def labels_that_never_end(folder: Path) -> object:
        from aufait.data.datasets import open_dataset

        (folder / "labels.csv").symlink_to("/dev/zero")
        return open_dataset("csv", folder / "labels.csv", need_media=False)

    def pipe_as_picture(folder: Path) -> object:
        from aufait.media.images import read_image

        os.mkfifo(folder / "a.jpg")
        return read_image(folder / "a.jpg")

    if hasattr(os, "mkfifo"):
        yield OddFile("pipe among the pictures of a folder", READ, "", folder_of_pipes)
        yield OddFile("pipe by name", REFUSED, "pipe", pipe_as_picture)
    if Path("/dev/zero").exists():
        yield OddFile("label file that never ends", REFUSED, "", labels_that_never_end)


# --- other files -----------------------------------------------------------------------------------------------------


def _other_files() -> Iterator[OddFile]:
    yield OddFile("weights that are NaN", REFUSED, "NaN", lambda folder: _weights(folder, np.nan))
    yield OddFile("weights whose header claims a giant", REFUSED, "", lambda folder: _weights(folder, 0.0, width=2**24))
    yield OddFile("recipe with aliases of aliases", REFUSED, "alias", lambda folder: _recipe(folder, "a: &a [x]\nb: [*a, *a]\n"))
    yield OddFile("recipe nested without end", REFUSED, "deep", lambda folder: _recipe(folder, "a: " + "[" * 5000))
    yield OddFile("recipe with a date", REFUSED, "epochs", lambda folder: _recipe(folder, "epochs: 2020-99-99\n"))
    yield OddFile("predictions that claim 8 TiB", REFUSED, "claims", _predictions)
    yield OddFile("frame number 1e20 in a table of labels", REFUSED, "line 2", _table)
    yield OddFile("control characters in a name", REFUSED, r"\\x1b", lambda folder: _picture_named(folder / "a\x1b[31m\nb.jpg"))


def _weights(folder: Path, value: float, width: int = 4) -> object:
    import torch
    from safetensors.torch import save_file

    from aufait.models.default.network import AUNetwork, AUNetworkConfig
    from aufait.models.default.predictor import FORMAT, AUPredictor

    sizes: dict[str, Any] = {"action_units": (1, 12), "widths": (4, 4, 4, 4), "blocks": (1, 1, 1), "reduced": 4, "hidden": 4}
    state = AUNetwork(AUNetworkConfig(**sizes)).state_dict()
    first = next(iter(state))
    state[first] = torch.full_like(state[first], value)
    header = {"format": FORMAT, "config": {**sizes, "widths": [width] * 4}, "calibration": [[1.0, 0.0]] * 2}
    save_file(state, folder / "a.safetensors", metadata={"aufait": json.dumps(header)})
    return AUPredictor.load(folder / "a.safetensors")


def _recipe(folder: Path, text: str) -> object:
    from aufait.training.recipe import load_recipe

    (folder / "a.yaml").write_text("name: mine\nmodel: arl\nprotocol: bp4d\n" + text, encoding="utf-8")
    return load_recipe(folder / "a.yaml")


def _predictions(folder: Path) -> object:
    import zipfile

    from aufait.evaluation.predictions import Predictions

    with zipfile.ZipFile(folder / "a.npz", "w") as archive, archive.open("frame.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    return Predictions.load(folder / "a.npz")


def _table(folder: Path) -> object:
    from aufait.data.datasets import open_dataset

    (folder / "labels.csv").write_text("video,frame,subject,AU01\na.mp4,1e20,S1,1\n", encoding="utf-8")
    return open_dataset("csv", folder / "labels.csv", need_media=False)


def _picture_named(path: Path) -> object:
    from aufait.media.images import read_image

    path.write_bytes(b"no picture")
    return read_image(path)


# --- the whole way ---------------------------------------------------------------------------------------------------


def _whole() -> Iterator[OddFile]:
    def detected(folder: Path) -> object:
        from aufait.detection.detector import Detector
        from aufait.media.sources import demo_clip
        from aufait.media.video import open_video

        with open_video(demo_clip()) as video:
            image = next(iter(video)).image
        with Detector(finder="builtin", model="compact") as detector:
            faces = detector.analyze_image(image).faces
        if not faces or not all(np.isfinite(face.probability).all() for face in faces):
            raise AssertionError(f"the shipped clip should show a face with scores, found {len(faces)}")
        return faces

    yield OddFile("the shipped clip, scored", READ, "", detected)
