"""MediaPipe back end: model file, mapping of the mesh, views of a picture; with MediaPipe itself where it is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aufait.errors import MissingExtraError, MissingModelError
from aufait.faces import FaceFinder, create_finder, mediapipe_model
from aufait.faces import mediapipe_finder as module
from aufait.faces.mesh_points import MESH_POINTS, MESH_TO_68, landmarks_from_mesh
from aufait.landmarks import MIRROR_68


def test_the_table_names_existing_vertices_and_is_symmetric_where_it_is_single() -> None:
    assert len(MESH_TO_68) == 68
    assert all(0 <= a < MESH_POINTS and 0 <= b < MESH_POINTS and 0 <= share < 1 for a, b, share in MESH_TO_68)
    shares = [share for _, _, share in MESH_TO_68]
    assert [shares[k] for k in MIRROR_68] == shares


def test_points_between_two_vertices_lie_on_the_line() -> None:
    mesh = np.random.default_rng(0).random((3, MESH_POINTS, 2))
    points = landmarks_from_mesh(mesh)
    assert points.shape == (3, 68, 2)
    first, second, share = MESH_TO_68[17]
    np.testing.assert_allclose(points[:, 17], (1 - share) * mesh[:, first] + share * mesh[:, second])


def test_absent_model_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.delenv("AUFAIT_DOWNLOAD", raising=False)
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    with pytest.raises(MissingModelError, match=r"AUFAIT_MEDIAPIPE_MODEL.*AUFAIT_DOWNLOAD=1"):
        mediapipe_model.find_model()
    with pytest.raises(MissingModelError, match="not at"):
        mediapipe_model.find_model(tmp_path / "other.task")


def test_another_file_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(b"something else")
    monkeypatch.setenv("AUFAIT_MEDIAPIPE_MODEL", str(tmp_path))
    with pytest.raises(MissingModelError, match="SHA-256"):
        mediapipe_model.find_model()


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[mediapipe\]'"):
        module._import_mediapipe()


def test_missing_system_library_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise OSError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(MissingExtraError, match=r"libEGL.*apt-get install libegl1 libgles2"):
        module._import_mediapipe()


@pytest.mark.parametrize("view", [(10, 20, 70, 60), (-30, -20, 50, 60), (60, 30, 180, 150), (-50, -50, 200, 200)])
def test_views_map_back_to_the_picture(view: tuple[int, int, int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    part, scale, offset = module._cut(image, view, 640)
    assert part is not None
    assert scale == 1.0
    x, y = 62, 35
    column, row = x - int(offset[0]), y - int(offset[1])
    if 0 <= column < part.shape[1] and 0 <= row < part.shape[0]:
        assert (part[row, column] == image[y, x]).all()
    assert part.shape[:2] == (view[3] - view[1], view[2] - view[0])


def test_large_views_are_shrunk_and_empty_ones_left_out() -> None:
    image = np.zeros((1000, 2000, 3), np.uint8)
    part, scale, _ = module._cut(image, (0, 0, 2000, 1000), 640)
    assert part is not None
    assert (part.shape[1], scale) == (640, 0.32)
    assert module._cut(image, (3000, 0, 3100, 100), 640)[0] is None


def test_log_lines_are_held_back_and_other_lines_pass(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with module._quiet():
        os.write(2, b"W0000 00:00:17 face.cc:1] chatter\nINFO: Created TensorFlow Lite delegate\nsomething real\n")
    assert capfd.readouterr().err == "something real\n"


@pytest.fixture(scope="module")
def finder(mediapipe_model: Path) -> Iterator[FaceFinder]:
    try:
        made = create_finder("mediapipe", model_path=mediapipe_model)
    except MissingExtraError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_all_five_faces_of_a_group_are_found(finder: FaceFinder, shared: Path) -> None:
    image = np.asarray(Image.open(shared / "samples" / "multi_face.jpg").convert("RGB"))
    faces = finder.find(image)
    assert len(faces) == 5
    assert all(0.5 <= face.confidence <= 1 and face.pose is not None for face in faces)


def test_forty_pixel_faces_are_found(finder: FaceFinder, shared: Path) -> None:
    picture = Image.open(shared / "samples" / "single_face.jpg").convert("RGB")
    small = picture.resize((round(picture.width * 0.22), round(picture.height * 0.22)), Image.Resampling.LANCZOS)
    scene = Image.new("RGB", (1280, 720), (90, 110, 120))
    for x, y in ((40, 60), (600, 300), (1120, 560)):
        scene.paste(small, (x, y))
    faces = finder.find(np.asarray(scene))
    assert len(faces) == 3
    assert all(30 < np.ptp(face.landmarks[:, 1]) < 50 for face in faces)


def test_no_face_gives_an_empty_list(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    assert finder.find(noise) == []
    assert finder.find(np.zeros((1, 1, 3), np.uint8)) == []
