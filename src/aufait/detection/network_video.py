"""Networks that read an earlier and a later frame, on a video: each face track separately, results in the order of frames.

A frame is complete when all its faces are predicted, some frames after it was seen. A track that is not in a frame has ended there:
its last frames are predicted without later neighbours, and a face that comes back starts again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from aufait.detection.scores import FaceScores
from aufait.detection.trained_network import StoredFaces, joined_scores
from aufait.models.outputs import AUOutput

if TYPE_CHECKING:
    from aufait.detection.trained_network import NetworkPredictor
    from aufait.faces.face import Face


class NetworkVideo:
    """One video. Give it the frames in order with ``push`` and end it with ``finish``."""

    def __init__(self, predictor: NetworkPredictor) -> None:
        self._predictor = predictor
        self._tracks: dict[int, _Track] = {}
        self._waiting: deque[list[FaceScores | None]] = deque()

    def push(self, image: np.ndarray, faces: Sequence[Face]) -> list[FaceScores]:
        """The next frame -> scores of the frames that became complete, one entry per frame, its faces in their order."""
        places: list[FaceScores | None] = [None] * len(faces)
        self._waiting.append(places)
        keys = [face.track_id if face.track_id >= 0 else -1 - place for place, face in enumerate(faces)]
        for gone in set(self._tracks) - set(keys):
            self._tracks.pop(gone).finish()
        for place, (key, face) in enumerate(zip(keys, faces, strict=True)):
            track = self._tracks.get(key)
            if track is None:
                track = self._tracks[key] = _Track(self._predictor)
            track.push(image, face.landmarks, places, place)
        return self._complete()

    def finish(self) -> list[FaceScores]:
        """Scores of the frames that are left."""
        while self._tracks:
            self._tracks.popitem()[1].finish()
        return self._complete()

    def _complete(self) -> list[FaceScores]:
        done = []
        nobody = FaceScores(np.zeros((0, len(self._predictor.action_units)), np.float32))
        while self._waiting and all(scores is not None for scores in self._waiting[0]):
            faces = [scores for scores in self._waiting.popleft() if scores is not None]
            done.append(joined_scores(faces) if faces else nobody)
        return done


class _Track:
    """The frames of one face: its stream, and where the predictions that are still to come belong."""

    def __init__(self, predictor: NetworkPredictor) -> None:
        self._predictor, self._stream = predictor, predictor.open_track()
        self._open: deque[tuple[list[FaceScores | None], int]] = deque()

    def push(self, image: np.ndarray, landmarks: np.ndarray, places: list[FaceScores | None], place: int) -> None:
        self._open.append((places, place))
        self._take(self._stream.push(image, landmarks))

    def finish(self) -> None:
        self._take(self._stream.finish())

    def _take(self, output: AUOutput) -> None:
        for row in range(len(output.logits)):
            places, place = self._open.popleft()
            intensity = None if output.intensity is None else output.intensity[row : row + 1]
            places[place] = self._predictor.scores(AUOutput(output.logits[row : row + 1], intensity))


class NeighbourTrack:
    """Both neighbours laid on each frame by their landmarks, as the papers and the evaluation do; T frames late.

    What is kept are the aligned faces of 2 T + 1 frames.

    Args:
        predictor: its network looks at three frames.
    """

    def __init__(self, predictor: NetworkPredictor) -> None:
        self._predictor, self._interval = predictor, predictor.network.interval
        self._faces: deque[StoredFaces] = deque()
        self._first = 0  # number of the oldest face that is kept
        self._seen = 0
        self._predicted = 0

    def push(self, image: np.ndarray, landmarks: np.ndarray) -> AUOutput:
        """See ``FaceStream``."""
        self._faces.append(self._predictor.store(image, landmarks[None]))
        self._seen += 1
        return self._predict(self._seen - self._interval)

    def finish(self) -> AUOutput:
        """See ``FaceStream``."""
        output = self._predict(self._seen)
        self._faces.clear()
        self._first = self._seen = self._predicted = 0
        return output

    def _predict(self, end: int) -> AUOutput:
        outputs = []
        while self._predicted < end:
            current, earlier, later = (self._neighbour(step) for step in (0, -self._interval, self._interval))
            pixels = torch.stack((earlier.pixels, later.pixels), dim=1)
            landmarks = torch.stack((earlier.landmarks, later.landmarks), dim=1)
            outputs.append(self._predictor.look(current, (pixels, landmarks)))
            self._predicted += 1
            while self._first < self._predicted - self._interval:
                self._faces.popleft()
                self._first += 1
        if not outputs:
            return AUOutput(torch.zeros(0, len(self._predictor.action_units)))
        graded = [output.intensity for output in outputs if output.intensity is not None]
        return AUOutput(torch.cat([output.logits for output in outputs]), torch.cat(graded) if graded else None)

    def _neighbour(self, step: int) -> StoredFaces:
        """The face ``step`` frames from the one to be predicted, or that one itself where the track has none."""
        wanted = self._predicted + step
        return self._faces[(wanted if 0 <= wanted < self._seen else self._predicted) - self._first]
