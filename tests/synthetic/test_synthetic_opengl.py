"""The face engine on the graphics card: the processor's pictures but for edges and hair, the switch, what is missing."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.synthetic.dataset import DatasetConfig, generate_dataset, identity_frames, read_records
from aufait.synthetic.drawing.scene import sample_scene
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.head.person import sample_traits
from aufait.synthetic.opengl import context
from aufait.synthetic.opengl.device import bindings
from aufait.synthetic.renderer import Frame, Person, make_person, render

SMILE = Intensities({12: 4.0, 6: 3.0, 26: 2.0}, {12: 2.0, 4: 3.0, 43: 5.0})


@pytest.fixture(scope="module")
def card() -> Iterator[None]:
    pytest.importorskip("moderngl", reason="drawing by OpenGL needs the 'opengl' extra")
    try:
        context.device_name()
    except InputError as error:
        pytest.skip(str(error))
    yield
    context.close_painter()


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    return load_face_model(shared / "assets")


@pytest.fixture(scope="module")
def person(model: FaceModel) -> Person:
    """Long hair and glasses."""
    return make_person(model, 9_000_002)


def both(
    person: Person, scene_seed: int, *, occluder: str = "none", size: int = 96, supersample: float = 2.0
) -> tuple[Frame, Frame]:
    scene = replace(sample_scene(scene_seed).clean(), occluder=occluder)
    here, there = (render(person, SMILE, scene, size=size, supersample=supersample, renderer=name) for name in ("cpu", "opengl"))
    return here, there


def difference(one: Frame, other: Frame) -> float:
    """Grey levels, on average."""
    return float(np.abs(one.image.astype(int) - other.image).mean())


def inside(parts: np.ndarray) -> np.ndarray:
    """Where all neighbours two pixels away are the same part."""
    square = np.ones((5, 5), np.uint8)
    return cv2.dilate(parts, square) == cv2.erode(parts, square)


# --- pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("occluder", ["none", "hand", "object", "mask"])
def test_without_hair_pictures_are_the_same_but_for_edges(person: Person, occluder: str) -> None:
    here, there = both(replace(person, strands=()), 11, occluder=occluder)
    assert difference(here, there) < 0.15
    assert (here.parts != there.parts).mean() < 0.001
    assert np.abs(here.alpha.astype(int) - there.alpha).mean() < 0.1


@pytest.mark.usefixtures("card")
def test_with_hair_pictures_are_alike(person: Person) -> None:
    here, there = both(person, 12)
    assert difference(here, there) < 1.5
    wrong = here.parts != there.parts
    assert wrong.mean() < 0.02
    assert (wrong & inside(here.parts)).mean() < 0.001
    assert abs(here.image.mean() - there.image.mean()) < 0.5, "hair is as dense as on the processor"


@pytest.mark.usefixtures("card")
def test_labels_are_the_same(person: Person) -> None:
    here, there = both(person, 13, occluder="hand")
    assert here.intensities == there.intensities
    assert np.array_equal(here.landmarks, there.landmarks)
    assert np.array_equal(here.box, there.box)
    assert np.array_equal(here.visible, there.visible)
    assert 0 < here.visible.sum() < 68


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(("size", "supersample"), [(64, 1.0), (80, 1.5), (96, 2.5)])
def test_any_size_and_supersampling(person: Person, size: int, supersample: float) -> None:
    here, there = both(replace(person, strands=()), 14, size=size, supersample=supersample)
    assert there.image.shape == (size, size, 3)
    assert difference(here, there) < 0.2


@pytest.mark.usefixtures("card")
def test_dark_lenses_hide_what_is_behind(model: FaceModel) -> None:
    wearer = next(i for i in range(200) if sample_traits(i).eyewear == "sunglasses")
    here, there = both(replace(make_person(model, wearer), strands=()), 15)
    assert difference(here, there) < 0.2
    assert np.array_equal(here.visible, there.visible)


@pytest.mark.usefixtures("card")
def test_noise_and_file_are_those_of_the_processor(person: Person) -> None:
    scene = sample_scene(16, size=96)
    assert scene.sensor is not None
    scene = replace(scene, sensor=replace(scene.sensor, read_noise=0.002, jpeg_quality=0, blur=0.0, low_resolution=1.0))
    bald = replace(person, strands=())
    here, there = (render(bald, SMILE, scene, size=96, renderer=name) for name in ("cpu", "opengl"))
    clean = render(bald, SMILE, replace(scene, sensor=None), size=96)
    assert difference(here, there) < 0.2 < 2.0 < difference(here, clean)


@pytest.mark.usefixtures("card")
def test_what_was_drawn_before_changes_nothing(model: FaceModel, person: Person) -> None:
    _, first = both(person, 17)
    both(make_person(model, 3), 18, size=64, occluder="mask")
    assert context.device_name() == context.painter().name
    _, second = both(person, 17)
    context.close_painter()
    _, third = both(person, 17)
    for again in (second, third):
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.parts, again.parts)


@pytest.mark.usefixtures("card")
def test_every_thread_has_a_painter_of_its_own(person: Person) -> None:
    bald = replace(person, strands=())

    def draw(seed: int) -> tuple[np.ndarray, object]:
        image = both(bald, seed, size=48)[1].image
        mine = context.painter()
        context.close_painter()
        return image, mine

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(draw, (21, 22)))
    for (image, _), seed in zip(results, (21, 22), strict=True):
        assert np.array_equal(image, both(bald, seed, size=48)[1].image)
    assert len({id(mine) for _, mine in results} | {id(context.painter())}) == 3


@pytest.mark.usefixtures("card")
@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_process_is_told_to_be_spawned() -> None:
    context.painter()
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(InputError, match="spawn"):
        pool.apply(draw_elsewhere)
    context.open_context().release()  # this one goes on


def draw_elsewhere() -> None:
    context.painter()


# --- data sets ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("card")
def test_data_sets_say_who_drew_them(tmp_path: Path, shared: Path) -> None:
    config = DatasetConfig(frames=2, seed=5, size=32, frames_per_identity=1, supersample=1.0, renderer="opengl")
    generate_dataset(tmp_path, config, assets=shared / "assets", workers=1)
    assert json.loads((tmp_path / "dataset.json").read_text())["renderer"] == "opengl"
    assert len(read_records(tmp_path)) == 2
    with pytest.raises(OutputError, match="other settings"):
        generate_dataset(tmp_path, replace(config, renderer="cpu"), assets=shared / "assets", workers=1)


@pytest.mark.usefixtures("card")
@pytest.mark.slow
def test_several_processes_draw_what_one_draws(tmp_path: Path, shared: Path) -> None:
    config = DatasetConfig(frames=4, seed=6, size=32, frames_per_identity=1, supersample=1.0, renderer="opengl")
    for workers in (1, 2):
        generate_dataset(tmp_path / str(workers), config, assets=shared / "assets", workers=workers)
    one, two = (sorted((tmp_path / str(workers) / "images").iterdir()) for workers in (1, 2))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


@pytest.mark.usefixtures("card")
def test_sequences_too(model: FaceModel) -> None:
    config = DatasetConfig(frames=2, seed=3, size=48, frames_per_identity=2, sequences=True)
    here, there = (list(identity_frames(model, replace(config, renderer=name), config.identities[0])) for name in ("cpu", "opengl"))
    assert max(map(difference, here, there)) < 2.5


def test_data_sets_made_before_there_was_a_choice_go_on(tmp_path: Path, shared: Path) -> None:
    config = DatasetConfig(frames=1, seed=5, size=32, supersample=1.0)
    generate_dataset(tmp_path, config, assets=shared / "assets", workers=1)
    marker = tmp_path / "dataset.json"
    settings = json.loads(marker.read_text())
    assert settings.pop("renderer") == "cpu"
    marker.write_text(json.dumps(settings))
    label = next((tmp_path / "labels").iterdir())
    before = label.stat().st_mtime_ns
    generate_dataset(tmp_path, config, assets=shared / "assets", workers=1)
    assert label.stat().st_mtime_ns == before


def test_a_data_set_has_no_auto() -> None:
    with pytest.raises(InputError, match="cpu or opengl"):
        DatasetConfig(frames=1, renderer="auto")


# --- what is there ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "software"),
    [("llvmpipe (LLVM 15.0.6, 256 bits)", True), ("NVIDIA H200/PCIe/SSE2", False), ("AMD Radeon RX 7900 (radeonsi)", False)],
)
def test_auto_takes_graphics_cards_only(device: str, software: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "device_name", lambda: device)
    assert context.choose_renderer("auto") == ("cpu" if software else "opengl")
    assert context.choose_renderer("opengl") == "opengl"
    assert context.choose_renderer("cpu") == "cpu"


def test_unknown_renderers_are_answered() -> None:
    with pytest.raises(InputError, match="one of cpu, opengl, auto"):
        context.choose_renderer("vulkan")


def test_without_the_package_the_answer_is_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[opengl\]"):
        context.choose_renderer("opengl")
    assert context.choose_renderer("auto") == "cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is one of Linux")
def test_without_a_driver_the_answer_is_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moderngl", reason="drawing by OpenGL needs the 'opengl' extra")
    monkeypatch.setenv("GLCONTEXT_LINUX_LIBEGL", "libnothing.so")
    with pytest.raises(InputError, match=r"no OpenGL 4\.3 .*--renderer cpu"):
        context.choose_renderer("opengl")
    assert context.choose_renderer("auto") == "cpu"


def test_every_buffer_has_a_place_of_its_own() -> None:
    places = bindings()
    assert {"POSITIONS", "TRIANGLES", "POINTS", "RESULT"} <= set(places)
    assert len(set(places.values())) == len(places)
