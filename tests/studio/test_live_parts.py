"""The parts of live sessions by themselves: what a message may be, which frame is taken, how long a source is waited for."""

from __future__ import annotations

import asyncio
import math
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured
from live_fakes import message, picture
from networks import BeforeAndAfter, BeforeAndAfterConfig

from aufait import Detector
from aufait.errors import InputError
from aufait.studio.errors import StudioError
from aufait.studio.live.follower import Follower, LiveOptions, options_of
from aufait.studio.live.message import LARGEST_FRAME, Rate, decoded, parse_frame
from aufait.studio.live.newest import Newest
from aufait.studio.live.under_way import UnderWay
from aufait.studio.live.watching import PAUSES, STEADY_SECONDS, Patience, SourceClock, jpeg_of
from aufait.studio.settings import StudioSettings


def step(follower: Follower, image: np.ndarray, time: float) -> dict[str, Any]:
    """Both halves of the work on a frame."""
    return follower.tell(follower.find(image, time))


def test_the_newest_item_is_taken_and_the_others_are_counted() -> None:
    async def run() -> tuple[int | None, int, int | None]:
        slot: Newest[int] = Newest()
        for number in range(5):
            slot.put(number)
        taken = await slot.take()
        slot.close()
        return taken, slot.dropped, await slot.take()

    assert asyncio.run(run()) == (4, 4, None)


def test_whoever_waits_for_an_item_gets_the_next_one() -> None:
    async def run() -> int | None:
        slot: Newest[int] = Newest()
        waiting = asyncio.create_task(slot.take())
        await asyncio.sleep(0)
        slot.put(7)
        return await waiting

    assert asyncio.run(run()) == 7


async def _answered(under_way: UnderWay[int, int], answers: list[int]) -> None:
    async for item, answer in under_way:
        with suppress(ZeroDivisionError):
            assert await answer == 60 // item
        answers.append(item)


def test_answers_come_in_order_and_the_newest_waits_until_one_is_there() -> None:
    begun: list[int] = []

    async def work(item: int) -> int:
        begun.append(item)
        await asyncio.sleep(0.01 if item == 2 else 0)
        return 60 // item

    async def run() -> tuple[list[int], int]:
        under_way: UnderWay[int, int] = UnderWay(2, work)
        for item in (2, 3, 4, 0, 6, 5):
            under_way.put(item)
        answers: list[int] = []
        answering = asyncio.create_task(_answered(under_way, answers))
        while len(answers) < 3:
            await asyncio.sleep(0)
        for item in (0, 1):
            under_way.put(item)
        under_way.close()
        await answering
        return answers, under_way.dropped

    assert asyncio.run(run()) == ([2, 3, 5, 0, 1], 3)
    assert begun == [2, 3, 5, 0, 1]


def test_a_message_is_a_time_and_a_picture() -> None:
    frame = parse_frame(message(1234.5, picture(form="JPEG")), 9.0)
    assert (frame.sent, frame.arrived) == (1234.5, 9.0)
    assert decoded(frame.picture).shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "8 bytes of time"),
        (b"12345678", 422, "8 bytes of time"),
        (message(math.nan), 422, "time in ms"),
        (message(-1.0), 422, "time in ms"),
        (message(1e300), 422, "time in ms"),
        (message(1.0, b"GIF89a and so on"), 422, "JPEG, WebP or PNG"),
        (message(1.0, bytes(LARGEST_FRAME)), 413, "send smaller pictures"),
    ],
)
def test_any_other_message_is_refused_with_a_sentence(data: bytes, status: int, said: str) -> None:
    with pytest.raises(StudioError, match=said) as caught:
        parse_frame(data, 0.0)
    assert caught.value.status == status


def test_a_broken_or_tiny_picture_is_refused() -> None:
    with pytest.raises(InputError, match="damaged"):
        decoded(picture(form="JPEG")[:300])
    with pytest.raises(InputError, match="16 x 16"):
        decoded(picture(size=(8, 8)))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    header = bytearray(picture(size=(32, 32)))
    header[16:24] = struct.pack(">II", 60_000, 60_000)  # width and height of a PNG
    with pytest.raises(InputError):
        decoded(bytes(header))


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    rate = Rate()
    assert rate.step(0.0) == 0.0
    rates = [rate.step(0.1 * number) for number in range(1, 60)]
    assert rates[0] == pytest.approx(10.0)
    assert rates[-1] == pytest.approx(10.0, abs=0.1)
    assert rate.step(100.0) == 0.0


def test_a_follower_tells_faces_and_when_units_begin_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.detection.detector.quality_of_pictures", lambda _, faces: [np.ones(len(one)) for one in faces])
    follower = Follower(Detector(finder=FakeFinder(), model=FakePredictor()))
    told = [step(follower, textured(brightness=230 if 5 <= number < 20 else 20), number / 10) for number in range(30)]
    assert told[0]["size"] == [96, 64]
    assert told[0]["action_units"] == [1, 12]
    face = told[10]["faces"][0]
    assert set(face) == {"face", "box", "landmarks", "quality", "probability", "intensity", "left", "right"}
    assert len(face["landmarks"]) == 136
    assert face["intensity"][1] == pytest.approx(5 * face["probability"][1], abs=0.01)
    assert face["right"][1] == pytest.approx(face["left"][1] / 2, abs=0.01)
    changes = [(one["unit"], one["kind"], one["time"]) for frame in told for one in frame["changes"]]
    assert changes == [(12, "onset", 0.5), (12, "offset", 2.0)]


def test_units_of_a_face_of_low_quality_begin_nothing() -> None:
    follower = Follower(Detector(finder=FakeFinder(), model=FakePredictor()))
    told = [step(follower, textured(brightness=230), number / 10) for number in range(10)]
    assert told[-1]["faces"][0]["quality"] < 0.3
    assert [one["changes"] for one in told] == [[]] * 10


def test_a_follower_refuses_a_time_that_is_not_later_and_goes_on() -> None:
    follower = Follower(Detector(finder=FakeFinder(), model=FakePredictor()))
    step(follower, textured(), 1.0)
    with pytest.raises(InputError, match="order of time"):
        step(follower, textured(), 1.0)
    assert step(follower, textured(), 1.1)["time"] == 1.1
    follower.begin()
    assert step(follower, textured(), 0.0)["time"] == 0.0


def test_a_network_that_reads_later_frames_is_answered_at_once_and_told_late() -> None:
    network = BeforeAndAfter(BeforeAndAfterConfig(action_units=(1, 2, 4)))
    follower = Follower(Detector(finder=FakeFinder(), model=network, device="cpu"))
    told = [step(follower, textured(), number / 10) for number in range(4)]
    times = [one["time"] for one in told]
    late = times.index(0.0)
    assert late > 0 and times == [None] * late + [number / 10 for number in range(4 - late)]
    assert [len(one["faces"]) for one in told] == [0] * late + [1] * (4 - late)
    assert all(one["size"] == [96, 64] for one in told)


def test_pauses_grow_until_the_source_has_been_steady() -> None:
    patience = Patience()
    waits = [patience.failed(0.0) for _ in range(len(PAUSES) + 2)]
    assert waits == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    assert patience.failed(STEADY_SECONDS) == PAUSES[0]
    assert patience.failed(1.0) == PAUSES[1]


def test_the_clock_of_a_source_only_grows() -> None:
    clock = SourceClock(begun=100.0)
    clock.begin(timestamp=50.0, came=101.0)
    assert [clock(50.0), clock(50.5)] == [1.0, 1.5]
    assert clock(50.2) > 1.5  # its clock went back
    clock.begin(timestamp=0.0, came=110.0)  # it broke off and is back
    assert clock(0.0) == 10.0


def test_viewers_get_wide_frames_smaller() -> None:
    wide = decoded(jpeg_of(np.zeros((720, 2560, 3), np.uint8)))
    assert wide.shape == (360, 1280, 3)
    assert decoded(jpeg_of(textured())).shape == (64, 96, 3)


def test_the_file_of_a_finder_is_not_given_to_another() -> None:
    usual = StudioSettings(finder="mesh", finder_model="face.task", model="mesh")
    assert options_of(usual) == LiveOptions("mesh", "face.task", "mesh", "auto")
    assert options_of(usual, "auto", "compact") == LiveOptions("auto", "face.task", "compact", "auto")
    assert options_of(usual, "builtin").finder_model is None
