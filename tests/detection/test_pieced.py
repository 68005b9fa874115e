"""Long videos piece by piece: the same rows for any number of segments and workers, face numbers too, and after a kill."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import FakePredictor

from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome
from aufait.detection.many import run_tasks
from aufait.detection.pieced import tell_pieces
from aufait.detection.plan import OutputOptions, plan_tasks
from aufait.faces.face import Face
from aufait.faces.following import Effort, FollowingFinder
from aufait.media.pieces import PieceRule
from aufait.media.sources import expand_inputs

RULE = PieceRule(frames=100, warm_frames=30, warm_seconds=1.0)
COLOURS = ((230, 40, 40), (40, 60, 230), (40, 200, 60))
GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 17), np.linspace(0.1, 0.9, 4)), axis=-1).reshape(68, 2)


class ColourFinder(FollowingFinder):
    """Takes squares of three colours for faces; where it looks again depends on where it looked before, as with the real ones."""

    name = "colours"

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        return self._near(image, [np.array([0, 0, image.shape[1], image.shape[0]])] * len(COLOURS))

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        return self._near(image, [face.box + [-9, -9, 9, 9] for face in expected for _ in COLOURS])

    def _near(self, image: np.ndarray, windows: list[np.ndarray]) -> list[Face]:
        found = []
        for number, window in enumerate(windows):
            x0, y0, x1, y1 = np.clip(window, 0, [*image.shape[1::-1]] * 2).round().astype(int)
            near = np.abs(image[y0:y1, x0:x1].astype(int) - COLOURS[number % len(COLOURS)]).max(axis=2) < 60
            rows, columns = np.nonzero(near)
            if len(rows) > 60:
                place = np.array([columns.min() + x0, rows.min() + y0])
                size = max(np.ptp(columns), np.ptp(rows)) + 1 + 0.05 * (window[0] % 1)  # a little of the window stays in it
                points = (GRID * size + place).astype(np.float32)
                found.append(Face(np.array([*points.min(axis=0), *points.max(axis=0)], np.float32), 0.9, points, None, -1))
        return found


def scene(frame: int) -> np.ndarray:
    """Two people who move; one leaves at frame 130, a third comes at 190; cuts from the red one to the blue one and back."""
    image = np.full((72, 128, 3), 128, np.uint8)
    image[::4] = 100
    cut = 260 <= frame < 330
    if cut:
        image[:, ::3] = 20
    sway = abs(frame % 80 - 40)
    people = [(1, 70, 30)] if cut else [(0, 6 + sway, 8)] + ([(1, 70 + sway, 20)] if frame < 130 else [])
    if not cut and frame >= 190:
        people.append((2, 60 - sway, 44))
    for number, x, y in people:
        image[y : y + 18, x : x + 18] = COLOURS[number]
        image[y + 5 : y + 7 + 3 * number, x + 4 : x + 8] = 0
    return image


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", 430)


def write_film(path: Path, frames: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, width=128, height=72, pix_fmt="yuv420p")
        stream.options = {"preset": "ultrafast", "crf": "5", "x264-params": "keyint=40:bframes=2:open-gop=1:b-adapt=0"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(number % 430), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def run(film: Path, out: Path, segments: int | None = None, options: OutputOptions | None = None, **more: object) -> Outcome:
    tasks = plan_tasks(expand_inputs([film]), out)
    tasks = tasks if segments is None else tell_pieces(tasks, RULE)
    with Detector(finder=ColourFinder(), model=FakePredictor(), device="cpu", threads=1) as detector:
        (outcome,) = run_tasks(tasks, detector, options or OutputOptions(), segments=segments or 1, **more)  # type: ignore[arg-type]
    return outcome


def rows(out: Path) -> list[str]:
    return (out / "film.csv").read_text().splitlines()


def test_any_number_of_segments_gives_the_same_rows(film: Path, tmp_path: Path) -> None:
    outcomes = [run(film, tmp_path / f"{count}", count) for count in (1, 2, 4)]
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3 and outcomes[0].frames == 430
    assert rows(tmp_path / "1") == rows(tmp_path / "2") == rows(tmp_path / "4")
    assert sorted(path.name for path in (tmp_path / "4").iterdir()) == ["film.csv", "film.provenance.json"]


def test_people_keep_their_numbers_over_the_borders_of_pieces(film: Path, tmp_path: Path) -> None:
    run(film, tmp_path / "whole")
    run(film, tmp_path / "pieces", 2)
    numbers = [[line.split(",")[:2] for line in rows(tmp_path / name)[1:]] for name in ("whole", "pieces")]
    assert numbers[0] == numbers[1], "also of those who come back after a cut that is in a later piece than the one before it"
    assert len({number for _, number in numbers[0]}) >= 3
