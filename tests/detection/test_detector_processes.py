"""A detector together with other processes and threads: it works, or says at once to make it in the worker. Nothing hangs."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, write_clip

from aufait.detection.detector import Detector
from aufait.errors import InputError

needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")

COMMON = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import multiprocessing, os, sys, threading
import numpy as np
from fakes import FakeFinder
from aufait import Detector
from aufait.errors import InputError
from aufait.faces import create_finder

IMAGE = np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8)

class Finder(FakeFinder):
    \"\"\"Lets the real networks look for faces, and then says where one is.\"\"\"

    def __init__(self):
        super().__init__()
        self.networks = create_finder("builtin", min_confidence=0.0)

    def find(self, image):
        self.networks.find(image)
        return super().find(image)

def make(threads=2):
    return Detector(finder=Finder(), model="compact", threads=threads, device="cpu")

def scores(detector):
    (face,) = detector.analyze_image(IMAGE).faces
    return face.probability.tolist()

def in_the_worker(_):
    return scores(make())
"""


def run(script: str, tmp_path: Path, *, seconds: float = 240) -> str:
    """What a separate program prints; it fails where it takes too long."""
    path = tmp_path / "program.py"
    path.write_text(COMMON + textwrap.dedent(script))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fake_detector() -> Detector:
    return Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu")


@needs_fork
def test_a_detector_used_before_a_fork_works_after_it(tmp_path: Path) -> None:
    program = """
    detector = make()
    before = scores(detector)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(in_the_worker, range(2))
    child = os.fork()
    if child == 0:
        same = np.allclose(scores(detector), before, atol=5e-3)
        list(detector.follow([], source="nothing"))
        os._exit(7 if same else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert all(np.allclose(result, before, atol=5e-3) for result in results) and before
    print("done")
    """
    assert run(program, tmp_path) == "done"


@needs_fork
def test_a_fork_while_a_video_is_followed_is_told(tmp_path: Path) -> None:
    program = """
    class Frame:
        index, timestamp, image = 0, 0.0, IMAGE
    detector = make()
    stream = detector.follow([Frame()] * 3, source="clip")
    next(stream)
    child = os.fork()
    if child == 0:
        try:
            next(detector.follow([Frame()], source="other"))
        except InputError as error:
            os._exit(7 if "make the detector in the worker" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(list(stream)) == 2
    print("done")
    """
    assert run(program, tmp_path) == "done"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_detector_is_made_in_workers_of_every_kind(method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    program = f"""
    if __name__ == "__main__":
        expected = scores(make())
        with multiprocessing.get_context({method!r}).Pool(1) as pool:
            assert np.allclose(pool.map(in_the_worker, [0])[0], expected, atol=5e-3) and expected
        print("done")
    """
    assert run(program, tmp_path) == "done"


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy, copy.copy])
def test_a_detector_that_is_sent_to_a_worker_says_so(way: object) -> None:
    with pytest.raises(InputError, match="make the detector in the worker"):
        way(fake_detector())  # type: ignore[operator]


@needs_fork
def test_a_pool_that_is_handed_a_detector_says_so() -> None:
    detector = fake_detector()
    with (
        multiprocessing.get_context("fork").Pool(1) as pool,
        pytest.raises(InputError, match="make the detector in the worker"),
    ):
        pool.map_async(detector.analyze_image, [np.zeros((8, 8, 3), np.uint8)]).get(timeout=60)


def test_detectors_in_threads_give_what_one_gives(tmp_path: Path) -> None:
    program = """
    from concurrent.futures import ThreadPoolExecutor
    expected = scores(make(1))
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda _: scores(make(1)), range(3)))
    assert all(np.allclose(result, expected, atol=5e-3) for result in results) and expected
    print("done")
    """
    assert run(program, tmp_path) == "done"


def test_two_videos_at_once_with_one_detector_are_refused_in_every_thread(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 8)
    detector = fake_detector()
    stream = detector.stream(path)
    next(stream)
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(RuntimeError, match="following another video"):
            threads.submit(lambda: list(detector.stream(path))).result(timeout=60)
        assert len(list(stream)) == 7
        assert len(threads.submit(lambda: list(detector.stream(path))).result(timeout=60)) == 8


def test_a_detector_works_beside_an_event_loop(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 5)

    async def work() -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        frames = await asyncio.to_thread(lambda: list(fake_detector().stream(path)))
        ticking.cancel()
        direct = list(fake_detector().stream(path))  # in a running loop, as in a notebook
        return len(frames) + len(direct), ticks

    frames, ticks = asyncio.run(work())
    assert frames == 10 and ticks > 1


def test_closing_during_a_stream_gives_a_clear_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60)
    detector = fake_detector()
    stream = detector.stream(path)
    next(stream)
    detector.close()
    detector.close()
    with pytest.raises(InputError, match="this detector is closed"):
        list(stream)
    with pytest.raises(InputError, match="this detector is closed"):
        next(detector.stream(path))
    with pytest.raises(InputError, match="this detector is closed"):
        detector.analyze_image(np.zeros((8, 8, 3), np.uint8))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("aufait-prefetch")]


def test_closing_during_a_stream_of_the_builtin_finder(tmp_path: Path) -> None:
    program = """
    class Frame:
        index, timestamp, image = 0, 0.0, IMAGE
    detector = Detector(finder="builtin", device="cpu")
    stream = detector.follow([Frame()] * 40, source="clip")
    next(stream)
    detector.close()
    try:
        list(stream)
    except InputError as error:
        print(error)
    """
    assert "closed" in run(program, tmp_path)


def test_standard_error_is_left_alone_however_many_threads_make_detectors(tmp_path: Path) -> None:
    program = """
    from concurrent.futures import ThreadPoolExecutor
    places = [(os.fstat(number).st_dev, os.fstat(number).st_ino) for number in (1, 2)]
    streams = sys.stdout, sys.stderr
    with ThreadPoolExecutor(4) as threads:
        for detector in threads.map(lambda _: make(), range(4)):
            scores(detector)
            detector.close()
    assert places == [(os.fstat(number).st_dev, os.fstat(number).st_ino) for number in (1, 2)]
    assert streams == (sys.stdout, sys.stderr) and "mediapipe" not in sys.modules
    os.write(2, b"still there")
    print("done")
    """
    path = tmp_path / "program.py"
    path.write_text(COMMON + textwrap.dedent(program))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "done" and done.stderr.endswith("still there"), done.stderr


def test_a_detector_starts_no_other_program(tmp_path: Path) -> None:
    program = """
    import subprocess
    def refuse(*_, **__):
        raise AssertionError("a program was started")
    subprocess.Popen, os.system, os.posix_spawn = refuse, refuse, refuse
    scores(make())
    print("done")
    """
    if not hasattr(os, "posix_spawn"):
        pytest.skip("this system has no posix_spawn")
    assert run(program, tmp_path) == "done"
