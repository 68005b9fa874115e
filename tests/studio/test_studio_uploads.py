"""Files that come in: streamed to the disc, known by their content, never trusted with a path."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fakes import write_clip, write_picture
from served_studio import ended, upload, wait_for


def post(served: Any, name: str, content: bytes, **fields: str) -> Any:
    return served.client.post("/api/recordings", files={"file": (name, content)}, data=fields)


def left(served: Any) -> set[str]:
    """Names of the folders of recordings."""
    return {path.name for path in (served.studio.folder / "recordings").iterdir()}


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_upload_is_listed_and_its_bytes_are_kept(served: Any) -> None:
    whole = (served.studio.folder / "recordings" / served.recording["id"] / "original").read_bytes()
    assert whole == (served.studio.folder.parent / "allowed" / "film.mp4").read_bytes()
    listed = served.client.get("/api/recordings").json()["recordings"]
    assert served.recording["id"] in [one["id"] for one in listed]
    assert served.recording["name"] == "film.mp4" and served.recording["kind"] == "video"
    assert (served.recording["width"], served.recording["height"], served.recording["fps"]) == (96, 64, 25.0)
    assert served.recording["duration"] == pytest.approx(3.0) and served.recording["progress"]["frames"] == 75


def test_no_answer_names_a_path_of_this_machine(served: Any) -> None:
    for path in ("/api/recordings", served.place, f"{served.place}/events", "/api/about", f"{served.place}/export?format=json"):
        assert str(served.studio.folder) not in served.client.get(path).text, path


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../../etc/passwd.mp4", "passwd.mp4"), ("C:\\videos\\me.mp4", "me.mp4"), ("a\x1b[31m\n.mp4", "a [31m .mp4"),
        ("..", ".."), ("x" * 400, "x" * 200), ("смех 😀.mp4", "смех 😀.mp4"),
    ],
)  # fmt: skip
def test_names_are_shown_and_never_become_paths(given: str, shown: str) -> None:
    from aufait.studio.uploads import shown_name

    assert shown_name(given) == shown


def test_what_is_no_video_is_refused_by_its_content(served: Any, tmp_path: Path) -> None:
    before = left(served)
    answer = post(served, "holiday.mp4", b"just a text, whatever it is called")
    assert told(answer) == (415, "no_video") and "holiday.mp4" in answer.json()["error"]["message"]
    assert told(post(served, "empty.mp4", b"")) == (415, "no_video")
    clip = write_clip(tmp_path / "clip.mp4").read_bytes()
    assert told(post(served, "cut.mp4", clip[: len(clip) // 3])) == (415, "no_video")
    assert left(served) == before


def test_a_video_is_known_whatever_it_is_called(served: Any, tmp_path: Path) -> None:
    found = upload(served.client, write_clip(tmp_path / "clip.mp4"), name="notes.txt")
    assert wait_for(served.client, found["id"], ended)["state"] == "done"
    served.client.delete(f"/api/recordings/{found['id']}")


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(served: Any) -> None:
    before = left(served)
    assert told(post(served, "large.mp4", b"\0" * 3_050_000)) == (413, "too_large")
    chunks = (b"--b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\n", *[b"\0" * 100_000] * 40)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = served.client.post("/api/recordings", content=iter(chunks), headers=kind)
    assert told(answer) == (413, "too_large")
    assert left(served) == before


def test_forms_that_are_damaged_or_incomplete_are_refused(served: Any) -> None:
    before, kind = left(served), {"Content-Type": "multipart/form-data; boundary=b"}
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.mp4"\r\n\r\n'
    for content in (b"", b"nonsense", start + b"abc", b"--b\r\n\r\n\r\n--b--\r\n", start + b"a\r\n" + start + b"b\r\n--b--\r\n"):
        answer = served.client.post("/api/recordings", content=content, headers=kind)
        assert told(answer) == (400, "bad_request"), content
    assert told(served.client.post("/api/recordings", content=b"x", headers={"Content-Type": "text/plain"}))[0] == 400
    assert told(served.client.post("/api/recordings"))[0] == 400
    assert left(served) == before


def test_a_full_disc_is_said(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.studio import uploads

    def full(parts: Any, piece: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = left(served)
    monkeypatch.setattr(uploads._Parts, "take", full)
    assert told(post(served, "clip.mp4", b"x" * 100)) == (507, "disc_full")
    monkeypatch.undo()
    usage = type("Usage", (), {"free": 10})()
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda folder: usage)
    assert told(post(served, "clip.mp4", b"x" * 100)) == (507, "disc_full")
    assert left(served) == before


def test_settings_of_a_job_are_checked(served: Any, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4").read_bytes()
    for name, value in (
        ("finder", "nose"), ("model", "/etc/passwd"), ("base_rate", "nan"), ("base_rate", "2"), ("min_confidence", "-1"),
        ("min_confidence", "inf"), ("unknown", "1"),
    ):  # fmt: skip
        answer = post(served, "clip.mp4", clip, **{name: value})
        assert told(answer) == (422, "bad_request") and name in answer.json()["error"]["message"], (name, value)


def test_settings_that_are_given_are_used(served: Any, tmp_path: Path) -> None:
    fields = {"min_confidence": "0.95", "model": "default", "finder": "", "base_rate": ""}
    found = upload(served.client, write_clip(tmp_path / "clip.mp4"), **fields)
    done = wait_for(served.client, found["id"], ended)
    assert done["settings"]["min_confidence"] == 0.95


def test_files_of_this_machine_only_below_allowed_folders(served: Any, tmp_path: Path) -> None:
    allowed = served.studio.folder.parent / "allowed"
    secret = write_clip(tmp_path / "secret.mp4")
    (allowed / "link.mp4").symlink_to(secret)
    for path in (str(secret), "/etc/passwd", str(allowed / "link.mp4"), str(allowed / ".." / "x"), str(allowed), "a\0b", "~"):
        answer = served.client.post("/api/recordings", json={"path": path})
        assert told(answer) == (403, "forbidden"), path
    answers = {served.client.post("/api/recordings", json={"path": path}).text for path in ("/etc/passwd", "/etc/nothing-there")}
    assert len(answers) == 1, "whether a file exists elsewhere is not told"
    for content in (b"{", b"[]", b"\xff", b'{"path": 3}', b'{"path": null}', b"[" * 50_000):
        answer = served.client.post("/api/recordings", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), content[:20]


def test_a_file_of_this_machine_stays_where_it_is(served: Any) -> None:
    path = write_clip(served.studio.folder.parent / "allowed" / "mine.mp4")
    found = served.client.post("/api/recordings", json={"path": str(path), "min_confidence": 0.3}).json()
    assert wait_for(served.client, found["id"], ended)["state"] == "done"
    assert not (served.studio.folder / "recordings" / found["id"] / "original").exists()
    assert served.client.get(f"/api/recordings/{found['id']}/media").status_code == 200
    path.rename(path.with_name("moved.mp4"))
    assert told(served.client.get(f"/api/recordings/{found['id']}/media")) == (409, "file_gone")
    path.with_name("moved.mp4").rename(path)
    assert served.client.delete(f"/api/recordings/{found['id']}").status_code == 204
    assert path.is_file()


def test_pictures_are_taken_too(served: Any, tmp_path: Path) -> None:
    found = upload(served.client, write_picture(tmp_path / "face.png"))
    done = wait_for(served.client, found["id"], ended)
    assert done["state"] == "done" and done["kind"] == "picture" and done["duration"] is None and len(done["faces"]) == 1
    place = f"/api/recordings/{found['id']}"
    assert served.client.get(f"{place}/media").headers["content-type"] == "image/png"
    faces = served.client.get(f"{place}/faces", params={"start": 0, "end": 20}).json()["frames"]
    assert len(faces) == 1 and len(faces[0]["faces"]) == 1
    assert served.client.get(f"{place}/events").json() == {"events": []}
    assert told(served.client.get(f"{place}/export?format=elan")) == (422, "bad_request")
    assert served.client.get(f"{place}/export?format=csv").status_code == 200
    assert served.client.get(f"{place}/frame?face=0&width=64").headers["content-type"] == "image/jpeg"
