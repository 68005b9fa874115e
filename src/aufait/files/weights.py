"""Weights on disc: a safetensors file whose header holds a description as JSON; whole or absent.

A file may come from anywhere, so reading it believes nothing: a network is made without memory first and compared with the tensors
that are really there, and weights that are not numbers are refused by name.

The weights that the package ships are stored small (``packed``): matrices and kernels as whole numbers of 8 bits with one scale for
each output channel, the rest as float16. ``read_tensors`` gives them back as numbers, whichever way they were stored.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

from aufait.errors import InputError, MissingModelError, OutputError
from aufait.files.atomic import whole_file

HEADER = "aufait"
"""Key of the JSON text among the metadata of the file."""

_COUNTER = "num_batches_tracked"
_SCALE = "/scale"
"""End of the name of a tensor of scales; no module's tensor has a slash in its name."""
_STEPS = 127
"""Largest whole number of 8 bits that represents a weight; the smallest is its negative."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)

_making = threading.RLock()
"""One thread makes a module at a time: ``_limited`` watches through torch's hooks for all modules, a list that must not change
while another thread goes through it."""


def _forget_lock() -> None:
    global _making
    _making = threading.RLock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)

_LARGEST_BUFFER = 1 << 26
"""Elements of the largest constant that a network may make for itself, such as the places of its regions."""


def write_weights(module: nn.Module, path: str | Path, header: dict[str, Any]) -> Path:
    """Write the state of a module with its description.

    Args:
        module: what ``state_dict`` is taken from.
        path: the file; folders are made.
        header: anything JSON can hold.

    Raises:
        OutputError: the file cannot be written; nothing is left of it.
    """
    return write_tensors(module.state_dict(), path, header)


def write_tensors(tensors: Mapping[str, Tensor], path: str | Path, header: dict[str, Any]) -> Path:
    """``write_weights`` for tensors by name."""
    path = Path(path)
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    try:
        with whole_file(path) as partial:
            save_file(stored, partial, metadata={HEADER: json.dumps(header, sort_keys=True)})
    except SafetensorError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    return path


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a small file stores them: about one byte for each number of a matrix or kernel, two for other numbers.

    Args:
        tensors: a module's state; matrices and kernels have their output channels first.

    Returns:
        For each matrix or kernel NAME (O, ...) int8 and ``NAME/scale`` (O,) float32, which it is to be multiplied by; every other
        tensor of floats as float16, the rest as it is.
    """
    result = {}
    for name, values in tensors.items():
        values = values.detach().cpu()
        if not values.is_floating_point():
            result[name] = values.contiguous()
        elif values.ndim < 2:
            result[name] = values.half().contiguous()
        else:
            rows = values.float().flatten(1)  # (O, inputs of a channel)
            scale = rows.abs().amax(dim=1) / _STEPS
            whole = (rows / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
            result[name] = whole.clamp(-_STEPS, _STEPS).to(torch.int8).view(values.shape).contiguous()
            result[name + _SCALE] = scale
    return result


def _unpacked(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """What ``packed`` was given, to within half a step of each channel; other tensors as they are."""
    result = {name: values for name, values in tensors.items() if not name.endswith(_SCALE)}
    for name, scale in tensors.items():
        if not name.endswith(_SCALE):
            continue
        whole = result.get(name.removesuffix(_SCALE))
        if whole is None or whole.dtype != torch.int8 or scale.shape != whole.shape[:1] or not scale.is_floating_point():
            raise InputError(f"{path}: {name} is not the scale of a tensor of whole numbers; get the file again")
        result[name.removesuffix(_SCALE)] = whole.float() * scale.view(-1, *[1] * (whole.ndim - 1))
    return result


def read_metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file.

    Raises:
        InputError: not a whole safetensors file.
    """
    with _open(path) as file:
        return dict(file.metadata() or {})


def read_description(path: Path, absent: str) -> Any:
    """What ``write_weights`` put into the header, or ``None`` where the file has no such header.

    Args:
        path: the file.
        absent: what to say when there is none.

    Raises:
        MissingModelError: there is no such file.
        InputError: not a whole safetensors file.
    """
    if not path.is_file():
        raise MissingModelError(absent)
    return parse_json(read_metadata(path).get(HEADER))


def parse_json(text: str | None) -> Any:
    """The value of a JSON text, or ``None`` if there is none or it is not JSON, however deep it is nested."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU, as they are stored; those of 8 bits as float32.

    Raises:
        InputError: not a whole safetensors file, or a tensor that holds NaN or infinity (it is named).
    """
    with _open(path) as file:
        tensors = _unpacked({key: file.get_tensor(key) for key in file.keys()}, path)  # noqa: SIM118 - not a dictionary
    check_numbers(tensors, path)
    return tensors


def check_numbers(tensors: Mapping[str, Tensor], where: object) -> None:
    """Refuse impossible weights and statistics: with them no score would be a number.

    Raises:
        InputError: a tensor holds NaN or infinity, or a variance below zero; its name is in the message.
    """
    for name, values in tensors.items():
        if not values.is_floating_point():
            continue
        if not bool(torch.isfinite(values).all()):
            odd = int((~torch.isfinite(values)).sum())
            raise InputError(f"{where}: {odd} of the {values.numel()} numbers of {name} are NaN or infinite; get the file again")
        if name.endswith("running_var") and bool((values < 0).any()):
            raise InputError(f"{where}: {name} holds a variance below zero; get the file again")


def make_filled(make: Callable[[], ModuleT], tensors: Mapping[str, Tensor], misfit: str) -> ModuleT:
    """A module with exactly the given tensors; counts of training batches, which may be missing from files, are left unchanged.

    It is made without memory first, so that sizes which a header only claims cost nothing.

    Args:
        make: makes the module as the file's header says.
        tensors: what the file holds.
        misfit: beginning of the message where both do not belong together ("the weights in FILE do not fit its header").

    Raises:
        InputError: the module cannot be made, or has other tensors.
    """
    with _making:
        return _make_filled(make, tensors, misfit)


def _make_filled(make: Callable[[], ModuleT], tensors: Mapping[str, Tensor], misfit: str) -> ModuleT:
    try:
        with _limited(tensors, misfit), torch.device("meta"):
            plan = make().state_dict()
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError, AttributeError, NotImplementedError) as error:
        raise InputError(f"{misfit}: no such network can be made ({_first_line(error)})") from error
    plan = {name: values for name, values in plan.items() if name in tensors or not name.endswith(_COUNTER)}
    differences = [name for name in tensors if name not in plan] + [name for name in plan if name not in tensors]
    if differences:
        raise InputError(f"{misfit}: {len(differences)} tensors are missing or too many, such as {differences[0]}")
    for name, planned in plan.items():
        if planned.shape != tensors[name].shape:
            raise InputError(f"{misfit}: {name} should be {tuple(planned.shape)}, the file has {tuple(tensors[name].shape)}")
    module = make()
    module.load_state_dict(dict(tensors), strict=False)
    return module


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, RuntimeError) as error:
        raise InputError(f"{path} is not a whole safetensors file ({error}); get it again or save it again") from error


_UNCOUNTED: ContextVar[bool] = ContextVar("uncounted", default=False)


@contextmanager
def uncounted() -> Iterator[None]:
    """Inside, a part is made that for a moment holds more than it keeps, and whose sizes no header can choose: a network that
    another library knows by name."""
    token = _UNCOUNTED.set(True)
    try:
        yield
    finally:
        _UNCOUNTED.reset(token)


@contextmanager
def _limited(tensors: Mapping[str, Tensor], misfit: str) -> Iterator[None]:
    """Inside, the making of a network stops as soon as it has more parameters than there are tensors, or larger ones."""
    most, largest = len(tensors), max((values.numel() for values in tensors.values()), default=0)
    thread, count = threading.get_ident(), 0

    def parameter(owner: nn.Module, name: str, value: Tensor | None) -> None:
        nonlocal count
        if threading.get_ident() != thread or value is None or _UNCOUNTED.get():
            return
        count += 1
        if count > most or value.numel() > largest:
            raise InputError(f"{misfit}: the header states a network of more or larger weights than the file holds")

    def buffer(owner: nn.Module, name: str, value: Tensor | None) -> None:
        if _UNCOUNTED.get() or threading.get_ident() != thread or value is None:
            return
        if value.numel() > max(_LARGEST_BUFFER, largest):
            raise InputError(f"{misfit}: the header states sizes that no network has ({name} of {value.numel()} numbers)")

    hooks = [
        torch_modules.register_module_parameter_registration_hook(parameter),
        torch_modules.register_module_buffer_registration_hook(buffer),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
