"""The task file: where it is looked for, what is refused and how that is said, what is read from it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aufait.errors import MissingModelError
from aufait.faces import task_file as module
from aufait.faces.tflite_weights import read_operators


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.delenv("AUFAIT_DOWNLOAD", raising=False)
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path / "cache"))


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"network")
    return buffer.getvalue()


def test_absent_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"cache.*aufait doctor --fetch.*AUFAIT_MEDIAPIPE_MODEL"):
        module.find_task_file()
    with pytest.raises(MissingModelError, match=r"not at .*other\.task"):
        module.find_task_file(tmp_path / "other.task")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "0 bytes, not a zip archive"),
        (b"<html>not found</html>", "not a zip archive"),
        (zipped(*module.NETWORKS.values())[:-30], "cut-off zip archive"),
        (zipped("face_detector.tflite"), "without face_landmarks_detector.tflite, face_blendshapes.tflite"),
        (zipped(*module.NETWORKS.values()), "another version"),
    ],
)
def test_another_file_is_named_with_both_hashes(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(content)
    with pytest.raises(MissingModelError) as error:
        module.read_networks(tmp_path)
    for part in (str(file), what, hashlib.sha256(content).hexdigest(), module.TASK_SHA256):
        assert part in str(error.value)


def test_a_file_that_is_a_part_of_the_real_one_is_refused(task_file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.task").write_bytes(task_file.read_bytes()[:2_000_000])
    with pytest.raises(MissingModelError, match="cut-off"):
        module.find_task_file(tmp_path / "cut.task")


def test_path_goes_before_environment_before_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = b"the file that is looked for"
    monkeypatch.setattr(module, "TASK_SHA256", hashlib.sha256(content).hexdigest())
    places = [tmp_path / "cache" / module.TASK_NAME, tmp_path / "environment.task", tmp_path / "path.task"]
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    assert module.find_task_file() == places[0]
    monkeypatch.setenv("AUFAIT_MEDIAPIPE_MODEL", str(places[1]))
    assert module.find_task_file() == places[1]
    assert module.find_task_file(places[2]) == places[2]


def test_download_happens_only_where_the_environment_allows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def arrive(url: str, target: Path) -> Path:
        target.write_bytes(b"whole")
        return target

    monkeypatch.setattr(module, "download", arrive)
    monkeypatch.setattr(module, "TASK_SHA256", hashlib.sha256(b"whole").hexdigest())
    with pytest.raises(MissingModelError):
        module.find_task_file()
    monkeypatch.setenv("AUFAIT_DOWNLOAD", "1")
    assert module.find_task_file() == tmp_path / "cache" / module.TASK_NAME


def test_the_networks_weights_are_read(task_file: Path) -> None:
    networks = module.read_networks(task_file)
    assert {name: len(operators) for name, operators in networks.items()} == {
        "detector": 37, "landmarks": 175, "blendshapes": 37,
    }  # fmt: skip
    numbers = sum(a.size for operators in networks.values() for step in operators for a in step.constants)
    assert 1.7e6 < numbers < 1.9e6
    assert all(np.isfinite(a).all() for operators in networks.values() for step in operators for a in step.constants)


def test_the_reader_agrees_with_the_published_schema(task_file: Path) -> None:
    tflite = pytest.importorskip("tflite", reason="the schema package tflite is not installed")
    data = zipfile.ZipFile(task_file).read("face_detector.tflite")
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    expected = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() == tflite.BuiltinOperator.DEQUANTIZE:
            tensor = graph.Tensors(int(operator.InputsAsNumpy()[0]))
            stored = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
            expected.append(np.frombuffer(stored, np.float16).astype(np.float32))
    read = [array.ravel() for step in read_operators(data) for array in step.constants]
    assert sorted(map(len, read)) == sorted(map(len, expected))
    assert np.isclose(sum(float(a.sum()) for a in read), sum(float(a.sum()) for a in expected), atol=1e-2)
