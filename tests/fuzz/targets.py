"""What is damaged: for every kind of file whole ones, the ways to damage them, and the reader that users reach them with.

A reader gives the arrays and numbers that it read. Right is a reader that gives finite ones, or raises an ``AufaitError``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import mutations as m
import numpy as np
from PIL import Image

Reader = Callable[[Path], Iterator[Any]]


@dataclass(frozen=True)
class Target:
    """One kind of file.

    Attributes:
        make: writes the whole files, or folders, into a new folder.
        read: what a user's command does with one, as a generator of what it read.
        ways: to damage it.
        share: how many of all cases it gets, relative to the others.
        ending: of the file's name; the seeds' own where it is empty.
        parts: patterns of the files that are damaged, where a seed is a folder.
        changes: of that many ways in turn at most.
    """

    make: Callable[[Path], None]
    read: Reader
    ways: Sequence[m.Mutation]
    share: float = 1.0
    ending: str = ""
    parts: Sequence[str] = field(default_factory=tuple)
    changes: int = 3


def textured(width: int, height: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: blobs and noise, so that every coder has something to do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 5 + c) + np.cos(y / 7 - c) for c in range(3)], axis=2)
    return np.clip(128 + 50 * waves + rng.normal(0, 8, waves.shape), 0, 255).astype(np.uint8)


# --- pictures --------------------------------------------------------------------------------------------------------


def make_pictures(folder: Path) -> None:
    """Every format and kind of pixel that is read, small."""
    picture = Image.fromarray(textured(40, 32))
    grey = picture.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 200)
    frames = [Image.fromarray(textured(24, 20, seed)) for seed in range(3)]
    picture.save(folder / "a.jpg", quality=80)
    picture.save(folder / "progressive.jpg", quality=70, progressive=True)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    exif = Image.Exif()
    exif[274] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "a.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.convert("P").save(folder / "palette.png", transparency=3)
    deep.save(folder / "deep.png")
    frames[0].save(folder / "moving.png", save_all=True, append_images=frames[1:], duration=80)
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:], duration=80)
    picture.save(folder / "a.webp", quality=70)
    picture.save(folder / "whole.webp", lossless=True)
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], duration=80)
    picture.save(folder / "a.avif", quality=60)
    picture.save(folder / "a.jp2")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        picture.save(folder / f"{compression}.tif", compression=None if compression == "raw" else compression)
    deep.save(folder / "deep.tif")
    Image.fromarray(np.asarray(grey).astype(np.float32) / 255).save(folder / "float.tif")
    frames[0].save(folder / "pages.tif", save_all=True, append_images=frames[1:])
    picture.save(folder / "a.bmp")
    picture.save(folder / "a.ppm")
    picture.save(folder / "a.tga")


def read_picture(path: Path) -> Iterator[Any]:
    """As one picture, and as a sequence where it has pages."""
    from aufait.media.images import read_image
    from aufait.media.pages import PictureSequence

    yield read_image(path)
    with PictureSequence(path) as pages:
        for number, frame in enumerate(pages):
            yield frame.image
            yield frame.timestamp
            if number > 10:
                break


# --- videos ----------------------------------------------------------------------------------------------------------

_VIDEOS = {
    "a.mp4": ("libx264", "yuv420p"), "a.mkv": ("libx264", "yuv420p"), "a.mov": ("mjpeg", "yuvj420p"), "a.avi": ("mpeg4", "yuv420p"),
    "a.webm": ("libvpx", "yuv420p"), "a.ts": ("mpeg2video", "yuv420p"), "png.mov": ("png", "rgb24"), "a.gif": ("gif", "rgb8"),
}  # fmt: skip


def make_videos(folder: Path) -> None:
    """Eight frames in the common containers and codecs; codecs that this FFmpeg lacks are left out."""
    for name, (codec, pixels) in _VIDEOS.items():
        try:
            with av.open(str(folder / name), "w") as container:
                stream = container.add_stream(codec, rate=25)
                stream.width, stream.height, stream.pix_fmt = 48, 32, pixels
                for number in range(8):
                    frame = av.VideoFrame.from_ndarray(textured(48, 32, number), format="rgb24")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        except (av.FFmpegError, ValueError):
            (folder / name).unlink(missing_ok=True)


def read_video(path: Path) -> Iterator[Any]:
    """Up to forty frames."""
    from aufait.media.video import open_video

    with open_video(path) as video:
        yield [number for number in (video.info.frame_rate, video.info.duration) if number is not None]
        for number, frame in enumerate(video):
            yield frame.image
            yield frame.timestamp
            if number > 40:
                break


# --- weights ---------------------------------------------------------------------------------------------------------


def make_default_weights(folder: Path) -> None:
    """Small models of the compact kind."""
    from aufait.models.default.network import AUNetwork, AUNetworkConfig
    from aufait.models.default.predictor import AUPredictor

    config = AUNetworkConfig(action_units=(1, 12), widths=(4, 4, 8, 8), blocks=(1, 1, 1), reduced=4, hidden=8)
    AUPredictor(AUNetwork(config), name="small").save(folder / "small.safetensors", {"note": "for tests"})


def read_default_weights(path: Path) -> Iterator[Any]:
    """Loaded, and asked about two crops."""
    import torch

    from aufait.models.default.crop import CROP_SIZE
    from aufait.models.default.predictor import AUPredictor

    predictor = AUPredictor.load(path)
    crops = torch.from_numpy(np.stack([textured(CROP_SIZE, CROP_SIZE, seed) for seed in range(2)])).permute(0, 3, 1, 2)
    scores = predictor.predict_crops(crops)
    yield scores.probability
    yield scores.intensity


def make_networks(folder: Path) -> None:
    """Small networks of published systems, as training saves them."""
    from aufait.models.aunet.label_vae import LabelVAE, save_label_vae
    from aufait.models.checkpoint import save_model
    from aufait.models.registry import create_model

    arl = create_model("arl", au_set=(1, 2, 12), image_size=48, unit=2)
    save_model(arl, folder / "arl.safetensors", name="arl", notes={"data": {"x": {"alignment": "arl"}}})
    save_label_vae(LabelVAE(12, 8), folder / "vae.safetensors")


def read_network(path: Path) -> Iterator[Any]:
    """Whatever the file says that it is, loaded; a network is asked about a face."""
    import torch

    from aufait.models.aunet.label_vae import load_label_vae
    from aufait.models.checkpoint import load_model

    if path.stem.startswith("vae"):
        yield load_label_vae(path).encode(torch.zeros(1, 12))[0].numpy() * 0
        return
    model = load_model(path)
    yield [float(one) for one in model.config.action_units]


def make_face_weights(folder: Path) -> None:
    """A folder with the builtin finder's two files, small networks without training."""
    import dataclasses

    from aufait.faces.networks import FaceDetectorConfig, FaceDetectorNet, FaceLandmarkConfig, FaceLandmarkNet
    from aufait.faces.weights import save_weights

    home = folder / "finder"
    detector = FaceDetectorNet(FaceDetectorConfig(widths=(4, 4, 8, 8, 8), depths=(0, 0, 1, 1, 1), neck=8))
    landmarks = FaceLandmarkNet(FaceLandmarkConfig(crop_size=64, widths=(4, 4, 8, 8, 8), head=8))
    for name, network in {"face_detector": detector, "face_landmarks": landmarks}.items():
        header = {"config": dataclasses.asdict(network.config), "name": name}
        save_weights(home / f"{name}.safetensors", dict(network.state_dict()), header)


def read_face_weights(path: Path) -> Iterator[Any]:
    """The finder made, and asked about a small picture."""
    from aufait.faces.builtin import BuiltinFinder

    finder = BuiltinFinder(weights=path, min_confidence=0.05)
    for face in finder.find(textured(64, 64)):
        yield face.landmarks
        yield face.box
        yield float(face.confidence)


# --- recipes ---------------------------------------------------------------------------------------------------------


def make_recipes(folder: Path) -> None:
    """Three recipes of the package."""
    from aufait.training.recipe import load_recipe

    for name in ("arl_bp4d", "drml_bp4d", "aunet_bp4d"):
        (folder / f"{name}.yaml").write_text(load_recipe(name).to_yaml(), encoding="utf-8")


def read_recipe(path: Path) -> Iterator[Any]:
    """The recipe, written and read again."""
    from aufait.training.recipe import Recipe, load_recipe

    recipe = load_recipe(path)
    yield [value for value in recipe.to_dict().values() if isinstance(value, float)]
    assert Recipe.from_dict(recipe.to_dict()) == recipe


# --- labels ----------------------------------------------------------------------------------------------------------


def make_tables(folder: Path) -> None:
    """Tables of labels with the columns that are known."""
    head = "path,subject,task,partition,view,AU01,AU12_r,AU12_c,pitch,yaw,roll,skin tone"
    rows = [f"p/{k}.png,S{k % 3},t{k % 2},train,{k % 2},{k % 2},{k % 6},{k % 2},{k}.5,-3,0,dark" for k in range(8)]
    (folder / "pictures.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    rows = [f"clip{k % 2}.mp4;{k + 1};S{k % 2};{k % 2};9" for k in range(8)]
    (folder / "videos.csv").write_text("\n".join(["video;frame;subject;AU1;AU2", *rows]) + "\n", encoding="utf-8")
    points = [f"{axis}_{number}" for number in range(49) for axis in "xy"]
    rows = [",".join(["a.png", "S1", str(k + 1), "1", *("3.5" for _ in points)]) for k in range(2)]
    (folder / "points.csv").write_text("\n".join([",".join(["path", "subject", "frame", "AU4", *points]), *rows]), encoding="utf-8")


def read_table(path: Path) -> Iterator[Any]:
    """Everything that data check looks at."""
    yield from _labels("csv", path)


def make_trees(folder: Path) -> None:
    """The layouts of two data sets, labels alone."""
    from data_trees import make_affwild2, make_disfa

    make_disfa(folder / "disfa", subjects=(1,), media=False)
    make_affwild2(folder / "affwild2")


def read_tree(path: Path) -> Iterator[Any]:
    """Everything that data check looks at."""
    yield from _labels("affwild2" if (path / "annotations").exists() else "disfa", path)


def _labels(name: str, path: Path) -> Iterator[Any]:
    from aufait.data.check import check_dataset
    from aufait.data.datasets import open_dataset

    dataset = open_dataset(name, path, need_media=False)
    for recording in dataset.recordings:
        yield [recording.occurrence, recording.intensity, recording.frames]
        if recording.pose is not None:
            yield np.nan_to_num(recording.pose)  # nan is "unknown" here
    json.dumps(check_dataset(dataset).to_dict(), allow_nan=False)


# --- caches, predictions, checkpoints, tasks, assets ------------------------------------------------------------------


def make_caches(folder: Path) -> None:
    """A cache of two recordings."""
    from face_caches import labelled_dataset, make_test_cache

    make_test_cache(folder / "cache", labelled_dataset(subjects=("SN001", "SN002"), frames=1))


def read_cache(path: Path) -> Iterator[Any]:
    """Opened with and without a look at the checksums; what passes that look is unchanged."""
    from aufait.data.preparation.cache import FaceCache
    from aufait.data.preparation.preparing import missing_frames
    from aufait.errors import AufaitError

    try:
        cache = FaceCache.open(path, verify=True)
        yield cache.landmarks(range(len(cache)))
    except AufaitError:
        cache = FaceCache.open(path)
    rows = range(len(cache))
    yield cache.faces(rows)
    missing_frames(cache)
    yield cache.neighbours(rows, 10)
    for recording in cache.dataset().recordings:
        yield [recording.occurrence, recording.frames]


def make_predictions(folder: Path) -> None:
    """Both formats."""
    from made_predictions import some_predictions

    some_predictions().save(folder / "a.npz")
    some_predictions().save(folder / "a.parquet")


def read_predictions(path: Path) -> Iterator[Any]:
    """All columns."""
    from aufait.evaluation.predictions import Predictions

    found = Predictions.load(path)
    yield [found.probability, found.occurrence, found.true_intensity, found.frame, np.nan_to_num(found.pose, posinf=0, neginf=0)]
    yield found.persons


def make_checkpoints(folder: Path) -> None:
    """A label VAE as its authors would publish it, and other things that torch.save writes."""
    import torch

    from aufait.models.aunet.label_vae import LabelVAE

    names = LabelVAE.RELEASED_NAMES
    state = {f"{names[name.partition('.')[0]]}.{name.partition('.')[2]}": v for name, v in LabelVAE(12, 8).state_dict().items()}
    torch.save(state, folder / "vae.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": {f"module.{name}": values for name, values in state.items()}, "epoch": 3}, folder / "wrapped.pth")


def read_checkpoint_file(path: Path) -> Iterator[Any]:
    """Imported."""
    from aufait.models.import_checkpoint import read_checkpoint

    network, report = read_checkpoint(path, "vae")
    yield from (value.numpy() for value in network.state_dict().values())
    json.dumps(report.to_dict(), default=str)


def make_tasks(folder: Path) -> None:
    """Archives in the manner of face_landmarker.task."""
    from aufait.faces.task_file import NETWORKS

    with zipfile.ZipFile(folder / "face_landmarker.task", "w") as archive:
        for member in NETWORKS.values():
            archive.writestr(member, np.random.default_rng(0).bytes(500))


def read_task(path: Path) -> Iterator[Any]:
    """The networks in it; only the one file that aufait knows has any."""
    from aufait.faces.task_file import read_networks

    yield [operator.constants for network in read_networks(path).values() for operator in network]


def make_assets(folder: Path) -> None:
    """Arrays of the shapes that the face geometry has, almost all zeros, so that the file is small."""
    from aufait.synthetic.head.asset_content import EXPRESSIONS, SHAPES

    arrays: dict[str, np.ndarray] = {}
    for name, shape in SHAPES.items():
        kind = np.int32 if "triangle" in name or name in ("landmarks68", "mirror_vertices") else np.float16
        arrays[name] = np.zeros(shape, kind)
    part = {"name": "x", "vertices": [0, 30], "triangles": [0, 40]}
    arrays["expression_names"] = np.array(EXPRESSIONS)
    arrays["geometry_json"] = np.array(json.dumps([part] * 17))
    arrays["eyeball_json"] = np.array(json.dumps([part] * 4))
    np.savez_compressed(folder / "ict_facekit.npz", **arrays)


def read_assets(path: Path) -> Iterator[Any]:
    """The face model."""
    from aufait.synthetic.head import assets

    assets._load.cache_clear()
    yield assets.load_face_model(path).neutral


_BINARY = (*m.BYTES,)
TARGETS: dict[str, Target] = {
    "pictures": Target(make_pictures, read_picture, (*_BINARY, m.png_chunk, m.box), share=7),
    "videos": Target(make_videos, read_video, (*_BINARY, m.box, m.box), share=3),
    "default weights": Target(make_default_weights, read_default_weights, (m.flip, m.number, m.cut, *[m.safetensors] * 6), share=2),
    "networks": Target(make_networks, read_network, (m.flip, m.number, m.cut, *[m.safetensors] * 6), share=0.6),
    "face weights": Target(
        make_face_weights, read_face_weights, (m.flip, m.number, m.cut, *[m.safetensors] * 6), share=1.5, parts=("*.safetensors",)
    ),
    "recipes": Target(make_recipes, read_recipe, m.TEXT, share=2, changes=2),
    "label tables": Target(make_tables, read_table, m.TEXT, share=3, changes=2),
    "label trees": Target(make_trees, read_tree, m.TEXT, share=2, parts=("**/*.txt",)),
    "caches": Target(
        make_caches, read_cache, (m.flip, m.cut, m.number, *[m.json_text] * 3, m.safetensors, m.safetensors), share=2,
        parts=("manifest.json", "manifest.json", "settings.json", "table.safetensors", "shards/*"), changes=2,
    ),
    "predictions": Target(make_predictions, read_predictions, (*_BINARY, *[m.zip_member] * 5), share=2.5),
    "checkpoints": Target(make_checkpoints, read_checkpoint_file, (*_BINARY, *[m.zip_member] * 4), share=2),
    "task files": Target(make_tasks, read_task, (*_BINARY, m.zip_member), share=0.4),
    "assets": Target(make_assets, read_assets, (m.flip, m.cut, m.number, m.zip_member, m.zip_member), share=0.2, changes=2),
}  # fmt: skip
