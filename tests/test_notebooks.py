"""The notebooks of the documentation run, and their results are what was drawn."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "docs" / "notebooks"

TOLD = {
    "interview": """dict(
        frames=len(results), faces=len(table.faces), blinks=[e.onset for e in eyes.blinks],
        events=[(e.label, e.onset, e.offset) for e in events],
        means=list(parts[parts.measure == "intensity_mean"].sort_values("condition").value.astype(float)))""",
    "before_after": """dict(
        strongest=strongest, rest=float(rest["before"].max()),
        smiles=[float(whole.loc[("AU12", name), kind]) for kind in ("raw", "corrected") for name in ("before", "after")],
        others=[float(whole.loc[(f"AU{strongest}", "before"), kind]) for kind in ("raw", "corrected")])""",
    "detector_and_coders": """dict(
        events=[(e.label, e.onset, e.offset) for e in found], drawn=drawn,
        differ=[(name, label, onset) for name, label, onset, _ in differ.itertuples(index=False)],
        kappa=float(scores.loc["AU12", ("anna", "detector", "kappa")]))""",
    "two_people": """dict(
        lag=smile.best_lag, r=smile.best_r, p=smile.p_lag, p_brows=brows.p_lag, together=together.together,
        events=together.events, later=together.median_lag)""",
}
"""Notebook -> expression of its variables that is checked."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    pytest.importorskip("nbclient")
    spec = importlib.util.spec_from_file_location("run_notebooks", REPOSITORY / "tools" / "run_notebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def told(tool: ModuleType, shared: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a notebook found; its rendered faces need the engine and its geometry."""
    pytest.importorskip("numba")
    for package in ("pandas", "matplotlib", "ipykernel"):
        pytest.importorskip(package)
    assets = os.environ.get("AUFAIT_ASSETS", str(shared / "assets"))
    if not (Path(assets) / "ict_facekit.npz").is_file() and not Path(assets).is_file():
        pytest.skip("the geometry of the face engine is not there")
    monkeypatch.setenv("AUFAIT_ASSETS", assets)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(REPOSITORY / "src"), os.environ.get("PYTHONPATH")))))
    name = request.param
    notebook = tool.run(FOLDER / f"{name}.ipynb", f"import json\nprint('told', json.dumps({TOLD[name]}, default=float))")
    text = "".join(one["text"] for one in notebook.cells[-1].outputs if one.get("name") == "stdout")
    return dict(json.loads(text.removeprefix("told ")))


def near(found: list[Any], expected: list[Any], tolerance: float) -> bool:
    return len(found) == len(expected) and all(abs(one - other) <= tolerance for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("told", ["interview"], indirect=True)
def test_interview_finds_smiles_brows_and_blinks_where_they_were_drawn(told: dict[str, Any]) -> None:
    assert (told["frames"], told["faces"]) == (200, 1)
    assert near(told["blinks"], [0.8, 3.6, 5.8], 0.09)
    smiles = [(onset, offset) for label, onset, offset in told["events"] if label == "AU12"]
    assert near([time for pair in smiles for time in pair], [1.7, 2.7, 6.3, 7.5], 0.17)
    assert {label for label, *_ in told["events"]} >= {"AU1", "AU6", "AU12"}
    assert told["means"][0] < told["means"][1]


@pytest.mark.parametrize("told", ["before_after"], indirect=True)
def test_baseline_takes_away_what_the_resting_face_shows_and_keeps_the_smile(told: dict[str, Any]) -> None:
    raw_before, raw_after, before, after = told["smiles"]
    assert told["strongest"] != 12 and told["rest"] > 1
    assert after > before + 0.2 and near([before, after], [raw_before, raw_after], 0.3)
    raw, corrected = told["others"]
    assert corrected < 0.4 * raw


@pytest.mark.parametrize("told", ["detector_and_coders"], indirect=True)
def test_detector_agrees_with_coders_and_shows_what_each_overlooked(told: dict[str, Any]) -> None:
    found = sorted((label, onset) for label, onset, _ in told["events"])
    drawn = sorted((f"AU{unit}", start) for unit, start, _ in told["drawn"])
    assert [label for label, _ in found] == [label for label, _ in drawn]
    assert near([onset - 0.1 for _, onset in found], [start for _, start in drawn], 0.13)
    assert {(name, label) for name, label, _ in told["differ"]} >= {("anna", "AU4"), ("ben", "AU4")} and len(told["differ"]) <= 4
    assert told["kappa"] > 0.85


@pytest.mark.parametrize("told", ["two_people"], indirect=True)
def test_the_one_who_smiles_first_leads(told: dict[str, Any]) -> None:
    assert told["lag"] == pytest.approx(0.64, abs=0.09) and told["later"] == pytest.approx(0.64, abs=0.17)
    assert told["r"] > 0.8 and told["p"] <= 0.02 and told["p_brows"] > 0.05
    assert told["together"] == told["events"] == 7


@pytest.mark.parametrize("name", sorted(TOLD))
def test_stored_notebooks_have_their_outputs_and_nothing_of_a_machine(tool: ModuleType, name: str) -> None:
    import nbformat

    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert tool.problems(notebook) == []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code) and code[-1].outputs
    assert not [one for cell in code for one in cell.outputs if one.output_type == "error"]
    assert set(notebook.metadata) == {"kernelspec", "language_info"} and all(not cell.metadata for cell in notebook.cells)


def test_every_notebook_is_checked() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(TOLD)


def test_what_names_this_machine_is_found(tool: ModuleType) -> None:
    import nbformat

    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", name="stdout", text="/home/somebody/clip.mp4")])
    assert tool.problems(nbformat.v4.new_notebook(cells=[cell]))
