"""The table of action units and the AU list of each data set."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from aufait.action_units import ACTION_UNITS, AU_SETS, DEFAULT_ACTION_UNITS, au_name, parse_au, positions
from aufait.errors import InputError


def test_table_is_keyed_by_its_own_numbers_in_order() -> None:
    assert [unit.number for unit in ACTION_UNITS.values()] == list(ACTION_UNITS) == sorted(ACTION_UNITS)


def test_every_unit_says_everything() -> None:
    for unit in ACTION_UNITS.values():
        assert unit.name and unit.description.endswith(".") and all(unit.muscles)
        assert unit.region in ("upper", "middle", "lower")


@pytest.mark.parametrize(
    ("number", "name", "muscle", "region", "bilateral"),
    [
        (1, "Inner brow raiser", "frontalis, pars medialis", "upper", True),
        (9, "Nose wrinkler", "levator labii superioris alaeque nasi", "middle", True),
        (12, "Lip corner puller", "zygomaticus major", "lower", True),
        (17, "Chin raiser", "mentalis", "lower", False),
    ],
)
def test_facts_of_single_units(number: int, name: str, muscle: str, region: str, bilateral: bool) -> None:
    unit = ACTION_UNITS[number]
    assert (unit.name, unit.region, unit.bilateral) == (name, region, bilateral)
    assert muscle in unit.muscles


def test_units_and_table_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ACTION_UNITS[1].name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        ACTION_UNITS[99] = ACTION_UNITS[1]  # type: ignore[index]


@pytest.mark.parametrize("name", AU_SETS)
def test_sets_are_ascending_and_known(name: str) -> None:
    assert list(AU_SETS[name]) == sorted(set(AU_SETS[name]))
    assert set(AU_SETS[name]) <= set(ACTION_UNITS)


@pytest.mark.parametrize(
    ("name", "count"),
    [("bp4d", 12), ("disfa", 8), ("disfa_intensity", 12), ("fera2015", 5), ("fera2017", 10), ("affwild2", 8),
     ("mixed", 15), ("gft", 10), ("openface_intensity", 17), ("openface_occurrence", 18), ("default", 19)],
)  # fmt: skip
def test_sets_have_the_published_length(name: str, count: int) -> None:
    assert len(AU_SETS[name]) == count


def test_openface_occurrence_adds_only_au28() -> None:
    assert set(AU_SETS["openface_occurrence"]) - set(AU_SETS["openface_intensity"]) == {28}


def test_default_units_fill_every_openface_column() -> None:
    assert set(AU_SETS["openface_occurrence"]) - set(DEFAULT_ACTION_UNITS) == {45}, "AU45 is filled by AU43"


def test_names() -> None:
    assert (au_name(12), au_name(4, digits=2)) == ("AU12", "AU04")
    with pytest.raises(InputError, match="AU3 is not in the table"):
        au_name(3)


@pytest.mark.parametrize("text", [12, "12", "AU12", "au12", " AU 12 "])
def test_spellings_of_one_unit(text: str | int) -> None:
    assert parse_au(text) == 12


@pytest.mark.parametrize("text", ["", "AU", "AU3", "12.5", "-12", "smile", "AU\u00b2"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not an action unit"):
        parse_au(text)


def test_positions_come_from_the_list() -> None:
    assert positions((12, 1), AU_SETS["disfa"]) == [5, 0]
    with pytest.raises(InputError, match="AU 7 not among"):
        positions((7,), AU_SETS["disfa"])


def test_import_loads_no_heavy_module() -> None:
    code = (
        "import sys, aufait, aufait.action_units; aufait.__version__; aufait.ACTION_UNITS; aufait.AufaitError;"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'av', 'PIL', 'typer', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    import aufait

    for name in aufait.__all__:
        assert getattr(aufait, name) is not None, name
    assert set(aufait.__all__) <= set(dir(aufait))
    with pytest.raises(AttributeError, match="no attribute 'detektor'"):
        aufait.detektor
