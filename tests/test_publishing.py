"""What is published besides the wheel: container, conda recipe, metadata, sessions. They agree with pyproject.toml and the code."""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY

import aufait

SOURCE = REPOSITORY / "src" / "aufait"
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def bounds(lines: list[str]) -> dict[str, str]:
    """Distribution -> lowest version."""
    return dict(re.split(r"\s*>=\s*", line) for line in lines if ">=" in line)


# The extras


def test_every_feature_that_may_be_missing_names_an_extra_that_exists(project: dict[str, Any]) -> None:
    """The second argument of ``MissingExtraError`` is what the user is told to install."""
    named: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "MissingExtraError":
                extra = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "extra"), None)
                if isinstance(extra, ast.Constant):
                    named[str(extra.value)] = str(path)
    assert len(named) > 5
    assert {extra: path for extra, path in named.items() if extra not in project["optional-dependencies"]} == {}


def test_the_page_explains_every_extra(project: dict[str, Any]) -> None:
    section = (REPOSITORY / "docs" / "installation.md").read_text("utf-8").partition("## Extras")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)) == sorted(project["optional-dependencies"])


def test_all_is_every_extra_for_users_but_timm(project: dict[str, Any]) -> None:
    (line,) = project["optional-dependencies"]["all"]
    assert set(re.findall(r"\w+", line)) - {"aufait"} == set(project["optional-dependencies"]) - {
        "all",
        "dev",
        "docs",
        "lint",
        "timm",
    }


# The container


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", " ", (REPOSITORY / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_images_are_named_with_a_whole_version() -> None:
    given = dict(value.split("=", 1) for word, value in instructions() if word == "ARG" and "=" in value)
    images = [
        re.sub(r"\$\{(\w+)\}", lambda match: given[match[1]], value.split()[0]) for word, value in instructions() if word == "FROM"
    ]
    assert len(images) == 3
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in images), images


def test_what_is_copied_into_the_container_exists_and_is_not_ignored() -> None:
    allowed = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    copied = [name for word, value in instructions() if word == "COPY" and "--from" not in value for name in value.split()[:-1]]
    assert "src" in copied
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []
    assert [name for name in copied if not any(fnmatch.fnmatch(name, one) or name.startswith(f"{one}/") for one in allowed)] == []


def test_the_container_is_no_administrator_and_says_whether_it_is_well() -> None:
    last = max(number for number, (word, _) in enumerate(instructions()) if word == "FROM")
    final = dict(instructions()[last:])
    assert int(final["USER"]) > 0
    assert final["VOLUME"] == "/data"
    assert json.loads(final["ENTRYPOINT"]) == ["aufait"]
    command = json.loads(final["CMD"])
    assert command[command.index("--port") + 1] == final["EXPOSE"]
    assert final["EXPOSE"] in final["HEALTHCHECK"]
    compile(json.loads(final["HEALTHCHECK"].partition(" CMD ")[2])[2], "healthcheck", "exec")


def test_the_container_has_extras_that_exist(project: dict[str, Any]) -> None:
    (extras,) = (value.partition("=")[2] for word, value in instructions() if value.startswith("EXTRAS="))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_containers_command_has_the_options_of_the_studio() -> None:
    from aufait.cli.reference import commands

    known = {word for name, command in commands() if name == "studio" for one in command.params for word in one.opts}
    assert set(re.findall(r"--[\w-]+", dict(instructions())["CMD"])) <= known


# The conda recipe


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / "recipe" / "recipe.yaml").read_text("utf-8")))


def test_the_recipe_needs_what_the_package_needs(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    wanted = {CONDA_NAMES.get(name, name): bound for name, bound in bounds(project["dependencies"]).items()}
    assert bounds([line for line in recipe["requirements"]["run"] if not line.startswith("python ")]) == wanted
    assert recipe["context"]["python_min"] == project["requires-python"].removeprefix(">=")


def test_the_recipes_optional_bounds_are_those_of_the_extras(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    optional = {name: bound for lines in project["optional-dependencies"].values() for name, bound in bounds(lines).items()}
    optional = {CONDA_NAMES.get(name, name): bound for name, bound in optional.items()}
    told = bounds(recipe["requirements"]["run_constraints"])
    assert told == {name: optional[name] for name in told}


def test_the_recipe_makes_the_same_command_and_takes_files_that_exist(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {where}" for name, where in project["scripts"].items()]
    files = [*recipe["about"]["license_file"], *(line.removesuffix("/**") for line in recipe["source"]["filter"])]
    assert [name for name in files if not (REPOSITORY / name).exists()] == []
    assert recipe["about"]["license"] == project["license"]


# Metadata


def test_versions_agree_everywhere(recipe: dict[str, Any]) -> None:
    zenodo = json.loads((REPOSITORY / ".zenodo.json").read_text("utf-8"))
    assert recipe["context"]["version"] == zenodo["version"] == aufait.__version__


def test_zenodo_says_what_the_citation_file_says() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    zenodo = json.loads((REPOSITORY / ".zenodo.json").read_text("utf-8"))
    for key in ("title", "version", "license", "keywords"):
        assert zenodo[key] == citation[key]
    assert [one["name"] for one in zenodo["creators"]] == [one["name"] for one in citation["authors"]]
    assert zenodo["upload_type"] == citation["type"]


# Sessions


def test_the_sessions_test_the_pythons_that_the_package_names(project: dict[str, Any]) -> None:
    tree = ast.parse((REPOSITORY / "noxfile.py").read_text("utf-8"))
    pythons = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS"
    )
    assert pythons == re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))


def test_the_sessions_call_files_that_exist() -> None:
    text = (REPOSITORY / "noxfile.py").read_text("utf-8")
    named = set(re.findall(r'"((?:tests|tools)/[^"]+)"', text))
    assert len(named) > 10
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def archive_and_wheel(folder: Path) -> dict[str, bytes]:
    """What one build of the checkout gives: file name -> content."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}, capture_output=True, check=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_two_builds_give_the_same_bytes_and_the_archive_what_git_has(tmp_path: Path) -> None:
    first, second = (archive_and_wheel(tmp_path / name) for name in ("first", "second"))
    assert [name.rpartition(".")[2] for name in sorted(first)] == ["whl", "gz"]
    assert {name: hashlib.sha256(content).hexdigest() for name, content in first.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in second.items()
    }
    assert all(len(content) < 30e6 for content in first.values())
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no clone: there is no list to compare the archive with")
    with tarfile.open(next((tmp_path / "first").glob("*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {name for name in tracked if (REPOSITORY / name).exists() and not name.startswith(".ci/")} - inside == set()


# Starting


def loaded_by(statement: str) -> set[str]:
    """Packages outside the standard library that a statement loads in a new process."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}} - sys.stdlib_module_names)"
    done = subprocess.run([sys.executable, "-S", "-c", PATHS + code], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - {"__main__"}


PATHS = f"import sys; sys.path[:] = {sys.path!r}; "


def test_importing_the_package_loads_nothing_else() -> None:
    assert loaded_by("import aufait") == {"aufait"}


def test_the_commands_are_listed_without_what_they_run_with() -> None:
    heavy = {"torch", "numpy", "av", "PIL", "safetensors", "matplotlib", "scipy", "numba", "pandas", "pyarrow", "fastapi", "onnx"}
    assert loaded_by("import aufait.cli.app") & heavy == set()


@pytest.mark.slow
def test_help_takes_little_more_than_the_libraries_that_print_it() -> None:
    """By processor time, in turn, the least of three: what a busy machine changes least."""

    def least(*words: str) -> float:
        return min(seconds(*words) for _ in range(3))

    def seconds(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert least("-m", "aufait", "--help") < 2.5 * least("-c", "import typer.rich_utils, rich.markdown")
