"""The fairness page: twins differ in one thing, and the tables on the page are whole and follow their own rule."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import REPOSITORY

from aufait.action_units import DEFAULT_ACTION_UNITS


@pytest.fixture(scope="module")
def fairness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fairness", REPOSITORY / "tools" / "fairness.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fairness"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("factor", "changed"), [("skin", {"skin_tone"}), ("age", {"age"}), ("sex", {"sex"})])
def test_twins_differ_in_one_thing(fairness: ModuleType, factor: str, changed: set[str]) -> None:
    first, second = map(asdict, fairness.twins(fairness.FIRST_SEED, factor))
    assert {name for name in first if first[name] != second[name]} == changed


def test_a_pair_counts_where_both_faces_were_found_and_the_true_levels_agree(fairness: ModuleType, tmp_path: Path) -> None:
    def pair(seed: int, first: object, second: object, unequal: list[int]) -> None:
        kept = {"scores": {"mesh": {"moved": [first, second]}}, "unequal": {"moved": unequal}}
        (tmp_path / f"skin_{seed}.json").write_text(json.dumps(kept))

    pair(1, {"4": 1.0, "43": 2.0}, {"4": 1.5, "43": 2.0}, [43])
    pair(2, None, {"4": 5.0, "43": 5.0}, [])
    pair(3, {"4": 1.0, "43": 2.0}, {"4": 0.0, "43": 3.0}, [])
    found = fairness.differences(tmp_path, "mesh", "skin", "moved", [1, 2, 3])
    assert {unit: values.tolist() for unit, values in found.items()} == {4: [0.5, -1.0], 43: [1.0]}


def test_bold_is_what_is_large_and_certain(fairness: ModuleType) -> None:
    assert fairness.cell(np.full(20, 0.5)) == "**+0.50 [+0.50, +0.50]**"
    assert fairness.cell(np.full(20, 0.1)) == "+0.10 [+0.10, +0.10]"
    assert not fairness.cell(np.array([3.0, -2.0] * 10)).startswith("**")


@pytest.mark.parametrize("model", ["mesh", "compact"])
def test_the_page_has_all_units_and_factors(fairness: ModuleType, model: str) -> None:
    text = fairness.PAGE.read_text("utf-8").partition(fairness.BEGIN.format(model))[2].partition(fairness.END.format(model))[0]
    rows = dict(re.findall(r"^\| AU(\d+) [^|]*\| (.*) \|$", text, re.MULTILINE))
    assert set(map(int, rows)) == set(DEFAULT_ACTION_UNITS)
    assert all(row.count("[") == 2 * len(fairness.FACTORS) for row in rows.values())
