"""Jobs: their order, progress, cancelling, failing, deleting, and what survives an end of the studio."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fakes import write_clip
from served_studio import DIES_AT, asked, ended, served, slow_clip, upload, wait_for

from aufait.studio.jobs import BROKEN_OFF


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slow_clip(tmp_path_factory.mktemp("clips") / "slow.mp4")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A studio in which things go wrong, and a client."""
    with served(tmp_path_factory.mktemp("jobs")) as studio, asked(studio) as client:
        yield studio, client


def running(recording: dict[str, Any]) -> bool:
    return recording["state"] == "running" and recording["progress"]["frames"] > 0


def test_progress_is_told_and_a_job_can_be_cancelled(own: Any, tmp_path: Path) -> None:
    studio, client = own
    slow = slow_clip(tmp_path / "slow.mp4", 600)
    found = upload(client, slow)
    waiting = upload(client, slow)
    seen = wait_for(client, found["id"], running)
    assert seen["progress"]["total"] == 600 and 0 < seen["progress"]["frames"] < 600
    assert client.get(f"/api/recordings/{waiting['id']}").json()["state"] == "waiting"
    assert client.get(f"/api/recordings/{found['id']}/lanes").json()["error"]["code"] == "not_ready"
    assert client.post(f"/api/recordings/{waiting['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/recordings/{found['id']}/cancel").json()["state"] == "cancelled"
    again = client.post(f"/api/recordings/{found['id']}/cancel")
    assert again.status_code == 409 and again.json()["error"]["code"] == "not_running"
    assert client.post(f"/api/recordings/{found['id']}/again").json()["state"] in ("waiting", "running")
    assert client.post(f"/api/recordings/{found['id']}/again").status_code == 409
    wait_for(client, found["id"], running)
    assert client.delete(f"/api/recordings/{found['id']}").status_code == 204
    assert client.delete(f"/api/recordings/{waiting['id']}").status_code == 204
    assert not (studio.folder / "recordings" / found["id"]).exists()
    assert client.get(f"/api/recordings/{found['id']}").status_code == 404
    assert not studio.store.rows("SELECT 1 FROM events WHERE recording = ?", (found["id"],))


def test_a_worker_that_dies_fails_its_job_and_the_next_goes_on(own: Any, tmp_path: Path) -> None:
    _, client = own
    deadly = upload(client, write_clip(tmp_path / "deadly.mp4", 20, brightness=DIES_AT))
    good = upload(client, write_clip(tmp_path / "good.mp4", 20))
    failed = wait_for(client, deadly["id"], ended)
    assert failed["state"] == "failed" and "signal 9" in failed["problem"]
    assert wait_for(client, good["id"], ended)["state"] == "done"


def test_a_worker_that_is_killed_can_be_tried_again(own: Any, slow: Path) -> None:
    studio, client = own
    found = upload(client, slow)
    wait_for(client, found["id"], running)
    for pid in studio.jobs.worker_ids():
        os.kill(pid, signal.SIGKILL)
    assert wait_for(client, found["id"], ended)["state"] == "failed"
    client.post(f"/api/recordings/{found['id']}/again")
    done = wait_for(client, found["id"], ended)
    assert done["state"] == "done" and done["problem"] is None and done["faces"][0]["rows"] == 100


def test_a_video_without_a_face_is_done_and_says_so(own: Any, tmp_path: Path) -> None:
    _, client = own
    found = upload(client, write_clip(tmp_path / "plain.mp4", 20, face=False))
    done = wait_for(client, found["id"], ended)
    assert done["state"] == "done" and done["faces"] == [] and done["quality"] is None
    assert "plain.mp4: no face was found" in done["warnings"][0]
    place = f"/api/recordings/{found['id']}"
    assert client.get(f"{place}/lanes").json()["error"]["code"] == "unknown_face"
    frames = client.get(f"{place}/faces?start=0&end=1").json()["frames"]
    assert len(frames) == 20 and all(one["faces"] == [] for one in frames)
    for format in ("csv", "json", "events", "elan", "webvtt", "spss"):
        assert client.get(f"{place}/export?format={format}").status_code == 200, format


def test_a_video_that_breaks_off_is_done_with_a_warning(own: Any, tmp_path: Path) -> None:
    _, client = own
    whole = write_clip(tmp_path / "whole.mp4", 100).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * 0.8)])
    found = upload(client, tmp_path / "cut.mp4")
    done = wait_for(client, found["id"], ended)
    assert done["state"] == "done" and any("cut.mp4" in warning for warning in done["warnings"])
    assert str(tmp_path) not in json.dumps(done) and "original" not in json.dumps(done["warnings"])


def test_what_browsers_do_not_play_gets_a_copy_with_the_same_times(own: Any, tmp_path: Path) -> None:
    import av

    studio, client = own
    path = tmp_path / "old.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        from fakes import textured

        for number in range(30):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(textured(brightness=100 + number), format="rgb24")))
        file.mux(stream.encode(None))
    found = upload(client, path)
    early = client.get(f"/api/recordings/{found['id']}/media")
    assert early.status_code in (409, 200)
    done = wait_for(client, found["id"], ended)
    assert done["state"] == "done" and done["has_preview"]
    media = client.get(f"/api/recordings/{found['id']}/media")
    assert media.headers["content-type"] == "video/mp4"
    preview = studio.folder / "recordings" / found["id"] / "preview.mp4"
    with av.open(str(preview)) as file:
        times = [round(float(frame.time), 3) for frame in file.decode(video=0)]
    assert times == pytest.approx([number / 25 for number in range(30)], abs=0.002)


def test_what_was_broken_off_is_begun_again_and_the_rest_is_kept(tmp_path: Path, slow: Path) -> None:
    with served(tmp_path / "studio") as studio, asked(studio) as client:
        kept = wait_for(client, upload(client, write_clip(tmp_path / "clip.mp4"))["id"], ended)
        broken = upload(client, slow)
        wait_for(client, broken["id"], running)
        waiting = upload(client, write_clip(tmp_path / "other.mp4"))
    stray = tmp_path / "studio" / "recordings" / "0123456789ab"
    stray.mkdir()
    (stray / "original.partial").write_bytes(b"an upload that was broken off")
    foreign = tmp_path / "studio" / "recordings" / "mine"
    foreign.mkdir()
    with served(tmp_path / "studio") as studio, asked(studio) as client:
        assert not stray.exists() and foreign.exists()
        assert client.get(f"/api/recordings/{kept['id']}").json() == kept
        begun = wait_for(client, broken["id"], lambda one: one["state"] in ("running", "done"))
        assert begun["problem"] == BROKEN_OFF or begun["state"] == "done"
        assert wait_for(client, broken["id"], ended)["faces"][0]["rows"] == 100
        assert wait_for(client, waiting["id"], ended)["state"] == "done"


def test_a_list_that_is_none_is_refused_with_a_sentence(tmp_path: Path) -> None:
    import sqlite3

    from aufait.errors import OutputError
    from aufait.studio.store import Store

    (tmp_path / "studio.sqlite").write_bytes(b"something else altogether" * 100)
    with pytest.raises(OutputError, match="move it away"):
        Store(tmp_path / "studio.sqlite")
    with sqlite3.connect(tmp_path / "newer.sqlite") as newer:
        newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(OutputError, match="newer version"):
        Store(tmp_path / "newer.sqlite")


def test_a_list_that_cannot_be_written_is_said_and_nothing_stops(own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    studio, client = own
    found = upload(client, write_clip(tmp_path / "clip.mp4"))
    wait_for(client, found["id"], ended)

    def full(*arguments: Any, **more: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        for name in ("change", "update", "take_next"):
            patch.setattr(studio.store, name, full)
        answer = client.patch(f"/api/recordings/{found['id']}", json={"name": "other"})
        assert answer.status_code == 507 and answer.json()["error"]["code"] == "disc_full"
        import time

        time.sleep(1.0)
    later = upload(client, write_clip(tmp_path / "later.mp4"))
    assert wait_for(client, later["id"], ended)["state"] == "done"


def test_changes_are_told_as_they_come(own: Any, tmp_path: Path) -> None:
    import asyncio

    studio, client = own
    clip = slow_clip(tmp_path / "clip.mp4", 300)  # what changes within a quarter of a second may be told as one change

    async def listen() -> list[str]:
        stream = studio.updates.stream()
        found = [await anext(stream)]
        identity = None
        while not any('"state": "done"' in one for one in found):
            if identity is None:
                identity = (await asyncio.to_thread(upload, client, clip))["id"]
            found.append(await asyncio.wait_for(anext(stream), 60))
        await asyncio.to_thread(client.delete, f"/api/recordings/{identity}")
        while "event: gone" not in found[-1]:
            found.append(await asyncio.wait_for(anext(stream), 60))
        return found

    loop_of_client = client.portal
    assert loop_of_client is not None
    found = loop_of_client.call(listen)
    assert found[0].startswith(":") and all(one.endswith("\n\n") for one in found)
    assert any('"state": "running"' in one for one in found)
