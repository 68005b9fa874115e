"""What the formats share: named inputs and outputs, the notes inside the file, the comparison, and files that are whole.

An exported network takes what ``AUSystem`` takes (``images`` and, where the network reads them, ``landmarks``) with a batch
of any size, and returns the tensors of ``AUOutput`` that the network has, in the order of its fields: ``logits`` first, those
of ``extra`` last. A face aligner takes ``images`` and returns the tensors of ``FaceAlignment``.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import AufaitError, InputError
from aufait.files.atomic import whole_file
from aufait.inputs.alignments import get_alignment
from aufait.models.fan import FaceAligner, FaceAlignment
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem

Network = AUSystem | FaceAligner
"""What can be exported."""

METADATA_KEY = "aufait"
"""Name of the JSON text inside the files that says what the network is and takes."""

MAX_BATCH = 2**20
"""Largest batch of an exported network. Some bound must be named: without one torch 2.6 refuses to leave the batch free."""

TOLERANCE = 1e-4
"""How far an exported network may be from the original: absolute for values up to 1, relative beyond."""


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        path: the file.
        format: "onnx", "onnx-int8", "openvino" or "torch".
        inputs: names and shapes of the inputs; the batch is "B".
        outputs: names of the outputs, in order.
        difference: largest difference from the original over all outputs and checked batches, as ``TOLERANCE`` counts it;
            ``None`` where the comparison was left out.
        metadata: what the file says about the network, see ``METADATA_KEY``.
    """

    path: Path
    format: str
    inputs: dict[str, tuple[int | str, ...]]
    outputs: tuple[str, ...]
    difference: float | None
    metadata: dict[str, Any]


class TensorOutputs(nn.Module):
    """A network that returns a tuple of tensors where the original returns a dataclass of them.

    Args:
        model: the network; it is used as it is, in the mode it is in.
        names: outputs to return, as ``output_tensors`` names them.
        inputs: names of the inputs. An output of the same name gets ``_out`` at its end, since names in a graph are unique.
    """

    def __init__(self, model: Network, names: Sequence[str], inputs: Sequence[str] = ("images",)) -> None:
        super().__init__()
        self.model = model
        self._fields = tuple(names)
        self.names = tuple(f"{name}_out" if name in inputs else name for name in names)

        # Exporters read the names of the inputs off the signature, which is the network's: not all have the same.
        self.forward = _named(self._outputs, inputs)

    def _outputs(self, **inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs of the network -> its output tensors, in the order of ``names``."""
        tensors = output_tensors(self.model(**inputs))
        return tuple(tensors[name] for name in self._fields)


def _named(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """A function of keyword arguments as one of arguments with these names, in this order."""

    def call(*positional: Tensor, **named: Tensor) -> Any:
        return function(**dict(zip(names, positional, strict=False)), **named)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    return call


def output_tensors(output: AUOutput | FaceAlignment) -> dict[str, Tensor]:
    """The tensors of an output by name; those of ``extra`` under their own names, absent ones left out."""
    named = {field.name: getattr(output, field.name) for field in fields(output) if field.name != "extra"}
    extra = output.extra if isinstance(output, AUOutput) else {}
    return {name: value for name, value in {**named, **extra}.items() if value is not None}


@dataclass(frozen=True)
class ExportJob:
    """A network made ready for an exporter: a copy of it on the CPU in evaluation mode, and inputs to trace and check with.

    Attributes:
        program: returns a tuple of tensors.
        inputs: by name, a batch of at least 2, from which the batch's freedom is traced.
        metadata: what the file says about the network.
    """

    program: TensorOutputs
    inputs: dict[str, Tensor]
    metadata: dict[str, Any]

    @classmethod
    def prepare(cls, model: Network, inputs: Mapping[str, Tensor] | None, notes: Mapping[str, Any] | None) -> ExportJob:
        """Check the inputs, copy the network and find out which outputs it has.

        Raises:
            InputError: not a network of aufait, or a batch of fewer than 2 faces.
        """
        if not isinstance(model, Network):
            raise InputError(f"expected a network of aufait.create_model, got a {type(model).__name__}")
        traced = dict(inputs) if inputs is not None else _example_inputs(model)
        if any(tensor.shape[0] < 2 for tensor in traced.values()):
            raise InputError("the example inputs need a batch of 2 or more, so that the batch stays free")
        traced = {name: tensor.detach().cpu() for name, tensor in traced.items()}
        original = copy.deepcopy(model).cpu().eval().requires_grad_(False)
        with torch.no_grad():
            names = tuple(output_tensors(original(**traced)))
        program = TensorOutputs(original, names, tuple(traced))
        return cls(program, traced, _describe(original, traced, program.names, notes or {}))

    @property
    def batch_axes(self) -> dict[str, dict[int, Any]]:
        """Which axes of the inputs are free."""
        batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
        return {name: {0: batch} for name in self.inputs}

    def compare(self, run: Callable[[dict[str, Tensor]], Sequence[Tensor]], *, tolerance: float = TOLERANCE) -> float:
        """Run the exported network and the original on one face and on one more than was traced; the largest difference.

        Raises:
            AufaitError: an output differs by more than ``tolerance``, or has another shape.
        """
        largest = 0.0
        for batch in self._batches():
            with torch.no_grad():
                expected = self.program(**batch)
            for name, wanted, got in zip(self.program.names, expected, run(batch), strict=True):
                difference = _difference(wanted, got)
                if not difference <= tolerance:
                    raise AufaitError(
                        f"the exported network's {name} differs by {difference:.2g} from the original, at most {tolerance:g} is "
                        "allowed; please report it, with the versions of torch, onnxruntime and openvino"
                    )
                largest = max(largest, difference)
        return largest

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        yield {name: tensor[:1] for name, tensor in self.inputs.items()}
        yield {name: torch.cat([tensor, tensor[:1]]) for name, tensor in self.inputs.items()}


@contextmanager
def exported_file(path: Path, ending: str) -> Iterator[Path]:
    """``whole_file`` for a name that must end in ``ending``.

    Raises:
        InputError: it does not.
        OutputError: the file cannot be written.
    """
    if path.suffix.lower() != ending:
        raise InputError(f"the exported file must end in {ending}, got {path}")
    with whole_file(path) as partial:
        yield partial


def to_json(metadata: Mapping[str, Any]) -> str:
    """The text that goes into the file."""
    return json.dumps(metadata, sort_keys=True)


def shapes_of(inputs: Mapping[str, Tensor]) -> dict[str, tuple[int | str, ...]]:
    """Shapes with the batch as "B"."""
    return {name: ("B", *tensor.shape[1:]) for name, tensor in inputs.items()}


def _example_inputs(model: Network) -> dict[str, Tensor]:
    if isinstance(model, AUSystem):
        return model.example_inputs(2)
    size = model.config.image_size
    return {"images": torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))}


def _describe(model: Network, inputs: Mapping[str, Tensor], outputs: Sequence[str], notes: Mapping[str, Any]) -> dict[str, Any]:
    what = {"images": "RGB, float32 in [0, 1], aligned face crops", "landmarks": "x, y in pixels of the images"}
    metadata: dict[str, Any] = {}
    if isinstance(model, AUSystem):
        frame = get_alignment(model.input_alignment)
        metadata = {"action_units": list(model.action_units), "probability": "sigmoid(logits)"}
        metadata["alignment"] = {"name": frame.name, "summary": frame.summary, **frame.to_dict()}
        if model.frames == 3:
            what["images"] += "; axis 1: current, earlier, later frame"
        where = f"{type(model).__module__}.{type(model).__name__}.forward says what this is"
        what |= dict.fromkeys(model.further_inputs, where)
    config = model.config.to_dict()
    return metadata | {
        "system": config["system"],
        "inputs": {name: {"shape": list(shape), "content": what.get(name, "")} for name, shape in shapes_of(inputs).items()},
        "outputs": list(outputs),
        "config": config,
        "notes": dict(notes),
    }


def _difference(wanted: Tensor, got: Tensor) -> float:
    """Largest difference, absolute where the wanted value is below 1 and relative above; infinite for another shape or NaN."""
    if wanted.shape != got.shape:
        return float("inf")
    if wanted.numel() == 0:
        return 0.0
    wanted, got = wanted.double(), got.double()
    worst = float(((wanted - got).abs() / wanted.abs().clamp(min=1.0)).max())
    return worst if worst == worst else float("inf")
