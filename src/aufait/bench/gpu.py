"""What a GPU can do for detection, and what it does: the networks alone, in half precision and compiled, and whole streams.

Three questions, three tables. How many faces per second do the networks take, batch by batch, and which share is that of the best
product of matrices on the device? How far are half precision, and the device itself, from single precision on the processor, on the
faces of a clip? How many frames per second do so many worker processes read, follow, score and write together on one device? On
a machine without a GPU all of it runs on the processor, with smaller numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from aufait.bench.networks import Timing, markdown_table, peak_flops, time_passes
from aufait.bench.page import replace_section
from aufait.errors import InputError
from aufait.layers.fused import prepare
from aufait.layers.runtimes import TORCH, Call
from aufait.layers.runtimes.half import HALVED, in_half
from aufait.machine import default_threads, describe_machine, resolve_device, torch_threads
from aufait.models.profile import profile_model

if TYPE_CHECKING:
    from aufait.bench.streams import Difference, StreamRow

MEASURED = {
    "landmarks": "builtin landmarks", "action-units": "compact",
    "mesh-landmarks": "mesh landmarks", "mesh-action-units": "mesh",
}  # fmt: skip
"""``Call.name`` -> what the tables call the network."""
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
"""Precisions; the second is for the action unit models alone, as with runtime ``torch-bf16``."""
_SIDES = {"cpu": 1536, "cuda": 8192}  # of the matrices whose product is the peak, in numbers


@dataclass(frozen=True)
class GpuBenchmark:
    """What to measure; numbers that are empty or None depend on the device."""

    device: str = "auto"
    """One device."""
    batches: tuple[int, ...] = ()
    """Faces per pass."""
    streams: tuple[int, ...] = ()
    """Worker processes that share the device, each with a video of its own."""
    frames: int | None = None
    """Of each stream."""
    repeats: int = 5
    """Of each pass."""
    finder: str = "auto"
    """Name of the face finder."""
    compiled: bool = False
    """Measure the action unit models through ``torch.compile`` too: a minute and more for each of them and each batch."""

    def __post_init__(self) -> None:
        if min(1, *self.batches, *self.streams, self.repeats) < 1:
            raise InputError(f"batches, streams and repeats are 1 or more, got {self.batches}, {self.streams}, {self.repeats}")
        if self.frames is not None and self.frames < 10:
            raise InputError(f"a stream has 10 frames or more, got {self.frames}")

    def filled(self) -> GpuBenchmark:
        """With everything chosen.

        Raises:
            InputError: no such device.
        """
        device, given = resolve_device(self.device), asdict(self)
        usual: dict[str, Any] = {"batches": (1, 4, 16), "streams": (1, 2), "frames": 100}
        if device != "cpu":
            usual = {"batches": (1, 8, 32, 128, 512), "streams": (1, 2, 4, 8), "frames": 600}
        return GpuBenchmark(**given | {name: given[name] or value for name, value in usual.items()} | {"device": device})

    @property
    def command(self) -> str:
        """The command line that repeats this."""
        words = [f"aufait bench gpu --device {self.device} --repeats {self.repeats} --finder {self.finder}"]
        words += [f"--{name} {','.join(map(str, getattr(self, name)))}" for name in ("batches", "streams")]
        return " ".join([*words, f"--frames {self.frames}", *(["--compile"] if self.compiled else [])])


@dataclass(frozen=True)
class PassRow:
    """A network at one batch: way -> seconds per pass, or why there are none."""

    network: str
    batch: int
    macs: int
    """Of one face."""
    passes: dict[str, Timing | str]


@dataclass(frozen=True)
class GpuReport:
    """All tables, the machine and the command.

    Attributes:
        peaks: precision -> floating-point operations per second of the best product.
    """

    machine: str
    settings: GpuBenchmark
    peaks: dict[str, float]
    passes: tuple[PassRow, ...]
    differences: tuple[Difference, ...]
    streams: tuple[StreamRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return asdict(self) | {"command": self.settings.command}

    def header(self) -> list[str]:
        """Machine, command and peaks, one line each."""
        peaks = ", ".join(f"{name} {peak / 1e12:,.2f} TFLOP/s" for name, peak in self.peaks.items())
        sheet = peak_flops(self.settings.device, "bf16")
        said = "" if sheet is None else f" The maker's data sheet has {sheet / 1e12:,.0f} TFLOP/s for bf16."
        return [
            f"Machine: {self.machine}; device {self.settings.device}.",
            f"Command: `{self.settings.command}`.",
            f"Best product of matrices: {peaks}.{said}",
        ]

    def tables(self) -> list[list[tuple[str, ...]]]:
        """Heading and rows of each table."""
        from aufait.bench.streams import DIFFERENCE_HEADING, STREAM_HEADING

        ways = list(self.passes[0].passes)
        heading = ("network", "faces at once", "MMAC per face", *(f"{way}: faces/s (of the best product)" for way in ways))
        return [
            [heading, *map(self._cells, self.passes)],
            [DIFFERENCE_HEADING, *(one.cells() for one in self.differences)],
            [STREAM_HEADING, *(row.cells(self.streams[0]) for row in self.streams)],
        ]

    def footnotes(self) -> list[str]:
        """Why something was not measured, once each."""
        ways = ((row.network, way, said) for row in self.passes for way, said in row.passes.items())
        reasons = [f"Not measured: {network}, {way}: {said}." for network, way, said in ways if isinstance(said, str)]
        return list(dict.fromkeys(reasons))

    def to_markdown(self) -> str:
        """The report as it is in the documentation."""
        parts = ["\n".join(self.header()), *map(markdown_table, self.tables()), *self.footnotes()]
        return "\n\n".join(parts) + "\n"

    def write(self, page: Path) -> None:
        """Put the report into the section of a page between ``<!-- bench gpu: cuda -->`` (or cpu, mps) and ``<!-- end -->``."""
        replace_section(f"gpu: {self.settings.device.partition(':')[0]}", self.to_markdown(), page)

    def _cells(self, row: PassRow) -> tuple[str, ...]:
        return (row.network, str(row.batch), f"{row.macs / 1e6:,.0f}", *(self._speed(row, way) for way in row.passes))

    def _speed(self, row: PassRow, way: str) -> str:
        timing = row.passes[way]
        if isinstance(timing, str):
            return "-"
        faces = row.batch / timing.median
        return f"{faces:,.0f} ({100 * 2 * row.macs * faces / self.peaks[way.partition(',')[0]]:.1f} %)"


def benchmark_gpu(settings: GpuBenchmark, on_step: Callable[[str], None] = lambda _: None) -> GpuReport:
    """Measure.

    Args:
        settings: what.
        on_step: is told what is measured now.

    Raises:
        InputError: no such device.
    """
    from aufait.bench.streams import differences, measure_streams

    settings = settings.filled()
    with torch_threads(default_threads()):
        on_step("the best product")
        peaks = {name: best_product(settings.device, dtype) for name, dtype in DTYPES.items()}
        passes = tuple(_pass_rows(settings, on_step))
    on_step("differences")
    apart = tuple(differences(settings))
    return GpuReport(describe_machine(), settings, peaks, passes, apart, tuple(measure_streams(settings, on_step)))


def best_product(device: str, dtype: torch.dtype, repeats: int = 5) -> float:
    """Floating-point operations per second of a large product of matrices, the best of some.

    It is done as a convolution of 1 x 1, and so has the precision that convolutions have: on GPUs of recent years that is
    TensorFloat-32 where float32 is asked for.
    """
    side = _SIDES.get(device.partition(":")[0], _SIDES["cpu"])
    maps = torch.ones(1, side, 1, side, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weights = torch.ones(side, side, 1, 1, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return 2 * side**3 / min(time_passes(lambda: torch.conv2d(maps, weights), device, repeats).seconds)


class _Noted:
    """A runtime that only notes the networks that it is given."""

    name = "torch"

    def __init__(self) -> None:
        self.networks: dict[str, tuple[nn.Module, Call]] = {}

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> Callable[..., Any]:
        self.networks[call.name] = network.eval(), call
        return TORCH.ready(network, device, call)


def shipped_networks(finder: str) -> dict[str, tuple[nn.Module, Call]]:
    """The networks of ``MEASURED`` that a finder and its model use, and how they are called."""
    from aufait.faces import create_finder
    from aufait.models.default.shipped import open_model

    noted = _Noted()
    with closing(create_finder(finder, runtime=noted)) as made:
        open_model(finder=made.name, runtime=noted)
    return {name: noted.networks[name] for name in MEASURED if name in noted.networks}


def _pass_rows(settings: GpuBenchmark, on_step: Callable[[str], None]) -> Iterator[PassRow]:
    for name, (network, call) in shipped_networks(settings.finder).items():
        names, examples = inspect.signature(network.forward).parameters, call.examples()
        macs = profile_model(network, inputs=dict(zip(names, examples, strict=True))).macs // len(examples[0])
        ways = dict(_ways(network, call, settings))
        for batch in settings.batches:
            on_step(f"{MEASURED[name]}, {batch} at once")
            inputs = [torch.rand(batch, *shape[1:], device=settings.device) for shape in call.shapes]
            yield PassRow(MEASURED[name], batch, macs, {way: _timed(made, inputs, settings) for way, made in ways.items()})


def _ways(network: nn.Module, call: Call, settings: GpuBenchmark) -> Iterator[tuple[str, Callable[..., Any] | str]]:
    """What runs a network in each way, or why nothing does."""
    device, single = settings.device, "places in pixels stay in single precision" if call.name not in HALVED else ""
    yield "float32", TORCH.ready(network, device, call)
    yield "bf16", single or in_half(network, device)
    if settings.compiled:
        plain = prepare(network, device, one_dnn=False)
        yield "float32, compiled", single or _compiled(plain)
        yield "bf16, compiled", single or _compiled(in_half(network, device))


def _compiled(run: Callable[..., Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = torch.compile(run, dynamic=False)
    return made


def _timed(run: Callable[..., Any] | str, inputs: list[Tensor], settings: GpuBenchmark) -> Timing | str:
    if isinstance(run, str):
        return run
    if settings.compiled:
        torch.compiler.reset()  # each batch anew: dynamo gives up, silently, after some sizes of one network
    try:
        return time_passes(lambda: run(*inputs), settings.device, settings.repeats)
    except Exception as error:  # no compiler for torch.compile, or no memory: the other figures still count
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
