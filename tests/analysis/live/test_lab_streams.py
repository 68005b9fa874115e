"""Streams of the Lab Streaming Layer, received by an inlet in the same process."""

from __future__ import annotations

import sys
import uuid

import numpy as np
import pytest
from made_streams import UNITS, FakeLibrary, frame

from aufait.analysis.live.lsl import LabStreams, channel_names
from aufait.errors import InputError, MissingExtraError


@pytest.fixture
def lsl() -> object:
    return pytest.importorskip("pylsl", reason="the extra lsl is not installed", exc_type=(ImportError, RuntimeError))


def receive(lsl, streams_of: str):  # type: ignore[no-untyped-def]
    """Inlets of numbers and markers, connected."""
    inlets = []
    for name in (streams_of, f"{streams_of}-markers"):
        found = lsl.resolve_byprop("name", name, 1, 10)
        if not found:
            pytest.skip("streams cannot be found on this machine's network")
        inlet = lsl.StreamInlet(found[0])
        inlet.open_stream(10)
        inlets.append(inlet)
    return inlets


def pull(inlet, count: int):  # type: ignore[no-untyped-def]
    """A number of samples with their times."""
    found = [inlet.pull_sample(5) for _ in range(count)]
    assert all(sample is not None for sample, _ in found)
    return [sample for sample, _ in found], [stamp for _, stamp in found]


def test_what_is_sent_arrives_with_names_units_and_times(lsl) -> None:  # type: ignore[no-untyped-def]
    name = f"aufait-{uuid.uuid4().hex}"
    streams = LabStreams(name, UNITS, faces=2)
    numbers, markers = receive(lsl, name)
    about = numbers.info()
    channel, labels, units = about.desc().child("channels").child("channel"), [], []
    for _ in range(about.channel_count()):
        labels.append(channel.child_value("label"))
        units.append(channel.child_value("unit"))
        channel = channel.next_sibling()
    assert dict(zip(labels, units, strict=True)) == channel_names(("AU6", "AU12"), 2)
    assert len(labels) == 2 * (3 + 2 * 2) and labels[3:5] == ["face0_AU6_probability", "face0_AU6_intensity"]

    for number in range(20):
        streams.push(frame(number, {4: 3.0 if number >= 5 else 0.0}))
    streams.finish()
    samples, stamps = pull(numbers, 20)
    np.testing.assert_allclose(np.diff(stamps), 1 / 30, atol=1e-6)
    first, last = (dict(zip(labels, sample, strict=True)) for sample in (samples[0], samples[-1]))
    assert first["face0_face_id"] == 4 and first["face0_AU12_intensity"] == 0
    assert last["face0_AU12_intensity"] == 3 and last["face0_AU12_probability"] == pytest.approx(0.6)
    assert all(np.isnan(value) for label, value in last.items() if label.startswith("face1"))
    texts, when = pull(markers, 2)
    assert texts == [["AU12 onset face 4"], ["AU12 offset face 4"]]
    assert when == [pytest.approx(stamps[5], abs=1e-6), pytest.approx(stamps[19], abs=1e-6)]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    library = FakeLibrary()
    monkeypatch.setitem(sys.modules, "pylsl", library)  # type: ignore[arg-type]
    return library


def test_a_model_without_intensities_has_events_by_probability(fake: FakeLibrary) -> None:
    streams = LabStreams("x", UNITS)
    changes = [change for number in range(20) for change in streams.push(frame(number, {0: 4.0}, intensity=False))]
    assert [(one.label, one.is_onset) for one in changes] == [("AU12", True)]
    sample = fake.sent["x"][-1][0]
    assert sample[5] == pytest.approx(0.8) and np.isnan(sample[6])  # type: ignore[call-overload]


def test_faces_without_free_channels_send_nothing_and_are_counted(fake: FakeLibrary) -> None:
    streams = LabStreams("x", UNITS, faces=1)
    changes = [change for number in range(20) for change in streams.push(frame(number, {0: 0.0, 1: 4.0}))]
    assert changes == [] and streams.slots.left_out == {1}
    assert {sample[0] for sample, _ in fake.sent["x"]} == {0.0}


def test_pictures_of_too_little_quality_make_no_events(fake: FakeLibrary) -> None:
    streams = LabStreams("x", UNITS)
    assert [change for number in range(20) for change in streams.push(frame(number, {0: 4.0}, quality=0.1))] == []
    assert len(fake.sent["x"]) == 20


def test_frames_without_a_face_are_sent_as_missing_and_late_frames_are_told(fake: FakeLibrary) -> None:
    streams = LabStreams("x", UNITS)
    streams.push(frame(0, {}))
    assert all(np.isnan(value) for value in fake.sent["x"][0][0])  # type: ignore[call-overload]
    fake.clock = 100.5
    assert streams.seconds_until(1.0) == pytest.approx(0.5) and streams.seconds_until(0.25) == pytest.approx(-0.25)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[lsl\]"):
        LabStreams("x", UNITS)


def test_a_stream_needs_a_name_and_a_face(fake: FakeLibrary) -> None:
    for name, faces in (("  ", 1), ("x", 0)):
        with pytest.raises(InputError, match="needs a name"):
            LabStreams(name, UNITS, faces=faces)
    assert fake.sent == {}
