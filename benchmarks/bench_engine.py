"""Speed and realism of the synthetic face engine, measured.

    python benchmarks/bench_engine.py speed   [--prototype FOLDER]   frames per second, also of an older engine if given
    python benchmarks/bench_engine.py speed   --before FOLDER        `aufait synth` of an older checkout in turn with this one
    python benchmarks/bench_engine.py renderers [--workers 16]       the processor and OpenGL in turn, and on which device it draws
    python benchmarks/bench_engine.py alike                          how far OpenGL's pictures are from the processor's
    python benchmarks/bench_engine.py realism [--model face_landmarker.task]   what MediaPipe's networks make of the renders

Realism: a face must be found (no heavy occluder, |yaw| <= 40 degrees), its inner 51 landmarks must be where the labels
say, and switching one action unit from 0 to 5 must move the blend-shape score that names it. MediaPipe is an independent
judge of visibility, not of correctness. Needs the extra ``synth``; for renderers also ``opengl``, and for realism the task
file of the ``mesh`` finder.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from aufait.synthetic.dataset import DatasetConfig, identity_frames  # noqa: E402
from aufait.synthetic.drawing.scene import sample_scene  # noqa: E402
from aufait.synthetic.head.actions import sample_intensities  # noqa: E402
from aufait.synthetic.head.assets import load_face_model  # noqa: E402
from aufait.synthetic.head.expression import Intensities  # noqa: E402
from aufait.synthetic.renderer import Frame, make_person, render  # noqa: E402

MATCHING = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("eyeSquintLeft", "eyeSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    9: ("browDownLeft", "browDownRight"),
    10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    14: ("mouthPressLeft", "mouthPressRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    17: ("mouthShrugLower",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    23: ("mouthRollLower",),
    24: ("mouthPressLeft", "mouthPressRight"),
    25: ("mouthLowerDownLeft", "mouthLowerDownRight"),
    26: ("jawOpen",),
    28: ("mouthRollLower", "mouthRollUpper"),
    43: ("eyeBlinkLeft", "eyeBlinkRight"),
}
"""Blend shape that an action unit should move (MediaPipe's noseSneer and cheekSquint outputs are dead)."""


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def speed(args: argparse.Namespace) -> None:
    """Three repeats of a fixed job on one core, alternating with the older engine when there is one."""
    if args.before:
        _against_before(args)
        return
    cv2.setNumThreads(1)
    model = load_face_model()
    config = DatasetConfig(frames=args.frames, seed=9, size=256)
    list(identity_frames(model, config, config.identities[0]))  # compile and fill caches
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        count = sum(len(list(identity_frames(model, config, i))) for i in config.identities)
        ours.append(count / (time.perf_counter() - start))
        if args.prototype:
            theirs.append(_prototype_speed(args.prototype, args.frames))
    _print_rate("aufait", ours, "one core")
    if theirs:
        _print_rate("prototype", theirs, "one core")
        print(f"ratio {statistics.median(ours) / statistics.median(theirs):.2f}")


def _against_before(args: argparse.Namespace) -> None:
    """``aufait synth`` as it runs by default, one process per core, by both checkouts in turn; then their files compared."""
    roots = {"before": args.before.resolve(), "now": Path(__file__).resolve().parents[1]}
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folders = {name: Path(scratch) / name for name in roots}
            _synth(roots["before"], folders["before"], 6, size)  # both compile before the first round
            _synth(roots["now"], folders["now"], 6, size)
            costs = []
            for turn in range(args.repeats):
                names = list(roots) if turn % 2 else list(roots)[::-1]
                costs.append({name: _synth(roots[name], folders[name], args.frames, size) for name in names})
            print(f"{size} pixels, {args.frames} frames, {args.repeats} rounds")
            for k, what in enumerate(("seconds", "seconds of processor time")):
                before, now = ([cost[name][k] for cost in costs] for name in roots)
                ratios = [a / b for a, b in zip(before, now, strict=True)]
                print(
                    f"  {what}: before {statistics.median(before):.1f}, now {statistics.median(now):.1f}, "
                    f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                )
            _compare_sets(folders["before"], folders["now"])


def _synth(root: Path, out: Path, frames: int, size: int) -> tuple[float, float]:
    """Seconds and seconds of processor time that ``aufait synth`` of the checkout ``root`` needs for a new data set in ``out``."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "aufait", "synth", str(out), "-n", str(frames), "--size", str(size), "--seed", "9", "-q"]
    start, used = time.perf_counter(), os.times()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(root / "src")}, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return time.perf_counter() - start, after[2] + after[3] - used[2] - used[3]


def _compare_sets(before: Path, now: Path) -> None:
    """Print how the pixels, labels and sizes on disc of two data sets differ."""
    files = sorted(p.relative_to(before) for p in before.rglob("*.png"))
    worst, other, total = 0, 0, 0
    for file in files:
        a, b = (np.asarray(cv2.imread(str(root / file), cv2.IMREAD_UNCHANGED)).astype(int) for root in (before, now))
        worst, other, total = max(worst, int(np.abs(a - b).max())), other + int((a != b).sum()), total + a.size
    labels = [p.relative_to(before) for p in before.rglob("*.jsonl")]
    unlike = sum((before / p).read_bytes() != (now / p).read_bytes() for p in labels)
    disc = [sum((root / file).stat().st_size for file in files) / 2**20 for root in (before, now)]
    print(
        f"  {len(files)} PNG files: {other} of {total} values differ, by at most {worst}; {unlike} of {len(labels)} label files "
        f"differ; {disc[0]:.2f} MiB before, {disc[1]:.2f} now"
    )


def _prototype_speed(folder: Path, frames: int) -> float:
    """Frames/s that the older engine's own generator prints, run in a separate process after a warm-up of its cache."""
    with tempfile.TemporaryDirectory() as frames_folder:
        command = [sys.executable, "gen.py", str(frames), "0", frames_folder]
        out = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return float(out.stdout.split()[0])


def _print_rate(name: str, rates: list[float], where: str) -> None:
    print(f"{name}: median {statistics.median(rates):.2f} frames/s on {where} (range {min(rates):.2f}-{max(rates):.2f})")


def renderers(args: argparse.Namespace) -> None:
    """Frames per second of both renderers in turn, persons made and pictures drawn but not written, after one unmeasured turn."""
    from aufait.synthetic.opengl.context import device_name, is_software

    device = device_name()
    print(f"OpenGL draws on: {device}" + (" (software: the processor itself)" if is_software(device) else ""))
    rates: dict[str, list[float]] = {"cpu": [], "opengl": []}
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for turn in range(args.repeats + 1):
            for name, measured in rates.items():
                config = DatasetConfig(
                    frames=args.frames, seed=9, size=256, frames_per_identity=args.frames_per_identity, renderer=name
                )
                start = time.perf_counter()
                count = sum(pool.imap_unordered(_draw, [(config, identity) for identity in config.identities]))
                if turn:
                    measured.append(count / (time.perf_counter() - start))
    for name, measured in rates.items():
        _print_rate(name, measured, f"{args.workers} process{'es' * (args.workers > 1)}")
    print(f"ratio opengl / cpu {statistics.median(b / a for a, b in zip(*rates.values(), strict=True)):.2f}")


def _draw(job: tuple[DatasetConfig, int]) -> int:
    """Frames of one person, in a process of the pool."""
    cv2.setNumThreads(1)
    config, identity = job
    return sum(1 for _ in identity_frames(load_face_model(), config, identity))


def alike(args: argparse.Namespace) -> None:
    """What differs between the two renderers, over frames of as many people: as data sets have them, then without some of it."""
    from aufait.synthetic.opengl.context import device_name

    print(f"OpenGL draws on: {device_name()}")
    model = load_face_model()
    rows: dict[str, list[list[float]]] = {"as data sets have them": [], "without sensor": [], "without hair and sensor": []}
    for number in range(args.frames):
        person, scene = make_person(model, 4_000_000 + number), sample_scene(4_000_000_000 + number, occluder_odds=0.3)
        units, plain = sample_intensities(np.random.default_rng(number)), replace(scene, sensor=None)
        shown = ((person, scene), (person, plain), (replace(person, strands=()), plain))
        for row, (who, where) in zip(rows.values(), shown, strict=True):
            row.append(_differences(*(render(who, units, where, renderer=name) for name in ("cpu", "opengl"))))
    for name, row in rows.items():
        grey, alpha, parts, inside, hidden, labels = np.mean(row, axis=0)
        print(f"{name}: {grey:.3f} grey levels (worst frame {max(r[0] for r in row):.3f}), alpha {alpha:.3f} of 255")
        print(f"  parts: {100 * parts:.3f} % of pixels, {100 * inside:.4f} % away from edges; {hidden:.3f} of 68 visible points")
        print(f"  frames whose action units or landmarks differ: {labels * len(row):.0f} of {len(row)}")


def _differences(one: Frame, other: Frame) -> list[float]:
    """Mean grey levels and alpha, share of parts, also away from edges, visible points, and whether labels differ."""
    square, wrong = np.ones((5, 5), np.uint8), one.parts != other.parts
    inside = cv2.dilate(one.parts, square) == cv2.erode(one.parts, square)
    same = one.intensities == other.intensities and np.array_equal(one.landmarks, other.landmarks)
    return [
        float(np.abs(one.image.astype(int) - other.image).mean()),
        float(np.abs(one.alpha.astype(int) - other.alpha).mean()),
        *(float(wrong.mean()), float((wrong & inside).mean())),
        *(float((one.visible != other.visible).sum()), float(not same)),
    ]


def realism(args: argparse.Namespace) -> None:
    from aufait.faces.mesh_finder import MeshFinder
    from aufait.faces.mesh_networks import BLENDSHAPES

    with MeshFinder(model_path=args.model) as finder:

        def look(image: np.ndarray) -> tuple[np.ndarray, dict[str, float]] | None:
            faces = finder.find(np.ascontiguousarray(image))
            if not faces or faces[0].blendshapes is None:
                return None
            return faces[0].landmarks, dict(zip(BLENDSHAPES, faces[0].blendshapes.tolist(), strict=True))

        _random_frames(look, args.frames)
        _paired_responses(look, args.identities)


def _random_frames(look, frames: int) -> None:  # type: ignore[no-untyped-def]
    model = load_face_model()
    config = DatasetConfig(frames=frames * 2, seed=7, occluder_odds=0.0)
    errors, missed, seen, scores, truths = [], 0, 0, [], []
    for identity in config.identities:
        for frame in identity_frames(model, config, identity):
            if seen == frames:
                break
            if abs(frame.scene.rotation[1]) > 40 or frame.traits.eyewear == "sunglasses":
                continue
            seen += 1
            result = look(frame.image)
            if result is None:
                missed += 1
                continue
            scale = np.linalg.norm(frame.landmarks[36] - frame.landmarks[45])
            errors.append(np.linalg.norm(result[0] - frame.landmarks, axis=1) / scale)
            scores.append(result[1])
            truths.append(frame.intensities)
    table = np.array(errors)
    inner = table[:, 17:].mean(axis=1)
    regions = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68)}
    print(f"found {seen - missed} of {seen} ({100 * (seen - missed) / seen:.1f} %)")
    print(
        f"inner 51 points: median {np.median(inner):.4f}, 90 % {np.quantile(inner, 0.9):.4f} of the outer-canthus distance"
    )
    print("by region: " + ", ".join(f"{k} {table[:, a:b].mean():.3f}" for k, (a, b) in regions.items()))
    correlations = {}
    for au, names in MATCHING.items():
        y = np.array([t.mean(au) for t in truths])
        x = np.array([np.mean([s[n] for n in names]) for s in scores])
        correlations[au] = float(np.corrcoef(x, y)[0, 1]) if x.std() > 1e-5 and y.std() > 0 else float("nan")
    print("correlation with the matching score: " + ", ".join(f"AU{au} {r:.2f}" for au, r in correlations.items()))


def _paired_responses(look, identities: int) -> None:  # type: ignore[no-untyped-def]
    """Same face, pose and light; one unit 0 -> 5: mean change of the matching score and of the three that moved most."""
    model = load_face_model()
    changes: dict[int, list[dict[str, float]]] = {au: [] for au in MATCHING}
    for i in range(identities):
        person = replace(make_person(model, 7_100_000 + i), head_props=())
        rng = np.random.default_rng(i)
        rotation = tuple(float(v) for v in rng.normal(0, (5, 12, 4)))
        scene = replace(sample_scene(4000 + i), rotation=rotation, gaze=(0.0, 0.0), occluder="none")  # type: ignore[arg-type]
        rest = look(render(person, Intensities({}, {}), scene).image)
        for au in MATCHING:
            units = {26: 5.0, 25: 4.0} if au == 26 else {au: 5.0}
            moved = look(render(person, Intensities.symmetric(units), scene).image)
            if rest and moved:
                changes[au].append({k: moved[1][k] - rest[1][k] for k in rest[1]})
    for au, names in MATCHING.items():
        mean = {k: float(np.mean([c[k] for c in changes[au]])) for k in changes[au][0]}
        top = sorted(mean, key=lambda k: -mean[k])[:3]
        match = np.mean([mean[n] for n in names])
        print(f"AU{au:<3} {'/'.join(names):42s} {match:+.2f}   most: " + ", ".join(f"{k} {mean[k]:+.2f}" for k in top))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("--frames", type=int, default=60)
    fast.add_argument("--repeats", type=int, default=3)
    fast.add_argument("--prototype", type=Path)
    fast.add_argument("--before", type=Path, help="the folder of an older checkout, which holds src")
    fast.add_argument("--sizes", type=int, nargs="+", default=[192, 224, 256], help="with --before")
    fast.set_defaults(run=speed)
    both = commands.add_parser("renderers")
    both.add_argument("--frames", type=int, default=240)
    both.add_argument("--frames-per-identity", type=int, default=3)
    both.add_argument("--repeats", type=int, default=3)
    both.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; every one opens the card for itself")
    both.set_defaults(run=renderers)
    same = commands.add_parser("alike")
    same.add_argument("--frames", type=int, default=40)
    same.set_defaults(run=alike)
    real = commands.add_parser("realism")
    real.add_argument("--frames", type=int, default=240)
    real.add_argument("--identities", type=int, default=14)
    real.add_argument("--model", type=Path, help="face_landmarker.task, where it is not in its usual place")
    real.set_defaults(run=realism)
    args = parser.parse_args()
    print(f"machine: {machine()}\ncommand: {' '.join(sys.argv)}")
    args.run(args)


if __name__ == "__main__":
    main()
