"""A studio whose API is asked without a network, with a worker process that uses substitutes for the networks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fakes import FakePredictor, textured, use_fakes, write_clip

from aufait.studio.settings import StudioSettings
from aufait.studio.studio import Studio
from aufait.studio.worker import work

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

PORT = 8765
ROOT = f"http://127.0.0.1:{PORT}"
TOKEN = "t" * 43
DIES_AT, SLOW_AT = 77, 99
"""Brightness of frames at which the worker is killed, and of frames that take a tenth of a second."""
_PATIENCE = 400


def fake_work(connection: Any, usual: dict[str, Any], nice: int = 0) -> None:
    """What a worker process with substitutes does."""
    from aufait.detection import detector

    use_fakes()
    detector.quality_of_pictures = _good  # type: ignore[assignment]
    predict = FakePredictor.predict

    def troubled(self: Any, image: np.ndarray, landmarks: np.ndarray) -> Any:
        brightness = int(image[1, 1].mean())
        if abs(brightness - DIES_AT) < 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if abs(brightness - SLOW_AT) < 3:
            time.sleep(0.1)
        return predict(self, image, landmarks)

    FakePredictor.predict = troubled  # type: ignore[method-assign]
    work(connection, usual, nice)


def _good(images: Sequence[np.ndarray], faces: Sequence[Sequence[Any]]) -> list[np.ndarray]:
    """Pictures of these faces can be trusted, whatever a check of real ones would say."""
    return [np.full(len(some), 0.9, np.float32) for some in faces]


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Studio]:
    """A studio that analyses."""
    studio = Studio(folder, StudioSettings(**{"port": PORT, "token": TOKEN, **settings}), fake_work)
    studio.start()
    try:
        yield studio
    finally:
        studio.close()


@contextmanager
def asked(studio: Studio, **options: Any) -> Iterator[TestClient]:
    """A client of its API that has the token."""
    from fastapi.testclient import TestClient

    from aufait.studio.app import create_app

    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(create_app(studio), base_url=ROOT, headers=headers, raise_server_exceptions=False, **options) as client:
        yield client


def varied_clip(path: Path, frames: int = 75) -> Path:
    """Gets brighter and darker again, so that AU12 comes and goes."""
    from aufait.media.video_writer import VideoWriter

    with VideoWriter(path, (96, 64), frame_rate=25.0) as writer:
        for number in range(frames):
            brightness = 30 if number < 20 or number >= 50 else 200
            writer.write(textured(brightness=brightness), number / 25.0)
    return path


def upload(client: TestClient, path: Path, name: str | None = None, **fields: str) -> dict[str, Any]:
    """Submit a file that is taken."""
    with path.open("rb") as file:
        answer = client.post("/api/recordings", files={"file": (name or path.name, file)}, data=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def wait_for(client: TestClient, identity: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The recording, once it is as it should be."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        recording = dict(client.get(f"/api/recordings/{identity}").json())
        if met(recording):
            return recording
        time.sleep(0.05)
    raise AssertionError(f"still {recording}")


def ended(recording: dict[str, Any]) -> bool:
    """Whether nothing more will happen to it."""
    return recording["state"] in ("done", "failed", "cancelled")


def analyzed(client: TestClient, path: Path, **fields: str) -> dict[str, Any]:
    """Submit a file and wait for its results."""
    found = wait_for(client, upload(client, path, **fields)["id"], ended)
    assert found["state"] == "done", found
    return found


def slow_clip(path: Path, frames: int = 100) -> Path:
    """Takes a tenth of a second for every few frames."""
    return write_clip(path, frames, brightness=SLOW_AT)


@dataclass(frozen=True)
class Served:
    """A studio, a client of its API, and a recording that is done: a film of three seconds in which AU12 comes and goes."""

    studio: Studio
    client: TestClient
    recording: dict[str, Any]

    @property
    def place(self) -> str:
        """Where the recording is in the API."""
        return f"/api/recordings/{self.recording['id']}"

    def get(self, rest: str, **query: Any) -> Any:
        """Ask for something of the recording."""
        return self.client.get(f"{self.place}/{rest}", params=query)


@contextmanager
def with_recording(folder: Path) -> Iterator[Served]:
    """A studio in ``folder/studio`` with the film, which may also be analysed where it is: ``folder/allowed``."""
    (folder / "allowed").mkdir()
    clip = varied_clip(folder / "allowed" / "film.mp4")
    with (
        served(folder / "studio", allow_paths=(folder / "allowed",), max_upload=3_000_000) as studio,
        asked(studio) as client,
    ):
        yield Served(studio, client, analyzed(client, clip))
