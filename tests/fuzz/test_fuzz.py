"""No damaged file is a traceback, a hang or a number that is none: two thousand of them, and each that ever did harm."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cases import CORPUS, make_seeds, run, whole_files
from harness import MEGABYTES, fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS

from aufait.data.anomalies import AnomalyLog
from aufait.data.labels import read_integers
from aufait.data.preparation.storage import map_tensors, read_json
from aufait.errors import AufaitError, InputError
from aufait.files.arrays import read_npz
from aufait.files.safe_yaml import parse_yaml
from aufait.files.weights import read_metadata, read_tensors
from aufait.training.recipe import Recipe

CASES = 2000
KNOWN = sorted(path for path in CORPUS.glob("*/*") if not path.name.startswith("."))


def test_two_thousand_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    found = fuzz(0, CASES, tmp_path)
    faults = [f"{one['kind']} {one['case']}: {one['result']} {one['detail']}" for one in found["faults"]]
    assert not faults, "\n".join(faults)
    assert found["megabytes"] < MEGABYTES
    for kind, results in found["outcomes"].items():  # what is odd in a tree of labels is an anomaly, and the rest is read
        assert results.get("refused", 0) > 0 or kind == "label trees", f"no damage to {kind} was seen"
    assert set(found["outcomes"]) == set(TARGETS)


def test_whole_files_of_every_kind_are_read(tmp_path: Path) -> None:
    make_seeds(tmp_path)
    unread = {kind: outcome for kind, path in whole_files(tmp_path) if (outcome := run(kind, path)).result != "read"}
    # The two that only one file in the world can be are refused even whole: this one is not it.
    assert set(unread) <= {"task files", "assets"} and all(outcome.right for outcome in unread.values())


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_once_did_harm_is_read_or_refused(path: Path) -> None:
    kind = path.parent.name.replace("-", " ")
    outcome = run(kind, path)
    assert outcome.right, outcome


quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
"""Hypothesis shrinks what it finds to the smallest input; the folder of a test is written over by each of its examples."""


@quick
@given(st.one_of(st.text(max_size=300), st.text("[]{}:,-&*!?|>'\"#%@ \n\tae1.", max_size=300)))
def test_any_text_is_yaml_or_an_error_in_words(text: str) -> None:
    try:
        parse_yaml(text, "a text")
    except InputError as error:
        assert len(str(error)) < 1000


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@quick
@given(st.dictionaries(st.sampled_from([*Recipe.__dataclass_fields__, "x"]), PLAIN, max_size=6))
def test_any_values_are_a_recipe_or_an_error_in_words(values: dict[str, object]) -> None:
    whole = {"name": "a", "model": "arl", "protocol": "bp4d"}
    for given_values in (values, {**whole, **values}, {**values, **whole}):
        with suppress(AufaitError):
            Recipe.from_dict(given_values)


@quick
@given(st.binary(max_size=400))
def test_any_bytes_are_a_file_or_an_error_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    for read in (
        read_metadata, read_tensors, map_tensors, read_json,
        lambda one: read_npz(one, what="x", most_bytes=1 << 20, advice="y"), lambda one: read_integers(one, AnomalyLog()),
    ):  # fmt: skip
        with suppress(InputError):
            read(path)


@quick
@given(st.lists(st.lists(st.one_of(st.text(max_size=6), st.integers().map(str), st.floats().map(str)), max_size=5), max_size=6))
def test_any_cells_are_labels_or_anomalies(tmp_path: Path, rows: list[list[str]]) -> None:
    path, log = tmp_path / "a.csv", AnomalyLog()
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8", errors="replace")
    values = read_integers(path, log)
    assert (values is None and log.of("unreadable-file")) or (values is not None and values.dtype == np.int32)
