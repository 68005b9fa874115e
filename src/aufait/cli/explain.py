"""``aufait explain``: where on a face the scores come from, as overlay pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import print_warning, refuse_existing, stdout
from aufait.cli.detect import DeviceOption, FinderModelOption, FinderOption, MaxFacesOption

if TYPE_CHECKING:
    from aufait.detection.explain import FaceExplanation

_MOST = 8  # action units that are drawn if none is asked for


def explain(
    model: Annotated[str, typer.Argument(help="default, mesh, compact, a weights file of any network, or a run's folder.")],
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Pictures with faces.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the overlays; made if absent.")] = Path("aufait-explained"),
    units: Annotated[
        str | None, typer.Option("--au", help="Action units, such as 6,12; if left out, those that show.", show_default=False)
    ] = None,
    occlusion: Annotated[
        bool, typer.Option("--occlusion", help="Cover parts of the face even if the network has its own maps.")
    ] = False,
    colours: Annotated[str, typer.Option(help="jet, or perceptual, whose lightness follows the value.")] = "jet",
    finder: FinderOption = "auto",
    finder_model: FinderModelOption = None,
    device: DeviceOption = "auto",
    max_faces: MaxFacesOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing pictures.")] = False,
) -> None:
    """Show where on a face each action unit's score comes from.

    Networks with attention maps, class activation maps or patches show these; for others, such as the shipped models, a square
    covers one part of the face after the other, and the map shows where the log-odds fall. Each face gives
    PICTURE_face0_explained.png with all maps, and PICTURE_face0_AU12.png for each action unit.
    """
    from aufait.cli.import_checkpoint import parse_au_set
    from aufait.detection.detector import Detector
    from aufait.detection.plan import unique_names
    from aufait.errors import InputError
    from aufait.media.images import read_image
    from aufait.models.configuration import resolve_au_set

    wanted = None if units is None else resolve_au_set(parse_au_set(units))
    settings: dict[str, Any] = {"finder": finder, "finder_model": finder_model, "device": device, "max_faces": max_faces}
    with Detector(model=model, **settings) as detector:
        if missing := [unit for unit in wanted or () if unit not in detector.action_units]:
            known = ", ".join(map(str, detector.action_units))
            raise InputError(f"the model scores AUs {known}, not AU {', '.join(map(str, missing))}; choose among them with --au")
        for path, name in zip(pictures, unique_names(pictures), strict=True):
            found = detector.explain(read_image(path), occlusion=occlusion)
            if not found:
                print_warning(f"{path}: no face found")
            for one in found:
                _write(one, out, name, wanted, colours, overwrite, str(detector.settings["model"]))


def _write(
    found: FaceExplanation, out: Path, name: str, wanted: Sequence[int] | None, colours: str, overwrite: bool, model: str
) -> None:

    from aufait.files.atomic import write_bytes
    from aufait.media.images import write_image
    from aufait.visualization.figures.attention_overlay import attention_overlay
    from aufait.visualization.figures.picture_grid import Scale, picture_grid

    chosen = _chosen(found, wanted)
    stem = out / f"{name}_face{found.face}"
    overlays = {unit: attention_overlay(found.picture, found.maps[k], colours=colours) for unit, k in chosen.items()}
    targets = {unit: stem.with_name(f"{stem.name}_AU{unit:02d}.png") for unit in chosen}
    whole = stem.with_name(f"{stem.name}_explained.png")
    for path in (whole, *targets.values()):
        refuse_existing(path, overwrite)
    for unit, path in targets.items():
        write_image(path, overlays[unit], overwrite=True)
    picture = picture_grid(
        [[found.picture, *overlays.values()]],
        title=f"{name}, face {found.face}: {found.kind}",
        subtitle=f"{model}; {found.meaning}",
        columns=["face", *(f"AU{unit}" for unit in overlays)],
        captions=[["", *(f"{100 * found.probability[k]:.0f} %" for k in chosen.values())]],
        scale=Scale(colours=colours, low="0", high=f"{found.highest:.2g}"),
        cell=1.3,
    )
    stdout().print(str(write_bytes(whole, picture, overwrite=True)), soft_wrap=True)


def _chosen(found: FaceExplanation, wanted: Sequence[int] | None) -> dict[int, int]:
    """Action unit -> its position: those asked for, else those that show, else the most probable ones."""
    place = {unit: k for k, unit in enumerate(found.action_units)}
    if wanted is not None:
        return {unit: place[unit] for unit in wanted}
    order = sorted(place, key=lambda unit: -found.probability[place[unit]])
    shown = [unit for unit in order if found.probability[place[unit]] >= 0.5][:_MOST] or order[:4]
    return {unit: place[unit] for unit in sorted(shown)}
