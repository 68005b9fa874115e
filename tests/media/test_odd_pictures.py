"""Pictures that claim, repeat or hide too much: bounded memory and time, a sentence that names the file, the others done."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import textwrap
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, write_picture
from PIL import Image, ImageOps
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data.pictures import ImageArchive
from aufait.detection import detector as detector_module
from aufait.detection import jobs
from aufait.detection.tables import OpenFaceCsvWriter, read_openface_csv
from aufait.detection.threads import Room
from aufait.errors import InputError, OutputError
from aufait.media import limits
from aufait.media.images import read_image, read_picture
from aufait.media.pages import PictureSequence


def smooth(width: int = 64, height: int = 48) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1).astype(np.uint8))


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes) -> bytes:
    data = stored(smooth(), "PNG")
    place = data.index(b"IDAT") - 4
    return data[:place] + b"".join(chunks) + data[place:]


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    data = stored(smooth(), "JPEG")
    added = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:2] + added + data[2:]


def with_scans(times: int, image: Image.Image | None = None, **options: object) -> bytes:
    """A progressive JPEG whose last scan comes ``times`` times more."""
    data = stored(image or smooth(), "JPEG", progressive=True, **options)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * times + data[-2:]


# -- Strips --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_of_several_strips_is_turned_as_pillow_turns_it(turn: int) -> None:
    image = smooth(1500, 1100)
    exif = Image.Exif()
    exif[0x0112] = turn
    data = stored(image, "PNG", exif=exif, compress_level=1)
    np.testing.assert_array_equal(read_image(data), np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16", "I", "F"])
def test_every_kind_of_pixel_is_read_alike_in_strips_and_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.asarray(smooth(90, 70).convert("L"))
    deep = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 900, "F": grey.astype(np.float32) / 255}
    image = Image.fromarray(deep[mode]) if mode in deep else smooth(90, 70).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(grey))
    data = stored(image, "TIFF")
    whole = read_image(data)
    monkeypatch.setattr("aufait.media.pixels._STRIP_PIXELS", 1000)
    np.testing.assert_array_equal(read_image(data), whole)


# -- Memory --------------------------------------------------------------------------------------------------------------

MEASURE = """
import io, json, sys
import numpy as np
from PIL import Image
from aufait.media import limits
from aufait.media.images import open_image, read_picture

def memory(field):
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return int(line.split()[1]) * 1024

side = int(sys.argv[1])
y, x = np.mgrid[0:side, 0:side].astype(np.uint16)
colours = Image.fromarray(np.stack([(x * 7 + y) % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8))
grey = np.asarray(colours)[..., 0]
kinds = {
    "JPEG": (colours, {}), "JPEG progressive": (colours, {"progressive": True, "subsampling": 0}),
    "JPEG CMYK": (colours.convert("CMYK"), {}),
    "PNG": (colours, {}), "PNG LA": (colours.convert("LA"), {}), "PNG RGBA": (colours.convert("RGBA"), {}),
    "PNG P": (colours.quantize(16), {"transparency": 3}), "PNG I;16": (Image.fromarray(grey.astype(np.uint16) * 257), {}),
    "TIFF F": (Image.fromarray(grey.astype(np.float32)), {}),
    "TIFF I": (Image.fromarray(grey.astype(np.int32) * 500), {"compression": "tiff_lzw"}),
    "TIFF LAB": (colours.convert("LAB"), {"compression": "tiff_lzw"}),
    "TIFF one strip": (colours, {"compression": "tiff_adobe_deflate", "strip_size": 1 << 30}),
    "BMP": (colours, {}), "GIF": (colours.quantize(16), {}), "TGA": (colours, {}), "PPM": (colours, {}),
    "WEBP": (colours, {"quality": 20, "method": 0}), "WEBP RGBA": (colours.convert("RGBA"), {"lossless": True, "method": 0}),
    "JPEG2000": (colours, {}), "JPEG2000 RGBA": (colours.convert("RGBA"), {}), "AVIF": (colours, {"speed": 10}),
    "AVIF RGBA": (colours.convert("RGBA"), {"speed": 10, "subsampling": "4:4:4"}),
}
Image.init()
result = {}
for name, (image, options) in kinds.items():
    form = name.split()[0]
    if form not in Image.SAVE:
        continue
    path = sys.argv[2] + "/picture"
    image.save(path, form, **options)
    with open_image(path) as opened:
        scans = limits._scans(opened) if form == "JPEG" else 1
        allowed = limits._bytes_per_pixel(opened, scans)
    read_picture(path)  # once before: what a decoder sets up for good does not count
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = memory("VmRSS")
    read_picture(path)
    result[name] = ((memory("VmHWM") - before) / side**2, allowed)
print(json.dumps(result))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_takes_no_more_memory_than_the_limits_assume(tmp_path: Path) -> None:
    side = 2000
    done = subprocess.run([sys.executable, "-c", MEASURE, str(side), str(tmp_path)], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    constant = 14 * 2**20 / side**2  # a strip of a million pixels in several forms
    too_much = {name: pair for name, pair in result.items() if pair[0] > pair[1] + constant}
    assert not too_much and len(result) > 15, result


def test_no_kind_of_picture_may_take_more_than_the_limit() -> None:
    for mode in ("L", "RGB", "RGBA", "I;16", "F"):
        for kind in ("PNG", "WEBP", "JPEG2000", "AVIF", "TIFF"):
            image = Image.new(mode, (1, 1))
            image.format = kind
            each = limits._bytes_per_pixel(image, 1)
            assert each >= 3 + {"L": 1, "I;16": 2}.get(mode, 4)
            image._size = (30_000, int(limits.PICTURE_BYTES / each / 30_000) + 1)  # type: ignore[attr-defined]
            with pytest.raises(InputError, match="million pixels, the most that is read of pictures of its kind"):
                limits.check_picture("a", image)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "P"])
def test_the_largest_pictures_stay_below_the_bar(mode: str, tmp_path: Path) -> None:
    script = """
    import sys, resource, time
    from PIL import Image
    Image.MAX_IMAGE_PIXELS = None
    side, mode, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    options = {"transparency": 0} if mode == "P" else {}
    Image.new(mode, (side, side), 90 if mode in ("P", "I;16") else None).save(path, compress_level=1, **options)
    """
    side = {"RGBA": 12_500, "LA": 12_500, "I;16": 13_300, "P": 13_300}[mode]
    path = tmp_path / "large.png"
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(side), mode, str(path)], check=True)
    read = """
    import sys, resource, time
    import torch
    from aufait.media.images import read_picture
    start = time.process_time()
    assert read_picture(sys.argv[1]).image.shape[0] == int(sys.argv[2])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.process_time() - start)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(read), str(path), str(side)], capture_output=True, text=True, check=True
    )
    memory, seconds = map(float, done.stdout.split())
    assert memory < 1.5e9 and seconds < 20, (memory, seconds)


# -- Time ----------------------------------------------------------------------------------------------------------------


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_scans(300)
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(InputError, match=r"stored in 3\d\d scans"):
        read_image(data)


def test_few_scans_of_a_very_large_picture_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_scans(20)
    assert read_image(data).shape == (48, 64, 3)
    monkeypatch.setattr(limits, "MAX_SCANNED_PIXELS", 64 * 48 * 20)
    with pytest.raises(InputError, match="scans"):
        read_image(data)


def test_scans_of_a_sequential_jpeg_count_too() -> None:
    """One channel after the other: such a file may repeat its scans as a progressive one may."""
    with io.BytesIO(stored(smooth(), "JPEG")) as file, Image.open(file) as image:
        assert limits._scans(image) == 1
    grey = stored(smooth().convert("L"), "JPEG")
    frame = grey.index(b"\xff\xc0")
    scan = grey.index(b"\xff\xda")
    channels = b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    head = grey[:frame] + b"\xff\xc0\x00\x11" + grey[frame + 4 : frame + 9] + b"\x03" + channels
    tables, body = grey[frame + 13 : scan], grey[scan:-2]
    first = scan - scan + body.index(b"\x01\x01") + 1  # number of the channel in the head of the scan
    scans = b"".join(body[:first] + bytes([number]) + body[first + 1 :] for number in (1, 2, 3))
    whole = head + tables + scans + b"\xff\xd9"
    assert read_image(whole).shape == (48, 64, 3)
    with pytest.raises(InputError, match="stored in 303 scans"):
        read_image(head + tables + scans * 101 + b"\xff\xd9")


def test_pictures_in_an_ordinary_number_of_scans_are_read() -> None:
    image = smooth(300, 200)
    whole, progressive = (read_image(stored(image, "JPEG", progressive=way, quality=90)) for way in (False, True))
    assert np.abs(whole.astype(int) - progressive).max() <= 2


def many_pages(count: int, *, ring: bool = False) -> bytes:
    """A TIFF of ``count`` pages of one pixel; with ``ring``, the last leads back to the first."""
    data = b"II*\0" + struct.pack("<I", 8)
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 1), (257, 1), (258, 8), (262, 1), (273, 8), (279, 1))
    )
    size = 2 + len(entries) + 4
    pages = [struct.pack("<H", 6) + entries + struct.pack("<I", len(data) + size * (page + 1)) for page in range(count - 1)]
    return data + b"".join(pages) + struct.pack("<H", 6) + entries + struct.pack("<I", 8 if ring else 0)


@pytest.mark.parametrize("ring", [False, True])
def test_a_tiff_of_endless_pages_is_refused_soon(ring: bool) -> None:
    assert read_picture(many_pages(3)).notes
    start = time.process_time()
    with pytest.raises(InputError, match="more than 10,000 pages"):
        read_picture(many_pages(30_000, ring=ring))
    assert time.process_time() - start < 20


def test_an_animation_that_claims_billions_of_frames_costs_nothing(tmp_path: Path) -> None:
    data = png_with(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    assert read_picture(data).image.shape == (48, 64, 3)
    (tmp_path / "a.png").write_bytes(data)
    with PictureSequence(tmp_path / "a.png") as sequence:
        assert len(list(sequence)) < 5 and sequence.error


# -- Sizes and texts -----------------------------------------------------------------------------------------------------


def sized(data: bytes, kind: str, width: int, height: int) -> bytes:
    """The file with another size in its header."""
    changed = bytearray(data)
    if kind == "PNG":
        changed[16:24] = struct.pack(">II", width, height)
        changed[29:33] = struct.pack(">I", zlib.crc32(bytes(changed[12:29])))
    elif kind == "JPEG":
        place = changed.index(b"\xff\xc0") + 5
        changed[place : place + 4] = struct.pack(">HH", height, width)
    elif kind == "BMP":
        changed[18:26] = struct.pack("<ii", width, height)
    elif kind == "PPM":
        return data.replace(b"64 48", f"{width} {height}".encode(), 1)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "PPM"])
@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000), (65_000, 2)])
def test_a_header_that_promises_too_much_is_refused_at_once(kind: str, size: tuple[int, int]) -> None:
    data = sized(stored(smooth(), kind), kind, *size)
    start = time.process_time()
    if kind == "JPEG" and size == (65_000, 2):
        read_image(data)  # a byte is enough for 256 pixels
    else:
        with pytest.raises(InputError, match=r"damaged or cut off|is cut off|million pixels"):
            read_image(data)
    assert time.process_time() - start < 2


def test_very_long_sides_are_refused() -> None:
    with pytest.raises(InputError, match="100000 x 1 pixels; sides up to 65535"):
        read_image(stored(Image.new("L", (100_000, 1)), "PNG"))
    assert read_image(stored(Image.new("L", (1, 60_000)), "PNG")).shape == (60_000, 1, 3)


XMP = b"XML:com.adobe.xmp\0"
TEXTS = {
    "packed XMP of 5 MB": lambda: png_with(chunk(b"iTXt", XMP + b"\1\0\0\0" + zlib.compress(b"a" * 5_000_000))),
    "XMP of 5 MB": lambda: png_with(chunk(b"iTXt", XMP + b"\0\0\0\0" + b"a" * 5_000_000)),
    "XMP that is none": lambda: png_with(chunk(b"iTXt", XMP + b"\1\0\0\0garbage")),
    "comment of 70 MB": lambda: png_with(chunk(b"tEXt", b"Comment\0" + b"a" * 70_000_000)),
    "packed comment": lambda: png_with(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 5_000_000))),
    "colour profile of 5 MB": lambda: png_with(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(5_000_000)))),
    "EXIF that is none": lambda: png_with(chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")),
    "EXIF of a JPEG that is none": lambda: jpeg_with((0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 300)),
    "EXIF of 10 MB": lambda: jpeg_with(*[(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0" + bytes(60_000))] * 170),
    "XMP of 10 MB": lambda: jpeg_with(*[(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"a" * 60_000)] * 170),
    "colour profile that is none": lambda: jpeg_with((0xE2, b"ICC_PROFILE\0\1\1" + b"a" * 60_000)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_any_length_do_no_harm(name: str) -> None:
    picture = read_picture(TEXTS[name]())
    assert picture.image.shape == (48, 64, 3) and not picture.notes
    assert np.abs(picture.image.astype(int) - np.asarray(smooth())).mean() < 12


def test_values_that_are_no_numbers_are_read() -> None:
    values = np.array([[np.nan, np.inf, 0.0], [-np.inf, 0.5, 1.0]], np.float32)
    assert read_image(stored(Image.fromarray(values), "TIFF"))[..., 0].tolist() == [[0, 255, 0], [0, 128, 255]]


# -- One bad picture among good ones -------------------------------------------------------------------------------------

FAILURES = (SystemError("tile"), struct.error("unpack"), MemoryError(), RecursionError("deep"), AssertionError(), KeyError(3))


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_whatever_a_decoder_raises_the_other_pictures_get_their_rows(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())
    good = [write_picture(tmp_path / name) for name in ("a.png", "c.png")]
    write_picture(tmp_path / "b.bmp")

    def broken(_: object) -> None:
        raise failure

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", broken)
    arguments = ["detect", str(good[0]), str(tmp_path / "b.bmp"), str(good[1]), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and "b.bmp" in result.output and "unexpected" not in result.output, result.output
    assert read_openface_csv(tmp_path / "out" / "images.csv")["source"].tolist() == [str(path) for path in good]


@pytest.mark.parametrize("ending", ["all done", "one is damaged", "writing fails"])
def test_pictures_that_need_all_the_room_come_one_after_the_other(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())
    monkeypatch.setattr(jobs, "_PICTURE_BYTES", 1)
    inputs = [write_picture(tmp_path / f"{number}.png") for number in range(8)]
    held: list[int] = []
    enter = Room.enter

    def noted(room: Room, name: str, needed: int) -> None:
        enter(room, name, needed)
        held.append(len(room._held))

    monkeypatch.setattr(Room, "enter", noted)
    if ending == "one is damaged":
        inputs[3].write_bytes(inputs[3].read_bytes()[:-60])
    if ending == "writing fails":
        monkeypatch.setattr(OpenFaceCsvWriter, "write", lambda *_: (_ for _ in ()).throw(OutputError("the disc is full")))
    result = CliRunner().invoke(app, ["detect", *map(str, inputs), "-o", str(tmp_path / "out")])
    assert result.exit_code == {"all done": 0, "one is damaged": 1, "writing fails": 3}[ending], result.output
    if ending != "writing fails":
        assert set(held) == {1}
        rows = len(read_openface_csv(tmp_path / "out" / "images.csv")["source"])
        assert rows == len(inputs) - (ending == "one is damaged")


# -- Archives ------------------------------------------------------------------------------------------------------------

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
MEMBERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "EPS": (lambda: EPS, "PostScript"),
    "zeros that unpack to much": (lambda: bytes(300 << 20), "unpacks to more than 256 MB"),
    "too many pixels": (lambda: sized(stored(smooth(), "PNG"), "PNG", 60_000, 60_000), "million pixels"),
    "too many scans": (lambda: with_scans(300), "scans"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_pictures_in_archives_obey_the_same_limits(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = MEMBERS[name]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("1.jpg", make())
        archive.writestr("2.jpg", stored(smooth(), "JPEG"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    pictures = ImageArchive(tmp_path / "a.zip", np.array([1, 2]), ["1.jpg", "2.jpg"])
    with pytest.raises(InputError, match=message) as caught:
        pictures.read(1)
    assert "a.zip:1.jpg" in str(caught.value)
    assert pictures.read(2).shape == (48, 64, 3)
