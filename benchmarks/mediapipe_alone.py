"""MediaPipe's face landmarker alone, on one video: what ``bench_peers.py`` runs with a Python that has ``mediapipe`` and ``av``.

    python benchmarks/mediapipe_alone.py VIDEO face_landmarker.task

Points and blend shapes of one face per frame in video mode, no action units, nothing written. Prints JSON. It imports nothing of
aufait, which that Python need not have.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version


def main(video: str, model: str) -> None:
    """Decode, find, count."""
    import av
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
    )
    frames, faces, started = 0, 0, time.perf_counter()
    with av.open(video) as reader, vision.FaceLandmarker.create_from_options(options) as landmarker:
        reader.streams.video[0].thread_type = "AUTO"
        for frame in reader.decode(video=0):
            picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, frame.to_ndarray(format="rgb24"))
            faces += len(landmarker.detect_for_video(picture, 40 * frames).face_landmarks)
            frames += 1
            if frames == 1:
                started = time.perf_counter()  # as in aufait's runs: from the first result on
    seconds = time.perf_counter() - started
    print(json.dumps({"fps": (frames - 1) / seconds, "frames": frames, "faces": faces, "version": version("mediapipe")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
