"""Pictures of every kind become upright 8-bit RGB; damaged ones are named with a remedy."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from aufait.errors import InputError, InputWarning, OutputError
from aufait.media.images import read_image, read_picture, write_image


def gradient(width: int = 40, height: int = 30) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 60)], axis=-1).astype(np.uint8)


def save(path, image: Image.Image, **options) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp", ".gif", ".jp2", ".tga"])
def test_formats(tmp_path, suffix):
    options = {".webp": {"lossless": True}}.get(suffix, {})
    path = save(tmp_path / f"a{suffix}", Image.fromarray(gradient()), **options)
    image = read_image(path)
    assert image.shape == (30, 40, 3) and image.dtype == np.uint8 and image.flags.c_contiguous and image.flags.writeable
    assert np.abs(image.astype(int) - gradient()).max() <= (60 if suffix == ".gif" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = np.zeros((60, 90, 3), np.uint8)
    upright[:30, :45] = 255  # the bright quarter belongs to the top left
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a{suffix}", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    image = read_image(path)
    assert image.shape == (60, 90, 3)
    assert image[10, 10].min() > 240 and image[10, 80].max() < 15 and image[50, 10].max() < 15


def test_cmyk_jpeg(tmp_path):
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = save(tmp_path / "a.jpg", red, quality=95)
    assert np.abs(read_image(path).astype(int) - (255, 0, 0)).max() < 12


def test_unusable_colour_profile_falls_back(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # an RGB profile on a CMYK picture
    path = save(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), icc_profile=profile)
    assert read_image(path)[4, 4].tolist() == pytest.approx([255, 0, 0], abs=12)


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    path = save(tmp_path / "a.png", Image.fromarray(values))
    assert read_image(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_rgb_is_scaled(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.array([[[65535, 128 * 257, 0]] * 16] * 16, dtype=">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)  # Pillow cannot write this kind itself
    assert np.abs(read_image(tmp_path / "a.png")[8, 8].astype(int) - (255, 128, 0)).max() <= 1


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_float_tiff_in_either_range(tmp_path, scale):
    path = save(tmp_path / "a.tif", Image.fromarray(np.array([[0, 0.5, 1]], np.float32) * np.float32(scale)))
    assert read_image(path)[0, :, 0].tolist() == pytest.approx([0, 128, 255], abs=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_lie_over_white(tmp_path, mode):
    pixels = Image.new(mode, (2, 1), (0,) * (len(mode) - 1) + (0,))
    pixels.putpixel((1, 0), (0,) * (len(mode) - 1) + (255,))
    image = read_image(save(tmp_path / "a.png", pixels))
    assert image[0, 0].tolist() == [255, 255, 255] and image[0, 1].tolist() == [0, 0, 0]


def test_palette_with_and_without_transparency(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    assert read_image(save(tmp_path / "a.png", picture))[0, 0].tolist() == [10, 200, 30]
    assert read_image(save(tmp_path / "b.png", picture, transparency=1))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "1"])
def test_greyscale(tmp_path, mode):
    image = read_image(save(tmp_path / "a.png", Image.new(mode, (5, 4), 255)))
    assert image.shape == (4, 5, 3) and image.min() == 255


def test_animation_gives_its_first_picture(tmp_path):
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "lime", "blue")]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_picture(path).image[0, 0].tolist() == [255, 0, 0]


def test_one_pixel(tmp_path):
    assert read_image(save(tmp_path / "a.png", Image.new("RGB", (1, 1), "red"))).tolist() == [[[255, 0, 0]]]


def test_twelve_thousand_pixels_are_read_without_a_warning(tmp_path):
    path = save(tmp_path / "a.png", Image.new("1", (12_000, 400), 1), compress_level=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).shape == (400, 12_000, 3)


def test_too_many_pixels_are_refused_before_unpacking(tmp_path):
    path = save(tmp_path / "a.png", Image.new("1", (3000, 3000)))
    with pytest.raises(InputError, match="larger than 1 million pixels"):
        read_image(path, max_pixels=1_000_000)


def test_a_bomb_is_refused(tmp_path):
    data = io.BytesIO()
    Image.new("1", (8, 8)).save(data, format="BMP")
    header = bytearray(data.getvalue())
    header[18:26] = (60_000).to_bytes(4, "little") * 2
    (tmp_path / "bomb.bmp").write_bytes(header)
    with pytest.raises(InputError, match="178 million pixels"):
        read_image(tmp_path / "bomb.bmp")


def test_wrong_extension_does_no_harm(tmp_path):
    image = Image.fromarray(gradient())
    image.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_image(tmp_path / "a.jpg"), gradient())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_pictures_are_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert str(path) in str(caught.value) and "again" in str(caught.value)


def test_corrupt_png_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged or cut off"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\0" * 400, "only zero bytes"),
        (b"<svg xmlns=''/>", "vector drawing"),
        (b"%PDF-1.4 something", "PDF document"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC photograph"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isom", "looks like a video"),
        (b"just words", "neither a known picture"),
    ],
)
def test_what_is_not_a_picture_is_named(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_image(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "no.png")
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


# Odd files: the wrong pixels must never come out silently.


@pytest.mark.parametrize(("bits", "colour"), [(8, False), (10, False), (12, False), (10, True), (12, True)])
def test_values_of_fewer_bits_in_sixteen_are_scaled_and_told(tmp_path, bits, colour):
    top = (1 << bits) - 1
    ramp = np.linspace(0, top, 256).astype(np.uint16)[None].repeat(8, axis=0)
    path = tmp_path / "a.png"
    path.write_bytes(deep_png(np.stack([ramp] * 3, axis=-1))) if colour else save(path, Image.fromarray(ramp))
    picture = read_picture(path)
    assert np.abs(picture.image[0, :, 1].astype(int) - np.arange(256)).max() <= 1
    assert any(f"{bits}-bit" in note for note in picture.notes)


def test_dark_colours_are_turned_as_the_exif_says(tmp_path):
    values = np.zeros((20, 40, 3), np.uint16)
    values[:, :20] = 1000
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    path.write_bytes(deep_png(values, exif.tobytes().removeprefix(b"Exif\0\0")))
    image = read_picture(path).image
    assert image.shape == (40, 20, 3) and image[5, 10, 0] > 240 and image[35, 10, 0] == 0


def test_a_dark_sixteen_bit_picture_is_told(tmp_path):
    picture = read_picture(save(tmp_path / "a.png", Image.fromarray(np.full((4, 4), 9000, np.uint16))))
    assert picture.image.max() == 35 and "read as dark" in picture.notes[0]


def test_tags_tell_the_depth_of_a_tiff(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = 4095  # the largest value that can occur
    tags.tagtype[281] = 3
    path = save(tmp_path / "a.tif", Image.fromarray(np.full((4, 4), 1000, np.uint16)), tiffinfo=tags)
    picture = read_picture(path)
    assert picture.image.max() == round(1000 * 255 / 4095) and not picture.notes


def deep_png(values: np.ndarray, exif: bytes = b"") -> bytes:
    """(H, W, 3) uint16 as a PNG, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)) + (chunk(b"eXIf", exif) if exif else b"")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_several_pages_are_told_with_their_number(tmp_path, suffix):
    pages = [Image.new("RGB", (16, 16), (25 * n,) * 3) for n in range(10)]
    picture = read_picture(save(tmp_path / f"a{suffix}", pages[0], save_all=True, append_images=pages[1:]))
    assert picture.image.max() < 8
    assert "10 pictures" in picture.notes[0] and "--all-pages" in picture.notes[0]
    with pytest.warns(InputWarning, match="10 pictures"):
        read_image(tmp_path / f"a{suffix}")


def test_the_thumbnail_of_a_tiff_is_no_page(tmp_path):
    small = TiffImagePlugin.ImageFileDirectory_v2()
    small[254] = 1
    page = Image.new("RGB", (16, 16))
    page.encoderinfo = {"tiffinfo": small}
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "a.tif"), True) as file:
        page.save(file, format="TIFF", tiffinfo=small)
        file.newFrame()
        Image.fromarray(gradient(64, 48)).save(file, format="TIFF")
    picture = read_picture(tmp_path / "a.tif")
    assert np.array_equal(picture.image, gradient(64, 48)) and not picture.notes


def tiff_with_a_picture_inside(outer: tuple[int, int], inner: tuple[int, int], more: dict[int, int] | None = None) -> bytes:
    """A TIFF whose first page names the place of another one, as DNG and NEF files name their full picture."""

    def directory(size: tuple[int, int], pixels_at: int, tags: dict[int, int]) -> bytes:
        entries = {256: size[0], 257: size[1], 258: 8, 259: 1, 262: 1, 273: pixels_at, 277: 1, 278: size[1]}
        entries |= {279: size[0] * size[1]} | tags
        body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
        return struct.pack("<H", len(entries)) + body + bytes(4)

    pixels = bytes(outer[0] * outer[1]), bytes(inner[0] * inner[1])
    first, second = 8, 8 + len(pixels[0])
    inside_at = second + len(pixels[1])
    inside = directory(inner, second, {})
    outside = directory(outer, first, {330: inside_at, **(more or {})})
    return struct.pack("<2sHI", b"II", 42, inside_at + len(inside)) + b"".join(pixels) + inside + outside


@pytest.mark.parametrize("name", ["a.dng", "a.nef", "a.tif"])
def test_camera_raw_is_not_read_as_its_thumbnail(tmp_path, name):
    (tmp_path / name).write_bytes(tiff_with_a_picture_inside((157, 160), (640, 480)))
    with pytest.raises(InputError, match=f"{name} is camera raw: export it"):
        read_image(tmp_path / name)


def test_sensor_data_and_other_makers_raw_files_are_camera_raw(tmp_path):
    path = tmp_path / "a.dng"
    path.write_bytes(tiff_with_a_picture_inside((64, 48), (8, 8), {50706: 1}))
    with pytest.raises(InputError, match="camera raw"):
        read_image(path)
    for head in (b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x18ftypcrx \0\0\0\1", b"II*\0\x10\0\0\0CR\2\0"):
        path.write_bytes(head + bytes(600))
        with pytest.raises(InputError, match="camera raw"):
            read_image(path)


def test_a_tiff_with_smaller_copies_inside_is_read(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff_with_a_picture_inside((64, 48), (16, 12)))
    assert read_image(tmp_path / "a.tif").shape == (48, 64, 3)


def wide_gamut() -> bytes:
    """A colour profile like Adobe RGB's, from sRGB's by moving the green primary."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = next(int.from_bytes(profile[p + 4 : p + 8], "big") for p in range(132, 400, 12) if profile[p : p + 4] == b"gXYZ")
    profile[at + 8 : at + 20] = struct.pack(">3i", *(round(v * 65536) for v in (0.2, 0.63, 0.07)))
    return bytes(profile)


def test_wide_gamut_colours_are_converted_and_srgb_ones_untouched(tmp_path):
    picture = Image.new("RGB", (8, 8), (60, 200, 60))
    plain = save(tmp_path / "a.png", picture, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    wide = save(tmp_path / "b.png", picture, icc_profile=wide_gamut())
    assert read_image(plain)[0, 0].tolist() == [60, 200, 60]
    assert np.abs(read_image(wide)[0, 0].astype(int) - (60, 200, 60)).max() > 8


def test_an_eps_file_starts_no_program(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(InputError, match="PostScript"):
        read_image(tmp_path / "a.jpg")


def test_content_may_come_as_bytes(tmp_path):
    path = save(tmp_path / "a.png", Image.fromarray(gradient()))
    assert np.array_equal(read_image(Path(path).read_bytes()), gradient())
    with pytest.raises(InputError, match="picture of 4 bytes is not a picture"):
        read_image(b"what")


def test_whatever_a_decoder_raises_is_an_input_error(tmp_path, monkeypatch):
    def broken(_: object) -> None:
        raise RuntimeError("Decoding of colour planes failed")

    path = save(tmp_path / "a.png", Image.fromarray(gradient()))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", broken)
    with pytest.raises(InputError, match="colour planes"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_written_pictures_read_back(tmp_path, suffix):
    path = write_image(tmp_path / "new" / f"a{suffix}", gradient())
    assert np.abs(read_image(path).astype(int) - gradient()).mean() < 6
    assert read_image(path).shape == (30, 40, 3)
    with pytest.raises(OutputError, match="exists already"):
        write_image(path, gradient())
    write_image(path, gradient(8, 8), overwrite=True)
    assert read_image(path).shape == (8, 8, 3)


def test_unknown_output_format(tmp_path):
    with pytest.raises(OutputError, match=r"\.png, \.jpg"):
        write_image(tmp_path / "a.xyz", gradient())
