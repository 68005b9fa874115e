"""Folders of numbered frames as one video."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import textured

from aufait.errors import InputError, InputWarning
from aufait.media.frame_folder import FrameFolder, frame_sequence, is_numbered
from aufait.media.images import write_image


def write(folder: Path, *names: str, size: tuple[int, int] = (64, 48)) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [write_image(folder / name, textured(*size, 100 + seed)) for seed, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "numbered"),
    [
        (("f1.png", "f2.png", "f10.png"), True),
        (("det_00_01.png", "det_00_02.png"), True),
        (("0001.png", "0002.jpg"), True),
        (("anna.png", "bob.png"), False),
        (("p1_a.png", "p1_b.png"), False),
        (("f1.png",), False),
    ],
)
def test_numbered_names_differ_in_their_last_number_alone(names: tuple[str, ...], numbered: bool, tmp_path: Path) -> None:
    write(tmp_path / "in", *names)
    assert is_numbered(tmp_path / "in") is numbered


def test_frames_come_in_natural_order_at_the_rate(tmp_path: Path) -> None:
    write(tmp_path / "in", "f10.png", "f9.png", "f11.png")
    source = frame_sequence(tmp_path / "in", 12.5)
    assert source.kind == "video" and [path.name for path in source.frames] == ["f9.png", "f10.png", "f11.png"]
    with FrameFolder(source.frames, 12.5) as reader:
        frames = list(reader)
    assert [frame.timestamp for frame in frames] == [0, 0.08, 0.16] and reader.notes == []
    assert reader.info.size == (64, 48) and reader.info.frame_count == 3 and reader.info.duration == pytest.approx(0.24)


def test_numbers_that_jump_are_told_and_even_steps_are_not(tmp_path: Path) -> None:
    even = write(tmp_path / "even", "f5.png", "f10.png", "f15.png")
    odd = write(tmp_path / "odd", "f1.png", "f2.png", "f5.png", "f6.png")
    assert FrameFolder(even, 25).notes == []
    (note,) = FrameFolder(odd, 25).notes
    assert "f2.png is followed by f5.png" in note


def test_a_frame_of_another_size_is_told(tmp_path: Path) -> None:
    frames = write(tmp_path / "in", "f1.png") + write(tmp_path / "in", "f2.png", size=(32, 24))
    reader = FrameFolder(frames, 25)
    assert [frame.image.shape for frame in reader] == [(48, 64, 3), (24, 32, 3)]
    assert any("f2.png has 32x24" in note for note in reader.notes)


def test_a_frame_that_cannot_be_read_is_black_and_marked(tmp_path: Path) -> None:
    frames = write(tmp_path / "in", "f1.png", "f2.png", "f3.png")
    frames[0].write_bytes(frames[0].read_bytes()[:60])
    source = frame_sequence(tmp_path / "in", 25)
    assert len(source.frames) == 3
    reader = FrameFolder(source.frames, 25)
    read = list(reader)
    assert [frame.corrupt for frame in read] == [True, False, False] and not read[0].image.any()
    assert read[0].image.shape == read[1].image.shape and reader.corrupt == 1 and "frame 1" in reader.doubts[0]


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in", "f1.png", "f2.png")
    (tmp_path / "in" / "clip.avi").write_bytes(b"RIFF\0\0\0\0AVI " + bytes(100))
    with pytest.warns(InputWarning, match=r"clip\.avi is no picture"):
        assert len(frame_sequence(tmp_path / "in", 25).frames) == 2


@pytest.mark.parametrize("rate", [0.0, -25.0, float("nan"), float("inf")])
def test_a_frame_rate_is_a_positive_number(rate: float, tmp_path: Path) -> None:
    write(tmp_path / "in", "f1.png")
    with pytest.raises(InputError, match="frame rate"):
        frame_sequence(tmp_path / "in", rate)


def test_only_folders_with_pictures_are_sequences(tmp_path: Path) -> None:
    (picture,) = write(tmp_path / "in", "f1.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a folder"):
        frame_sequence(picture, 25)
    with pytest.raises(InputError, match="no picture"):
        frame_sequence(tmp_path / "empty", 25)


def test_a_folder_named_by_a_dot_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in", "f1.png")
    monkeypatch.chdir(tmp_path / "in")
    assert frame_sequence(".", 25).path.name == "in"
