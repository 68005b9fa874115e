"""The folder of the page without a server: what is written, what is refused, weights of 8 bits. No browser is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError, OutputError
from aufait.export.browser import write as browser_write
from aufait.export.browser.eight_bits import whole_numbers
from aufait.export.browser.graphs import ActionUnitGraph, FaceCheckGraph, LandmarkGraph
from aufait.export.browser.write import BrowserGraph, WrittenGraph, write_graph
from aufait.faces.builtin import BuiltinConfig, LandmarkReader, landmark_network
from aufait.faces.face_check import judge_crops, load_face_check
from aufait.files.hashes import file_sha256
from aufait.models.default.predictor import AUPredictor
from aufait.studio import static_page
from aufait.studio.static_facts import facts
from aufait.studio.static_page import MODELS_FILE, write_static_page


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page as ``make web`` leaves it, in little."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>page</h1>", encoding="utf-8")
    (folder / "assets" / "page.js").write_text("1", encoding="utf-8")
    monkeypatch.setattr(static_page, "built_page", lambda: folder)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that are not exported: their files are empty."""

    def write(graph: BrowserGraph, folder: Path) -> WrittenGraph:
        folder.mkdir(exist_ok=True)
        (path := folder / f"{graph.name}.onnx").write_bytes(b"")
        return WrittenGraph(path, file_sha256(path), 0, 0.0)

    monkeypatch.setattr(browser_write, "write_graph", write)


@pytest.mark.usefixtures("built", "quick")
def test_the_folder_holds_page_networks_constants_and_how_to_serve_it(tmp_path: Path) -> None:
    written = write_static_page(tmp_path / "out" / "page")
    names = {path.relative_to(written.folder).as_posix() for path in written.folder.rglob("*") if path.is_file()}
    networks = {f"models/{name}.onnx" for name in ("detector", "landmarks", "action_units", "face_check")}
    assert names == {"index.html", "assets/page.js", "README.txt", MODELS_FILE, *networks}
    assert "python -m http.server --directory page" in (written.folder / "README.txt").read_text(encoding="utf-8")
    assert "python -m http.server" in str(written)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["page"]  # nothing partial stays


@pytest.mark.usefixtures("built", "quick")
def test_a_page_is_replaced_only_when_asked_and_other_files_never(tmp_path: Path) -> None:
    folder = write_static_page(tmp_path / "page").folder
    with pytest.raises(OutputError, match="holds a page already"):
        write_static_page(folder)
    (folder / "assets" / "old.js").write_text("0", encoding="utf-8")
    write_static_page(folder, overwrite=True)
    assert not (folder / "assets" / "old.js").exists()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds other files, such as thesis\.txt"):
        write_static_page(folder, overwrite=True)
    assert (folder / "thesis.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(InputError, match="is a file"):
        write_static_page(folder / "thesis.txt")


@pytest.mark.usefixtures("built", "quick")
def test_an_old_page_stays_whole_when_writing_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_static_page(tmp_path / "page").folder

    def fail(*_: object) -> WrittenGraph:
        raise AufaitError("differs")

    monkeypatch.setattr(browser_write, "write_graph", fail)
    with pytest.raises(AufaitError, match="differs"):
        write_static_page(folder, overwrite=True)
    assert (folder / MODELS_FILE).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "page"]


def test_a_page_that_is_not_built_is_said_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_page, "files", lambda _: tmp_path)
    with pytest.raises(MissingModelError, match="make web"):
        write_static_page(tmp_path / "page")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("built")
def test_without_the_exporter_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match="export"):
        write_static_page(tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_constants_are_those_of_the_detector() -> None:
    predictor = AUPredictor.load("compact")
    told = json.loads(json.dumps(facts(predictor, BuiltinConfig(box_score=0.123), {}), allow_nan=False))
    assert told["finder"]["box_score"] == 0.123
    assert told["model"]["sha256"] == predictor.sha256
    assert [unit["unit"] for unit in told["units"]] == list(predictor.action_units)
    assert told["columns"]["video"][:3] == ["frame", "face_id", "timestamp"]
    assert told["head"]["points"][0] != told["head"]["points"][1]
    assert len(told["finder"]["mirror_68"]) == len(told["head"]["weights"]) == 68


def test_the_graph_of_the_model_gives_the_scores_of_its_predictor() -> None:
    predictor = AUPredictor.load("compact")
    crops = torch.randint(0, 256, (3, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    expected = predictor.predict_crops(crops.permute(0, 3, 1, 2).contiguous())
    graph = ActionUnitGraph(predictor.network, torch.from_numpy(predictor.calibration.table), mirror=True).eval()
    with torch.inference_mode():
        probability, intensity, sides, levels = (one.numpy() for one in graph(crops))
    assert np.allclose(probability, expected.probability, atol=1e-4)
    assert np.allclose(intensity, expected.intensity, atol=1e-3)
    assert np.allclose(sides[..., 0], expected.probability_left, atol=1e-4)
    assert np.allclose(levels[..., 1], expected.intensity_right, atol=1e-3)


def test_the_graphs_of_landmarks_and_face_check_give_what_python_reads() -> None:
    image = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    whole = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    points, scores = LandmarkReader.load().read(image, whole)
    graph = LandmarkGraph(landmark_network().eval(), BuiltinConfig()).eval()
    small = torch.from_numpy(image[:64, :64].copy())[None]
    with torch.inference_mode():
        found, sure = graph(torch.from_numpy(image)[None])
        answers = FaceCheckGraph(load_face_check(fused=False)).eval()(small)
    assert np.allclose(found.numpy(), points, atol=1e-2)
    assert np.allclose(sure.numpy(), scores, atol=1e-4)
    expected = judge_crops(load_face_check(), small.permute(0, 3, 1, 2))
    for got, wanted in zip(answers, (expected.fit, expected.clarity, expected.least_visible), strict=True):
        assert np.allclose(got.numpy(), wanted, atol=1e-4)


def test_weights_of_whole_steps_are_found_and_others_left() -> None:
    generator = np.random.default_rng(0)
    whole = generator.integers(-127, 128, (6, 5, 3, 3)).astype(np.float64)
    whole[:, 0, 0, 0] = 127  # each channel has a largest weight
    scale = generator.uniform(1e-4, 0.1, (6, 1, 1, 1))
    found = whole_numbers((whole * scale).astype(np.float32), axis=0)
    assert found is not None
    assert np.array_equal(found[0], whole.astype(np.int8))
    assert np.allclose(found[1], scale)
    assert whole_numbers(generator.normal(size=(6, 5)).astype(np.float32), axis=0) is None
    assert whole_numbers(np.zeros((2, 4), np.float32), axis=0) is not None


class _Restless(nn.Module):
    """Another result each time: no export can be right."""

    outputs = ("numbers",)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (pixels.float().mean(dim=(1, 2, 3)) + torch.rand(1) * 10,)


def test_an_export_that_differs_is_not_kept(tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    graph = BrowserGraph("restless", _Restless(), torch.zeros(2, 4, 4, 3, dtype=torch.uint8), {0: 1})
    with pytest.raises(AufaitError, match="restless differs by"):
        write_graph(graph, tmp_path)
    assert list(tmp_path.iterdir()) == []
