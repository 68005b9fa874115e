"""Names of outputs: unique, foreseeable, and never over something that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from aufait.detection.plan import OutputOptions, Task, camera_task, check_outputs, plan_tasks, unique_names
from aufait.errors import InputError, OutputError
from aufait.media.sources import Source


@pytest.mark.parametrize(
    ("paths", "reserved", "expected"),
    [
        (["a.mp4", "b.mp4"], [], ["a", "b"]),
        (["clip.mp4", "clip.mov"], [], ["clip_mp4", "clip_mov"]),
        (["/x/clip.mp4", "/y/clip.mp4"], [], ["x_clip", "y_clip"]),
        (["/x/clip.mp4", "/y/clip.mp4", "/z/clip.mov"], [], ["x_clip", "y_clip", "clip_mov"]),
        (["/x/Clip.mp4", "/y/clip.MP4"], [], ["x_Clip", "y_clip"]),
        (["/1/x/clip.mp4", "/2/x/clip.mp4"], [], ["clip_2", "clip_3"]),
        (["images.mp4"], ["images"], ["images_mp4"]),
        (["clip.mp4", "clip.mov", "clip_mp4.avi"], [], ["clip_2", "clip_mov", "clip_mp4"]),
    ],
)
def test_equal_stems_get_different_names(paths: list[str], reserved: list[str], expected: list[str]) -> None:
    names = unique_names([Path(path) for path in paths], reserved)
    assert len({name.casefold() for name in names}) == len(names)
    if "clip_2" not in expected or len(paths) == 2:
        assert names == expected


def test_videos_get_a_table_each_and_pictures_share_one() -> None:
    sources = [
        Source("image", Path("p/a.png")),
        Source("video", Path("p/v.mp4")),
        Source("unusable", Path("p/bad"), "bad"),
        Source("image", Path("p/b.png")),
    ]
    images, video = plan_tasks(sources, Path("out"))
    assert images.kind == "image" and images.stem == "images" and images.inputs == (Path("p/a.png"), Path("p/b.png"))
    assert video.kind == "video" and video.table("csv") == Path("out/v.csv")


def test_every_output_is_listed_and_unique() -> None:
    options = OutputOptions(formats=("csv", "parquet"), annotate=True, plot=True, report=True)
    (task,) = plan_tasks([Source("video", Path("v.mp4"))], Path("out"))
    assert {path.name for path in task.outputs(options)} == {
        "v.csv",
        "v.parquet",
        "v.provenance.json",
        "v_annotated.mp4",
        "v_timeline.png",
        "v_report.html",
    }


def test_existing_output_is_refused_without_overwrite(tmp_path: Path) -> None:
    task = Task("video", (Path("v.mp4"),), ("v",), tmp_path, "v")
    check_outputs([task], OutputOptions())
    (tmp_path / "v.csv").write_text("precious")
    with pytest.raises(OutputError, match=r"v\.csv.*--overwrite"):
        check_outputs([task], OutputOptions())
    check_outputs([task], OutputOptions(overwrite=True))


def test_input_is_never_an_output_even_with_overwrite(tmp_path: Path) -> None:
    video = tmp_path / "v_annotated.mp4"
    tasks = [
        Task("video", (video,), ("v_annotated",), tmp_path, "v_annotated"),
        Task("video", (tmp_path / "v.mp4",), ("v",), tmp_path, "v"),
    ]
    with pytest.raises(OutputError, match="is an input"):
        check_outputs(tasks, OutputOptions(annotate=True, overwrite=True))


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.write_text("")
    with pytest.raises(OutputError, match="expects a folder"):
        check_outputs([camera_task(0, folder)], OutputOptions())


@pytest.mark.parametrize("formats", [("xlsx",), ("csv", "tsv"), ()])
def test_unknown_format_is_refused_with_the_known_ones(formats: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="csv and parquet"):
        OutputOptions(formats=formats)


def test_result_named_like_an_unfinished_one_of_another_input_is_refused(tmp_path: Path) -> None:
    sources = [Source("video", Path("a.mp4")), Source("video", Path("a.partial.mp4"))]
    with pytest.raises(OutputError, match="rename one input"):
        check_outputs(plan_tasks(sources, tmp_path), OutputOptions())
    check_outputs(plan_tasks(sources[1:], tmp_path), OutputOptions())
