"""One live video inside a process that analyses: frames in, what is told of each out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.analysis.labels import UnitLabel
from aufait.analysis.live.frame_events import FrameEvents
from aufait.studio.live.message import decoded, plain_face

if TYPE_CHECKING:
    from aufait.analysis.live.causal_events import Change
    from aufait.detection.detector import Detector, TrackedFrame
    from aufait.studio.settings import StudioSettings

_TASK_FILE = {"auto", "mesh"}
_WARM_FRAMES = 4  # the first searches, the others follow
_NO_LIMITS = "What these maps do not show is for the makers of the network to say."


@dataclass(frozen=True)
class LiveOptions:
    """How a live video is analysed; as ``aufait detect`` takes them."""

    finder: str = "auto"
    finder_model: str | None = None
    model: str = "default"
    device: str = "auto"
    runtime: str = "auto"

    def open(self) -> Detector:
        """A detector of these options.

        Raises:
            AufaitError: there is no such finder, model or device.
        """
        from aufait.detection.detector import Detector

        return Detector(
            finder=self.finder, finder_model=self.finder_model, model=self.model, device=self.device, runtime=self.runtime
        )


def options_of(settings: StudioSettings, finder: str = "", model: str = "") -> LiveOptions:
    """Options that somebody asks for; what is empty is that of the command line."""
    finder = finder or settings.finder
    fits = finder == settings.finder or {finder, settings.finder} <= _TASK_FILE  # else its file is that of another finder
    finder_model = settings.finder_model if fits else None
    return LiveOptions(finder, finder_model, model or settings.model, settings.device, settings.runtime)


class Follower:
    """Follows the faces of one live video after the other with one detector."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._units = {str(UnitLabel(unit)): unit for unit in detector.action_units}
        self._gives_intensity: bool | None = None
        self.begin()

    def begin(self) -> None:
        """Forget the video before."""
        self.detector.reset()
        self._events = FrameEvents(tuple(self._units))

    @property
    def about(self) -> dict[str, Any]:
        """What a client is told first."""
        detector = self.detector
        kind = "probability" if self._gives_intensity is False else "intensity"
        names = {"finder": detector.finder_name, "finder_reason": detector.finder_reason, "model": detector.settings["model"]}
        return {"action_units": list(detector.action_units), "kind": kind, **names}

    def warm_up(self) -> None:
        """Run everything on a face: first passes take many times as long, and they show what kind of scores the model gives."""
        from aufait.media.sources import demo_clip
        from aufait.media.video import open_video

        with open_video(demo_clip()) as video:
            image = next(iter(video)).image
        results = [result for number in range(_WARM_FRAMES) for result in self.detector.track(image, number / 25)]
        faces = [face for result in [*results, *self.detector.finish()] for face in result.faces]
        self._gives_intensity = faces[0].intensity is not None if faces else None
        self.begin()

    def find(self, picture: bytes | np.ndarray, time: float) -> TrackedFrame:
        """The first half of the work on a frame: its faces. One thread may call this while another calls ``tell``.

        Args:
            picture: a picture file, or (H, W, 3) uint8 RGB.
            time: seconds, later than those of the frame before.

        Raises:
            InputError: no picture, or not its time.
        """
        image = decoded(picture) if isinstance(picture, bytes) else picture
        return self.detector.find_next(image, time, source="live")

    def tell(self, found: TrackedFrame) -> dict[str, Any]:
        """The second half: what is told of a frame.

        Returns:
            ``time`` None and no faces where the model has not answered yet: one that reads neighbouring frames answers late.
        """
        changes: list[Change] = []
        results = self.detector.score_next(found)
        for result in results:
            changes += self._events.step(result)
        last = results[-1] if results else None
        return {
            "time": None if last is None else round(last.timestamp, 4),
            "size": [found.image.shape[1], found.image.shape[0]],
            "action_units": list(self.detector.action_units),
            "faces": [] if last is None else [plain_face(face) for face in last.faces],
            "changes": [self._plain_change(change) for change in changes],
        }

    def explain(self, image: np.ndarray, box: np.ndarray, landmarks: np.ndarray, confidence: float) -> dict[str, Any]:
        """Where the scores come from of a face that was found before: as ``FaceExplanation``, and what its kind does not show.

        Args:
            image: (H, W, 3) uint8 RGB.
            box, landmarks, confidence: of the face, as ``Face`` has them.

        Raises:
            InputError: the face finder does not find it again, where the model needs that.
        """
        from aufait.faces.face import Face
        from aufait.models.explanation import LIMITS

        self.begin()
        (told,) = self.detector.explain(image, faces=[Face(box, confidence, landmarks)])
        return {
            "kind": told.kind, "meaning": told.meaning, "limits": LIMITS.get(told.kind, _NO_LIMITS), "picture": told.picture,
            "maps": told.highest * told.maps, "highest": told.highest, "fixed": told.fixed,
            "action_units": list(told.action_units), "probability": told.probability.tolist(),
        }  # fmt: skip

    def _plain_change(self, change: Change) -> dict[str, Any]:
        kind = "onset" if change.is_onset else "offset"
        return {"face": change.face_id, "unit": self._units[change.label], "kind": kind, "time": round(change.time, 4)}
