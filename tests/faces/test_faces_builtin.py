"""Builtin back end: geometry of crops and boxes, networks, weights files; on real pictures where they and the
weights are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aufait.alignment import apply_transform
from aufait.errors import InputError, MissingModelError
from aufait.faces import create_finder
from aufait.faces.boxes import landmark_boxes, overlap
from aufait.faces.builtin import BoxDetector, BuiltinFinder, LandmarkReader
from aufait.faces.networks import (
    FaceDetectorConfig,
    FaceDetectorNet,
    FaceLandmarkConfig,
    FaceLandmarkNet,
    cell_centers,
    decode_boxes,
    soft_argmax,
)
from aufait.faces.pose import Camera, matrix_from_euler, project
from aufait.faces.weights import load_weights, save_weights, weights_available
from aufait.layers.fused import prepare
from aufait.media.video import open_video
from aufait.shipped.faces.losses import detector_targets
from aufait.shipped.real_faces import SOURCES, listed_real_faces

POINTS = project(
    matrix_from_euler(np.radians([[0.0, 20.0, 30.0], [10.0, 0.0, -15.0]])),
    np.array([[-100.0, 0.0, 900.0], [120.0, 40.0, 700.0]]),
    Camera.guess(640, 360),
)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights that have learnt nothing."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name, network in (("face_detector", FaceDetectorNet()), ("face_landmarks", FaceLandmarkNet())):
        save_weights(folder / f"{name}.safetensors", network.state_dict(), {"config": asdict(network.config)})
    return folder


def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(0)
    for network, size in ((FaceDetectorNet(), 64), (FaceLandmarkNet(), 128)):
        network.train()
        network(torch.rand(4, 3, size, size))  # running statistics that are not the initial ones
        network.eval()
        images = torch.rand(2, 3, size, size)
        before = [t for part in network(images) for t in (part if isinstance(part, tuple) else (part,))]
        after = [t for part in prepare(network, "cpu")(images) for t in (part if isinstance(part, tuple) else (part,))]
        for a, b in zip(before, after, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_output_shapes_follow_the_input() -> None:
    outputs = FaceDetectorNet()(torch.rand(2, 3, 96, 160))
    assert [tuple(score.shape) for score, _ in outputs] == [(2, 1, 12, 20), (2, 1, 6, 10), (2, 1, 3, 5)]
    assert all(edges.shape[1] == 4 for _, edges in outputs)
    heatmaps, face = FaceLandmarkNet()(torch.rand(3, 3, 128, 128))
    assert (tuple(heatmaps.shape), tuple(face.shape)) == ((3, 68, 32, 32), (3,))


def test_gradients_reach_every_parameter() -> None:
    for network, size in ((FaceDetectorNet(), 64), (FaceLandmarkNet(), 128)):
        parts = network(torch.rand(2, 3, size, size))
        sum(t.square().sum() for part in parts for t in (part if isinstance(part, tuple) else (part,))).backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_soft_argmax_finds_a_peak_between_cells() -> None:
    logits = torch.full((1, 1, 32, 32), -20.0)
    logits[0, 0, 10, 5] = logits[0, 0, 10, 6] = 10.0
    torch.testing.assert_close(soft_argmax(logits), torch.tensor([[[23.5, 41.5]]]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_boxes_are_what_the_targets_encode(level: int) -> None:
    config = FaceDetectorConfig()
    low, high = config.size_ranges[level]
    size = min((low * high) ** 0.5, 200.0)
    box = torch.tensor([[[60.0, 70.0, 60.0 + 0.9 * size, 70.0 + size]]])
    side = 256 // config.strides[level]
    score, edges, mask = detector_targets(box, torch.ones(1, 1, dtype=torch.long), config, level, side, side)
    peak = int(score[0].argmax())
    assert score[0, peak] == 1
    assert mask.all()
    decoded = decode_boxes(edges[0].T.reshape(1, 4, side, side), config.strides[level], config.reference_sizes[level])
    torch.testing.assert_close(decoded[0, peak], box[0, 0], atol=0.01, rtol=0)


def test_things_left_out_of_account_are_no_targets() -> None:
    config = FaceDetectorConfig()
    box = torch.tensor([[[60.0, 70.0, 90.0, 100.0]]])
    score, _, mask = detector_targets(box, torch.full((1, 1), -1), config, 0, 32, 32)
    assert score.max() == 0
    assert 0 < (mask == 0).sum() < 30
    score, _, mask = detector_targets(box, torch.zeros(1, 1, dtype=torch.long), config, 0, 32, 32)
    assert score.max() == 0
    assert mask.all()


def test_cell_centres_are_pixel_centres() -> None:
    assert cell_centers(2, 3, 8)[0].tolist() == [3.5, 3.5]
    assert cell_centers(2, 3, 8)[-1].tolist() == [19.5, 11.5]


def test_crops_hold_the_face_level_and_in_the_middle(untrained: Path) -> None:
    reader = LandmarkReader.load(untrained)
    side, scale = reader.sizes.crop_size, reader.sizes.crop_scale
    moved = apply_transform(reader.crop_from_landmarks(POINTS), POINTS)
    eyes = moved[:, 42:48].mean(axis=1) - moved[:, 36:42].mean(axis=1)
    np.testing.assert_allclose(eyes[:, 1], 0, atol=1e-6)
    low, high = moved.min(axis=1), moved.max(axis=1)
    np.testing.assert_allclose((low + high) / 2, (side - 1) / 2, atol=1e-6)
    np.testing.assert_allclose((high - low).max(axis=1), side / scale, atol=1e-6)
    boxes = landmark_boxes(POINTS)
    upright = apply_transform(reader.crop_from_boxes(boxes), POINTS)
    np.testing.assert_allclose((upright.min(axis=1) + upright.max(axis=1)) / 2, (side - 1) / 2, atol=1e-4)


def test_points_come_back_to_the_picture(untrained: Path) -> None:
    """Whatever the network says, the middle of a crop is the middle of the face."""
    reader = LandmarkReader.load(untrained)
    for part in reader._network.heatmaps.parameters():  # a flat heatmap means the middle of the crop
        torch.nn.init.zeros_(part)
    points, scores = reader.read(np.zeros((360, 640, 3), np.uint8), reader.crop_from_landmarks(POINTS))
    boxes = landmark_boxes(POINTS)
    assert points.shape == (2, 68, 2)
    assert ((scores >= 0) & (scores <= 1)).all()
    inside = (points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])
    assert inside.all()
    assert reader.read(np.zeros((8, 8, 3), np.uint8), np.zeros((0, 2, 3)))[0].shape == (0, 68, 2)


def _reader_with(scores: list[float], weights: Path) -> tuple[LandmarkReader, list[int]]:
    """A reader whose network gives the scores in turn and all points at one place, and the sizes of its calls."""
    reader, calls, left = LandmarkReader.load(weights), [], list(scores)

    def run(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(len(crops))
        place = 63.5 + 0.1 * len(calls)  # a tenth of a pixel further at each call
        return torch.full((len(crops), 68, 2), place), torch.tensor([left.pop(0) for _ in crops])

    reader._run = run  # type: ignore[method-assign]
    return reader, calls


@pytest.mark.parametrize(
    ("scores", "check", "calls", "score", "place"),
    [
        ([0.95], False, [1], 0.95, 63.6),  # sure: one reading
        ([0.95, 0.4], True, [1, 1], 0.4, 63.6),  # checked: both must support the score, the points stay
        ([0.6, 0.7], False, [1, 1], 0.6, (63.6 + 127 - 63.7) / 2),  # in doubt: the mean of both sides
    ],
)
def test_a_followed_face_is_read_from_both_sides_only_in_doubt_or_to_check_it(
    untrained: Path, scores: list[float], check: bool, calls: list[int], score: float, place: float
) -> None:
    reader, made = _reader_with(scores, untrained)
    whole = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    points, found = reader.read_followed(np.zeros((128, 128, 3), np.uint8), whole, check=check)
    assert made == calls
    assert found == pytest.approx([score])
    assert points[0, :, 0] == pytest.approx(np.full(68, place))


def test_followed_faces_are_checked_now_and_then(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = BuiltinFinder(weights=untrained)
    checks: list[bool] = []

    def follow(image: np.ndarray, windows: np.ndarray, *, check: bool) -> tuple[np.ndarray, np.ndarray]:
        checks.append(check)
        return finder._reader.read(image, windows)

    monkeypatch.setattr(finder._reader, "read_followed", follow)
    face = type("Seen", (), {"landmarks": POINTS[0]})
    picture = np.zeros((360, 640, 3), np.uint8)
    for _ in range(2 * finder.config.check_frames):
        finder._look_again(picture, [face])  # type: ignore[list-item]
    assert sum(checks) == 2
    assert checks[finder.config.check_frames - 1]
    finder._look_again(picture, [face])  # type: ignore[list-item]
    finder.reset()
    for _ in range(finder.config.check_frames):
        finder._look_again(picture, [face])  # type: ignore[list-item]
    assert checks[-1], "counted anew after a reset"


@pytest.mark.parametrize("shape", [(1, 1), (7, 400), (400, 7), (360, 640)])
def test_pictures_of_any_shape_are_taken(untrained: Path, shape: tuple[int, int]) -> None:
    finder = BuiltinFinder(weights=untrained)
    image = np.zeros((*shape, 3), np.uint8)
    assert isinstance(finder.find(image), list)
    assert isinstance(finder.track(image, 0.0), list)


def test_detector_boxes_are_in_pixels_of_the_picture(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell speaks up: together they must cover the picture, at every size of the pyramid."""
    detector = BoxDetector.load(untrained)
    network = detector._network
    monkeypatch.setattr(detector, "_network", lambda pixels: [(logits + 50, edges) for logits, edges in network(pixels)])
    boxes, scores = detector._level(np.zeros((360, 640, 3), np.uint8), 320)
    assert len(boxes) == len(scores) == 40 * 24 + 20 * 12 + 10 * 6  # 320 x 192 pixels at strides 8, 16 and 32
    fine = ((boxes[:, :2] + boxes[:, 2:]) / 2)[: 40 * 24].reshape(24, 40, 2)
    step = np.diff(fine, axis=1)[..., 0].mean(), np.diff(fine, axis=0)[..., 1].mean()
    assert step == pytest.approx((16.0, 16.0), rel=0.15)  # stride 8 at half the size of the picture
    assert 0 <= boxes[:, [0, 2]].mean() <= 640 and 0 <= boxes[:, [1, 3]].mean() <= 384


@pytest.mark.parametrize(("face_score", "eye_score", "kept"), [(0.7, 0.9, 2), (0.9, 0.7, 1)])
def test_a_surer_eye_does_not_hide_its_face(
    untrained: Path, monkeypatch: pytest.MonkeyPatch, face_score: float, eye_score: float, kept: int
) -> None:
    """A box within a larger one goes only where the larger one is surer."""
    face, eye = [100.0, 100.0, 300.0, 320.0], [120.0, 140.0, 190.0, 210.0]
    level = (np.array([face, eye], np.float32), np.array([face_score, eye_score], np.float32))
    detector = BoxDetector.load(untrained)
    monkeypatch.setattr(detector, "_level", lambda image, side: level)
    boxes, scores = detector.detect(np.zeros((400, 400, 3), np.uint8), (320,), 0.3)
    assert len(boxes) == len(scores) == kept
    assert face in boxes.tolist()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_the_whole_face_is_read_beside_a_box_of_half_of_it(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half, whole, again = [272.0, 239.0, 500.0, 483.0], [167.0, 225.0, 495.0, 574.0], [160.0, 230.0, 490.0, 570.0]
    level = (np.array([half, whole, again], np.float32), np.array([0.67, 0.66, 0.6], np.float32))
    detector = BoxDetector.load(untrained)
    monkeypatch.setattr(detector, "_level", lambda image, side: level)
    boxes, _ = detector.detect(np.zeros((640, 640, 3), np.uint8), (320,), 0.3)
    assert boxes.tolist() == [half, whole]


def test_missing_or_foreign_weights_are_explained(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="aufait train-faces"):
        BuiltinFinder(weights=tmp_path)
    (tmp_path / "face_detector.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(MissingModelError, match="cannot be read"):
        BuiltinFinder(weights=tmp_path)
    small = FaceDetectorNet(FaceDetectorConfig(neck=32))
    header: dict[str, object] = {"config": asdict(FaceDetectorConfig())}
    save_weights(tmp_path / "face_detector.safetensors", small.state_dict(), header)
    with pytest.raises(MissingModelError, match="do not fit"):
        BoxDetector.load(tmp_path)
    save_weights(tmp_path / "face_detector.safetensors", small.state_dict(), {"config": {"nose": 3}})
    with pytest.raises(MissingModelError, match="this version"):
        BoxDetector.load(tmp_path)


def test_weights_keep_their_header_and_values(tmp_path: Path) -> None:
    network = FaceLandmarkNet(FaceLandmarkConfig())
    save_weights(
        tmp_path / "face_landmarks.safetensors", network.state_dict(), {"config": {"points": 68}, "note": [1, 2]}
    )
    tensors, header = load_weights("face_landmarks", tmp_path)
    assert header["note"] == [1, 2]
    for key, value in network.state_dict().items():
        torch.testing.assert_close(tensors[key], value.float(), atol=2e-3, rtol=2e-3)


def test_an_unknown_device_is_refused(untrained: Path) -> None:
    with pytest.raises(InputError, match=r"no (cuda )?device"):
        BuiltinFinder(weights=untrained, device="cuda:97")


shipped = pytest.mark.skipif(
    not (weights_available("face_detector") and weights_available("face_landmarks")),
    reason="the builtin weights are not in this checkout; train them with: aufait train-faces",
)


@shipped
def test_shipped_weights_are_small_and_say_what_they_are() -> None:
    for name in ("face_detector", "face_landmarks"):
        _, header = load_weights(name)
        assert {"config", "figures", "training", "data", "licence"} <= set(header)
    assert "no photograph" in str(load_weights("face_detector")[1]["data"])
    _, learnt = load_weights("face_landmarks")
    assert "real faces" in str(learnt["data"]) and "teacher" in str(learnt["data"])
    allowed = [e for e in listed_real_faces() if not e.held_out]
    for source in learnt["real_faces"]:  # type: ignore[attr-defined]
        listed = SOURCES[source["set"]]
        assert (source["repository"], source["commit"], source["licence"]) == (listed.repository, listed.commit, listed.licence)
        assert 0 < source["faces"] <= sum(e.set_name == source["set"] for e in allowed)
    folder = Path(__file__).resolve().parents[2] / "src" / "aufait" / "weights"
    assert sum((folder / f"{n}.safetensors").stat().st_size for n in ("face_detector", "face_landmarks")) < 12e6


@shipped
@pytest.mark.parametrize("least", [0.5, 0.8])
def test_a_high_threshold_still_finds_clear_faces(least: float) -> None:
    clip = Path(__file__).resolve().parents[2] / "src" / "aufait" / "assets" / "demo.mp4"
    with open_video(clip) as video:
        image = next(iter(video)).image
    with create_finder("builtin", min_confidence=least) as finder:  # type: ignore[attr-defined]
        faces = finder.find(image)
    assert faces
    assert all(face.confidence >= least for face in faces)


@shipped
def test_all_five_faces_of_a_group_are_found(shared: Path) -> None:
    image = np.asarray(Image.open(shared / "samples" / "multi_face.jpg").convert("RGB"))
    with create_finder("builtin") as finder:  # type: ignore[attr-defined]
        faces = finder.find(image)
    assert len(faces) == 5


@shipped
def test_portraits_that_fill_the_picture_are_found(shared: Path) -> None:
    """On these six an eye alone looks more like a face to the detector than the whole does."""
    folder = shared / "real_faces" / "london"
    if not folder.is_dir():
        pytest.skip(f"real faces not found at {folder}")
    names = ("027_neutral", "036_neutral", "069_neutral", "002_smiling", "126_smiling", "127_smiling")
    with create_finder("builtin") as finder:  # type: ignore[attr-defined]
        for name in names:
            (face,) = finder.find(np.asarray(Image.open(folder / f"{name}.jpg").convert("RGB")))
            assert np.ptp(face.box[[0, 2]]) > 150


@shipped
@shipped
def test_a_large_face_of_a_picture_costs_one_look_and_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one face is wanted; it is the face that the whole search finds."""
    clip = Path(__file__).resolve().parents[2] / "src" / "aufait" / "assets" / "demo.mp4"
    with open_video(clip) as video:
        image = next(iter(video)).image
    image = np.ascontiguousarray(image[:, : image.shape[1] // 2])  # one of its two people
    (whole,) = BuiltinFinder().find(image)
    finder = BuiltinFinder(max_faces=1)
    sides, crops = [], []
    detect, run = finder._detector.detect, finder._reader._run
    monkeypatch.setattr(finder._detector, "detect", lambda image, which, score: sides.append(which) or detect(image, which, score))
    monkeypatch.setattr(finder._reader, "_run", lambda some: crops.append(len(some)) or run(some))
    (face,) = finder.find(image)
    assert (sides, crops) == ([(160,)], [1, 1])
    size = np.ptp(whole.landmarks, axis=0).max()
    assert np.linalg.norm(face.landmarks - whole.landmarks, axis=1).mean() < 0.02 * size


def test_the_mountains_have_no_face(shared: Path) -> None:
    image = np.asarray(Image.open(shared / "samples" / "free-mountain-vector-01.jpg").convert("RGB"))
    assert create_finder("builtin").find(image) == []


@shipped
def test_a_face_is_followed_through_motion(shared: Path) -> None:
    """The same photograph slides across the frame: one track, at the right place."""
    picture = Image.open(shared / "samples" / "single_face.jpg").convert("RGB").resize((286, 281))
    finder = create_finder("builtin")
    for frame in range(12):
        scene = Image.new("RGB", (640, 360), (120, 130, 110))
        scene.paste(picture, (40 + 12 * frame, 30))
        (face,) = finder.track(np.asarray(scene), frame / 25)
        expected = np.array([[40 + 12 * frame + 95, 30 + 88, 40 + 12 * frame + 186, 30 + 200]], np.float32)
        assert face.track_id == 0
        assert overlap(face.box[None], expected)[0, 0] > 0.5
