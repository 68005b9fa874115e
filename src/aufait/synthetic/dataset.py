"""Data sets of rendered faces on disk: written by several processes, resumable, read back as records.

Layout of a folder (native layout)::

    dataset.json            settings; says that the faces are synthetic
    images/ID_FRAME.png     RGB
    alpha/ID_FRAME.png      8 bit, 255 = person
    parts/ID_FRAME.png      8 bit, index into renderer.PARTS
    labels/ID.jsonl         one line per frame of person ID, written last: a person without it is rendered again
    labels/ID.claim         while a process renders that person
    labels.csv              all frames, one row each

The same seed, size and version give the same bytes on one machine.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aufait.errors import InputError, OutputError
from aufait.files.atomic import whole_file
from aufait.files.claims import Claim, Claimed, in_turn, is_claimed, sweep_claims
from aufait.files.safe_text import plain_cell
from aufait.synthetic.chance import stream
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS, drift, sample_intensities, sample_sequence
from aufait.synthetic.head.assets import FaceModel, find_assets, load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.parallel import run_jobs
from aufait.synthetic.renderer import Frame, Person, frame_labels, make_person, render, undrawn_intensities

FORMAT_VERSION = 2
"""2: AU 25 follows the gap seen from the front, AU 26 covers AU 27, resting faces differ, the gaze turns the eyeballs."""
_QUICK = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
_PNG_OPTIONS: dict[str, tuple[int, ...]] = {"images": _QUICK, "alpha": _QUICK, "parts": _QUICK}
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # older OpenCV cannot be told which
    _PNG_OPTIONS["images"] += (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
    _PNG_OPTIONS["alpha"] += (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
    _PNG_OPTIONS["parts"] = _PNG_OPTIONS["alpha"]
_BEFORE = {"renderer": "cpu"}
"""What data sets were made with whose settings do not say it."""
_TURN_SECONDS = 0.5
"""How often is looked whether others have finished."""
MAX_IDENTITIES = 1_000_000
"""Persons under one seed; seeds are that far apart, so that no two share a person."""


@dataclass(frozen=True)
class DatasetConfig:
    """What a data set holds.

    Attributes:
        frames: total number of frames.
        seed: persons are numbered from ``seed * 1_000_000``; data sets of different seeds share no person.
        size: side of the square pictures in pixels.
        frames_per_identity: frames of one person; consecutive in time when ``sequences``.
        sequences: moving faces (onset, apex, offset, blinks, moving head) instead of single pictures.
        fps: frame rate of sequences.
        occluder_odds: share of frames with a hand, object or mask in front of the face.
        supersample: see ``renderer.render``.
        renderer: "cpu" or "opengl", see ``opengl.context.choose_renderer``; their pictures are alike, not the same bytes.
    """

    frames: int
    seed: int = 0
    size: int = 256
    frames_per_identity: int = 3
    sequences: bool = False
    fps: float = 25.0
    occluder_odds: float = 0.08
    supersample: float = 2.0
    renderer: str = "cpu"

    def __post_init__(self) -> None:
        for name, low, high in (("frames", 1, 10**8), ("size", 32, 2048), ("frames_per_identity", 1, 10**6)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must be {low}-{high}, got {value}")
        if len(self.identities) > MAX_IDENTITIES:
            raise InputError(f"at most {MAX_IDENTITIES} persons fit under one seed, got {len(self.identities)}; use several")
        if self.renderer not in ("cpu", "opengl"):
            raise InputError(f"renderer must be cpu or opengl, got {self.renderer!r}; choose_renderer says what auto means here")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or larger, got {self.seed}")

    @property
    def identities(self) -> range:
        first = self.seed * MAX_IDENTITIES
        return range(first, first + -(-self.frames // self.frames_per_identity))

    def frames_of(self, identity: int) -> int:
        done = (identity - self.identities.start) * self.frames_per_identity
        return min(self.frames_per_identity, self.frames - done)


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """One frame of a data set on disk. Left and right are the subject's; pixels start at 0 in the top-left centre."""

    image_path: Path
    alpha_path: Path
    parts_path: Path
    identity: int
    seed: int
    size: int
    intensity_left: dict[int, float]
    intensity_right: dict[int, float]
    landmarks: np.ndarray
    visible: np.ndarray
    box: np.ndarray
    rotation: np.ndarray
    skin_tone: float
    age: float
    sex: str
    occlusion: str

    @property
    def mask_path(self) -> Path:
        """The foreground mask (same file as ``alpha_path``)."""
        return self.alpha_path


def generate_dataset(
    out: str | Path,
    config: DatasetConfig,
    *,
    assets: str | Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Render a data set into folder ``out``; what an interrupted run finished is kept and not rendered again.

    Any number of processes, also on several machines, may do this for one folder at a time: they share the persons out.

    Args:
        out: folder, new or left by an interrupted run with the same settings, or in which others are at work.
        config: see ``DatasetConfig``.
        assets: ICT-FaceKit file, see ``assets.find_assets``.
        workers: processes; default one per core.
        overwrite: replace the settings of another data set in ``out`` (its frames are rendered again).
        progress: called with the number of frames just finished.

    Raises:
        OutputError: ``out`` holds another data set, or cannot be written.
        MissingModelError: the geometry is absent.
        InputError, MissingExtraError: OpenGL cannot be opened.
    """
    folder, file = Path(out), find_assets(assets)
    with in_turn(folder / "dataset.json.claim", ""):
        _prepare_folder(folder, config, overwrite)
    told = 0

    def tell(finished: int) -> None:
        nonlocal told
        if progress and finished > told:
            progress(finished - told)
        told = max(told, finished)

    try:
        while missing := _missing(folder, config):
            finished = config.frames - sum(config.frames_of(i) for i in missing)
            tell(finished)
            free = [i for i in missing if not is_claimed(_claim_of(folder, i))]
            if not free:
                time.sleep(_TURN_SECONDS)  # others render what is left
                continue
            count = max(1, min(workers or os.cpu_count() or 1, len(free)))
            for rendered in run_jobs(partial(_render_identity, folder, config, file), free, count):
                tell(finished := finished + rendered)
        tell(config.frames)
        with in_turn(folder / "labels.csv.claim", ""):
            _write_table(folder, config)
        sweep_claims(folder / "labels")
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; free space and run again") from error
    return folder


def _missing(folder: Path, config: DatasetConfig) -> list[int]:
    """Persons who are not rendered yet."""
    return [i for i in config.identities if not _labels_of(folder, i).is_file()]


def _labels_of(folder: Path, identity: int) -> Path:
    return folder / "labels" / f"{identity}.jsonl"


def _claim_of(folder: Path, identity: int) -> Path:
    return folder / "labels" / f"{identity}.claim"


def _prepare_folder(folder: Path, config: DatasetConfig, overwrite: bool) -> None:
    settings = json.loads(json.dumps({"format": FORMAT_VERSION, "synthetic": True, **asdict(config)}))
    marker = folder / "dataset.json"
    try:
        for name in ("images", "alpha", "parts", "labels"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        there = _BEFORE | json.loads(marker.read_text()) if marker.is_file() else None
        if there is not None and there != settings:
            if not overwrite:
                told = f"{folder} holds a data set with other settings ({_difference(there, settings)})"
                raise OutputError(f"{told}; choose another folder or --overwrite")
            for old in (folder / "labels").glob("*.jsonl"):
                old.unlink()
        if there != settings:
            with whole_file(marker) as partial_marker:
                partial_marker.write_text(json.dumps(settings, indent=1))
    except json.JSONDecodeError as error:
        raise OutputError(f"{marker} is damaged ({error}); remove the folder or choose another") from error
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error


def _difference(there: Any, wanted: dict[str, Any]) -> str:
    """The settings in which two data sets differ, as text."""
    there = there if isinstance(there, dict) else {}
    return "; ".join(f"{name} was {there.get(name)}, now {value}" for name, value in wanted.items() if there.get(name) != value)


def _render_identity(folder: Path, config: DatasetConfig, assets: Path, identity: int) -> int:
    """Render all frames of one person, unless another process does or has; the label file comes last and whole.

    Returns:
        Number of frames that were rendered here.
    """
    target = _labels_of(folder, identity)
    try:
        with Claim(_claim_of(folder, identity), "") as claim:
            if target.is_file():
                return 0
            lines = _render_frames(folder, config, assets, identity)
            with whole_file(target) as partial:
                partial.write_text("\n".join(lines) + "\n")
                claim.check()
    except Claimed:
        return 0
    return len(lines)


def _render_frames(folder: Path, config: DatasetConfig, assets: Path, identity: int) -> list[str]:
    """The pictures of a person, written; a line of JSON for each."""
    model = load_face_model(assets)
    lines = []
    for number, frame in enumerate(identity_frames(model, config, identity)):
        name = f"{identity:08d}_{number:04d}"
        for kind, picture in (("images", frame.image[..., ::-1]), ("alpha", frame.alpha), ("parts", frame.parts)):
            if not cv2.imwrite(str(folder / kind / f"{name}.png"), picture, _PNG_OPTIONS[kind]):
                raise OSError(28, f"could not write {kind}/{name}.png")
        lines.append(json.dumps(_record(name, identity, number, frame, config)))
    return lines


def identity_frames(model: FaceModel, config: DatasetConfig, identity: int) -> Iterator[Frame]:
    """The frames of one person, rendered one by one."""
    person, count = make_person(model, identity), config.frames_of(identity)
    if config.sequences:
        yield from render_sequence(
            *(person, identity, count),
            size=config.size, fps=config.fps, supersample=config.supersample, renderer=config.renderer,
        )  # fmt: skip
        return
    for number in range(count):
        intensities, scene = _acted(config, identity, number)
        yield render(person, intensities, scene, size=config.size, supersample=config.supersample, renderer=config.renderer)


def identity_intensities(model: FaceModel, config: DatasetConfig, identity: int) -> Iterator[Intensities]:
    """Labels of the frames that ``identity_frames`` renders of a person in single pictures, without rendering them."""
    for number in range(config.frames_of(identity)):
        yield undrawn_intensities(model, identity, *_acted(config, identity, number))


def _acted(config: DatasetConfig, identity: int, number: int) -> tuple[Intensities, Scene]:
    """What a person does in a single picture, and where."""
    seed = identity * 1000 + number
    scene = sample_scene(seed, size=config.size, occluder_odds=config.occluder_odds)
    return sample_intensities(stream(seed, "actions")), scene


def render_sequence(
    person: Person,
    seed: int,
    frames: int,
    *,
    size: int = 256,
    fps: float = 25.0,
    supersample: float = 2.0,
    renderer: str = "cpu",
    course: Iterator[Intensities] | None = None,
    base: Scene | None = None,
) -> Iterator[Frame]:
    """A moving face: one camera, light and background; head and gaze drift smoothly; units rise, hold and fall.

    Args:
        size, supersample, renderer: see ``renderer.render``.
        course: intensities per frame; drawn from ``seed`` when absent.
        base: scene of the first frame; drawn from ``seed`` when absent.
    """
    rng = stream(seed, "sequence")
    base = base or sample_scene(seed, size=size, occluder_odds=0.0)
    course = course or sample_sequence(frames, rng, fps=fps)
    head = np.asarray(base.rotation) * 0.7 + drift(frames, fps, (3.0, 6.0, 2.5), rng)
    gaze = np.asarray(base.gaze) * 0.5 + drift(frames, fps, (0.10, 0.06), rng, slow=1.5)
    for t, intensities in enumerate(course):
        if t >= frames:
            return
        pose = (float(head[t, 0]), float(head[t, 1]), float(head[t, 2]))
        look = (float(gaze[t, 0]), float(gaze[t, 1]))
        scene = replace(base, rotation=pose, gaze=look)
        yield render(person, intensities, scene, size=size, supersample=supersample, renderer=renderer)


def _record(name: str, identity: int, number: int, frame: Frame, config: DatasetConfig) -> dict[str, object]:
    labels = frame_labels(frame)
    traits, scene = frame.traits, frame.scene
    return {
        "name": name,
        "identity": identity,
        "frame": number,
        "seed": scene.seed,
        "size": config.size,
        "left": {str(au): round(v, 4) for au, v in labels["left"].items()},
        "right": {str(au): round(v, 4) for au, v in labels["right"].items()},
        "landmarks": np.round(frame.landmarks, 3).tolist(),
        "visible": frame.visible.astype(int).tolist(),
        "box": np.round(frame.box, 2).tolist(),
        "rotation": [round(v, 3) for v in scene.rotation],
        "gaze": [round(v, 3) for v in scene.gaze],
        "occlusion": scene.occluder if scene.occluder != "none" else traits.eyewear,
        "headwear": traits.headwear,
        "skin_tone": round(traits.skin_tone, 3),
        "age": round(traits.age, 1),
        "sex": traits.sex,
        "hair": f"{traits.hair_colour} {traits.hair_style}",
        "beard": traits.beard,
    }


def _write_table(folder: Path, config: DatasetConfig) -> None:
    """labels.csv: one row per frame in order of identity, whole or absent."""
    plain = ("name", "identity", "frame", "seed", "skin_tone", "age", "sex", "hair", "beard", "occlusion", "headwear")
    sides = [f"AU{au:02d}_{side}" for au in LABELLED_ACTION_UNITS for side in ("left", "right")]
    with whole_file(folder / "labels.csv") as partial, partial.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*plain, "pitch", "yaw", "roll", "x0", "y0", "x1", "y1", *sides])
        for identity in config.identities:
            for line in (folder / "labels" / f"{identity}.jsonl").read_text().splitlines():
                row = json.loads(line)
                values = [row[s][str(au)] for au in LABELLED_ACTION_UNITS for s in ("left", "right")]
                writer.writerow([*(plain_cell(row[k]) for k in plain), *row["rotation"], *row["box"], *values])


def read_records(folder: str | Path) -> list[FrameRecord]:
    """All finished frames of a data set folder, sorted by person and frame.

    Raises:
        InputError: the folder is not a data set or holds no finished person.
    """
    root = Path(folder)
    if not (root / "dataset.json").is_file():
        raise InputError(f"{root} is not a rendered data set: dataset.json is missing. Make one with: aufait synth {root}")
    records = []
    for file in sorted((root / "labels").glob("*.jsonl"), key=lambda f: (len(f.stem), f.stem)):
        try:
            records += [_parse(root, json.loads(line)) for line in file.read_text().splitlines()]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            said = f"{type(error).__name__}: {error}"
            raise InputError(f"{file} is damaged ({said}); remove it and run aufait synth again to make it again") from error
    if not records:
        raise InputError(f"{root} holds no finished frame yet; run aufait synth again to continue it")
    return records


def _parse(root: Path, row: dict) -> FrameRecord:
    return FrameRecord(
        image_path=root / "images" / f"{row['name']}.png",
        alpha_path=root / "alpha" / f"{row['name']}.png",
        parts_path=root / "parts" / f"{row['name']}.png",
        identity=row["identity"],
        seed=row["seed"],
        size=row["size"],
        intensity_left={int(au): v for au, v in row["left"].items()},
        intensity_right={int(au): v for au, v in row["right"].items()},
        landmarks=np.array(row["landmarks"], np.float32),
        visible=np.array(row["visible"], bool),
        box=np.array(row["box"], np.float32),
        rotation=np.array(row["rotation"], np.float32),
        skin_tone=row["skin_tone"],
        age=row["age"],
        sex=row["sex"],
        occlusion=row["occlusion"],
    )
