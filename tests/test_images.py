"""Pictures of every kind become upright 8-bit RGB; damaged ones are named with a remedy."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from aufait.errors import InputError, OutputError
from aufait.media.images import image_size, read_image, write_image


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
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_written_pictures_read_back(tmp_path, suffix):
    path = write_image(tmp_path / "new" / f"a{suffix}", gradient())
    assert np.abs(read_image(path).astype(int) - gradient()).mean() < 6
    assert image_size(path) == (40, 30)
    with pytest.raises(OutputError, match="exists already"):
        write_image(path, gradient())
    write_image(path, gradient(8, 8), overwrite=True)
    assert image_size(path) == (8, 8)


def test_unknown_output_format(tmp_path):
    with pytest.raises(OutputError, match=r"\.png, \.jpg"):
        write_image(tmp_path / "a.xyz", gradient())
