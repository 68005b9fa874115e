"""Does a network follow the contract of ``AUSystem``? Checked for networks from elsewhere, before they are used.

    >>> import aufait
    >>> from aufait.models.contract import check_network
    >>> check_network(aufait.create_model("drml", "disfa", hidden_sizes=(64, 32)))
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from aufait.errors import AufaitError, InputError
from aufait.models.configuration import ModelConfig, resolve_au_set
from aufait.models.explanation import Explanation
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.plugins import origin_of


def check_network(model: Any, *, run: bool = True) -> None:
    """Raise unless a network follows the contract.

    Args:
        model: the network; it is left in the mode that it is in.
        run: also check the output of one example face.

    Raises:
        InputError: what is wrong, in which method or attribute, what was expected and what came.
    """
    name = type(model).__name__
    if not isinstance(model, AUSystem):
        raise InputError(
            f"a network must derive from aufait.AUSystem (docs/bring_your_own.md shows one of 40 lines), got {name}, "
            f"a {type(model).__mro__[1].__name__}"
        )
    config = getattr(model, "config", None)
    if not isinstance(config, ModelConfig):
        raise InputError(f"{name}.config must be a ModelConfig, got {type(config).__name__}; call super().__init__(config)")
    if not model.config.SYSTEM:
        raise InputError(f"{type(model.config).__name__}.SYSTEM must name the system, it is empty; saved files carry it")
    resolve_au_set(model.action_units)
    taken = inspect.signature(model.forward).parameters
    if not {"images", "landmarks"} <= set(taken) and not any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        raise InputError(f"{name}.forward must take images and landmarks=None, it takes {', '.join(taken) or 'nothing'}")
    _check_needs(model, name)
    if run:
        was_training, device = model.training, _device(model)
        with torch.no_grad():
            inputs = {key: value.to(device) for key, value in model.eval().example_inputs(1).items()}
            output = model(**inputs)
        model.train(was_training)
        check_output(model, output, 1)


def check_output(model: AUSystem, output: Any, batch: int) -> None:
    """Raise unless the output of ``forward`` for ``batch`` faces is what ``AUOutput`` promises.

    Raises:
        InputError: which entry is wrong, what was expected and what came.
    """
    check_shapes(model, output, batch)
    name = type(model).__name__
    for entry in ("logits", "intensity"):
        value = getattr(output, entry)
        if value is not None and not bool(value.isfinite().all()):
            raise InputError(f"{name}.forward returned {entry} that are not finite: training diverged, or the file is damaged")


def check_shapes(model: AUSystem, output: Any, batch: int) -> None:
    """The part of ``check_output`` that examines no values and costs nothing.

    Raises:
        InputError: as ``check_output``.
    """
    name, units = type(model).__name__, len(model.action_units)
    if not isinstance(output, AUOutput):
        raise InputError(f"{name}.forward must return an aufait.AUOutput(logits=...), got {_shown(output)}")
    expected: dict[str, tuple[Any, ...]] = {
        "logits": (batch, units), "intensity": (batch, units), "landmarks": (batch, "N", 2),
        "attention_maps": (batch, units, "H", "W"), "side_logits": (batch, units, 2), "side_intensity": (batch, units, 2),
    }  # fmt: skip
    for entry, shape in expected.items():
        value = getattr(output, entry)
        if value is None and entry != "logits":
            continue
        fits = isinstance(value, Tensor) and len(value.shape) == len(shape)
        fits = fits and all(isinstance(want, str) or want == size for want, size in zip(shape, value.shape, strict=True))
        if not fits:
            wanted = ", ".join(map(str, shape))
            raise InputError(f"{name}.forward must return {entry} of shape ({wanted}), got {_shown(value)}")


@contextmanager
def strangers_errors(model: AUSystem, method: str) -> Iterator[None]:
    """Inside, whatever a network of another package raises becomes an ``InputError`` that names method and package; our own
    networks' errors stay as they are."""
    try:
        yield
    except (AufaitError, MemoryError):
        raise
    except Exception as error:
        origin = origin_of(type(model).__module__)
        if origin.partition(" ")[0] == "aufait":
            raise
        raise InputError(f"{type(model).__name__}.{method}, of {origin}, raised {type(error).__name__}: {error}") from error


def check_explanation(model: AUSystem, told: Any, batch: int) -> None:
    """Raise unless what ``explain`` returned for ``batch`` faces is an ``Explanation`` with a map for each action unit, or None.

    Raises:
        InputError: what came instead.
    """
    if told is None:
        return
    name, units = type(model).__name__, len(model.action_units)
    if not isinstance(told, Explanation):
        raise InputError(f"{name}.explain must return an Explanation(kind, maps, meaning) or None, got {_shown(told)}")
    if not isinstance(told.maps, Tensor) or told.maps.ndim != 4 or tuple(told.maps.shape[:2]) != (batch, units):
        raise InputError(f"{name}.explain must return maps of shape ({batch}, {units}, H, W), got {_shown(told.maps)}")
    if not bool(told.maps.isfinite().all()) or bool((told.maps < 0).any()):
        raise InputError(f"{name}.explain returned maps that are negative or not finite; clamp them")


def _check_needs(model: AUSystem, name: str) -> None:
    from aufait.inputs.alignments import ALIGNMENTS

    choices: dict[str, tuple[Any, ...]] = {
        "input_alignment": tuple(ALIGNMENTS), "frames": (1, 3), "landmark_points": (0, 49), "channel_order": ("rgb", "bgr"),
    }  # fmt: skip
    for attribute, known in choices.items():
        value = getattr(model, attribute)
        if value not in known:
            raise InputError(f"{name}.{attribute} must be one of {', '.join(map(repr, known))}, got {value!r}")
    if model.frames == 3 and model.interval < 1:
        raise InputError(f"{name}.interval must say how many frames are between its three frames, got {model.interval}")
    _check_further(model, name)
    sizes = {one.name for one in dataclasses.fields(model.config)}
    if "image_size" not in sizes or model.config.image_size < 8:
        raise InputError(f"{name}.config.image_size must be the side of its input in pixels, 8 or more")


def _check_further(model: AUSystem, name: str) -> None:
    if not model.further_inputs:
        return
    for word, shape in model.further_inputs.items():
        if word in ("images", "landmarks") or not (isinstance(shape, tuple) and all(isinstance(side, int) for side in shape)):
            raise InputError(f"{name}.further_inputs must name shapes of what is not images or landmarks, got {word}: {shape!r}")
    known = inspect.signature(model.forward).parameters
    if missing := [word for word in model.further_inputs if word not in known]:
        raise InputError(f"{name}.forward must take {', '.join(missing)}, as further_inputs says; it takes {', '.join(known)}")
    if type(model).own_predictor is AUSystem.own_predictor:
        raise InputError(f"{name}.own_predictor must say how a detector gets {', '.join(model.further_inputs)}; it is not defined")


def _device(model: AUSystem) -> torch.device:
    return next((one.device for one in model.parameters()), torch.device("cpu"))


def _shown(value: Any) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
