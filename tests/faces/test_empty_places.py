"""Places without a face: how long they are skipped, what ends that, and that faces are still found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import draw_test_image
from torch import Tensor, nn

from aufait.faces.empty_places import EmptyPlaces, EmptyPlacesConfig
from aufait.faces.following import FollowingConfig
from aufait.faces.mesh_finder import MeshFinder
from aufait.faces.mesh_networks import CROP_SIZE, DetectorOutput, LandmarkOutput, MeshNetworks
from aufait.faces.mesh_points import MESH_POINTS, MESH_TO_68
from aufait.faces.pose import Camera, project

IMAGE = draw_test_image(320, 240, seed=3)
BOXES = np.array([[20.0, 30.0, 80.0, 100.0], [150.0, 60.0, 230.0, 150.0]])


def read(places: EmptyPlaces, image: np.ndarray = IMAGE, boxes: np.ndarray = BOXES) -> list[bool]:
    """One look in which everything that is not skipped is read and holds no face; which boxes were read."""
    news = ~places.still_empty(image, boxes)
    places.remember(image, boxes[news])
    return news.tolist()


@pytest.mark.parametrize("looks", [0, 1, 2, 5])
def test_a_place_is_passed_over_for_some_looks_and_then_read_again(looks: int) -> None:
    places = EmptyPlaces(EmptyPlacesConfig(looks=looks))
    assert [read(places) for _ in range(3 * (looks + 1))] == 3 * [[True, True], *[[False, False]] * looks]


def test_only_the_place_that_changed_is_read_again() -> None:
    places = EmptyPlaces()
    read(places)
    changed = IMAGE.copy()
    changed[60:150, 150:230] = draw_test_image(80, 90, seed=9)
    assert read(places, changed) == [False, True]


def test_noise_is_no_change() -> None:
    places = EmptyPlaces()
    read(places)
    noise = np.random.default_rng(0).normal(0, 6, IMAGE.shape)
    assert read(places, np.clip(IMAGE + noise, 0, 255).astype(np.uint8)) == [False, False]


def test_a_change_in_the_dark_is_seen() -> None:
    dark = np.full((240, 320, 3), 12, np.uint8)
    places = EmptyPlaces()
    assert read(places, dark) == [True, True]
    lit = dark.copy()
    lit[60:150, 150:230] += 8
    assert read(places, lit) == [False, True]


@pytest.mark.parametrize(("shift", "is_read"), [(0, False), (12, False), (40, True)])
def test_a_box_at_about_the_same_place_is_the_same_place(shift: int, is_read: bool) -> None:
    places = EmptyPlaces()
    read(places)
    assert read(places, boxes=BOXES[1:] + [shift, 0, shift, 0]) == [is_read]


def test_what_is_forgotten_is_read() -> None:
    places = EmptyPlaces()
    read(places)
    places.forget()
    assert read(places) == [True, True]


@pytest.mark.parametrize("box", [[-50.0, -60.0, 20.0, 30.0], [300.0, 200.0, 900.0, 700.0], [-30.0, -30.0, -10.0, -10.0]])
def test_places_may_reach_beyond_the_picture(box: list[float]) -> None:
    places = EmptyPlaces()
    boxes = np.array([box])
    assert [read(places, boxes=boxes) for _ in range(2)] == [[True], [False]]
    assert read(places, np.zeros((7, 5, 3), np.uint8), boxes) == [True]


def test_no_boxes_and_no_places() -> None:
    places = EmptyPlaces()
    assert read(places, boxes=np.zeros((0, 4))) == []
    assert read(places) == [True, True]
    assert read(places, boxes=np.zeros((0, 4))) == []
    assert read(places) == [False, False]


# ---------------------------------------------------------------------------------------------------------------------
# In the finder
# ---------------------------------------------------------------------------------------------------------------------

SIZE = (640, 360)
WALL = draw_test_image(*SIZE, seed=4) // 8 + np.uint8(60)
FALSE = np.array([[330.0, 60.0, 410.0, 150.0], [480.0, 200.0, 540.0, 270.0]])
"""What the fake detector takes for faces in every picture."""
FIRST, SECOND = (100, 120, 190, 210), (330, 62, 408, 140)


def scene(*faces: tuple[int, int, int, int]) -> np.ndarray:
    """The wall with pure red squares, x0, y0, x1, y1: the fake network's faces."""
    image = WALL.copy()
    for x0, y0, x1, y1 in faces:
        image[y0:y1, x0:x1] = (255, 0, 0)
    return image


def _mesh_in_unit_square() -> Tensor:
    """(478, 3) mesh points whose 68 landmarks are those of the generic head, seen from the front."""
    head = project(np.eye(3)[None], np.array([[0.0, 0.0, 700.0]]), Camera.guess(*SIZE))[0]
    weights = np.zeros((68, MESH_POINTS))
    for row, (first, second, share) in enumerate(MESH_TO_68):
        weights[row, first] += 1 - share
        weights[row, second] += share
    head = (head - (head.min(axis=0) + head.max(axis=0)) / 2) / np.ptp(head, axis=0).max()
    return torch.from_numpy(np.concatenate([np.linalg.pinv(weights) @ head, np.zeros((MESH_POINTS, 1))], axis=1)).float()


class RedIsAFace(nn.Module):
    """The three networks: a face is where the middle of a crop is red; the detector itself sees nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.crops: list[int] = []
        """Crops of each call of the landmark network."""
        self.mesh = _mesh_in_unit_square()

    def detector(self, views: Tensor) -> DetectorOutput:
        count = len(views)
        return DetectorOutput(torch.full((count, 896), -9.0), torch.zeros(count, 896, 4), torch.zeros(count, 896, 6, 2))

    def landmarks(self, crops: Tensor) -> LandmarkOutput:
        self.crops.append(len(crops))
        red = (crops[:, 0] > 0.9) & (crops[:, 1] < 0.1)
        there = red[:, 96:160, 96:160].float().mean(dim=(1, 2)) > 0.5
        points = torch.stack([self._placed(mask) for mask in red])
        maps = torch.zeros(len(crops), 128, 16, 16), torch.zeros(len(crops), 128, 8, 8)
        return LandmarkOutput(points, torch.where(there, 20.0, -12.0), torch.zeros(len(crops)), *maps)

    def blendshapes(self, points: Tensor) -> Tensor:
        return torch.zeros(len(points), 52)

    def _placed(self, red: Tensor) -> Tensor:
        rows, columns = red.nonzero(as_tuple=True)
        if not len(rows):
            return self.mesh * 100 + CROP_SIZE / 2
        low, high = torch.stack([columns.min(), rows.min()]), torch.stack([columns.max(), rows.max()])
        middle = torch.cat([(low + high) / 2, torch.zeros(1)])
        return self.mesh * (high - low).max() + middle


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> RedIsAFace:
    made = RedIsAFace()
    monkeypatch.setattr(MeshNetworks, "load", lambda path=None, device="cpu": made)
    monkeypatch.setattr("aufait.layers.runtimes.contract.TorchRuntime.ready", lambda self, module, device, call: module)
    return made


EVERY_LOOK = FollowingConfig(put_off=0)
"""Nothing moves in these pictures, and searches would be put off."""


def make_finder(*squares: tuple[int, int, int, int], looks: int = 2) -> MeshFinder:
    proposed = np.concatenate([np.array(squares, dtype=float).reshape(-1, 4), FALSE])
    return MeshFinder(
        proposals=lambda image, small: proposed, empty_places=EmptyPlacesConfig(looks=looks), following=EVERY_LOOK
    )


def crops_per_frame(finder: MeshFinder, networks: RedIsAFace, images: list[np.ndarray]) -> list[int]:
    """Crops that the landmark network read in each frame, at 10 frames a second: every fifth is a look."""
    counts = []
    for frame, image in enumerate(images):
        networks.crops.clear()
        finder.track(image, frame / 10)
        counts.append(sum(networks.crops))
    return counts


@pytest.mark.parametrize(("looks", "at_looks"), [(2, [1, 1, 3, 1, 1, 3]), (0, [3] * 6)])
def test_a_followed_face_does_not_pay_for_what_is_none(networks: RedIsAFace, looks: int, at_looks: list[int]) -> None:
    counts = crops_per_frame(make_finder(FIRST, looks=looks), networks, [scene(FIRST)] * 35)
    assert counts[0] == 4  # three candidates, and the face once more, in the window of its points
    assert counts[5::5] == at_looks
    assert all(count == 1 for frame, count in enumerate(counts) if frame % 5)


def test_a_face_that_comes_to_an_empty_place_is_found_at_the_next_look(networks: RedIsAFace) -> None:
    finder = make_finder(FIRST)
    for frame in range(20):
        faces = finder.track(scene(FIRST) if frame < 7 else scene(FIRST, SECOND), frame / 10)
        assert len(faces) == (1 if frame < 10 else 2)


def test_everything_is_read_when_nobody_is_followed_and_after_a_reset(networks: RedIsAFace) -> None:
    finder = make_finder(FIRST)
    crops_per_frame(finder, networks, [scene(FIRST)] * 6)
    assert crops_per_frame(finder, networks, [scene(FIRST)])[0] == 1
    finder.reset()
    assert crops_per_frame(finder, networks, [scene(FIRST)])[0] == 4
    nobody = crops_per_frame(make_finder(), networks, [WALL] * 20)
    assert set(nobody) == {0, 2} and nobody.count(2) > 5  # looks are frequent then, with glances between


def test_small_faces_are_looked_for_at_every_second_look_while_somebody_is_followed(networks: RedIsAFace) -> None:
    asked: list[bool] = []

    def propose(image: np.ndarray, small: bool) -> np.ndarray:
        asked.append(small)
        return np.array([FIRST], dtype=float)

    finder = MeshFinder(proposals=propose, following=EVERY_LOOK)
    crops_per_frame(finder, networks, [scene(FIRST)] * 25)
    assert asked == [True, False, True, False, True]
    for image in (scene(FIRST), scene(FIRST)):
        finder.find(image)
    finder.reset()
    crops_per_frame(finder, networks, [WALL] * 5)
    assert all(asked[5:]) and len(asked) > 8


def test_single_pictures_are_always_searched_whole(networks: RedIsAFace) -> None:
    finder = make_finder(FIRST)
    counts = []
    for _ in range(2):
        finder.track(scene(FIRST), 0.0)
        networks.crops.clear()
        assert len(finder.find(scene(FIRST))) == 1
        counts.append(sum(networks.crops))
    assert counts[0] == counts[1] > 3
