"""Inputs: files, folders and patterns become pictures and videos; what cannot be used says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from aufait.errors import InputError
from aufait.media import sources
from aufait.media.images import read_image
from aufait.media.sources import content_kind, expand_inputs
from aufait.media.video import open_video

MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isom"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("frame10.png", "frame2.png", "b.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "a.mp4").write_bytes(MP4)
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "b.jpg").read_bytes())
    (tmp_path / "inner").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "inner" / "c.png")
    return tmp_path


def listed(found) -> list[tuple[str, str]]:
    return [(source.kind, source.path.name) for source in found]


def test_folder_in_natural_order_without_other_files(folder):
    expected = [("video", "a.mp4"), ("image", "b.jpg"), ("image", "frame2.png"), ("image", "frame10.png")]
    assert listed(expand_inputs([folder])) == expected


def test_recursive_goes_into_inner_folders(folder):
    assert ("image", "c.png") in listed(expand_inputs([folder], recursive=True))


@pytest.mark.parametrize(("pattern", "count"), [("*.png", 2), ("frame?.png", 1), ("**/*.png", 3), ("*", 4)])
def test_patterns(folder, pattern, count):
    assert len(expand_inputs([str(folder / pattern)])) == count


def test_each_file_comes_once_in_the_order_given(folder):
    found = expand_inputs([folder / "b.jpg", folder, str(folder / "*.jpg")])
    assert [source.path.name for source in found] == ["b.jpg", "a.mp4", "frame2.png", "frame10.png"]


def test_content_beats_the_extension(folder):
    (folder / "b.jpg").rename(folder / "b.mp4")
    assert listed(expand_inputs([folder / "b.mp4"])) == [("image", "b.mp4")]


def test_an_unusable_file_does_not_stop_the_others(folder):
    (folder / "empty.jpg").write_bytes(b"")
    found = expand_inputs([folder / "nothing.png", folder])
    problems = [source.problem for source in found if source.kind == "unusable"]
    assert len(problems) == 2 and len(found) == 6
    assert "does not exist" in problems[0] and "empty (0 bytes)" in problems[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("fram2.png", r"did you mean frame2\.png"),
        ("zzzz", "look into"),
        ("no/such/file.png", "there is no folder .*no"),
        ("*.gif", "matches no file"),
        ("*.txt", "none is a picture or a video"),
        ("notes.txt", "neither a known picture"),
    ],
)
def test_what_cannot_be_used_says_why(folder, given, message):
    with pytest.raises(InputError, match=message):
        expand_inputs([str(folder / given)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ftp://example.org/a.mp4", "of a kind that is not opened"),
        ("file:///a.mp4", "name the path itself"),
        ("http:///a.mp4", "names no host"),
        ("rtsp://camera:99999/1", "a port that cannot be"),
        ("http://host/a b.mp4", "spaces or control characters"),
    ],
)
def test_addresses_that_are_not_opened_say_why(given, message):
    with pytest.raises(InputError, match=message):
        expand_inputs([given])


def test_no_input():
    with pytest.raises(InputError, match="no input"):
        expand_inputs([])


def test_empty_folder_and_hint_at_recursion(tmp_path):
    with pytest.raises(InputError, match=r"no picture and no video$"):
        expand_inputs([tmp_path])
    (tmp_path / "inner").mkdir()
    with pytest.raises(InputError, match="--recursive"):
        expand_inputs([tmp_path])


def test_unreadable_folder(folder, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sources.Path, "iterdir", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        expand_inputs([folder])


def test_link_that_leads_round_in_a_circle(folder):
    (folder / "inner" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(expand_inputs([folder], recursive=True)) == 5


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\0\x20ftypavif", "image"),
        (b"\0\0\0\x20ftypqt  ", "video"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video"),
        (b"\x1aE\xdf\xa3rest", "video"),
        (b"P6\n4 4\n255\n", "image"),
        (b"PK\x03\x04", None),
        (b"\x47" + b"x" * 187 + b"\x47" + b"x" * 187 + b"\x47" + b"x" * 187, "video"),
        (b"", None),
    ],
)
def test_kinds_by_content(tmp_path, head, kind):
    (tmp_path / "file").write_bytes(head)
    assert content_kind(tmp_path / "file") == kind


@pytest.fixture
def fifo(folder: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(folder / "pipe.jpg")
    return folder / "pipe.jpg"


def test_pipes_in_a_folder_are_passed_over(folder, fifo):
    assert listed(expand_inputs([folder])) == listed(expand_inputs([folder / "*"])) and len(expand_inputs([folder])) == 4


def test_a_pipe_or_device_is_refused_at_once(fifo):
    for given in (fifo, os.devnull):
        with pytest.raises(InputError, match=r"is a (pipe|device)"):
            expand_inputs([given])
    for read in (read_image, open_video):
        with pytest.raises(InputError, match="is a pipe"):
            read(fifo)


def test_standard_input_is_refused_with_the_reason():
    with pytest.raises(InputError, match="standard input cannot be searched"):
        expand_inputs(["-"])


def test_pictures_that_are_not_read_are_named_where_they_are_met(folder):
    (folder / "a.cr3").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(100))
    (folder / "b.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    problems = [source.problem for source in expand_inputs([folder]) if source.kind == "unusable"]
    assert "camera raw" in problems[0] and "HEIC" in problems[1]
