"""Networks as models of a detector: same input as in evaluation, results in the picture, order, honesty about what is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeFinder, textured
from networks import BeforeAndAfter, BeforeAndAfterConfig, Echo, EchoConfig, face, picture
from torch import Tensor, nn

import aufait
from aufait.alignment import warp
from aufait.detection.detector import Detector
from aufait.detection.network_video import NetworkVideo
from aufait.detection.trained_network import NetworkPredictor
from aufait.errors import InputError, MissingModelError
from aufait.inputs.alignments import detector_boxes, get_alignment
from aufait.inputs.network_inputs import network_inputs
from aufait.models.contract import check_network
from aufait.models.outputs import AUOutput
from aufait.results import FrameAnalysis

UNITS = (1, 2, 4)


@dataclass(frozen=True)
class Frame:
    """What the video reader yields."""

    index: int
    timestamp: float
    image: np.ndarray


def test_a_network_sees_in_pictures_what_it_sees_in_prepared_faces() -> None:
    torch.manual_seed(0)
    model = aufait.create_model("jaa-net-v2", UNITS, unit=2, image_size=96).eval()
    frame, image, one = get_alignment("jaa_net"), picture(), face()
    matrix = frame.transforms(one.landmarks[None])
    stored = warp(image, matrix, frame.side, frame.border).permute(0, 2, 3, 1)
    with torch.no_grad():
        expected = model(**network_inputs(model, stored, None)).probability.numpy()
    got = NetworkPredictor(model).predict_faces([image], [[one]])
    np.testing.assert_allclose(got.probability, expected, atol=1e-6)
    assert got.intensity is None and got.probability_left is None and got.intensity_right is None


def test_networks_of_the_aunet_paper_are_tested_with_the_mirrored_face_too() -> None:
    torch.manual_seed(0)
    model = aufait.create_model("resnet18", UNITS, image_size=32).eval()
    both = NetworkPredictor(model).predict_faces([picture()], [[face()]])
    plain = NetworkPredictor(model, mirror=False).predict_faces([picture()], [[face()]])
    assert not np.allclose(both.probability, plain.probability, atol=1e-6)


def test_landmarks_of_the_network_come_back_to_the_picture() -> None:
    one = face()
    scores = NetworkPredictor(Echo(EchoConfig(action_units=UNITS))).predict_faces([picture()], [[one]])
    assert scores.model_landmarks is not None
    inner = [*range(17, 60), *range(61, 64), *range(65, 68)]  # the 49 of the 68 points
    np.testing.assert_allclose(scores.model_landmarks[0], one.landmarks[inner], atol=0.02)


def test_attention_is_given_where_it_is_asked_for_and_lies_on_the_face() -> None:
    model, one = Echo(EchoConfig(action_units=UNITS)), face()
    assert NetworkPredictor(model).predict_faces([picture()], [[one]]).attention is None
    (found,) = NetworkPredictor(model, attention=True).predict_faces([picture()], [[one]]).attention or ()
    assert found.maps.shape == (3, 12, 12)
    middle = found.to_picture @ np.array([5.5, 5.5, 1.0])  # the middle of the map is that of the network's window
    assert np.abs(middle - one.landmarks.mean(0)).max() < 30
    corner = found.to_picture @ np.array([-0.5, -0.5, 1.0])
    assert (corner < one.landmarks[17:].min(0)).all()


def test_groups_of_faces_do_not_change_scores() -> None:
    model = Echo(EchoConfig(action_units=UNITS))
    images, faces = [picture(1), picture(2), picture(3)], [[face(), face(60, 40, 60)], [], [face(20, 20, 100)]]
    together = NetworkPredictor(model).predict_faces(images, faces)
    alone = NetworkPredictor(model, batch=1).predict_faces(images, faces)
    np.testing.assert_allclose(together.probability, alone.probability, atol=1e-6)
    assert len(together) == 3 and len(NetworkPredictor(model).predict_faces([picture()], [[]])) == 0


def video(model: nn.Module, way: str, frames: int, *, without: set[int] = frozenset()) -> list[np.ndarray]:  # type: ignore[assignment]
    """Probabilities of a clip that gets brighter and shows one face, in some frames none."""
    session = NetworkVideo(NetworkPredictor(model, video=way, mirror=False))  # type: ignore[arg-type]
    done = []
    for number in range(frames):
        faces = [] if number in without else [face(40 + number, 30)]
        done += session.push(picture(0, 5 * number), faces)
    done += session.finish()
    return [one.probability for one in done]


def test_three_frames_are_the_ones_an_interval_apart_and_the_frame_itself_at_the_ends() -> None:
    found = video(BeforeAndAfter(BeforeAndAfterConfig(action_units=UNITS)), "neighbours", 7)
    logits = np.array([np.log(one[0] / (1 - one[0])) for one in found])  # earlier, current, later
    assert len(found) == 7
    np.testing.assert_allclose(logits[:2, 0], logits[:2, 1], atol=1e-3)
    np.testing.assert_allclose(logits[-2:, 2], logits[-2:, 1], atol=1e-3)
    assert (logits[2:, 0] < logits[2:, 1]).all() and (logits[:-2, 2] > logits[:-2, 1]).all()


def test_a_face_that_is_lost_ends_its_track_and_frames_stay_in_order() -> None:
    found = video(BeforeAndAfter(BeforeAndAfterConfig(action_units=UNITS)), "neighbours", 8, without={4})
    assert [len(one) for one in found] == [1, 1, 1, 1, 0, 1, 1, 1]
    logits = np.log(found[3][0] / (1 - found[3][0]))
    assert logits[2] == pytest.approx(logits[1], abs=1e-3)  # its later neighbour is beyond the end of the track


def test_two_faces_keep_their_own_tracks() -> None:
    model = BeforeAndAfter(BeforeAndAfterConfig(action_units=UNITS))
    session = NetworkVideo(NetworkPredictor(model, video="neighbours", mirror=False))
    done = []
    for number in range(6):
        group = [face(20, 30, 60, track=3), face(110, 50, 70, track=9)]
        done += session.push(picture(1), group[:: 1 if number % 2 else -1] if number < 4 else group[1:])
    done += session.finish()
    assert [len(one) for one in done] == [2, 2, 2, 2, 1, 1]
    first, second = done[0].probability, done[1].probability[::-1]
    np.testing.assert_allclose(first, second, atol=1e-6)  # same faces, other order


def test_aunet_follows_a_track_with_one_pass_through_fan_per_frame() -> None:
    from aufait.models.aunet import AUNetStream, TrackAligner

    torch.manual_seed(0)
    model = aufait.create_model("au-tdn", UNITS, image_size=64, interval=2).eval()
    found = video(model, "track", 6)
    aligner, stream = TrackAligner(size=64), AUNetStream(model)
    expected = []
    for number in range(6):
        points = face(40 + number, 30).landmarks
        matrix = aligner.transform(points, detector_boxes(points[None])[0])
        crop = warp(picture(0, 5 * number), matrix[None], 64, 0).float() / 255
        expected += list(stream.push(crop).probability)
    expected += list(stream.finish().probability)
    assert stream.fan_passes == 6
    np.testing.assert_allclose(np.concatenate(found), torch.stack(expected).numpy(), atol=1e-6)


def test_a_photograph_serves_as_its_own_neighbours() -> None:
    model = BeforeAndAfter(BeforeAndAfterConfig(action_units=UNITS))
    (row,) = NetworkPredictor(model).predict_faces([picture()], [[face()]]).probability
    assert row[0] == pytest.approx(row[1]) == pytest.approx(row[2])


def frames(count: int) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index * 0.04, textured(brightness=60 + 4 * index))


@pytest.mark.parametrize("network", ["echo", "three frames"])
def test_a_detector_takes_a_network_and_gives_every_frame_in_order(network: str) -> None:
    model = Echo(EchoConfig(action_units=UNITS)) if network == "echo" else BeforeAndAfter(BeforeAndAfterConfig(action_units=UNITS))
    with Detector(finder=FakeFinder(), model=model, device="cpu") as detector:
        results = [frame.analysis for frame in detector.follow(frames(9), source="clip")]
        settings = detector.settings
    assert [result.frame for result in results] == list(range(1, 10))
    assert all(result.faces[0].action_units == UNITS for result in results)
    assert settings["model"] == type(model).__name__ and settings["model_details"]["config"]["system"] == model.config.SYSTEM
    for result in results:
        again = FrameAnalysis.from_dict(result.to_dict()).faces[0]
        assert again.intensity is None and again.sides is None
        np.testing.assert_array_equal(again.probability, result.faces[0].probability)


def test_tables_leave_empty_what_a_network_does_not_give(tmp_path: Path) -> None:
    from aufait.detection.tables import OpenFaceCsvWriter, ParquetWriter, read_openface_csv

    with Detector(finder=FakeFinder(), model=Echo(EchoConfig(action_units=(1, 43))), device="cpu") as detector:
        result = detector.analyze_image(textured())
    with OpenFaceCsvWriter(tmp_path / "t.csv", (1, 43), kind="image") as table:
        table.write(result)
    (row,) = csv.DictReader((tmp_path / "t.csv").open())
    assert row["AU01_r"] == row["AU43_r"] == row["AU01_left_r"] == row["AU01_right_p"] == ""
    assert float(row["AU01_p"]) == pytest.approx(float(result.faces[0].probability[0]), abs=1e-4)
    assert row["AU01_c"] in ("0.0", "1.0")
    assert np.isnan(read_openface_csv(tmp_path / "t.csv")["AU01_r"]).all()
    parquet = pytest.importorskip("pyarrow.parquet")
    with ParquetWriter(tmp_path / "t.parquet", (1, 43)) as table:
        table.write(result)
    (line,) = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert line["AU01_r"] is None and line["AU01_left_p"] is None and line["AU01_p"] is not None


def test_drawings_and_pages_say_that_intensities_are_not_given(tmp_path: Path) -> None:
    from aufait.visualization.results.annotate import annotate
    from aufait.visualization.results.report import Report
    from aufait.visualization.results.timeline import Timeline

    timeline, report = Timeline(), Report("clip")
    with Detector(finder=FakeFinder(), model=Echo(EchoConfig(action_units=UNITS)), device="cpu") as detector:
        for frame in detector.follow(frames(4), source="clip"):
            timeline.add(frame.analysis)
            report.add(frame.analysis, frame.image)
            assert annotate(frame.image, frame.analysis).shape == frame.image.shape
    assert timeline.to_png().startswith(b"\x89PNG")
    page = report.write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("not given") >= 3 * len(UNITS) and "probability 9" in page


# ---------------------------------------------------------------------------------------------------------------------
# From files, and what is refused
# ---------------------------------------------------------------------------------------------------------------------


def test_a_saved_network_and_the_folder_of_a_run_are_models(tmp_path: Path) -> None:
    model = aufait.create_model("drml", UNITS, hidden_sizes=(32, 16))
    notes = {"data": {"bp4d": {"alignment": "arl"}}, "recipe": "drml_bp4d", "fold": 2}
    aufait.save_model(model, tmp_path / "model.safetensors", name="drml", notes=notes)
    for place in (tmp_path, tmp_path / "model.safetensors"):
        with Detector(finder=FakeFinder(), model=place, device="cpu") as detector:
            settings = detector.settings
        assert settings["model"] == "drml" and len(settings["model_sha256"]) == 64
        assert settings["model_details"]["input_alignment"] == "arl"  # of its training faces, not the one it was designed for
        assert settings["model_details"]["training"] == {"recipe": "drml_bp4d", "fold": 2}


def test_an_unfinished_run_and_files_of_other_kinds_are_refused_with_the_way_out(tmp_path: Path) -> None:
    cases: list[tuple[str, str, type[Exception]]] = []
    (tmp_path / "empty").mkdir()
    cases.append((str(tmp_path / "empty"), "give the folder of a finished aufait train", InputError))
    aufait.save_model(aufait.create_model("drml", UNITS, hidden_sizes=(32, 16)), tmp_path / "run/model.safetensors", name="drml")
    (tmp_path / "run/run.json").write_text('{"status": "running"}')
    cases.append((str(tmp_path / "run"), "resume it", InputError))
    for name, words in (("bp4d_split1.pth", "import-checkpoint"), ("net.onnx", "exported for other programs")):
        (tmp_path / name).write_bytes(b"x")
        cases.append((str(tmp_path / name), words, InputError))
    cases.append(("arl", "names a network, which has no weights", InputError))
    cases.append(("nothing", "unknown model", MissingModelError))
    for model, words, error in cases:
        with pytest.raises(error, match=words):
            Detector(finder=FakeFinder(), model=model, device="cpu")


def test_base_rates_are_refused_for_networks_that_are_not_calibrated(tmp_path: Path) -> None:
    path = aufait.save_model(aufait.create_model("drml", UNITS, hidden_sizes=(32, 16)), tmp_path / "m.safetensors", name="drml")
    with pytest.raises(InputError, match="base rates are for the shipped models"):
        Detector(finder=FakeFinder(), model=path, device="cpu", base_rates=0.1)


class NoOutput(Echo):
    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        return images.mean((1, 2, 3))  # type: ignore[return-value]


class WrongShape(Echo):
    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        return AUOutput(logits=images.mean((1, 2, 3)))


class NotFinite(Echo):
    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        return AUOutput(logits=torch.full((len(images), len(self.action_units)), float("nan")))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NoOutput, r"NoOutput.forward must return an aufait.AUOutput\(logits=...\), got a tensor \(1,\)"),
        (WrongShape, r"WrongShape.forward must return logits of shape \(1, 3\), got a tensor \(1,\)"),
        (NotFinite, "NotFinite.forward returned logits that are not finite"),
    ],
)
def test_a_network_that_breaks_the_contract_is_told_which_method_and_what_came(kind: type[Echo], words: str) -> None:
    model = kind(EchoConfig(action_units=UNITS))
    with pytest.raises(InputError, match=words):
        check_network(model)
    with pytest.raises(InputError, match=words), Detector(finder=FakeFinder(), model=model, device="cpu") as detector:
        detector.analyze_image(textured())


def test_wrong_needs_are_found_before_a_picture_is_read() -> None:
    strange = type("Strange", (Echo,), {"input_alignment": "faces"})
    with pytest.raises(InputError, match=r"Strange.input_alignment must be one of .*'arl'.*, got 'faces'"):
        Detector(finder=FakeFinder(), model=strange(EchoConfig(action_units=UNITS)), device="cpu")
    with pytest.raises(InputError, match=r"must derive from aufait.AUSystem.*got Linear"):
        Detector(finder=FakeFinder(), model=nn.Linear(2, 2), device="cpu")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="alignment must be one of track, neighbours, got 'both'"):
        Detector(finder=FakeFinder(), model=Echo(EchoConfig(action_units=UNITS)), device="cpu", alignment="both")
