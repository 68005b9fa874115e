"""Videos and results in S3-like storage: read by range, sent whole, resumed, and told about in sentences without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import use_fakes, write_clip
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.files.buckets import BucketPath, bucket_path, open_storage, storage_errors
from aufait.media.sources import expand_inputs

SECRET = "never-to-be-shown"


def test_places_in_buckets_are_recognised() -> None:
    assert bucket_path("s3://lab/a/b.mp4") == BucketPath("lab/a/b.mp4")
    assert str(bucket_path(Path("s3://lab/out/"))) == "s3://lab/out", "a path loses a stroke"
    assert bucket_path("videos/s3/a.mp4") is None
    with pytest.raises(InputError, match="names no bucket"):
        bucket_path("s3://")


def test_errors_are_sentences_without_what_was_sent() -> None:
    class EndpointConnectionError(Exception):
        pass

    cases = [(PermissionError(SECRET), "may not be used with the credentials"), (FileNotFoundError(SECRET), "does not exist")]
    for error, words in [*cases, (EndpointConnectionError(SECRET), "cannot be reached"), (ValueError(SECRET), "cannot be used")]:
        with pytest.raises(OutputError, match=words) as told, storage_errors(BucketPath("lab/a"), OutputError):
            raise error
        assert SECRET not in str(told.value) and "s3://lab/a" in str(told.value)
        assert told.value.__cause__ is None and told.value.__suppress_context__, "no traceback shows it either"


def test_the_extra_is_named_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[cloud\]"):
        expand_inputs(["s3://lab/a.mp4"])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A store on this machine that speaks S3."""
    for package in ("s3fs", "flask", "flask_cors", "moto"):
        pytest.importorskip(package, reason=f"{package} is not installed: nox -s stores")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An empty bucket "lab"."""
    values = {"AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in {**values, "AWS_DEFAULT_REGION": "us-east-1", "AUFAIT_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    storage = open_storage()
    if storage.exists("lab"):
        storage.rm("lab", recursive=True)
    storage.mkdir("lab")
    return storage


def detect(*words: str) -> Any:
    return CliRunner().invoke(app, ["detect", *words, "--finder", "builtin", "--quiet"])


def test_videos_and_results_in_a_bucket(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.detection.detector._load_finder", None)
    monkeypatch.setattr("aufait.detection.detector.open_predictor", None)
    use_fakes()
    clips = [write_clip(tmp_path / f"{name}.mp4", frames, brightness=90) for name, frames in (("a", 6), ("b", 9))]
    for clip in clips:
        store.put_file(str(clip), f"lab/in/{clip.name}")
    store.pipe_file("lab/in/notes.txt", b"no video")
    first = detect("s3://lab/in/*.mp4", "-o", "s3://lab/out")
    assert first.exit_code == 0, first.output
    assert sorted(store.ls("lab/out", detail=False)) == [
        f"lab/out/{name}" for name in ("a.csv", "a.provenance.json", "b.csv", "b.provenance.json")
    ]
    record = store.cat_file("lab/out/b.provenance.json").decode()
    assert json.loads(record)["inputs"][0]["name"] == "s3://lab/in/b.mp4" and json.loads(record)["counts"]["frames"] == 9
    assert SECRET not in record and "Signature" not in record and "someone" not in record
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()], "nothing stays here"
    assert detect(*map(str, clips), "-o", str(tmp_path / "here")).exit_code == 0
    ours = (tmp_path / "here" / "b.csv").read_text().splitlines()
    theirs = store.cat_file("lab/out/b.csv").decode().splitlines()
    assert len(ours) == len(theirs) == 10
    before = store.info("lab/out/a.csv")["LastModified"]
    again = CliRunner().invoke(app, ["detect", "s3://lab/in/", "-o", "s3://lab/out", "--finder", "builtin"])
    assert again.exit_code == 0 and "2 of 2 were there already" in again.output, again.output
    assert store.info("lab/out/a.csv")["LastModified"] == before
    other = detect("s3://lab/in/a.mp4", "-o", "s3://lab/out", "--max-faces", "1")
    assert other.exit_code == 3 and "made with other settings" in other.output


def test_what_is_wrong_is_said(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, words in (("s3://lab/none.mp4", "does not exist"), ("s3://nowhere/a.mp4", "does not exist")):
        with pytest.raises(InputError, match=words) as told:
            expand_inputs([place])
        assert SECRET not in str(told.value)
    store.pipe_file("lab/in/notes.txt", b"no video")
    with pytest.raises(InputError, match="holds no video"):
        expand_inputs(["s3://lab/in"])
    clip = write_clip(tmp_path / "a.mp4", 3)
    refused = detect(str(clip), "-o", "s3://nowhere/out")
    assert refused.exit_code == 3 and "there is no bucket nowhere" in refused.output
    store.pipe_file("lab/out/a.csv", b"mine")
    foreign = detect(str(clip), "-o", "s3://lab/out")
    assert foreign.exit_code == 3 and "no record says how it was made" in foreign.output
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    type(store).clear_instance_cache()
    unreachable = detect(str(clip), "-o", "s3://lab/out")
    assert unreachable.exit_code == 3 and "cannot be reached" in unreachable.output, unreachable.output
    type(store).clear_instance_cache()
