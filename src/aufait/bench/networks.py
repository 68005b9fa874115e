"""Speed of the networks: faces per second of each system, and what its arithmetic says is possible.

Random weights and random faces; evaluation mode, no gradient. The check of the pixels for NaN is switched off, since it makes a
GPU wait. Times are whole forward passes; a GPU is synchronised before and after each.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aufait.bench.page import replace_section
from aufait.bench.roofline import Roofline, roofline
from aufait.errors import InputError
from aufait.machine import check_device, describe_machine, torch_threads
from aufait.models.profile import profile_model
from aufait.models.registry import create_model, list_models, model_entry

SYSTEMS = (
    "arl", "iarl", "deep-regions", "mgrr-net", "au-fan", "aunet", "abrnet",
    "jaa-net-v1", "jaa-net-v2", "drml", "resnet18", "resnet18-a", "convnet",
)  # fmt: skip
"""One name per system: these are measured unless a pattern names others. Ablations differ little from these."""

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Names of precisions: the half ones by autocast, float32 as torch is set up (on GPUs that have it, convolutions may use
TensorFloat-32)."""

_HALF_PEAKS = (
    ("H200", 989.0), ("H100 PCIe", 756.0), ("H100 NVL", 835.0), ("H100", 989.0), ("A100", 312.0), ("L40S", 362.0), ("L4", 121.0),
    ("A10G", 70.0), ("A10", 125.0), ("RTX 4090", 165.0), ("RTX 3090", 71.0),
)  # fmt: skip
"""Dense bf16 / fp16 TFLOP/s of the makers' data sheets, by a part of the device's name; the first that fits counts."""

_GPU_SECONDS = 0.3  # a GPU's repeat holds as many passes as fill this time, so that the clock's steps do not show


@dataclass(frozen=True)
class ModelFacts:
    """What a network is and costs, without running it.

    Attributes:
        name, summary, paper: as registered.
        action_units: in output order.
        parameters: all of them, frozen ones included.
        macs: multiply-accumulates of one prediction.
        frames: 1, or 3 for networks that also read neighbours.
        landmarks: how many points it reads, 0 or 49.
        image_size: side of its input in pixels.
    """

    name: str
    summary: str
    paper: str
    action_units: tuple[int, ...]
    parameters: int
    macs: int
    frames: int
    landmarks: int
    image_size: int


@dataclass(frozen=True)
class ModelBenchmark:
    """What to measure."""

    pattern: str | None = None
    """Shell pattern of names; ``None`` for one network per system."""
    batch: int = 8
    """Faces per forward pass."""
    threads: int = 2
    """Torch threads on a CPU."""
    repeats: int = 5
    """Timed repeats, after one that is not timed."""
    device: str = "cpu"
    """cpu, cuda, cuda:1 or mps."""
    dtype: str = "float32"
    """One of ``DTYPES``."""
    compiled: bool = False
    """Run the networks through ``torch.compile``."""
    program: str = "aufait bench models"
    """What the command line that repeats this begins with."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InputError(f"the dtype must be one of {', '.join(DTYPES)}; got {self.dtype!r}")
        if min(self.batch, self.threads, self.repeats) < 1:
            raise InputError(f"batch, threads and repeats must be at least 1, got {self.batch}, {self.threads}, {self.repeats}")
        check_device(self.device)

    @property
    def names(self) -> list[str]:
        """Networks to measure.

        Raises:
            InputError: no name matches the pattern.
        """
        if self.pattern is None:
            return list(SYSTEMS)
        names = list_models(self.pattern)
        if not names:
            raise InputError(f"no model matches {self.pattern!r}; known models: {', '.join(list_models())}")
        return names

    @property
    def command(self) -> str:
        """The command line that repeats this."""
        default = ModelBenchmark()
        words = [self.program]
        if self.pattern is not None:
            words.append(f"--model '{self.pattern}'")
        words += [f"--{name} {getattr(self, name)}" for name in ("batch", "threads", "repeats")]
        words += [f"--{name} {value}" for name in ("device", "dtype") if (value := getattr(self, name)) != getattr(default, name)]
        return " ".join([*words, *(["--compile"] if self.compiled else [])])


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat of the same work."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)

    def milliseconds(self) -> str:
        """Median and, in brackets, smallest and largest."""
        digits = 2 if self.median < 0.01 else 1 if self.median < 0.1 else 0
        low, high = (f"{1000 * value:,.{digits}f}" for value in (min(self.seconds), max(self.seconds)))
        return f"{1000 * self.median:,.{digits}f} ({low}-{high})"


@dataclass(frozen=True)
class ModelRow:
    """One network's measurement: seconds per forward pass of a batch."""

    facts: ModelFacts
    batch: int
    timing: Timing
    peak_share: float | None
    """Arithmetic done per second as a share of what the device could do at most; ``None`` where that is not known."""
    roofline: Roofline | None = None
    """The same for convolutions and products alone, with their share of the time; on a CPU only."""

    @property
    def faces_per_second(self) -> float:
        return self.batch / self.timing.median


@dataclass(frozen=True)
class Comparison:
    """The same result by two ways in the same run.

    Attributes:
        what: ours.
        other: what it is compared with.
        ours, others: seconds of each repeat; the two took turns.
        bar: how many times as fast ours should be at least.
        remark: further figures, such as memory.
    """

    what: str
    other: str
    ours: Timing
    others: Timing
    bar: float
    remark: str = ""

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.others.median / self.ours.median


@dataclass(frozen=True)
class ModelReport:
    """All rows, the machine and the command."""

    machine: str
    settings: ModelBenchmark
    rows: tuple[ModelRow, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    peak: float | None = None
    """Floating-point operations per second of the device at most; None where that is not known."""

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return asdict(self) | {"command": self.settings.command}

    def header(self) -> list[str]:
        """Machine, command and what the figures mean, one line each."""
        settings = self.settings
        how = "compiled" if settings.compiled else "eager"
        threads = f", {settings.threads} threads" if settings.device == "cpu" else ""
        peak = "" if self.peak is None else f" Peak of the device: {self.peak / 1e9:,.0f} GFLOP/s."
        return [
            f"Machine: {self.machine}.",
            f"Command: `{settings.command}`.",
            f"Median of {settings.repeats} (smallest-largest), {how}, {settings.dtype}, batch {settings.batch}{threads}.{peak}",
        ]

    def model_table(self) -> list[tuple[str, ...]]:
        """Heading and one row per network."""
        speed = ("model", "parameters", "GMAC", "ms per batch", "ms per face", "faces/s", "of peak")
        arithmetic = ("arithmetic: of time", "of peak there")
        return [(*speed, *arithmetic), *(_cells(row) for row in self.rows)]

    def comparison_table(self) -> list[tuple[str, ...]]:
        """Heading and one row per comparison."""
        heading = ("ours", "compared with", "ours, ms", "other, ms", "ratio", "bar")
        rows = [
            (c.what, c.other, c.ours.milliseconds(), c.others.milliseconds(), f"{c.ratio:.2f}", f"{c.bar:g}")
            for c in self.comparisons
        ]
        return [heading, *rows] if rows else []

    def footnotes(self) -> list[str]:
        """Remarks on the comparisons, one line each."""
        return [f"{c.what}: {c.remark}." for c in self.comparisons if c.remark]

    def to_markdown(self) -> str:
        """The report as it is in the documentation."""
        tables = [markdown_table(table) for table in (self.model_table(), self.comparison_table()) if len(table) > 1]
        notes = ["\n".join(self.footnotes())] if self.comparisons else []
        return "\n\n".join(["\n".join(self.header()), *tables, *notes]) + "\n"


def model_facts(name: str, au_set: str | Sequence[int] = "bp4d") -> ModelFacts:
    """Name, paper, sizes and needs of a network.

    Raises:
        InputError: unknown name or AU set.
    """
    with torch.device("meta"):  # shapes alone: no memory and no random numbers
        model = create_model(name, au_set)
    entry = model_entry(name)
    profile = profile_model(model)
    return ModelFacts(
        name=entry.name,
        summary=entry.summary,
        paper=entry.paper,
        action_units=model.action_units,
        parameters=profile.parameters,
        macs=profile.macs,
        frames=model.frames,
        landmarks=model.landmark_points,
        image_size=model.config.image_size,
    )


Compare = Callable[["ModelBenchmark", Callable[[str], None]], Iterable["Comparison"]]
"""Comparisons of the same result by two ways, given the settings and a function called with what is measured next."""


def benchmark_models(
    settings: ModelBenchmark, on_row: Callable[[str], None] | None = None, compare: Compare | None = None
) -> ModelReport:
    """Measure the networks one after the other.

    Args:
        settings: what to measure.
        on_row: called with the name of what is measured next.
        compare: comparisons to make first.

    Raises:
        InputError: no such model or device.
    """
    names = settings.names
    tell = on_row or (lambda name: None)
    with torch_threads(settings.threads):
        comparisons = tuple(compare(settings, tell)) if compare else ()
        peak = peak_flops(settings.device, settings.dtype)
        rows = tuple(_measure(name, settings, peak, tell) for name in names)
    return ModelReport(describe_machine(), settings, rows, comparisons, peak)


def time_in_turns(ours: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[Timing, Timing]:
    """Time two pieces of work turn by turn, so that a busy machine slows both; one turn before that goes untimed."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for job, times in zip((ours, other), seconds, strict=True):
            start = time.perf_counter()
            job()
            if turn:
                times.append(time.perf_counter() - start)
    return Timing(tuple(seconds[0])), Timing(tuple(seconds[1]))


def write_section(report: ModelReport, path: Path) -> None:
    """Put the report into a page, between its markers if the page has them, else the page is the report alone.

    Markers are ``<!-- bench models: cpu -->`` (or cuda, mps) and ``<!-- end -->``.
    """
    replace_section(f"models: {report.settings.device.partition(':')[0]}", report.to_markdown(), path)


def peak_flops(device: str, dtype: str) -> float | None:
    """Floating-point operations per second that a device can do at most, or ``None`` where that is not known.

    Of a GPU in a half precision by its maker's data sheet; of the CPU in single precision by the best of several large matrix
    products, with the threads that torch has now.
    """
    if device == "cpu" and dtype == "float32":
        return _fastest_product()
    if not device.startswith("cuda") or dtype == "float32":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak * 1e12 for part, peak in _HALF_PEAKS if part in name), None)


def _fastest_product(side: int = 1536, repeats: int = 12) -> float:
    first, second = torch.rand(side, side), torch.rand(side, side)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(first, second)
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)


def _measure(name: str, settings: ModelBenchmark, peak: float | None, tell: Callable[[str], None]) -> ModelRow:
    tell(name)
    torch.manual_seed(0)
    model = create_model(name).eval()
    facts = model_facts(name)
    model.check_values = False
    model = model.to(settings.device)
    inputs = {key: value.to(settings.device) for key, value in model.example_inputs(settings.batch).items()}
    network: Callable[..., Any] = torch.compile(model) if settings.compiled else model
    timing = _time_network(network, inputs, settings)
    share = None if peak is None else 2 * facts.macs * settings.batch / timing.median / peak
    watched = None
    if settings.device == "cpu" and peak is not None:
        with torch.inference_mode():
            watched = roofline(lambda: network(**inputs), peak)
    return ModelRow(facts, settings.batch, timing, share, watched)


def _time_network(network: Callable[..., Any], inputs: dict[str, Tensor], settings: ModelBenchmark) -> Timing:
    with autocast(settings):
        return time_passes(lambda: network(**inputs), settings.device, settings.repeats)


@torch.inference_mode()
def time_passes(run: Callable[[], object], device: str, repeats: int) -> Timing:
    """Time a pass on a device, after one that is not timed; on a GPU each repeat is many passes, waited for to their end."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        elif device.startswith("mps"):
            torch.mps.synchronize()

    def passes(count: int) -> float:
        wait()
        start = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        return (time.perf_counter() - start) / count

    passes(1)  # compiles and fills caches
    count = 1 if device == "cpu" else max(1, int(_GPU_SECONDS / passes(2)))
    return Timing(tuple(passes(count) for _ in range(repeats)))


def autocast(settings: ModelBenchmark) -> AbstractContextManager[Any]:
    """Context in which networks run in the requested precision."""
    if settings.dtype == "float32":
        return nullcontext()
    return torch.autocast(settings.device.partition(":")[0], DTYPES[settings.dtype])


def _cells(row: ModelRow) -> tuple[str, ...]:
    return (
        row.facts.name,
        f"{row.facts.parameters:,}",
        f"{row.facts.macs / 1e9:.2f}",
        row.timing.milliseconds(),
        f"{1000 / row.faces_per_second:.1f}" if row.faces_per_second < 1000 else f"{1000 / row.faces_per_second:.3f}",
        f"{row.faces_per_second:,.1f}",
        _percent(row.peak_share),
        _percent(row.roofline.time_share if row.roofline else None),
        _percent(row.roofline.peak_share if row.roofline else None),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def markdown_table(table: Sequence[Sequence[str]]) -> str:
    heading, *rows = ("| " + " | ".join(cells) + " |" for cells in table)
    return "\n".join([heading, "|" + "---|" * len(table[0]), *rows])
