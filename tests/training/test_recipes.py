"""Recipes: files of the package, values from the command line, mistakes that are named."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data.protocols import get_protocol
from aufait.errors import InputError, MissingExtraError
from aufait.models.registry import create_model
from aufait.training.plan import starting_recipe
from aufait.training.recipe import Recipe, changes, differences, known_keys, list_recipes, load_recipe
from aufait.training.run import train
from aufait.training.schedules import rate_factor

RECIPES = (
    "abrnet_bp4d", "abrnet_disfa", "abrnet_disfa_plus", "arl_bp4d", "arl_disfa", "aunet_bp4d", "aunet_disfa", "aunet_mixed",
    "convnet_fera2017",
    "deep_regions_bp4d", "deep_regions_fera2017", "drml_bp4d", "iarl_disfa", "iarl_fera2015",
    "idrml_disfa", "idrml_fera2015", "ijaa_net_bp4d_plus", "jaa_net_bp4d", "jaa_net_disfa",
    "mgrr_net_bp4d", "mgrr_net_disfa", "parl_fera2017", "resnet18_bp4d",
)  # fmt: skip


def test_the_package_has_the_recipes_of_all_systems() -> None:
    assert set(RECIPES) <= set(list_recipes())
    assert not {"quick", "small"} & set(list_recipes())


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_fits_its_network_and_protocol(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.title and recipe.paper and recipe.cost
    get_protocol(recipe.protocol)
    again = Recipe.from_dict(recipe.to_dict())
    assert again == recipe
    assert not recipe.hold_out and not recipe.patience, "papers train on all training subjects"
    quick, small = load_recipe(name, quick=True), load_recipe(name, small=True)
    assert quick.epochs <= 3 and quick.max_faces
    assert small.epochs > quick.epochs and small.max_faces > quick.max_faces and not small.start_from
    assert small.model_settings == quick.model_settings
    if recipe.start_from:
        assert starting_recipe(recipe).model == recipe.model


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("arl_bp4d", {"optimizer": "sgd", "learning_rate": 0.006, "batch_size": 8, "epochs": 12, "decay": 0.3}),
        ("iarl_fera2015", {"learning_rate": 0.0006, "model": "iarl"}),
        ("mgrr_net_disfa", {"learning_rate": 0.01, "decay": 0.5, "epochs": 15}),
        ("aunet_bp4d", {"optimizer": "adamw", "weight_decay": 0.0, "batch_size": 64, "milestones": (4, 8), "betas": (0.9, 0.999)}),
        ("deep_regions_bp4d", {"optimizer": "adadelta", "rho": 0.95, "batch_size": 128, "learning_rate": 1.0}),
        ("drml_bp4d", {"decay_unit": "iteration", "decay_every": 4000, "decay": 0.1, "draw_positives": 100, "draw_negatives": 200}),
    ],
)
def test_numbers_are_those_of_the_papers(name: str, facts: dict[str, object]) -> None:
    recipe = load_recipe(name)
    assert {key: getattr(recipe, key) for key in facts} == facts


def test_settings_of_aunet_alone_are_not_listed_for_others() -> None:
    for name in ("abrnet_disfa", "arl_bp4d", "drml_bp4d"):
        quick = load_recipe(name, quick=True)
        assert not any(key.startswith(("label_vae", "aligner")) for key in changes(quick)), name
        shown = quick.to_yaml(used_only=True)
        assert "label_vae" not in shown and "aligner" not in shown and load_recipe(name).to_yaml().count("label_vae:") == 1
    aunet = changes(load_recipe("aunet_bp4d", quick=True))
    assert aunet["label_vae.epochs"] == 20 and "aligner_fit.steps" in aunet
    fan = changes(load_recipe("aunet_bp4d", ["model=au-fan"], quick=True))
    assert "aligner_fit.steps" in fan and "label_vae.epochs" not in fan


@pytest.mark.parametrize("name", ["aunet_bp4d", "aunet_disfa", "aunet_mixed", "resnet18_bp4d"])
def test_aunets_recipes_take_the_loss_that_made_the_published_scores(name: str) -> None:
    assert load_recipe(name).model_settings["vae_loss"] == "released"
    assert load_recipe(name, ["model_settings.vae_loss=paper"]).model_settings["vae_loss"] == "paper"


def test_values_are_converted_to_the_type_of_their_key() -> None:
    settings = ["learning_rate=1e-3", "epochs=2", "start_from=none", "betas=[0.8, 0.9]", "model_settings.crf=false", "strict=false"]
    recipe = load_recipe("arl_disfa", [*settings, "augmentation.mirror=1", "label_vae.latent_size=6"])
    assert recipe.learning_rate == 0.001 and recipe.epochs == 2 and recipe.start_from is None and recipe.betas == (0.8, 0.9)
    assert recipe.model_settings == {"crf_init": "released_float", "crf": False} and not recipe.strict
    assert recipe.augmentation.mirror == 1.0 and recipe.label_vae.latent_size == 6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("learning_rat=1", "did you mean 'learning_rate'.*Known keys: .*epochs"),
        ("augmentation.miror=1", "did you mean 'mirror'.*augmentation.crop"),
        ("model_settings.crff=true", "no setting 'crff'; did you mean 'crf'"),
        ("epochs=ten", "epochs must be int, got 'ten'"),
        ("epochs=0", "epochs must be positive"),
        ("epochs", "must read key=value"),
        ("optimizer=sdg", "optimizer must be one of .*did you mean 'sgd'"),
        ("seed.x=1", "seed has no settings of its own"),
        ("augmentation=1", "augmentation has settings of its own"),
        ("hold_out=1", "hold_out is a share"),
        ("augmentation.mirror=2", "augmentation.mirror is a probability"),
        ("model=arll", "unknown model 'arll'; did you mean 'arl'"),
        ("strict=1", "strict must be bool"),
        ("patience=3", "patience counts epochs .* set hold_out too"),
        ("draw_positives=-1", "draw_positives must not be negative"),
    ],
)
def test_wrong_settings_are_named(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_recipe("arl_bp4d", [setting])


def test_unknown_recipe_gives_the_nearest_ones() -> None:
    with pytest.raises(InputError, match=r"unknown recipe 'arl-bp4d'; did you mean 'arl_bp4d'.*Known recipes"):
        load_recipe("arl-bp4d")


def test_a_file_can_be_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(load_recipe("drml_bp4d", ["seed=5"]).to_yaml(), encoding="utf-8")
    assert load_recipe(path) == load_recipe("drml_bp4d", ["seed=5"])
    path.write_text("name: x\nmodel: drml\nprotocol: bp4d\nepoch: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="no key 'epoch'; did you mean 'epochs'"):
        load_recipe(path)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match="not readable YAML"):
        load_recipe(path)
    with pytest.raises(InputError, match="no recipe file"):
        load_recipe(tmp_path / "none.yaml")


def test_settings_win_over_the_quick_overlay() -> None:
    assert load_recipe("arl_bp4d", ["epochs=7"], quick=True).epochs == 7
    assert load_recipe("arl_bp4d", ["epochs=7"], small=True).epochs == 7


def test_a_recipe_has_one_size() -> None:
    with pytest.raises(InputError, match="choose one"):
        load_recipe("arl_bp4d", quick=True, small=True)


def test_differences_name_dotted_keys() -> None:
    first, second = load_recipe("arl_bp4d"), load_recipe("arl_bp4d", ["epochs=2", "augmentation.mirror=0"])
    assert differences(first, second) == ["augmentation.mirror", "epochs"]


def test_changes_are_those_to_the_recipe_of_the_package(tmp_path: Path) -> None:
    recipe = load_recipe("arl_bp4d", ["epochs=2", "augmentation.mirror=0", "seed=4", "strict=false", "model_settings.unit=4"])
    assert changes(recipe) == {"epochs": 2, "augmentation.mirror": 0.0, "model_settings.unit": 4}
    assert changes(load_recipe("arl_bp4d")) == {}
    assert changes(recipe.changed(["name=mine"])) == {}


def test_known_keys_cover_nested_ones() -> None:
    keys = known_keys()
    assert {"learning_rate", "augmentation.mirror", "label_vae.epochs", "model_settings"} <= set(keys)


def test_the_start_of_a_chain_shares_network_and_seed() -> None:
    recipe = load_recipe("arl_disfa", ["seed=3", "model_settings.unit=4", "start_settings.epochs=1"])
    first = starting_recipe(recipe)
    assert (first.name, first.protocol, first.seed, first.epochs) == ("arl_bp4d", "bp4d", 3, 1)
    assert first.model_settings == {"crf_init": "released_float", "unit": 4}
    assert starting_recipe(load_recipe("aunet_disfa")).model_settings["vae_latent"] == 8


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        ([], [1, 1, 0.3, 0.3, 0.09]),
        (["decay_unit=iteration", "decay_every=20"], [1, 1, 0.3, 0.3, 0.09]),
        (["schedule=constant"], [1, 1, 1, 1, 1]),
        (["schedule=milestones", "milestones=[1, 3]", "decay=0.5"], [1, 0.5, 0.5, 0.25, 0.25]),
        (["schedule=cosine", "epochs=4"], [1, 0.853553, 0.5, 0.146447, 0]),
    ],
)
def test_learning_rate_falls_as_the_schedule_says(settings: list[str], factors: list[float]) -> None:
    recipe = load_recipe("arl_bp4d", settings)
    found = [rate_factor(recipe, epoch * 10, 10) for epoch in range(5)]
    assert found == pytest.approx(factors, abs=1e-6)


def test_network_of_every_variant_can_be_made() -> None:
    for model in ("au-fan", "au-vae", "au-tdn"):
        recipe = load_recipe("aunet_bp4d", [f"model={model}", "model_settings.image_size=64"])
        create_model(recipe.model, "bp4d", **recipe.model_settings)


def command(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *words])
    return result.exit_code, " ".join(result.output.split())


def test_the_command_lists_and_shows_recipes() -> None:
    status, text = command("--list")
    assert status == 0 and all(name in text for name in RECIPES) and "section 4.1.2" in text
    status, text = command("arl_bp4d", "--show", "--set", "epochs=3")
    assert status == 0 and "epochs: 3" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arl_bp4d", "--set", "epoch=3", "--show"], "did you mean 'epochs'"),
        (["arl_bp", "--show"], "unknown recipe 'arl_bp'; did you mean 'arl_bp4d'"),
        ([], "name a recipe"),
        (["arl_bp4d"], "name the folder of the run"),
        (["arl_bp4d", "-o", "run"], "give the prepared faces"),
        (["arl_bp4d", "-o", "run", "--cache", "nowhere"], "nowhere holds no prepared faces"),
    ],
)
def test_mistakes_on_the_command_line_are_one_sentence(words: list[str], message: str) -> None:
    status, text = command(*words)
    assert status == 2 and message in text and "Traceback" not in text


def test_the_bar_starts_anew_for_each_part_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.cli import progress

    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    with progress.Bar(quiet=False) as bar:
        for done, total in ((40, 50), (50, 50), (1, 80), (2, 80)):
            bar.report(done, total, "loss 1.0")
        [task] = bar._bar.tasks
        assert (task.completed, task.total, task.description) == (2, 80, "loss 1.0")
    with progress.Bar(quiet=True) as silent:
        silent.report(1, 2, "")


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = load_recipe("arl_bp4d")
    monkeypatch.setitem(sys.modules, "lightning", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[train\]'"):
        train(recipe, {}, out=tmp_path / "run")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[train\]'"):
        load_recipe("arl_bp4d")


def test_the_page_on_training_names_every_recipe_and_its_example_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "train.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in list_recipes())
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(example, "train.md", "exec"), {"print": lambda *_: None})
    for option in set(re.findall(r"--set ([a-z_.]+)=", page)):
        assert option.partition(".")[0] in {key.partition(".")[0] for key in known_keys()}, option
