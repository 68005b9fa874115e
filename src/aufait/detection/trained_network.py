"""Any network on pictures and videos: faces are aligned as it was trained, its output is brought back to the picture.

The input is made exactly as in training and evaluation (``network_inputs``): the standard frame of the network's faces, cut from
the picture by the finder's landmarks, then the central window. What a network does not give stays None.

    >>> import aufait
    >>> detector = aufait.Detector(model="runs/arl_bp4d/1")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from aufait.alignment import apply_transform, compose, invert, warp
from aufait.detection.scores import FaceScores
from aufait.errors import InputError
from aufait.inputs.alignments import get_alignment
from aufait.models.contract import check_explanation, check_network, check_output, strangers_errors
from aufait.results import PER_UNIT, AttentionMaps

if TYPE_CHECKING:
    from aufait.detection.network_video import NetworkVideo
    from aufait.faces.face import Face
    from aufait.models.explanation import Explanation
    from aufait.models.outputs import AUOutput
    from aufait.models.streaming import FaceStream
    from aufait.models.system import AUSystem

VIDEO_WAYS = ("track", "neighbours")
"""How networks of three frames see a video: by a stream that aligns the track as a whole, where the network has one, or with both
neighbours aligned to each frame, as the papers say, for three times the work."""


@dataclass(frozen=True, eq=False)
class StoredFaces:
    """Faces in the standard frame of a network.

    Attributes:
        pixels: (F, S, S, 3) uint8 RGB.
        landmarks: (F, 68, 2) float32, pixels of the stored faces.
        matrices: (F, 2, 3) float64, from the picture to the stored faces.
    """

    pixels: Tensor
    landmarks: Tensor
    matrices: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several of them, in turn."""
        matrices = np.concatenate([part.matrices for part in parts])
        return cls(torch.cat([part.pixels for part in parts]), torch.cat([part.landmarks for part in parts]), matrices)

    def __getitem__(self, rows: slice) -> StoredFaces:
        return StoredFaces(self.pixels[rows], self.landmarks[rows], self.matrices[rows])

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(eq=False)
class NetworkPredictor:
    """A network as the model of a ``Detector``.

    Attributes:
        network: it is put into evaluation mode, on the device.
        name: what results call it.
        sha256: digest of its file; empty where there is none.
        device: where it runs.
        alignment: of the faces it was trained on; None for the one it was designed for.
        mirror: add a second pass over mirrored faces and average; None asks the network. Streams make one pass in any case.
        video: one of ``VIDEO_WAYS``, for networks that read three frames.
        attention: also return where it looked, if it has such maps.
        batch: faces at a time.
        notes: what its file says about its training.

    Raises:
        InputError: the network breaks the contract of ``AUSystem``, or an unknown way through videos.
    """

    network: AUSystem
    name: str = ""
    sha256: str = ""
    device: str = "cpu"
    alignment: str | None = None
    mirror: bool | None = None
    video: str = VIDEO_WAYS[0]
    attention: bool = False
    batch: int = 16
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from aufait.inputs.network_inputs import Geometry

        check_network(self.network, run=False)
        if self.video not in VIDEO_WAYS:
            raise InputError(f"alignment must be one of {', '.join(VIDEO_WAYS)}, got {self.video!r}")
        self.name = self.name or type(self.network).__name__
        self.network = self.network.to(self.device).eval()
        self.action_units: tuple[int, ...] = self.network.action_units
        self.frame = get_alignment(self.alignment or self.network.input_alignment)
        self._to_input = Geometry.of(self.network, self.frame.side, self.frame.name).to_input()
        self._passes = (False, True) if (self.network.mirrored_test if self.mirror is None else self.mirror) else (False,)

    @property
    def details(self) -> dict[str, Any]:
        """What decides the numbers besides the weights, ready for JSON."""
        facts: dict[str, Any] = {"network": type(self.network).__name__, "input_alignment": self.frame.name}
        facts |= {"mirrored_pass": len(self._passes) > 1, "config": self.network.config.to_dict(), "note": self._note()}
        trained = {key: self.notes[key] for key in ("recipe", "protocol", "fold", "synthetic", "imported") if key in self.notes}
        return facts | ({"video": self.video} if self.network.frames == 3 else {}) | ({"training": trained} if trained else {})

    def _note(self) -> str:
        """A sentence for timelines and pages: which network, trained on what as far as its file says."""
        facts = self.notes
        trained = "what it was trained on is not known"
        if "protocol" in facts:
            trained = f"trained on fold {facts.get('fold')} of {facts['protocol']}"
            trained += ", rendered faces" if facts.get("synthetic") else ""
        elif "imported" in facts:
            trained = "weights converted from a file in its authors' layout, which does not say who trained them"
        remarks = [str(note) for note in facts.get("notes", ())]
        return "; ".join([f"Estimated by the network {self.name}: {trained}", *remarks])

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> FaceScores:
        """Scores of all faces of some pictures, in turn, each picture separately; networks of three frames get it three times.

        Args:
            images: pictures (H, W, 3) uint8 RGB.
            faces: the faces of each; a picture may have none.
        """
        groups = [
            self.store(image, np.stack([face.landmarks for face in group]))
            for image, group in zip(images, faces, strict=True)
            if group
        ]
        if not groups:
            return FaceScores(np.zeros((0, len(self.action_units)), np.float32))
        stored = StoredFaces.joined(groups)
        parts = [stored[start : start + self.batch] for start in range(0, len(stored), self.batch)]
        return joined_scores([self.scores(self.look(part), part.matrices) for part in parts])

    def open_video(self) -> NetworkVideo | None:
        """For one video, if the network reads several frames; None if it reads single pictures."""
        from aufait.detection.network_video import NetworkVideo

        return NetworkVideo(self) if self.network.frames == 3 else None

    def open_track(self) -> FaceStream:
        """Predicts the frames of one face track."""
        from aufait.detection.network_video import NeighbourTrack

        stream = self.network.open_stream() if self.video == "track" else None
        return NeighbourTrack(self) if stream is None else stream

    def store(self, image: np.ndarray, landmarks: np.ndarray) -> StoredFaces:
        """Cut the faces of a picture, landmarks (F, 68, 2), into the standard frame."""
        points = np.asarray(landmarks, np.float64)
        matrices = self.frame.transforms(points)
        pixels = warp(image, matrices, self.frame.side, self.frame.border).permute(0, 2, 3, 1)
        return StoredFaces(pixels.contiguous(), torch.from_numpy(apply_transform(matrices, points)).float(), matrices)

    @torch.inference_mode()
    def look(self, stored: StoredFaces, neighbours: tuple[Tensor, Tensor] | None = None) -> AUOutput:
        """Output of the network for stored faces; logits and intensities are means over its passes.

        Args:
            stored: F faces.
            neighbours: pixels (F, 2, S, S, 3) and landmarks (F, 2, 68, 2) of the earlier and the later frame; None repeats the
                current one.
        """
        outputs = [self._pass(stored, neighbours, mirrored) for mirrored in self._passes]
        output = outputs[0]
        if len(outputs) > 1:
            output.logits = torch.stack([one.logits for one in outputs]).mean(dim=0)
            if output.intensity is not None:
                output.intensity = torch.stack([one.intensity for one in outputs if one.intensity is not None]).mean(dim=0)
        return output

    @torch.no_grad()
    def explain(self, stored: StoredFaces) -> tuple[Explanation, np.ndarray] | None:
        """Maps over the input of stored faces, and that input (F, S, S, 3) uint8; None where the network says nothing."""
        from aufait.inputs.network_inputs import network_inputs

        inputs = network_inputs(
            self.network, stored.pixels.to(self.device), stored.landmarks.to(self.device), alignment=self.frame.name
        )
        with strangers_errors(self.network, "explain"):
            found = self.network.explain(**inputs)
        check_explanation(self.network, found, len(stored))
        if found is None:
            return None
        images = inputs["images"] if inputs["images"].ndim == 4 else inputs["images"][:, 0]
        return found, (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()

    def scores(self, output: AUOutput, matrices: np.ndarray | None = None) -> FaceScores:
        """An output in the detector's form.

        Args:
            output: of F faces.
            matrices: (F, 2, 3) from the picture to the stored faces; None leaves out what is in the picture.
        """
        back = None if matrices is None else [invert(compose(self._to_input, matrix)) for matrix in matrices]
        points, maps = output.landmarks, output.attention_maps
        side_probability = _by_side(None if output.side_logits is None else output.side_logits.float().sigmoid())
        side_intensity = _by_side(output.side_intensity)
        return FaceScores(
            probability=_array(output.logits.float().sigmoid()),
            intensity=None if output.intensity is None else _array(output.intensity),
            probability_left=side_probability[0],
            probability_right=side_probability[1],
            intensity_left=side_intensity[0],
            intensity_right=side_intensity[1],
            model_landmarks=None if points is None or back is None else apply_transform(np.stack(back), _array(points)),
            attention=None if maps is None or back is None or not self.attention else self._maps(_array(maps), back),
        )

    def _pass(self, stored: StoredFaces, neighbours: tuple[Tensor, Tensor] | None, mirrored: bool) -> AUOutput:
        from aufait.inputs.network_inputs import network_inputs

        around = None if neighbours is None else (neighbours[0].to(self.device), neighbours[1].to(self.device))
        inputs = network_inputs(
            self.network, stored.pixels.to(self.device), stored.landmarks.to(self.device), neighbours=around, mirrored=mirrored,
            alignment=self.frame.name,
        )  # fmt: skip
        with strangers_errors(self.network, "forward"):
            output = self.network(**inputs)
        check_output(self.network, output, len(stored))
        return output

    def _maps(self, maps: np.ndarray, back: Sequence[np.ndarray]) -> tuple[AttentionMaps, ...]:
        """Maps (F, A, H, W) over the whole input, with the way from their pixels to the picture."""
        step = self.network.config.image_size / maps.shape[-1]
        spread = np.array([[step, 0.0, 0.5 * step - 0.5], [0.0, step, 0.5 * step - 0.5]])
        return tuple(AttentionMaps(one, compose(matrix, spread)) for one, matrix in zip(maps, back, strict=True))


def joined_scores(parts: Sequence[FaceScores]) -> FaceScores:
    """Scores of several groups of faces by one network, in turn."""
    if len(parts) == 1:
        return parts[0]

    def together(values: list[np.ndarray | None]) -> np.ndarray | None:
        return None if values[0] is None else np.concatenate([value for value in values if value is not None])

    scores = {name: together([getattr(part, name) for part in parts]) for name in PER_UNIT if name != "probability"}
    return FaceScores(
        np.concatenate([part.probability for part in parts]),
        **scores,
        model_landmarks=together([part.model_landmarks for part in parts]),
        attention=None if parts[0].attention is None else tuple(one for part in parts for one in part.attention or ()),
    )


def _by_side(scores: Tensor | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(F, A, 2) -> left and right, (F, A) each; None twice where the network gives no values per side."""
    return (None, None) if scores is None else (_array(scores[..., 0]), _array(scores[..., 1]))


def _array(tensor: Tensor) -> np.ndarray:
    values: np.ndarray = tensor.float().cpu().numpy()
    if not np.isfinite(values).all():
        raise InputError("the network gives scores that are not numbers: its weights are damaged, or its training diverged")
    return values
