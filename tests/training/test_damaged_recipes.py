"""Recipes from strangers: a clear error, at once and in little memory, or the settings that they name."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aufait.errors import InputError
from aufait.files.safe_yaml import MOST_BYTES, parse_yaml
from aufait.training.recipe import load_recipe

WHOLE = "name: mine\nmodel: arl\nprotocol: bp4d\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def recipe(folder: Path, content: bytes | str) -> Path:
    path = folder / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE.encode() + b"title: caf\xe9\n", "not UTF-8"),
        (b"\xff\xfe" + WHOLE.encode("utf-16-le"), "not UTF-8"),
        (WHOLE + "epochs: 2020-99-99\n", "epochs must be int"),
        (WHOLE + "learning_rate: 2020-01-01\n", "learning_rate must be float"),
        (WHOLE + "learning_rate: .nan\n", "learning_rate must be a finite number"),
        (WHOLE + "momentum: .inf\n", "momentum must be a finite number"),
        (WHOLE + "betas: [0.9, .nan]\n", "betas must be a finite number"),
        (WHOLE + f"weight_decay: 1{'0' * 400}\n", "weight_decay must be a finite number"),
        (WHOLE + f"epochs: {'9' * 5000}\n", "not readable YAML"),
        (WHOLE + "title: " + "[" * 3000, "deep"),
        (WHOLE + "title: " + "{a: " * 3000, "deep"),
        (WHOLE + BOMB, "alias"),
        (WHOLE + "title: [" + "x, " * 30_000 + "]", "more than 20000 values"),
        (WHOLE + "#" * MOST_BYTES, "larger than 1 MiB"),
        (WHOLE + "? [a, b]\n: c\n", "not readable YAML"),
        (WHOLE + "title: !!python/object/apply:os.system [true]\n", "not readable YAML"),
        (WHOLE + "title: !!int ''\n", "not readable YAML"),
        ("- 1\n- 2\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        (WHOLE + "---\nb: 1\n", "not readable YAML"),
    ],
)
def test_an_odd_recipe_is_refused_in_words(content: bytes | str, words: str, tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(InputError, match=words) as caught:
        load_recipe(recipe(tmp_path, content))
    assert len(str(caught.value)) < 1500 and time.process_time() - start < 5


def test_a_date_is_a_text(tmp_path: Path) -> None:
    assert load_recipe(recipe(tmp_path, WHOLE + "title: 2020-99-99\n")).title == "2020-99-99"
    assert load_recipe("arl_bp4d", ["title=2020-01-01"]).title == "2020-01-01"
    assert parse_yaml("a: !!timestamp 2020-99-99", "x") == {"a": "2020-99-99"}


@pytest.mark.parametrize("value", ["2020-99-99", "[" * 3000, ".nan", "9" * 5000, "&a [*a]", "caf\udce9"])
def test_an_odd_setting_is_refused_in_words(value: str) -> None:
    with pytest.raises(InputError, match="learning_rate") as caught:
        load_recipe("arl_bp4d", [f"learning_rate={value}"])
    assert len(str(caught.value)) < 1500


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    assert load_recipe(recipe(tmp_path, b"\xef\xbb\xbf" + WHOLE.encode())).name == "mine"


def test_a_recipe_survives_being_written_and_read(tmp_path: Path) -> None:
    first = load_recipe("arl_bp4d", ["title=2020-01-01"])
    assert load_recipe(recipe(tmp_path, first.to_yaml())) == first
