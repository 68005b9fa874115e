"""``aufait stream``: scores and events of a camera or a video, live, for programs that record them with other devices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import EXIT_INTERRUPTED, print_warning, stdout
from aufait.cli.detect import DeviceOption, FinderModelOption, FinderOption, ModelOption, RuntimeOption
from aufait.cli.options import ErrorsOnlyOption

if TYPE_CHECKING:
    from aufait.analysis.live.lsl import LabStreams
    from aufait.detection.detector import Detector


def stream(
    name: Annotated[
        str,
        typer.Option("--lsl", metavar="NAME", help="Name of the Lab Streaming Layer's stream to open.", show_default=False),
    ],
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="A video or the address of one.", show_default=False)
    ] = None,
    camera: Annotated[
        int | None, typer.Option(min=0, help="This camera, until Ctrl-C; 0 is the first.", show_default=False)
    ] = None,
    faces: Annotated[int, typer.Option(min=1, max=100, help="Faces that get channels.")] = 1,
    fast: Annotated[bool, typer.Option("--fast", help="Send a video as fast as it is analysed, not at its own pace.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a program that records, before the first frame.")] = 0.0,
    finder: FinderOption = "auto",
    finder_model: FinderModelOption = None,
    model: ModelOption = "default",
    device: DeviceOption = "auto",
    runtime: RuntimeOption = "auto",
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Send action units and their events into the Lab Streaming Layer while they happen.

    The stream NAME holds the scores, NAME-markers the onsets and offsets; docs/interop.md lists the channels. Nothing is sent
    anywhere unless this command runs.
    """
    from aufait.analysis.live.lsl import LabStreams
    from aufait.detection.detector import Detector

    if (source is None) == (camera is None):
        raise typer.BadParameter("give a video, its address, or --camera 0")
    with Detector(finder=finder, finder_model=finder_model, model=model, device=device, runtime=runtime) as detector:
        streams = LabStreams(name, detector.action_units, faces=faces)
        if not quiet:
            stdout().print(f"streams {name} ({len(streams.channels)} channels) and {name}-markers are open", soft_wrap=True)
        if wait and not streams.wait_for_recorder(wait):
            print_warning(f"nobody listens to {name} after {wait:g} s; sending nevertheless")
        whence = camera if source is None else source
        interrupted = _run(detector, streams, whence, paced=source is not None and not fast, quiet=quiet)
    if interrupted and camera is None:
        raise typer.Exit(EXIT_INTERRUPTED)


def _run(detector: Detector, streams: LabStreams, source: str | int | None, *, paced: bool, quiet: bool) -> bool:
    """Sends all frames; returns whether Ctrl-C ended it."""
    assert source is not None
    frames, interrupted = 0, False
    try:
        for frame in detector.stream(source):
            if paced and (early := streams.seconds_until(frame.timestamp)) > 0:
                time.sleep(early)
            streams.push(frame)
            frames += 1
    except KeyboardInterrupt:
        interrupted = True
    finally:
        streams.finish()
    if streams.slots.left_out:
        print_warning(f"{len(streams.slots.left_out)} faces found no free channels and are left out; give more with --faces")
    if not quiet:
        stdout().print(f"{frames} frames, {streams.markers} markers", soft_wrap=True)
    return interrupted
