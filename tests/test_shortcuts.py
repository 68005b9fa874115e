"""``aufait.detect``, ``train`` and ``evaluate``: what a short script calls, and what the package shows of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from face_caches import labelled_dataset, make_test_cache
from fakes import FakeFinder, FakePredictor, write_clip, write_picture

import aufait
from aufait.data.preparation import FaceCache
from aufait.data.protocols import get_protocol
from aufait.detection.detector import Detector

DOCS = Path(__file__).resolve().parents[1] / "docs"
TINY = ["model=convnet", "model_settings.image_size=60", "model_settings.fc7_width=16", "epochs=1", "batch_size=8", "hold_out=0"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceCache:
    """Noise in place of faces, of two subjects of every part of DISFA's protocol."""
    subjects = {name for fold in get_protocol("disfa").folds for part in fold.test for name in (part.subjects or ())[:2]}
    return make_test_cache(tmp_path_factory.mktemp("faces") / "disfa", labelled_dataset(subjects=tuple(sorted(subjects))))


def test_detect_gives_what_a_detector_gives(tmp_path: Path) -> None:
    picture, clip = write_picture(tmp_path / "one.png"), write_clip(tmp_path / "two.mp4", frames=3)
    found = aufait.detect([picture, clip], finder=FakeFinder(), model=FakePredictor(), device="cpu")
    with Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu") as detector:
        wanted = detector.detect([picture, clip])
    assert [(one.source, one.frame, len(one.faces)) for one in found] == [(one.source, one.frame, len(one.faces)) for one in wanted]
    assert len(found) == 4 and found[0].faces
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours.faces[0].probability, theirs.faces[0].probability)


def test_detect_keeps_or_raises_errors(tmp_path: Path) -> None:
    with pytest.raises(aufait.InputError):
        aufait.detect(tmp_path / "none.png", finder=FakeFinder(), model=FakePredictor())
    (kept,) = aufait.detect(tmp_path / "none.png", finder=FakeFinder(), model=FakePredictor(), on_error="keep")
    assert kept.error and not kept.faces


def test_a_network_is_trained_and_tested_in_two_calls(faces: FaceCache, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    told: list[str] = []
    run = aufait.train(
        "drml_bp4d", faces.path, tmp_path / "run", fold=2, settings=[*TINY, "protocol=disfa", "strict=false"], device="cpu",
        report=lambda done, total, what: told.append(what),
    )  # fmt: skip
    assert run.facts["status"] == "finished" and run.facts["fold"] in (2, "2") and told
    scores = aufait.evaluate(run.folder, faces.path, partial=True, draws=5, device="cpu")
    tested = {name for part in get_protocol("disfa").folds[1].test for name in part.subjects or ()}
    assert scores.persons == len(tested & {one.subject for one in faces.dataset().recordings}) > 0
    assert scores.protocol is not None and scores.protocol.name == "disfa" and scores.synthetic
    with pytest.raises(aufait.InputError, match="was trained on"):
        aufait.evaluate(run.folder, faces, fold=1, partial=True, draws=0, device="cpu")


def test_data_sets_are_tested_one_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(aufait.InputError, match="unknown data set"):
        aufait.evaluate("default", {"disfaa": tmp_path})


def test_the_package_shows_its_public_names_alone() -> None:
    assert dir(aufait) == sorted(aufait.__all__)
    assert not [name for name in dir(aufait) if name.startswith("_") and name != "__version__"]
    assert len(set(aufait.__all__)) == len(aufait.__all__)
    for name in aufait.__all__:
        assert getattr(aufait, name) is not None, name


def test_no_call_hides_a_folder_of_the_package() -> None:
    code = (
        "import aufait, importlib, pathlib\n"
        "names = [path.stem for path in pathlib.Path(aufait.__file__).parent.iterdir() if path.suffix in ('', '.py')]\n"
        "print(sorted(set(names) & set(aufait.__all__)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_page_lists_every_public_name() -> None:
    page = (DOCS / "python.md").read_text("utf-8")
    listed = set(re.findall(r"`aufait\.(\w+)", page))
    assert set(aufait.__all__) - {"__version__"} <= listed, set(aufait.__all__) - listed
