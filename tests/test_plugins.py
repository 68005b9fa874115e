"""Plug-ins: a stranger's package from pip install to the report, plain registration, and the errors of a broken one."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import textured, write_clip, write_picture
from typer.testing import CliRunner

import aufait
from aufait import plugins
from aufait.cli.app import app
from aufait.data import datasets, protocols
from aufait.data.protocols import get_protocol, list_protocols
from aufait.detection.plan import can_plot
from aufait.errors import InputError
from aufait.faces import finder
from aufait.models import registry

EXAMPLE = Path(__file__).parents[1] / "examples" / "aufait_tiny"
MODULES = (registry, datasets, finder, protocols)


def forget() -> None:
    """Look for plug-ins again."""
    for module in MODULES:
        module._plugins.cache_clear()
    plugins._distributions.cache_clear()
    for name in [one for one in sys.modules if one.startswith("aufait_tiny")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed by pip into a separate folder; nothing is fetched."""
    pytest.importorskip("setuptools", reason="the example is built with setuptools")
    pytest.importorskip("pip")
    source = tmp_path_factory.mktemp("source") / "aufait_tiny"
    shutil.copytree(EXAMPLE, source)
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, capture_output=True)
    return target


@pytest.fixture
def plugin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example on the path of this process."""
    monkeypatch.syspath_prepend(str(installed))
    forget()
    yield installed
    monkeypatch.undo()
    forget()


def pictures(folder: Path) -> Path:
    """Four people with four pictures each; the bright ones show AU12, every other one AU1."""
    folder.mkdir(exist_ok=True)
    for person in ("ann", "bob", "cleo", "dan"):
        for number in range(4):
            units = [unit for unit, shows in ((1, number % 2), (12, number > 1)) if shows] or [0]
            name = f"{person}_{number:02d}_{'-'.join(map(str, units))}.png"
            write_picture(folder / name, textured(120, 120, brightness=60 + 40 * number))
    return folder


def run(*words: Any) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    return done.output


def test_the_network_of_the_example_is_short() -> None:
    lines = (EXAMPLE / "aufait_tiny" / "network.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) < 60


def test_without_the_package_its_names_are_unknown() -> None:
    with pytest.raises(InputError, match="unknown model 'tiny-net'"):
        aufait.create_model("tiny-net")


def test_an_installed_package_brings_all_four_kinds(plugin: Path) -> None:
    assert "tiny-net" in aufait.list_models() and "tiny_faces" in datasets.list_datasets()
    assert "whole-picture" in finder.list_finders() and "tiny_protocol" in list_protocols("tiny_faces")
    assert "tiny-net" in run("models", "tiny*") and "tiny_faces" in run("data", "list")
    assert get_protocol("tiny-protocol").action_units == (1, 12)
    assert registry.model_entry("tiny-net").origin == "aufait-tiny 0.1"


def test_a_strangers_package_trains_evaluates_detects_and_exports(plugin: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    root, faces, made = pictures(tmp_path / "faces"), tmp_path / "prepared", tmp_path / "run"
    from aufait.data.preparation import prepare

    data = datasets.open_dataset("tiny_faces", root)
    prepare(data, faces, alignment="arl", finder=lambda: finder.create_finder("whole-picture"), workers=1)
    run("train", EXAMPLE / "tiny_recipe.yaml", "--cache", faces, "--output", made, "--device", "cpu", "--quiet")
    run("evaluate", made, "--cache", faces, "-o", tmp_path / "scores", "--draws", "10", "--device", "cpu", "--quiet")
    words = ("--data", f"tiny_faces={root}", "--finder", "whole-picture", "--protocol", "tiny_protocol", "--draws", "10")
    run("evaluate", made, *words, "-o", tmp_path / "from_pictures", "--device", "cpu", "--quiet")
    same = [aufait_predictions(tmp_path / folder) for folder in ("scores", "from_pictures")]
    np.testing.assert_allclose(same[0].probability, same[1].probability, atol=1e-5)
    clip = write_clip(tmp_path / "clip.mp4", 5)
    out, explained = tmp_path / "results", ["--explain"] if can_plot() else []
    seen = ("--model", made, "--finder", "whole-picture", "--device", "cpu")
    run("detect", clip, *seen, "-o", out, "--annotate", "--report", *explained, "--quiet")
    assert (out / "clip.csv").read_text().count("\n") == 6
    page = (out / "clip_report.html").read_text(encoding="utf-8")
    assert "not given" in page and ("Where the model looked" in page) == bool(explained)
    why = tmp_path / "why"
    run("explain", made, root / "ann_03_1-12.png", "--finder", "whole-picture", "-o", why, "--au", "12", "--device", "cpu")
    assert (why / "ann_03_1-12_face0_AU12.png").is_file()
    pytest.importorskip("onnxscript")
    run("export", made / "model.safetensors", "-o", tmp_path / "tiny.onnx")
    assert (tmp_path / "tiny.onnx").is_file()


def aufait_predictions(folder: Path) -> Any:
    from aufait.evaluation import Predictions

    return Predictions.load(folder / "predictions.npz")


def promises() -> list[str]:
    """Tests of the contract that are asked of every network by name."""
    import test_model_contract as suite

    tests = {name: function for name, function in vars(suite).items() if name.startswith("test_")}
    return sorted(name for name, function in tests.items() if "name" in inspect.signature(function).parameters)


@pytest.mark.parametrize("promise", promises())
def test_the_plug_in_keeps_every_promise_of_the_contract(promise: str, plugin: Path, tmp_path: Path) -> None:
    import test_model_contract as suite

    suite.small.cache_clear()
    known = {"name": "tiny-net", "au_set": (2, 26), "dtype": torch.bfloat16, "tmp_path": tmp_path}
    test = getattr(suite, promise)
    test(**{word: known[word] for word in inspect.signature(test).parameters})
    suite.small.cache_clear()


def test_the_pages_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLE.parents[1] / "docs" / "bring_your_own.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._entries()))
    for block in blocks:
        module = types.ModuleType("example")
        monkeypatch.setitem(sys.modules, "example", module)  # dataclasses look their module up there
        exec(compile(block, "bring_your_own.md", "exec"), module.__dict__)
    assert "my-net" in registry._ENTRIES


# ---------------------------------------------------------------------------------------------------------------------
# What goes wrong
# ---------------------------------------------------------------------------------------------------------------------


def fake_package(folder: Path, package: str, points: dict[str, str], code: str = "") -> None:
    """A package as pip leaves it: a module and the entry points."""
    (folder / f"{package}.py").write_text(code, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    text = "".join(f"[{group}]\n{line}\n" for group, line in points.items())
    (info / "entry_points.txt").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    monkeypatch.undo()
    forget()


def test_a_file_whose_network_is_not_installed_names_the_plug_in(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = aufait.save_model(aufait.create_model("tiny-net", (1, 12)), tmp_path / "m.safetensors", name="tiny-net")
    assert aufait.load_model(path).action_units == (1, 12)
    with pytest.raises(InputError, match=r"predicts AUs \(1, 12\), asked for \(4,\)"):
        aufait.load_model(path, au_set=(4,))
    monkeypatch.undo()
    forget()
    words = r"network 'tiny-net' of the plug-in aufait-tiny 0.1, which is not installed here; .*pip install aufait-tiny"
    with pytest.raises(InputError, match=words):
        aufait.load_model(path)


def test_two_plug_ins_of_one_name_are_both_named(site: Path) -> None:
    for package in ("first", "second"):
        fake_package(site, package, {"aufait.networks": "twice = aufait.models.drml:ENTRY"})
    with pytest.raises(InputError, match=r"two plug-ins bring a network named 'twice': (first|second) 1.0 and (first|second) 1.0"):
        aufait.create_model("twice")
    assert "arl" in aufait.list_models() and "twice" not in aufait.list_models()


def test_a_name_of_aufait_is_not_to_be_had(site: Path) -> None:
    fake_package(site, "greedy", {"aufait.datasets": "disfa = greedy:read"}, "def read(root):\n    return None\n")
    assert datasets.dataset_entry("disfa").module == "disfa"
    assert "a name of aufait's own" in datasets._plugins().problems["disfa"]


def test_a_plug_in_that_cannot_be_imported_stops_only_who_asks_for_it(site: Path) -> None:
    fake_package(site, "broken", {"aufait.networks": "broken-net = broken:ENTRY"}, "import a_package_that_is_not_there\n")
    assert aufait.list_models("arl") == ["arl"]
    with pytest.raises(InputError, match=r"broken 1.0 with the network 'broken-net' cannot be loaded \(ModuleNotFoundError"):
        aufait.create_model("broken-net")


NETWORKS, DATA, FINDERS, PROTOCOLS = "aufait.networks", "aufait.datasets", "aufait.finders", "aufait.protocols"


def read() -> Any:
    return datasets.open_dataset("thing", ".")


def find() -> Any:
    return finder.create_finder("thing")


@pytest.mark.parametrize(
    ("group", "code", "ask", "words"),
    [
        (NETWORKS, "THING = 3", lambda: aufait.create_model("thing"), r"a network in odd:THING: .*ModelEntry, got a int"),
        (DATA, "THING = 3", read, r"breaks the contract of a data set.*function that reads it"),
        (DATA, "def THING(root): return []", read, "must return an AUDataset, got a list"),
        (FINDERS, "THING = 'x'", find, r"breaks the contract of a finder.*function that makes it"),
        (FINDERS, "def THING(**_): return 3", find, "int has no name, find, track, reset, close"),
        (PROTOCOLS, "THING = {}", lambda: get_protocol("thing"), r"breaks the contract of a protocol.*got a dict"),
    ],
)
def test_a_plug_in_that_breaks_the_contract_is_told_where_and_what_came(
    site: Path, group: str, code: str, ask: Any, words: str
) -> None:
    fake_package(site, "odd", {group: "thing = odd:THING"}, code + "\n")
    sys.modules.pop("odd", None)
    with pytest.raises(InputError, match=words):
        ask()


def test_plain_registration_lasts_for_the_process_and_refuses_taken_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_REGISTERED", {})
    monkeypatch.setattr(finder, "_REGISTERED", {})
    aufait.register_dataset("mine", lambda root: None, "my pictures")
    assert datasets.dataset_entry("mine").summary == "my pictures"
    with pytest.raises(InputError, match="a data set named 'disfa' exists already"):
        aufait.register_dataset("disfa", lambda root: None)
    aufait.register_finder("mine", lambda **_: None)
    with pytest.raises(InputError, match="a finder named 'builtin' exists already"):
        aufait.register_finder("builtin", lambda **_: None)
    with pytest.raises(InputError, match="a network named 'arl' exists already"):
        aufait.register_model(registry.model_entry("arl"))
    with pytest.raises(InputError, match="described by a ModelEntry, got a str"):
        aufait.register_model("arl")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a protocol named 'disfa' exists already"):
        aufait.register_protocol(get_protocol("disfa"))
