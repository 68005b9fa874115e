"""The pages on data, preparation and twins, followed as a new user would: every command and every Python block runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest
from data_trees import make_affwild2, make_bp4d, make_disfa, write_picture, write_text, write_video
from face_caches import HeadFinder
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data import get_protocol, open_dataset
from aufait.data.preparation import prepare

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a page in one language; "" for those that name none."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for name, content in fences if name == language]


def commands(page: str) -> list[list[str]]:
    """The lines of a page that call aufait, as arguments; comments at their end are cut off."""
    lines = [line for block in blocks(page, "") for line in block.splitlines() if line.startswith("aufait ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def replaced(text: str, places: Mapping[str, object]) -> str:
    for name, place in places.items():
        text = text.replace(name, str(place))
    return text


def run_commands(page: str, places: Mapping[str, object], *more: str) -> str:
    """Run all commands of a page; ``more`` is added to those that prepare or draw. Returns what they print."""
    output = ""
    for arguments in commands(page):
        given = [replaced(one, places) for one in arguments]
        extra = more if given[0] in ("prepare", "twin") and "--verify" not in given else ()
        result = CliRunner().invoke(app, [*given, *extra])
        assert result.exit_code == 0, (given, result.output)
        output += result.output
    return output


def run_python(page: str, places: Mapping[str, object]) -> dict[str, object]:
    """Run the Python blocks of a page one after the other; what they have defined comes back."""
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(replaced(block, places), str(DOCS / page), "exec"), names)
    return names


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finder that sees a head in every picture, as there is none in the small pictures of the tests."""
    for module in ("workers", "preparing"):
        monkeypatch.setattr(f"aufait.data.preparation.{module}.create_finder", lambda name: HeadFinder())


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = get_protocol("disfa").folds
    numbers = sorted(int(name[2:]) for fold in parts for part in fold.test for name in part.subjects or ())
    # The finder of these tests sees no head in the first frame, which is dark.
    return make_disfa(tmp_path_factory.mktemp("docs") / "DISFA", subjects=numbers, frames=3)


def test_bring_bp4d_and_disfa(disfa: Path, tmp_path: Path) -> None:
    subjects = [name for fold in get_protocol("bp4d").folds for part in fold.test for name in part.subjects or ()]
    bp4d = make_bp4d(tmp_path / "BP4D", subjects=subjects, tasks=["T1"], frames=range(10, 12))
    places = {"/data/DISFA": disfa, "/data/BP4D": bp4d, "/data/AffWild2": make_affwild2(tmp_path / "AffWild2")}
    printed = run_commands("data.md", places)
    assert "disfa: 27 subjects, 27 recordings" in printed and "does not match" not in printed
    names = run_python("data.md", places)
    assert len(names["learn"].subjects) + len(names["select"].subjects) == 18  # type: ignore[attr-defined]
    assert names["split"].protocol.name == "mixed"  # type: ignore[attr-defined]


def test_bring_your_own_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables = [block for block in blocks("data_csv.md", "") if "subject,AU" in block or "subject,task" in block]
    assert len(tables) == 2
    for name in ("ann_01", "ann_02", "bob_01"):
        write_picture(tmp_path / "photos" / f"{name}.jpg")
    for name in ("ann", "bob"):
        write_video(tmp_path / "clips" / f"{name}.mp4", 3)
    for table in tables:
        write_text(tmp_path / "labels.csv", table)
        printed = run_commands("data_csv.md", {})
        assert "csv: 2 subjects, 2 recordings, 3 frames" in printed and "no anomalies" in printed
        assert run_python("data_csv.md", {})["split"].protocol.name == "leave_one_subject_out"  # type: ignore[attr-defined]


def test_prepare_a_data_set(disfa: Path, tmp_path: Path, heads: None) -> None:
    places = {"/data/DISFA": disfa, "/data/faces": tmp_path / "faces"}
    printed = run_commands("prepare.md", places, "--workers", "1")
    assert "54 faces of 81 labelled frames" in printed and "all checksums right" in printed
    names = run_python("prepare.md", places)
    shapes = [names[name].shape for name in ("faces", "landmarks", "around")]  # type: ignore[attr-defined]
    assert shapes == [(32, 200, 200, 3), (32, 68, 2), (32, 2)]


@pytest.mark.slow
def test_synthetic_twins(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")
    monkeypatch.chdir(tmp_path)
    assert [one[0] for one in commands("twins.md")] == ["twin", "data", "prepare", "twin", "twin"]
    quick = ["--size", "64", "--supersample", "1", "--workers", "1", "--assets", str(shared / "assets")]
    for arguments in commands("twins.md"):
        given = [{"12": "3", "120": "4", "30": "2"}.get(one, one) for one in arguments]
        given += quick if given[0] == "twin" else ["--workers", "1"] if given[0] == "prepare" else []
        result = CliRunner().invoke(app, given)
        assert result.exit_code == 0, (given, result.output)
        assert given[0] != "data" or "figures on them are synthetic" in result.output
    prepared = prepare(open_dataset("disfa", "twin/disfa"), "faces/disfa", workers=1)
    assert prepared.synthetic and len(prepared) == 12
    small = f"subjects=3, frames=2, size=64, supersample=1.0, workers=1, assets={str(shared / 'assets')!r}"
    names = run_python("twins.md", {"subjects=12, frames=120": small, "twin/disfa": "twin/again"})
    assert names["split"].train.subjects and names["split"].test.subjects  # type: ignore[attr-defined]
