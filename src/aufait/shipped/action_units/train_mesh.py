"""Training of the mesh model (``aufait.models.default.mesh``): renders, real faces without labels, a teacher, calibration.

Order of a run; each step leaves files in the output folder, from which an interrupted run resumes:

1. views (``face_views``) of the rendered faces, of the real faces and of half faces made of the real ones;
2. the two heads on renders alone: with the pixels and the named blend shapes they are the first teacher;
3. the teacher's calibration on labelled real faces, and its answers for the real faces;
4. the heads are trained further, on renders and on real faces: what a portrait is by construction, else what the teacher is
   confident of. Half smiles and halves of two faces put together (``chimeras``) teach the sides, portraits whose brows were moved
   (``moved_brows``) teach the brows. ``keep_teacher`` can keep a share
   of the weights before (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022);
   a run that starts from an earlier mesh model takes that for the teacher, and keeps half of its weights;
5. calibration of the whole on the labelled faces, and the weight file.

The people that ``real_faces`` keeps out, and the labelled faces, are never trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.faces.face import Face
from aufait.faces.finder import create_finder
from aufait.faces.mesh_networks import MeshNetworks
from aufait.files.atomic import whole_file
from aufait.files.hashes import file_sha256
from aufait.media.images import read_image
from aufait.metrics import f1_frame, roc_area
from aufait.models.default.base_rates import REFERENCE_RATE
from aufait.models.default.branches import MeshModel, MeshModelConfig
from aufait.models.default.crop import crop_faces
from aufait.models.default.mesh import MeshPredictor
from aufait.models.default.ordinal import OCCURRENCE_LEVEL
from aufait.models.default.photo_trunk import RELEASE_SHA256, PhotoTrunk
from aufait.models.default.predictor import AUPredictor, AUScores, resolve_model
from aufait.shipped.action_units.branch_targets import (
    Targets,
    at_rest,
    balanced,
    from_intensities,
    from_teacher,
    joined,
    neutral,
    smiles_and_rest,
    smiling,
    with_known,
    with_raised_cheeks,
    without_side_effects,
)
from aufait.shipped.action_units.branches import BranchConfig, ViewSet, inputs_of, train_branch
from aufait.shipped.action_units.calibration import calibrate_on_labels, fit_calibration, left_out_scores
from aufait.shipped.action_units.chimeras import frontal_faces
from aufait.shipped.action_units.crops import MAX_YAW, CropSet, frame_intensity, frame_known, load_crops
from aufait.shipped.action_units.face_views import FaceViews, ViewConfig, store_views
from aufait.shipped.action_units.half_faces import half_face
from aufait.shipped.action_units.labelled_faces import best_match, label_table, read_labelled_faces
from aufait.shipped.action_units.moved_brows import MOVED_UNITS, TAUGHT_UNITS, cut_out, draw_brows, move_brows
from aufait.shipped.action_units.report import evaluate_scores
from aufait.shipped.real_faces import RealFace, read_real_faces
from aufait.synthetic.dataset import FrameRecord, read_records
from aufait.synthetic.head.assets import load_face_model

REAL_TARGETS = "real_targets.npz"
"""What ``train_default`` reads to teach the compact model real faces: pictures, landmarks, what is known or the teacher says, and
the log-odds of the model that came of it."""

ONE_SIDED = (6, 7, 12, 14)
"""Units that are at rest on the resting half of a half face."""


@dataclass(frozen=True)
class MeshRecipe:
    """How the mesh model is trained."""

    model: MeshModelConfig = field(default_factory=MeshModelConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    branch: BranchConfig = field(default_factory=BranchConfig)
    """First training of the heads, on renders."""
    student: BranchConfig = field(
        default_factory=lambda: BranchConfig(epochs=6, learning_rate=1e-3, chimeras=0.5, real_share=0.5)
    )
    """Second training, on renders and real faces."""
    keep_teacher: float = 0.0
    """Share of the first training's weights in the result."""
    keep_initial: float = 0.5
    """The same where training starts from an earlier mesh model: the mean of the old and the new weights was right more often than
    either (mean F1 of the development faces, each calibrated without its group, 0.851 against 0.816 and 0.826)."""
    certain: float = 0.5
    """A teacher's occurrence counts from this probability, or as far below one half: 0.5 uses every answer."""
    heard: tuple[int, ...] = (6, 9, 12, 25, 26, 43)
    """Units for which the teacher's answers are used: portraits show them often enough, or it is nearly always right. For others
    its answers only teach that photographs do not show them."""
    quiet_smiles: float = 0.3
    """Weight of the absence of AUs 14 and 20 in smiles that the teacher is sure of and in resting portraits."""
    most_absent: float = 2.0
    """Most that the absences of a unit on real faces weigh, over its presences."""
    known_again: int = 3
    """How often faces whose expression is known appear for each of the others."""
    half_again: int = 16
    """How often half smiles appear for each of them."""
    moved_again: int = 3
    """How many pictures with moved brows are made of each portrait whose brows are at rest, by the face engine's geometry; 0 for
    none."""
    resting_brows: float = 0.3
    """Highest probability of AUs 1, 2 and 4 at which brows are taken to be at rest."""
    raised_cheeks: float = 0.6
    """Share of the smiles on request that are taken to raise the cheeks, see ``with_raised_cheeks``."""


@dataclass(frozen=True, eq=False)
class Portraits:
    """Real faces: pictures, where the face is, and the frozen networks' views."""

    paths: list[Path]
    landmarks: np.ndarray
    views: FaceViews

    def __len__(self) -> int:
        return len(self.paths)


def train_mesh(
    out: str | Path,
    renders: Sequence[str | Path],
    *,
    real_faces: str | Path,
    labelled_faces: str | Path,
    photo_weights: str | Path,
    held_out: Sequence[str | Path] = (),
    compact: str | Path = "compact",
    init: str | Path | None = None,
    task_file: str | Path | None = None,
    recipe: MeshRecipe | None = None,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Train, calibrate and write ``au_mesh.safetensors``.

    Args:
        out: folder of views, checkpoints, weights and ``mesh_training.json``.
        renders: folders of ``aufait synth``.
        real_faces: folder with the pictures that ``real_faces.csv`` lists.
        labelled_faces: folder with ``labels.json``; used only for calibration.
        photo_weights: the ``.pth`` file of the photo trunk (see ``photo_trunk``).
        held_out: folders of ``aufait synth`` with other seeds: half of their persons calibrate the units that no labelled face
            shows, the other half are scored once (``metrics.json``).
        compact: name or file of the compact model, the pixel branch.
        init: name or file of an earlier mesh model, whose heads are trained further in place of new ones; it is the teacher.
        task_file: ``face_landmarker.task``; None looks in the usual places.
        recipe: the recipe.
        report: called with lines of progress.

    Raises:
        InputError: pictures or labels that cannot be used.
        MissingModelError: a model file, or the face engine's geometry, is absent or another one than expected.
    """
    recipe, say = recipe or MeshRecipe(), report or (lambda line: None)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    task = None if task_file is None else Path(task_file)
    if recipe.moved_again:
        load_face_model()  # what is missing is told now, not after hours
    trunk = released_trunk(photo_weights)
    networks = MeshNetworks.load(task)
    units = recipe.model.action_units
    pixels = AUPredictor.load(compact, mirror=False)

    def views(name: str, paths: Sequence[Path], landmarks: np.ndarray) -> FaceViews:
        say(f"views of {len(paths)} faces: {name}")
        return store_views(folder / f"views_{name}", paths, landmarks, networks, trunk, recipe.views)

    rendered = [_rendered(Path(name), units, views) for name in renders]
    faces = read_real_faces(real_faces, held_out=False)
    real, faces = _portraits("real", faces, task, folder, views)
    halves, half_targets = _half_faces(real, faces, units, folder, views)
    model = MeshModel(recipe.model)
    model.trunk.load_state_dict(trunk.state_dict())
    model.named.fit_rest(torch.from_numpy(np.array(real.views.blendshapes[:, 0])))
    calibrator = _Calibrator(Path(labelled_faces), task, folder, views, units)
    apart = [_rendered_portraits(Path(name), units, views) for name in held_out]

    heads: dict[str, nn.Module] = {"features": model.features, "photo": model.photo}
    if init is None:
        _train("teacher", heads, rendered, [], recipe.branch, folder, say, keep=None)
    else:
        _start_from(init, heads)
    table, _ = calibrator.fit(model, pixels)
    seen = _exceedance(model, pixels, real, table)
    word = from_teacher(seen, certain=recipe.certain)
    word.weight[:, [unit not in recipe.heard for unit in units]] = 0.0
    known = known_targets(faces, units)
    smiles = np.array([face.expression == "smiling" for face in faces])
    targets = with_raised_cheeks(with_known(known, word), seen, smiles, units, share=recipe.raised_cheeks)
    shown = seen[..., OCCURRENCE_LEVEL - 1][:, [units.index(unit) for unit in MOVED_UNITS]]
    quiet_brows = np.asarray((shown < recipe.resting_brows).all(axis=(1, 2)))
    targets = at_rest(targets, quiet_brows, TAUGHT_UNITS, units)
    sure = np.flatnonzero(known.weight.any(axis=(1, 2, 3)))
    rows = np.concatenate([np.arange(len(faces)), np.repeat(sure, recipe.known_again - 1)])
    half_rows = np.tile(np.arange(len(halves)), recipe.half_again)
    quiet = smiles_and_rest(seen, known, units)
    pools, parts = [(real, rows), (halves, half_rows)], [targets.select(rows), half_targets.select(half_rows)]
    source = np.repeat(np.flatnonzero(quiet_brows & frontal_faces(real.landmarks)), recipe.moved_again)
    if len(source):
        moved, moved_targets = _moved_brows(real, source, targets, recipe, folder, views)
        pools.append((moved, np.arange(len(source))))
        parts.append(moved_targets)
    quiet = np.concatenate([quiet[rows], np.zeros(len(half_rows), bool), quiet[source]])
    wanted = without_side_effects(balanced(joined(parts), most=recipe.most_absent), quiet, units, recipe.quiet_smiles)
    last = np.cumsum([len(which) for _, which in pools])
    real_sets = [
        ViewSet(some.views, which, wanted.select(np.arange(end - len(which), end)))
        for (some, which), end in zip(pools, last, strict=True)
    ]
    keep = recipe.keep_teacher if init is None else recipe.keep_initial
    _train("student", heads, rendered, real_sets, recipe.student, folder, say, keep=keep)
    said = np.concatenate([_logits(model, pixels, some).numpy()[which] for some, which in pools])
    said[len(said) - len(source) :, [units.index(unit) for unit in MOVED_UNITS]] = np.nan  # not as the teacher says
    _save_targets(folder / REAL_TARGETS, pools, wanted, said)
    tuning, test = _halves(apart)
    start = None if not tuning else _calibrated_on_renders(model, pixels, tuning)
    table, figures = calibrator.fit(model, pixels, start)
    say(f"labelled faces, each calibrated without its group: F1 {figures['f1']:.3f}, ROC area {figures['roc_area']:.3f}")
    notes = {
        "renders": sum(map(len, rendered)), "real_faces": len(faces), "half_faces": len(halves), "moved_brows": len(source),
        "recipe": asdict(recipe), "labelled": figures,
    }  # fmt: skip
    if init is not None:
        notes["init"] = file_sha256(resolve_model(init))
    (folder / "mesh_training.json").write_text(json.dumps(notes, indent=1))
    if test:
        (folder / "metrics.json").write_text(json.dumps(_on_renders(model, pixels, test, table), indent=1))
    return MeshPredictor(model, pixels, table).save(folder / "au_mesh.safetensors", notes)


def released_trunk(path: str | Path) -> PhotoTrunk:
    """The photo trunk with its makers' weights.

    Raises:
        InputError: another file than the release.
    """
    found = file_sha256(path)
    if found != RELEASE_SHA256:
        raise InputError(f"{path} is not the release of EfficientNet-Lite0: its SHA-256 is {found}, expected {RELEASE_SHA256}")
    trunk = PhotoTrunk().eval().requires_grad_(False)
    trunk.load_release(torch.load(path, weights_only=True, map_location="cpu"))
    return trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def known_targets(faces: Sequence[RealFace], action_units: tuple[int, ...]) -> Targets:
    """What the studio asked for: neutral and smiling portraits; no weight on the others."""
    result = neutral(len(faces), action_units)
    result.weight[:] = 0.0
    rest, smile = neutral(1, action_units), smiling(1, action_units)
    for row, face in enumerate(faces):
        asked = {"neutral": rest, "smiling": smile}.get(face.expression)
        if asked is not None:
            result.exceedance[row], result.weight[row] = asked.exceedance[0], asked.weight[0]
    return result


def _start_from(init: str | Path, heads: dict[str, nn.Module]) -> None:
    """Put the weights of an earlier model's heads into new ones.

    Raises:
        InputError: heads of other sizes.
    """
    before = MeshPredictor.load(init).model
    for name, head in heads.items():
        try:
            head.load_state_dict(getattr(before, name).state_dict())
        except RuntimeError as error:
            raise InputError(f"the heads of {init} have other sizes than the recipe's; train without it") from error


Views = Callable[[str, Sequence[Path], np.ndarray], FaceViews]


def _rendered(folder: Path, units: tuple[int, ...], views: Views) -> ViewSet:
    records: list[FrameRecord] = [r for r in read_records(folder) if abs(float(r.rotation[1])) <= MAX_YAW]
    seen = views(folder.name, [r.image_path for r in records], np.stack([r.landmarks for r in records]))
    targets = from_intensities(
        np.stack([frame_intensity(r, units) for r in records]), np.stack([frame_known(r, units) for r in records])
    )
    rows = np.flatnonzero(np.asarray(seen.presence[:, 0]) > 0.5)
    return ViewSet(seen, rows, targets.select(rows))


@dataclass(frozen=True, eq=False)
class _RenderedPortraits:
    """Rendered faces kept from training, with all that is known about them."""

    portraits: Portraits
    crops: CropSet


def _rendered_portraits(folder: Path, units: tuple[int, ...], views: Views) -> _RenderedPortraits:
    records = [r for r in read_records(folder) if abs(float(r.rotation[1])) <= MAX_YAW]
    paths, landmarks = [r.image_path for r in records], np.stack([r.landmarks for r in records])
    return _RenderedPortraits(Portraits(paths, landmarks, views(folder.name, paths, landmarks)), load_crops(folder, units))


def _halves(apart: Sequence[_RenderedPortraits]) -> tuple[list[_RenderedPortraits], list[_RenderedPortraits]]:
    """Two parts without a common person."""
    parts: tuple[list[_RenderedPortraits], list[_RenderedPortraits]] = ([], [])
    for some in apart:
        first = np.isin(some.crops.identity, np.unique(some.crops.identity)[::2])
        for rows, part in ((np.flatnonzero(first), parts[0]), (np.flatnonzero(~first), parts[1])):
            views = FaceViews(*(getattr(some.portraits.views, name)[rows] for name in FaceViews.__dataclass_fields__))
            paths = [some.portraits.paths[row] for row in rows]
            part.append(_RenderedPortraits(Portraits(paths, some.portraits.landmarks[rows], views), some.crops.select(rows)))
    return parts


def _calibrated_on_renders(model: MeshModel, pixels: AUPredictor, tuning: Sequence[_RenderedPortraits]) -> np.ndarray:
    logits = torch.cat([_logits(model, pixels, some.portraits) for some in tuning])
    intensity, known = (
        torch.from_numpy(np.concatenate([getattr(some.crops, name) for some in tuning])) for name in ("intensity", "known")
    )
    return fit_calibration(logits, intensity, known)


def _on_renders(
    model: MeshModel, pixels: AUPredictor, test: Sequence[_RenderedPortraits], table: np.ndarray
) -> dict[str, object]:
    scores = AUScores(np.concatenate([_exceedance(model, pixels, some.portraits, table) for some in test]))
    names = CropSet.__dataclass_fields__
    crops = CropSet(*(np.concatenate([getattr(some.crops, name) for some in test]) for name in names))
    return evaluate_scores(scores, model.config.action_units, crops)


def _find(paths: Sequence[Path], task: Path | None) -> list[list[Face]]:
    """The faces of each picture, by the mesh finder."""
    with create_finder("mesh", model_path=task) as finder:  # type: ignore[attr-defined]
        return [finder.find(read_image(path)) for path in paths]


def _portraits(
    name: str, faces: list[RealFace], task: Path | None, folder: Path, views: Views
) -> tuple[Portraits, list[RealFace]]:
    """The largest face of each picture; pictures without one are dropped."""
    points = folder / f"points_{name}.npz"
    if not points.is_file():
        found = _find([face.path for face in faces], task)
        rows = [row for row, some in enumerate(found) if some]
        np.savez(points, rows=np.array(rows), landmarks=np.stack([found[row][0].landmarks for row in rows]))
    with np.load(points) as kept:
        rows, landmarks = kept["rows"].tolist(), kept["landmarks"]
    chosen = [faces[row] for row in rows]
    paths = [face.path for face in chosen]
    return Portraits(paths, landmarks, views(name, paths, landmarks)), chosen


def _half_faces(
    real: Portraits, faces: list[RealFace], units: tuple[int, ...], folder: Path, views: Views
) -> tuple[Portraits, Targets]:
    """Both half smiles of everybody who is there neutral and smiling."""
    where = {(f.set_name, f.person, f.expression): row for row, f in enumerate(faces)}
    pairs = [(row, where[s, p, "smiling"]) for (s, p, e), row in where.items() if e == "neutral" and (s, p, "smiling") in where]
    pictures = folder / "half_faces"
    pictures.mkdir(exist_ok=True)
    paths, landmarks, resting_side = [], [], []
    for rest, smile in pairs:
        for number, side in enumerate(("left", "right")):
            path = pictures / f"{rest}_{side}.png"
            if not path.is_file():
                images = read_image(real.paths[rest]), read_image(real.paths[smile])
                half = half_face(*images, real.landmarks[rest], real.landmarks[smile], side)  # type: ignore[arg-type]
                Image.fromarray(half).save(path)
            paths.append(path)
            landmarks.append(real.landmarks[rest])
            resting_side.append(1 - number)
    targets = smiling(len(paths), units)
    for row, rests in enumerate(resting_side):
        targets.exceedance[row, :, rests] = 0.0
        for unit in ONE_SIDED:
            targets.weight[row, units.index(unit), rests] = 1.0
    points = np.stack(landmarks)
    return Portraits(paths, points, views("half", paths, points)), targets


def _moved_brows(
    real: Portraits, source: np.ndarray, targets: Targets, recipe: MeshRecipe, folder: Path, views: Views
) -> tuple[Portraits, Targets]:
    """Pictures with moved brows of the portraits in the rows ``source``, whose brows are at rest, and their targets.

    What the brows show is known; of everything else the picture shows what the portrait shows.
    """
    units = recipe.model.action_units
    draws = [draw_brows(np.random.default_rng([recipe.student.seed, number])) for number in range(len(source))]
    pictures = folder / "moved_brows"
    paths = [pictures / f"{number}.png" for number in range(len(source))]
    points = pictures / "points.npy"
    if not points.is_file():
        pictures.mkdir(exist_ok=True)
        landmarks, geometry = [], load_face_model()
        for number, (row, drawn) in enumerate(zip(source, draws, strict=True)):
            picture, corner = cut_out(read_image(real.paths[row]), real.landmarks[row])
            rng = np.random.default_rng([recipe.student.seed, number, 1])
            bent, where = move_brows(picture, real.landmarks[row] - corner, drawn, geometry, rng)
            Image.fromarray(bent).save(paths[number])
            landmarks.append(where)
        with whole_file(points) as partial:
            np.save(partial, np.stack(landmarks))
    result = targets.select(source)
    intensity = np.array([[[side.get(unit, 0.0) for side in (d.left, d.right)] for unit in TAUGHT_UNITS] for d in draws])
    known = from_intensities(intensity, np.ones_like(intensity))
    result.weight[:, [units.index(unit) for unit in MOVED_UNITS]] = 0.0
    columns = [units.index(unit) for unit in TAUGHT_UNITS]
    result.exceedance[:, columns], result.weight[:, columns] = known.exceedance, known.weight
    placed = np.load(points)
    return Portraits(paths, placed, views("moved", paths, placed)), result


def _save_targets(
    path: Path, pools: Sequence[tuple[Portraits, np.ndarray]], targets: Targets, logits: np.ndarray
) -> None:
    """Pictures, landmarks, targets, and the trained model's (N, A, 2, 5) logits before calibration, NaN where it is not asked."""
    pictures = [str(some.paths[row]) for some, rows in pools for row in rows]
    landmarks = np.concatenate([some.landmarks[rows] for some, rows in pools])
    with whole_file(path) as partial:
        wanted, trust = targets.exceedance, targets.weight
        np.savez(
            partial, pictures=np.array(pictures), landmarks=landmarks, exceedance=wanted, weight=trust, logits=logits
        )


def _train(
    stage: str,
    heads: dict[str, nn.Module],
    renders: Sequence[ViewSet],
    real: Sequence[ViewSet],
    config: BranchConfig,
    folder: Path,
    say: Callable[[str], None],
    *,
    keep: float | None,
) -> None:
    """Train the heads in place, or take what an earlier run left.

    With ``keep`` training continues from the heads as they are, and that share of their weights stays; without it starts afresh.
    """
    for number, (name, head) in enumerate(heads.items()):
        path = folder / f"{stage}_{name}.safetensors"
        if not path.is_file():
            say(f"{stage}: {name}")
            torch.manual_seed(config.seed + number)
            if keep is None:
                for module in head.modules():
                    if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                        module.reset_parameters()
            before = {k: v.detach().clone() for k, v in head.state_dict().items()}
            after = train_branch(head, renders, real, replace(config, seed=config.seed + number), report=say).state_dict()
            share = keep or 0.0
            state = {k: torch.lerp(v, before[k], share) if v.is_floating_point() else v for k, v in after.items()}
            with whole_file(path) as partial:
                save_file({k: v.contiguous() for k, v in state.items()}, partial)
        head.load_state_dict(load_file(path))
        head.eval()


@torch.inference_mode()
def _logits(model: MeshModel, pixels: AUPredictor, portraits: Portraits) -> Tensor:
    """(N, A, 2, 5) joint logits before calibration, on the views as they are."""
    votes: list[Tensor] = []
    rows = np.arange(len(portraits))
    heads: tuple[nn.Module, ...] = (model.features, model.photo)
    for head in heads:
        inputs = inputs_of(head)
        parts = np.array_split(rows, max(1, len(rows) // 64))
        votes.append(torch.cat([head(*inputs(portraits.views, part, np.zeros(len(part), np.int64))) for part in parts]))
    votes.append(model.named(torch.from_numpy(np.array(portraits.views.blendshapes[:, 0]))))
    pairs = zip(portraits.paths, portraits.landmarks, strict=True)
    votes.append(torch.cat([pixels.crop_logits(crop_faces(read_image(path), points[None])) for path, points in pairs]))
    return model.count(*votes)


def _exceedance(model: MeshModel, pixels: AUPredictor, portraits: Portraits, table: np.ndarray) -> np.ndarray:
    scale, shift = (torch.from_numpy(table[:, k].astype(np.float32))[:, None, None] for k in (0, 1))
    return (_logits(model, pixels, portraits) * scale + shift).sigmoid().numpy()


class _Calibrator:
    """The labelled faces, found and seen once; fits a table to whatever the model has become."""

    def __init__(self, source: Path, task: Path | None, folder: Path, views: Views, units: tuple[int, ...]) -> None:
        labelled, points = read_labelled_faces(source), folder / "points_labelled.npz"
        if not points.is_file():
            found = _find([face.path for face in labelled], task)
            best = [best_match([f.box for f in some], face.box) for some, face in zip(found, labelled, strict=True)]
            matched = [(row, match) for row, match in enumerate(best) if match is not None]
            np.savez(
                points,
                rows=np.array([row for row, _ in matched]),
                landmarks=np.stack([found[row][match].landmarks for row, match in matched]),
            )
        with np.load(points) as kept:
            rows, landmarks = kept["rows"].tolist(), kept["landmarks"]
        faces = [labelled[row] for row in rows]
        paths = [face.path for face in faces]
        self.portraits = Portraits(paths, landmarks, views("labelled", paths, landmarks))
        self.labels, self.groups = label_table(faces, units), np.array([face.group for face in faces])

    def fit(
        self, model: MeshModel, pixels: AUPredictor, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, dict[str, float]]:
        """The table, and mean F1 and ROC area with each face calibrated without its group; the ROC area of each unit, 1 where too
        few faces show it.
        """
        scores = _logits(model, pixels, self.portraits)[..., OCCURRENCE_LEVEL - 1].amax(dim=2).numpy().astype(np.float64)
        start = np.tile([1.0, 0.0], (scores.shape[1], 1)) if start is None else start
        left_out = left_out_scores(
            scores, self.groups, lambda kept: calibrate_on_labels(scores[kept], self.labels[kept], start)
        )
        f1, roc, areas = [], [], dict.fromkeys((f"AU{unit}" for unit in model.config.action_units), 1.0)
        for a, unit in enumerate(model.config.action_units):
            known = np.isfinite(self.labels[:, a])
            present = self.labels[known, a] > 0.5
            if present.sum() >= 5:
                f1.append(f1_frame(present, left_out[known, a] >= 0))
                roc.append(roc_area(present, scores[known, a]))
                areas[f"AU{unit}"] = float(roc[-1])
        means = {"f1": float(np.mean(f1)), "roc_area": float(np.mean(roc)), "units": len(f1), "base_rate": REFERENCE_RATE}
        figures = means | areas
        return calibrate_on_labels(scores, self.labels, start), figures

