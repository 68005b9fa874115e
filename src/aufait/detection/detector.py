"""From pictures to action units: find faces, align them, score them, say how much to trust each.

    >>> import aufait
    >>> with aufait.Detector() as detector:  # doctest: +SKIP
    ...     for frame in detector.stream("interview.mp4"):
    ...         for face in frame.faces:
    ...             print(frame.timestamp, face.face_id, face.active())

``Detector`` is the one convenience layer over ``aufait.faces`` (where the faces are) and ``aufait.models`` (what they
show). Reading a video, finding faces and scoring them overlap in three threads; the results are those of one thread.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from aufait.detection.detected import DetectedFrame, Detections, make_thumbnail
from aufait.detection.pictures import as_inputs, load_picture, name_of, pictures_in
from aufait.detection.predictors import Model, VideoPredictor, WholeFacePredictor, open_predictor
from aufait.detection.pushing import PushedVideo
from aufait.detection.quality import quality_of_pictures, quality_scores
from aufait.detection.scores import FaceScores
from aufait.detection.threads import Prefetch, frames_that_fit
from aufait.errors import AufaitError, InputError, InputWarning
from aufait.layers.runtimes import Runtime, on_processor, open_runtime
from aufait.machine import default_threads, one_thread_after_fork, resolve_device, torch_threads
from aufait.media.addresses import Address, find_address
from aufait.results import FaceAnalysis

if TYPE_CHECKING:
    from aufait.detection.explain import FaceExplanation
    from aufait.detection.network_video import NetworkVideo
    from aufait.detection.pictures import ImageLike
    from aufait.faces import FaceFinder
    from aufait.faces.appearance import Looks
    from aufait.faces.face import Face
    from aufait.models.default.base_rates import BaseRates
    from aufait.models.system import AUSystem

_IN_THE_WORKER = "make the detector in the worker, for instance in the function that the worker starts with"
_LOOKAHEAD = 3  # frames that wait between two stages at least; 3 x 2.8 MB at 1280 x 720
_BATCH_ON_CPU, _BATCH_ON_GPU = 4, 16


@dataclass(frozen=True, eq=False)
class AnalyzedFrame:
    """A result together with the picture that it describes, for drawing. image: (H, W, 3) uint8 RGB."""

    analysis: DetectedFrame
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One frame between face finding and scoring, as ``Detector.find_next`` gives it."""

    source: str
    number: int  # from 1
    timestamp: float
    image: np.ndarray
    faces: list[Face]
    error: str | None = None
    keep: bool = False  # whether the result gets a small copy of the picture


def finder_models(name: str) -> dict[str, str]:
    """SHA-256 of each model file of a face finder; empty for your own finder."""
    from aufait.faces.task_file import TASK_SHA256
    from aufait.faces.weights import weights_available, weights_path
    from aufait.files.hashes import file_sha256

    builtin = {"builtin": ("face_detector", "face_landmarks"), "mesh": ("face_detector",)}.get(name, ())
    models = {part: file_sha256(weights_path(part)) for part in builtin if weights_available(part)}
    if name == "mesh":
        models["face_landmarker"] = TASK_SHA256
    return models


class Detector:
    """Finds faces and scores their action units, in pictures and videos.

    Not to be shared between threads, but for ``find_next`` and ``score_next``; each detector follows one video at a time.

    Args:
        finder: ``"auto"`` (the best that is available), ``"mesh"``, ``"builtin"``, or a ``FaceFinder`` object.
        model: ``"default"`` (with the ``mesh`` finder the mesh model, else the compact one), ``"mesh"``, ``"compact"``, a weights
            file, also of any network of ``aufait models``, the folder of a training run, a network (``AUSystem``), or an object
            with ``predict``. What a model does not give, such as sides or intensities, is None in the results.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``: where the networks run.
        max_faces: keep at most this many faces per frame; None for no limit.
        min_confidence: faces of lower confidence are dropped, in [0, 1].
        threads: torch threads to use while the networks run; the caller's own setting is put back after each frame.
            None for half of the cores: reading and face finding run at the same time as the networks.
        batch_size: frames of a video file that are scored together; the results are the same. None for 4 on the CPU and 16 on
            a GPU. Frames of a camera never wait for others.
        finder_model: path of the finder's own model file, for finders that need one.
        base_rates: the share of frames in which units are expected, one number for all or AU number -> share; the
            probabilities then refer to it. None for the reference rate, the same for all units; see ``docs/model_card.md``.
        alignment: how networks that read three frames follow a video: ``"track"``, one pass per frame where the network has such
            a way, or ``"neighbours"``, both neighbours laid on each frame as in training and evaluation, for three times the work.
        attention: also return where the network looked, if it has such maps (``FaceAnalysis.attention``).
        gaze: also return gaze, eye points and landmarks in space (``FaceAnalysis.gaze`` and so on); the first two only come
            from the ``mesh`` finder.
        runtime: what runs the shipped networks: ``"torch"``, ``"torch-bf16"`` (the action unit models in half precision),
            ``"onnx"`` (ONNX Runtime on the CPU, the extra ``fast``; device ``"auto"`` is the CPU then), ``"onnx-int8"`` (the same,
            two networks in 8 bits), ``"openvino"`` (OpenVINO on the CPU, the extra ``openvino``), or ``"auto"``, which is torch.

    Raises:
        InputError: a name, device or number that does not exist.
        MissingExtraError: the finder or the runtime needs an optional package.
        MissingModelError: a model file is absent.
    """

    def __init__(
        self,
        *,
        finder: str | FaceFinder = "auto",
        model: Model | AUSystem = "default",
        device: str = "auto",
        max_faces: int | None = None,
        min_confidence: float = 0.5,
        threads: int | None = None,
        batch_size: int | None = None,
        finder_model: str | Path | None = None,
        base_rates: BaseRates = None,
        alignment: str = "track",
        attention: bool = False,
        gaze: bool = False,
        runtime: str = "auto",
    ) -> None:
        _check_numbers(max_faces, min_confidence, threads, batch_size)
        one_thread_after_fork()
        self.device = "cpu" if device == "auto" and on_processor(runtime) else resolve_device(device)
        self.max_faces = max_faces
        self.min_confidence = min_confidence
        self.threads = threads or default_threads()
        self.batch_size = batch_size or (_BATCH_ON_CPU if self.device == "cpu" else _BATCH_ON_GPU)
        runs = open_runtime(runtime, device=self.device, threads=self.threads)
        self.runtime = runs.name
        self._owns_finder = isinstance(finder, str)
        self._finder = _load_finder(finder, finder_model, self.device, max_faces, min_confidence, runs)
        self.base_rates = base_rates
        self.gaze = gaze
        self._predictor = open_predictor(
            model, finder=self._finder.name, device=self.device, base_rates=base_rates, alignment=alignment, attention=attention,
            runtime=runs,
        )  # fmt: skip
        self._busy = threading.Lock()
        self._process = os.getpid()
        self._pushed: PushedVideo | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the face finder, unless the caller passed it in. The detector cannot be used afterwards.

        A video that is being followed ends at its next step with an ``InputError``.
        """
        self._closed = True
        self.reset()
        if self._owns_finder:
            self._finder.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("this detector is closed; make another Detector")

    def __reduce__(self) -> NoReturn:
        raise InputError(f"a Detector cannot be copied or sent to another process; {_IN_THE_WORKER}")

    @property
    def action_units(self) -> tuple[int, ...]:
        """FACS numbers of the action units that the model scores."""
        return tuple(self._predictor.action_units)

    @property
    def frames_ahead(self) -> int:
        """How many later frames of a video a result may depend on; 0 for the shipped models."""
        network: Any = getattr(self._predictor, "network", None)
        return int(network.interval) if getattr(network, "frames", 1) > 1 else 0

    @property
    def faces_away(self) -> list[tuple[int, tuple[Looks, ...]]]:
        """Who was seen before a cut of the video that was followed last, and may be back after a later one: numbers and looks."""
        return list(getattr(self._finder, "away", ()))

    @property
    def finder_name(self) -> str:
        """Name of the face finder in use; with ``finder="auto"`` the one that was chosen."""
        return self._finder.name

    @property
    def finder_reason(self) -> str:
        """Why this face finder, for people to read; empty where it was asked for by name."""
        return getattr(self._finder, "reason", "")

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the numbers, ready for JSON: finder and model with their SHA-256, device, limits."""
        return {
            "finder": self.finder_name,
            "finder_models": finder_models(self.finder_name),
            "model": self._predictor.name,
            "model_sha256": self._predictor.sha256,
            "model_details": self._details(),
            "action_units": list(self.action_units),
            "base_rates": self.base_rates if self.base_rates is None else _plain_rates(self.base_rates),
            "device": self.device,
            "runtime": self.runtime,
            "max_faces": self.max_faces,
            "min_confidence": self.min_confidence,
        }

    def _details(self) -> dict[str, Any]:
        """What a network says about itself; empty for the shipped models, whose names say it."""
        from aufait.detection.trained_network import NetworkPredictor

        return self._predictor.details if isinstance(self._predictor, NetworkPredictor) else {}

    def analyze_image(self, image: ImageLike, *, source: str | None = None, keep_picture: bool = False) -> DetectedFrame:
        """Analyses one picture; faces are numbered from 0.

        Args:
            image: (H, W, 3) uint8 RGB, the path of a picture, the bytes of one, an open file, a Pillow picture, or a uint8 tensor.
            source: name to write into the result; the path, or ``"array"`` and the like, if left out.
            keep_picture: keep a small copy of the picture with the result, which notebooks show.

        Not to be called while this detector follows a video: use another detector for single pictures.

        Raises:
            InputError: the file cannot be read or the array has the wrong shape or type.
            RuntimeError: frames of a video are being pushed by ``track``.
        """
        self._check_open()
        if self._pushed is not None:
            raise RuntimeError("this detector tracks a video; call finish() first or make another Detector for single pictures")
        pixels, name = load_picture(image)
        with self._torch_threads():
            faces = self._in_space(self._finder.find(pixels), pixels)
            (result,) = self._score([TrackedFrame(source or name, 1, 0.0, pixels, faces, keep=keep_picture)])
        return result

    def explain(
        self, image: ImageLike, *, faces: Sequence[Face] | None = None, occlusion: bool = False
    ) -> list[FaceExplanation]:
        """Where the scores of a picture come from, one entry per face; see ``aufait.detection.explain``.

        Args:
            image: (H, W, 3) uint8 RGB, the path of a picture, the bytes of one, an open file, a Pillow picture, or a uint8 tensor.
            faces: those found in it before; None looks for them.
            occlusion: cover parts of the face even if the network has its own maps.

        Raises:
            InputError: the model reads what its face finder saw, and the finder does not find a face again.
            RuntimeError: this detector is following a video.
        """
        from aufait.detection.explain import explain_faces

        pixels, _ = load_picture(image)
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("this detector is following a video; finish that first or make another Detector")
        try:
            with self._torch_threads():
                found = self._finder.find(pixels) if faces is None else faces
                return explain_faces(self._predictor, self._finder, pixels, found, occlusion=occlusion)
        finally:
            self._busy.release()

    def stream(
        self, source: str | Path | Address | int, *, video_stream: int | None = None, keep_pictures: bool = False
    ) -> Iterator[DetectedFrame]:
        """Analyses a video frame by frame, in order, with memory constant in its length.

        Faces keep their ``face_id`` while they are followed. There is one result per frame, also without a face.

        Args:
            source: path of a video, or of a picture with pages or animation frames; the address of a video or network camera
                (http, https, rtsp, rtsps); or the number of a camera.
            video_stream: number of the stream in a file with several, None for the main one. What else is odd about a file comes
                as an ``InputWarning``.
            keep_pictures: keep a small copy of each picture with its result.

        Raises:
            InputError: the video cannot be opened (raised on the first step).
            RuntimeError: this detector is following another video.
        """
        for frame in self.stream_frames(source, video_stream=video_stream, keep_pictures=keep_pictures):
            yield frame.analysis

    def stream_frames(
        self, source: str | Path | Address | int, *, video_stream: int | None = None, keep_pictures: bool = False
    ) -> Iterator[AnalyzedFrame]:
        """Like ``stream``, with the picture next to each result. Opens the source itself."""
        from aufait.media.video import Camera, open_video

        if not isinstance(source, int | str | os.PathLike | Address):
            raise InputError(f"a video is named by its path, a camera by its number; got {type(source).__name__}")
        place = source if isinstance(source, int | Address) else find_address(os.fspath(source)) or Path(source).expanduser()
        name = f"camera {source}" if isinstance(source, int) else str(place if isinstance(place, Address) else source)
        with Camera(place) if isinstance(place, int) else open_video(place, stream=video_stream) as frames:
            told = 0
            for frame in self.follow(frames, source=name, keep_pictures=keep_pictures):
                for note in frames.notes[told:]:
                    warnings.warn(note, InputWarning, stacklevel=2)
                    told += 1
                yield frame
            for note in (*frames.notes[told:], *frames.doubts):  # some things are known only at the end
                warnings.warn(note, InputWarning, stacklevel=2)

    def follow(self, frames: Iterable[Any], *, source: str, keep_pictures: bool = False) -> Iterator[AnalyzedFrame]:
        """Analyses frames that come from elsewhere, as one video.

        Args:
            frames: objects with ``index`` (from 0), ``timestamp`` (seconds), ``image`` ((H, W, 3) uint8 RGB) and
                optionally ``corrupt`` (bool), such as ``aufait.media.VideoFrame``. Results come as soon as they can, unless
                ``frames`` has an attribute ``live`` that is false, like a video file: then whole batches are waited for.
            source: name to write into the results.
            keep_pictures: keep a small copy of each picture with its result.

        Raises:
            RuntimeError: this detector is following another video.
        """
        self._take()
        try:
            self._finder.reset()
            size = getattr(getattr(frames, "info", None), "size", None)
            ahead, batch = frames_that_fit(_LOOKAHEAD, size), frames_that_fit(self.batch_size, size)
            with (
                Prefetch(frames, depth=ahead) as decoded,
                Prefetch(self._track(decoded, source, keep_pictures), depth=max(ahead, batch)) as tracked,
            ):
                video = self._open_video()
                if video is not None:
                    yield from self._score_later(video, tracked)
                    return
                for group in tracked.groups(batch, wait=not getattr(frames, "live", True)):
                    with self._torch_threads():
                        results = self._score(group)
                    for frame, result in zip(group, results, strict=True):
                        yield AnalyzedFrame(result, frame.image)
        finally:
            self._busy.release()

    def track(
        self, frame: ImageLike, timestamp: float, *, source: str = "frames", keep_picture: bool = False
    ) -> list[DetectedFrame]:
        """Analyses the next frame of a video that you read yourself, such as that of a camera, and returns what is ready.

        The first call begins a video, every further call continues it: faces keep their ``face_id``, and the results are those
        of ``stream`` on the same frames. ``finish`` ends it.

        Args:
            frame: (H, W, 3) uint8 RGB, or whatever else is a picture.
            timestamp: seconds, later than that of the frame before.
            source: name to write into the results; that of the first call counts.
            keep_picture: keep a small copy of the picture with its result.

        Returns:
            Results in the order of the frames. With the shipped models always one, that of this frame. A network that reads
            neighbouring frames answers late: nothing at first, then results of earlier frames, the last ones from ``finish``;
            ``result.frame`` says which.

        Raises:
            InputError: not a picture, or its time is not after that of the frame before.
            RuntimeError: this detector is following another video.
        """
        return self.score_next(self.find_next(frame, timestamp, source=source, keep_picture=keep_picture))

    def find_next(
        self, frame: ImageLike, timestamp: float, *, source: str = "frames", keep_picture: bool = False
    ) -> TrackedFrame:
        """The first half of ``track``, for programs in which one thread finds the faces of a frame while another scores the frame
        before: one thread may call this and one ``score_next``, each in the order of the frames.

        Args:
            frame, timestamp, source, keep_picture: as in ``track``.

        Raises:
            InputError, RuntimeError: as in ``track``.
        """
        self._check_open()
        pixels, _ = load_picture(frame)
        pushed = self._pushed or self._begin(source)
        if os.getpid() != pushed.process:
            raise InputError(f"this detector was tracking a video when its process was forked; {_IN_THE_WORKER}")
        number, time = pushed.take(timestamp)
        with self._torch_threads():
            faces = self._in_space(self._finder.track(pixels, time), pixels)
        return TrackedFrame(pushed.source, number, time, pixels, faces, keep=keep_picture)

    def score_next(self, found: TrackedFrame) -> list[DetectedFrame]:
        """The second half of ``track``: what is ready once the frame of ``find_next`` is scored.

        Raises:
            RuntimeError: the video of this frame is over, by ``finish`` or ``reset``.
        """
        pushed = self._pushed
        if pushed is None:
            raise RuntimeError("the video of this frame is over; score what find_next gave before finish() or reset()")
        with self._torch_threads():
            if pushed.network is None:
                return self._score([found])
            pushed.waiting.append(found)
            done = pushed.network.push(found.image, found.faces)
            return [late.analysis for late in self._later(pushed.waiting, done)]

    def finish(self) -> list[DetectedFrame]:
        """Ends the video whose frames were given to ``track``; the next call of ``track`` begins another.

        Returns:
            The results that were still to come; none with the shipped models, or when no video was tracked.
        """
        pushed = self._pushed
        try:
            if pushed is None or pushed.network is None:
                return []
            with self._torch_threads():
                done = pushed.network.finish()
                return [late.analysis for late in self._later(pushed.waiting, done)]
        finally:
            self.reset()

    def reset(self) -> None:
        """Forgets the video whose frames were given to ``track``, with the results that were still to come."""
        if self._pushed is not None:
            self._pushed = None
            self._busy.release()

    def _begin(self, source: str) -> PushedVideo:
        self._take()
        try:
            self._finder.reset()
            self._pushed = PushedVideo(source, os.getpid(), self._open_video())
        except BaseException:
            self._busy.release()
            raise
        return self._pushed

    def _take(self) -> None:
        """Makes this detector follow a video; whoever calls releases ``_busy``."""
        self._check_open()
        if self._busy.acquire(blocking=False):
            return
        if os.getpid() != self._process:
            raise InputError(f"this detector was following a video when its process was forked; {_IN_THE_WORKER}")
        ended = "finish() it" if self._pushed is not None else "finish that one"
        raise RuntimeError(f"this detector is following another video; {ended} or make another Detector")

    def _open_video(self) -> NetworkVideo | None:
        return self._predictor.open_video() if isinstance(self._predictor, VideoPredictor) else None

    def detect(
        self, inputs: ImageLike | Sequence[ImageLike], *, on_error: str = "raise", keep_pictures: bool = False
    ) -> Detections:
        """Analyses pictures, videos, folders, glob patterns or arrays, one or many, and returns all results.

        For a long video use ``stream``, which keeps nothing.

        Args:
            inputs: one or several of: path, glob pattern, folder, (H, W, 3) or (N, H, W, 3) uint8 RGB array or tensor, Pillow
                picture, open file or bytes of a picture file.
            on_error: ``"raise"``, or ``"keep"`` to put a result without faces and with ``error`` set in its place.
            keep_pictures: keep a small copy of each picture with its result, which notebooks show.

        Returns:
            One result per picture and per video frame, in the order of the inputs: a list that makes data frames and pictures.
        """
        if on_error not in ("raise", "keep"):
            raise InputError(f"on_error must be 'raise' or 'keep', got {on_error!r}")
        results = Detections(action_units=self.action_units)
        for item in as_inputs(inputs):
            try:
                results.extend(self._detect_one(item, keep_pictures))
            except AufaitError as error:
                if on_error == "raise":
                    raise
                results.append(DetectedFrame(name_of(item), 1, 0.0, (0, 0), (), str(error)))
        return results

    def _detect_one(self, item: ImageLike, keep: bool) -> Iterator[DetectedFrame]:
        pictures = pictures_in(item)
        if pictures is not None:
            yield from (self.analyze_image(picture, keep_picture=keep) for picture in pictures)
            return
        from aufait.media.sources import expand_inputs

        for source in expand_inputs([os.fspath(item)]):  # type: ignore[arg-type] # what is not a picture in memory is a path
            if source.kind == "unusable":
                raise InputError(source.problem or f"{source.path} cannot be used")
            if source.kind == "video" or isinstance(source.path, Address):
                yield from self.stream(source.path, keep_pictures=keep)
            else:
                yield self.analyze_image(source.path, keep_picture=keep)

    def _in_space(self, faces: list[Face], image: np.ndarray) -> list[Face]:
        """The faces of a picture, with gaze, eye points and landmarks in space where these were asked for."""
        if not self.gaze:
            return faces
        from aufait.faces.eyes import with_points_in_space

        return with_points_in_space(faces, (image.shape[1], image.shape[0]))

    def _torch_threads(self) -> AbstractContextManager[None]:
        return torch_threads(1 if one_thread_after_fork() else self.threads)

    def _track(self, frames: Iterable[Any], source: str, keep: bool) -> Iterator[TrackedFrame]:
        """Finds the faces of each frame; runs in a background thread."""
        for frame in frames:
            self._check_open()
            error = "the frame is damaged in the file" if getattr(frame, "corrupt", False) else None
            with self._torch_threads():
                faces = self._in_space(self._finder.track(frame.image, frame.timestamp), frame.image)
            yield TrackedFrame(source, frame.index + 1, frame.timestamp, frame.image, faces, error, keep)

    def _score(self, frames: Sequence[TrackedFrame]) -> list[DetectedFrame]:
        """Results of some frames; their faces go through the network together."""
        scores = iter(self._predict([frame for frame in frames if frame.faces]))
        qualities = quality_of_pictures([frame.image for frame in frames], [frame.faces for frame in frames])
        return [
            _analysis(self.action_units, frame, list(islice(scores, len(frame.faces))), quality)
            for frame, quality in zip(frames, qualities, strict=True)
        ]

    def _score_later(self, video: NetworkVideo, frames: Iterable[TrackedFrame]) -> Iterator[AnalyzedFrame]:
        """Results of a model that sees the frames of a video together; they come some frames late."""
        waiting: deque[TrackedFrame] = deque()
        for frame in frames:
            waiting.append(frame)
            with self._torch_threads():
                done = video.push(frame.image, frame.faces)
            yield from self._later(waiting, done)
        with self._torch_threads():
            done = video.finish()
        yield from self._later(waiting, done)

    def _later(self, waiting: deque[TrackedFrame], done: Sequence[FaceScores]) -> Iterator[AnalyzedFrame]:
        for scores in done:
            frame = waiting.popleft()
            rows = [scores.row(face) for face in range(len(scores))]
            quality = quality_scores(frame.image, frame.faces)
            yield AnalyzedFrame(_analysis(self.action_units, frame, rows, quality), frame.image)

    def _predict(self, frames: Sequence[TrackedFrame]) -> Iterator[dict[str, Any]]:
        """The scores of each face of the frames in turn, as arguments of ``FaceAnalysis``."""
        if not frames:
            return
        if isinstance(self._predictor, WholeFacePredictor):
            batches = [self._predictor.predict_faces([f.image for f in frames], [f.faces for f in frames])]
        else:
            batches = [self._predictor.predict(f.image, np.stack([face.landmarks for face in f.faces])) for f in frames]
        for scores in map(FaceScores.of, batches):
            yield from (scores.row(face) for face in range(len(scores)))


def _analysis(
    action_units: tuple[int, ...], frame: TrackedFrame, scores: Sequence[dict[str, Any]], quality: np.ndarray
) -> DetectedFrame:
    """The result of one frame from the scores and the quality (F,) of its faces."""
    faces = tuple(
        FaceAnalysis(
            face_id=face.track_id if face.track_id >= 0 else rank,
            box=face.box,
            confidence=face.confidence,
            landmarks=face.landmarks,
            pose=face.pose,
            action_units=action_units,
            quality=float(trust),
            gaze=face.gaze,
            eye_landmarks=face.eye_landmarks,
            landmarks_3d=face.landmarks_3d,
            **score,
        )
        for rank, (face, score, trust) in enumerate(zip(frame.faces, scores, quality, strict=True))
    )
    size = (frame.image.shape[1], frame.image.shape[0])
    small = make_thumbnail(frame.image) if frame.keep else None
    return DetectedFrame(frame.source, frame.number, frame.timestamp, size, faces, frame.error, small)


def _plain_rates(base_rates: float | Mapping[int, float]) -> float | dict[str, float]:
    return {str(au): rate for au, rate in base_rates.items()} if isinstance(base_rates, Mapping) else base_rates


def _load_finder(
    finder: str | FaceFinder, path: str | Path | None, device: str, max_faces: int | None, min_confidence: float, runtime: Runtime
) -> FaceFinder:
    if not isinstance(finder, str):
        return finder
    from aufait.faces import create_finder

    model_path = None if path is None else Path(path)
    return create_finder(
        finder, model_path=model_path, device=device, max_faces=max_faces, min_confidence=min_confidence, runtime=runtime
    )


def _check_numbers(max_faces: int | None, min_confidence: float, threads: int | None, batch_size: int | None) -> None:
    if max_faces is not None and max_faces < 1:
        raise InputError(f"max_faces must be 1 or more, got {max_faces}; leave it out for no limit")
    if not 0.0 <= min_confidence <= 1.0:
        raise InputError(f"min_confidence must be in [0, 1], got {min_confidence}")
    for name, number in (("threads", threads), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise InputError(f"{name} must be 1 or more, got {number}")


