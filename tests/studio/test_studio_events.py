"""A coder's corrections: kept, taken back, exported; markers."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")


def events(served: Any, **query: Any) -> list[dict[str, Any]]:
    return list(served.get("events", **query).json()["events"])


@pytest.fixture
def found(served: Any) -> Any:
    """The event of AU12 on the whole face; what a test did to it is undone."""
    (event,) = [one for one in events(served) if one["unit"] == 12 and one["side"] is None and one["status"] != "added"]
    assert event["status"] == "found"
    yield event
    put(served, event, status="found")
    for one in events(served):
        if one["status"] == "added":
            served.client.delete(f"{served.place}/events/{one['id']}")


def put(served: Any, event: dict[str, Any], **change: Any) -> Any:
    return served.client.put(f"{served.place}/events/{event['id']}", json=change)


def add(served: Any, **event: Any) -> Any:
    return served.client.post(f"{served.place}/events", json={"face": 7, "unit": 4, "onset": 0.5, "offset": 1.0, **event})


def test_events_are_those_of_the_default_rule(served: Any, found: dict[str, Any]) -> None:
    from aufait.analysis.events import find_events

    expected = find_events(served.studio.table(served.recording["id"]))
    assert len(expected) == len(events(served)) > 0
    assert (found["onset"], found["offset"]) == pytest.approx((0.8, 2.0), abs=0.1)
    assert events(served, face=found["face"]) == events(served) and events(served, face=55) == []


def test_an_event_is_accepted_rejected_moved_and_taken_back(served: Any, found: dict[str, Any]) -> None:
    assert put(served, found, status="accepted").json()["status"] == "accepted"
    assert put(served, found, status="rejected", note="a blink").json()["note"] == "a blink"
    moved = put(served, found, onset=0.4).json()
    assert moved["status"] == "moved" and moved["onset"] == 0.4
    assert (moved["found"]["onset"], moved["found"]["offset"]) == (found["onset"], found["offset"])
    twice = put(served, found, offset=2.5, level=3).json()
    assert twice["found"] == moved["found"] and twice["level"] == 3 and twice["mean"] < found["mean"]
    accepted = put(served, found, status="accepted").json()
    assert accepted["onset"] == 0.4 and accepted["found"] == moved["found"]
    back = put(served, found, status="found", level=None, note="").json()
    assert back == found


def test_an_event_is_added_and_measured(served: Any, found: dict[str, Any]) -> None:
    answer = add(served, unit=12, onset=0.9, offset=1.5, level=4, note="=1+1")
    assert answer.status_code == 201
    event = answer.json()
    assert event["status"] == "added" and event["peak"] == pytest.approx(found["peak"], abs=0.05)
    assert add(served, unit=17).json()["peak"] is None, "a unit without scores"
    assert put(served, event, status="accepted").status_code == 422
    assert put(served, event, unit=6).json()["unit"] == 6
    assert served.client.delete(f"{served.place}/events/{event['id']}").status_code == 204
    assert put(served, event, level=1).json()["error"]["code"] == "unknown_event"
    refused = served.client.delete(f"{served.place}/events/{found['id']}")
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "not_added"


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset": 2.0}, {"onset": "x"}, {"offset": None}, {"face": 99}, {"unit": 0}, {"unit": 10**30}, {"level": 6}, {"side": "up"},
        {"note": "x" * 3000}, {"onset": 1e300}, {"onset": 50.0, "offset": 60.0}, {"extra": 1}, {"face": 1.5},
    ],
)  # fmt: skip
def test_events_that_cannot_be_are_refused(served: Any, found: dict[str, Any], wrong: dict[str, Any]) -> None:
    before = events(served)
    answer = add(served, **wrong)
    assert answer.status_code == 422 and answer.json()["error"]["message"].endswith("."), answer.text
    if not {"face", "extra"} & set(wrong):
        assert put(served, found, **({"onset": 5.0} if wrong == {"onset": 2.0} else wrong)).status_code == 422
    assert events(served) == before


def test_corrections_survive_an_end_of_the_studio(tmp_path: Path) -> None:
    import numpy as np
    from finished_studio import add_recording, open_studio
    from served_studio import TOKEN, asked

    from aufait.studio.settings import StudioSettings
    from aufait.studio.studio import Studio

    studio = open_studio(tmp_path)
    values = np.where((np.arange(200) // 25) % 2, 4.0, 0.0)
    place = f"/api/recordings/{add_recording(studio, 1, {0: values})}"
    studio.close()
    settings = StudioSettings(port=8765, token=TOKEN)
    told = []
    for change in ({"status": "rejected", "note": "no"}, None):
        studio = Studio(tmp_path, settings)
        with asked(studio) as client:
            first = client.get(f"{place}/events").json()["events"][0]
            if change:
                client.put(f"{place}/events/{first['id']}", json=change)
                client.put(f"{place}/markers", json={"markers": [{"start": 0, "end": 1, "label": "rest"}]})
            told.append((client.get(f"{place}/events").json(), client.get(f"{place}/markers").json()))
        studio.close()
    assert told[0] == told[1] and told[1][0]["events"][0]["status"] == "rejected" and len(told[1][1]["markers"]) == 1


def export(served: Any, format: str, tmp_path: Path) -> Path:
    answer = served.get("export", format=format)
    assert answer.status_code == 200, answer.text
    name = answer.headers["content-disposition"].partition('filename="')[2].rstrip('"')
    (tmp_path / name).write_bytes(answer.content)
    return tmp_path / name


def test_what_a_coder_confirmed_is_a_tier_that_is_read_again(served: Any, found: dict[str, Any], tmp_path: Path) -> None:
    from aufait.analysis.annotations import code_of, read_annotations

    put(served, found, onset=0.5)
    add(served, unit=4, level=2, note="@x")
    path = export(served, "corrections", tmp_path)
    spans = read_annotations(path)
    assert [(span.start, span.end, code_of(span)) for span in spans] == [
        (0.5, 1.0, code_of(spans[0])), (0.5, found["offset"], code_of(spans[1])),
    ]  # fmt: skip
    codes = {(code.unit, code.level) for span in spans if (code := code_of(span))}
    assert codes == {(4, 2), (12, None)} and all(span.tier == "corrections face 7" for span in spans)
    assert "'@x" in path.read_text("utf-8") or ",@x" not in path.read_text("utf-8")


def test_elan_gets_the_corrections_beside_what_was_found(served: Any, found: dict[str, Any], tmp_path: Path) -> None:
    from aufait.analysis.annotations import code_of, read_annotations

    plain = {span.tier for span in read_annotations(export(served, "elan", tmp_path))}
    put(served, found, onset=0.5)
    path = export(served, "elan", tmp_path)
    spans = read_annotations(path)
    tiers = {span.tier for span in spans}
    assert plain < tiers and {"AU12 face 7", "AU12 corrected face 7"} <= tiers
    starts = {span.tier: span.start for span in spans if code_of(span) and code_of(span).unit == 12 and not code_of(span).side}
    assert starts["AU12 face 7"] == pytest.approx(found["onset"], abs=0.001) and starts["AU12 corrected face 7"] == 0.5
    assert str(served.studio.folder) not in path.read_text("utf-8")


@pytest.mark.parametrize(
    "format", ["csv", "parquet", "json", "events", "elan", "boris", "praat", "webvtt", "noldus", "bids", "spss"]
)
def test_every_format_is_given(served: Any, found: dict[str, Any], format: str, tmp_path: Path) -> None:
    import json

    put(served, found, status="rejected")
    path = export(served, format, tmp_path)
    assert path.name.startswith("film")
    if path.suffix == ".zip":
        names = zipfile.ZipFile(path).namelist()
        assert len(names) >= 3 and all(".." not in name and not name.startswith("/") for name in names)
    if format == "events":
        from aufait.analysis.event_file import read_events

        labels = [event.label for event in read_events(path)]
        assert "AU12" not in labels and "AU12 left" in labels
    if format == "json":
        told = json.loads(path.read_text("utf-8"))
        assert len(told["columns"]["time"]) == 75 and len(told["events"]) == len(events(served))
    if format == "csv":
        from aufait.analysis import read_table

        assert len(read_table(path)) == 75
    folder = served.studio.folder / "recordings" / served.recording["id"]
    assert not list(folder.glob("export-*")), "what was made for the answer is gone"


@pytest.mark.parametrize("format", ["report", "annotated", "timeline"])
def test_drawings_are_made_once_and_kept(served: Any, format: str, tmp_path: Path) -> None:
    import time

    first = served.get("export", format=format)
    assert first.status_code == 202 and first.json()["state"] == "running"
    for _ in range(600):
        answer = served.get("export", format=format)
        if answer.status_code != 202:
            break
        assert 0 <= answer.json()["progress"] <= 1
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    starts = {"report": b"<!doctype html>", "annotated": b"\0\0\0", "timeline": b"\x89PNG"}
    assert answer.content[: len(starts[format])].lower() == starts[format].lower()
    assert served.get("export", format=format).content == answer.content
    if format == "annotated":
        import av

        (tmp_path / "film.mp4").write_bytes(answer.content)
        with av.open(str(tmp_path / "film.mp4")) as file:
            assert len(list(file.decode(video=0))) == 75


def test_formats_that_are_not_known_are_refused(served: Any) -> None:
    for format in ("exe", "", "../csv", "x" * 50):
        assert served.get("export", format=format).status_code == 422
    assert served.client.get(f"{served.place}/export").status_code == 422


def test_markers_are_set_and_read_from_files_of_coders(served: Any, tmp_path: Path) -> None:
    place = f"{served.place}/markers"
    given = [{"start": 1, "end": 2, "label": "smile"}, {"start": 0, "end": 1, "label": "rest"}]
    told = served.client.put(place, json={"markers": given}).json()["markers"]
    assert [one["label"] for one in told] == ["rest", "smile"] == [one["label"] for one in served.get("markers").json()["markers"]]
    smile = {"start": 0, "end": 1, "label": "smile"}
    for wrong in ([{**smile, "start": 2}], [{**smile, "label": ""}], [{**smile, "start": "nan"}], 3, [smile] * 10_001):
        assert served.client.put(place, json={"markers": wrong}).status_code == 422
    csv = b"start,end,label\n0,1.5,baseline\n1.5,3,film\n"
    answer = served.client.post(f"{place}/file", files={"file": ("conditions.csv", csv)})
    assert [one["label"] for one in answer.json()["markers"]] == ["baseline", "film"]
    elan = export(served, "elan", tmp_path).read_bytes()
    assert len(served.client.post(f"{place}/file", files={"file": ("x.eaf", elan)}).json()["markers"]) > 0
    before = served.get("markers").json()
    for content in (b"", b"nonsense", b"start,end,label\n3,1,x\n", b"<ANNOTATION_DOCUMENT>", b"\xff\xfe\x00"):
        answer = served.client.post(f"{place}/file", files={"file": ("x.csv", content)})
        assert answer.status_code in (400, 422) and "markers" not in answer.json(), content
    assert served.get("markers").json() == before
    assert not [path for path in served.studio.folder.iterdir() if path.name.startswith("tmp")]
    served.client.put(place, json={"markers": []})
