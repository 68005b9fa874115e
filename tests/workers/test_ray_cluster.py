"""A Ray cluster of this machine does what processes do."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from deadly_finders import DeadlyFinder
from fakes import FakePredictor, write_clip
from score_files import smile, write_table
from workers.works import Work

from aufait.analysis.summary import summarize
from aufait.analysis.summary.files import write_summary
from aufait.detection.detector import Detector
from aufait.detection.many import run_tasks
from aufait.detection.plan import plan_tasks
from aufait.errors import AufaitError, InputError, MissingExtraError, OutputError
from aufait.media.sources import expand_inputs
from aufait.workers import ray_cluster
from aufait.workers.executor import executor_for
from aufait.workers.ray_cluster import RayCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    if importlib.util.find_spec("ray") is None:  # to be imported by RayCluster, which first says how
        pytest.skip("Ray is not installed: pip install 'aufait[cluster]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where its workers find the work
        cluster = RayCluster(workers=2)
        yield cluster
        cluster._ray.shutdown()


@pytest.mark.slow
def test_each_item_gives_its_value_and_messages_arrive(cluster: RayCluster, tmp_path: Path) -> None:
    messages = []
    items = [f"double {letter}" for letter in "abcdef"]
    done = list(cluster.map(Work(tmp_path), items, lambda index, text: messages.append((index, text))))
    assert {one.index: one.value for one in done} == {index: letter * 2 for index, letter in enumerate("abcdef")}
    assert sorted(messages) == [(index, f"doing {letter}") for index, letter in enumerate("abcdef")]
    assert len(list(tmp_path.glob("begun_*"))) <= 2


@pytest.mark.slow
def test_a_cluster_that_is_started_here_listens_to_this_machine_alone(cluster: RayCluster) -> None:
    assert [node["NodeManagerAddress"] for node in cluster._ray.nodes()] == ["127.0.0.1"]


@pytest.mark.slow
def test_workers_that_need_each_other_begin_together(cluster: RayCluster, tmp_path: Path) -> None:
    assert cluster.together(Work(tmp_path), ["meet 2", "meet 2"], gpus=False) == ["0 of 2 met", "1 of 2 met"]
    with pytest.raises(AufaitError, match="3 workers need one of each at the same time, the cluster has 2 CPUs"):
        cluster.together(Work(tmp_path), ["meet 3"] * 3, gpus=False)


@pytest.mark.slow
def test_the_death_of_one_ends_those_that_wait_for_it(cluster: RayCluster, tmp_path: Path) -> None:
    with pytest.raises(AufaitError, match=r"worker on the cluster ended .* tried 1 times; the same command again resumes"):
        cluster.together(Work(tmp_path), ["meet 2", "die 99"], gpus=False)
    assert cluster.together(Work(tmp_path), ["meet 2", "meet 2"], gpus=False) == ["0 of 2 met", "1 of 2 met"]


@pytest.mark.slow
def test_workers_are_in_the_folder_of_the_command(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [one.value for one in cluster.map(Work(Path()), ["double a"])] == ["aa"]
    assert list(tmp_path.glob("begun_*"))


@pytest.mark.slow
def test_other_commands_give_the_same_by_a_cluster(cluster: RayCluster, tmp_path: Path) -> None:
    for name, seconds in (("anna", 4), ("bo", 6)):
        write_table(tmp_path / "tables" / f"{name}.csv", smile(25 * seconds, 50, 25))
    found = [summarize([tmp_path / "tables"], executor=executor) for executor in (None, cluster)]
    for name, batch in zip(("here", "there"), found, strict=True):
        write_summary(batch, tmp_path / name)
    for file in ("summary_long.csv", "summary_wide.csv", "codebook.csv"):
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes()


@pytest.mark.slow
def test_errors_arrive_as_they_were(cluster: RayCluster, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disc is full"):
        list(cluster.map(Work(tmp_path), ["double a", "fail the disc is full"]))
    with pytest.raises(MissingExtraError, match=r"aufait\[wings\]"):
        list(cluster.map(Work(tmp_path), ["lack wings"]))


@pytest.mark.slow
def test_a_worker_that_dies_takes_only_its_item_with_it(cluster: RayCluster, tmp_path: Path) -> None:
    done = list(cluster.map(Work(tmp_path), ["die 1", *["double a"] * 3]))
    assert sorted(str(one.value) for one in done) == ["aa"] * 3 + ["alive"]
    (tmp_path / "deaths").unlink()
    done = list(cluster.map(Work(tmp_path), ["die 99", "double a"]))
    assert {one.value for one in done} == {None, "aa"}
    assert "tried 2 times" in next(one.died for one in done if one.value is None)


@pytest.mark.slow
def test_a_worker_whose_memory_runs_out_takes_only_its_item_with_it(cluster: RayCluster, tmp_path: Path) -> None:
    done = list(cluster.map(Work(tmp_path), ["starve 1", *["double a"] * 3]))
    assert sorted(str(one.value) for one in done) == ["aa"] * 3 + ["fed"]
    (tmp_path / "starved").unlink()
    done = list(cluster.map(Work(tmp_path), ["starve 99", "double a"]))
    assert "its memory ran out); tried 2 times" in next(one.died for one in done if one.value is None)


@pytest.mark.slow
def test_detection_goes_on_when_a_worker_of_the_cluster_is_killed(cluster: RayCluster, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 3, brightness=40 + 60 * number) for number, name in enumerate("abc")]
    (graves := tmp_path / "graves").mkdir()
    given = {"finder": DeadlyFinder(graves=graves), "model": FakePredictor(), "device": "cpu"}
    for name, executor in (("many", cluster), ("one", None)):  # the first kills one of its workers, and then nobody is killed
        with Detector(**given) as detector:  # type: ignore[arg-type]
            outcomes = run_tasks(plan_tasks(expand_inputs(clips), tmp_path / name), detector, executor=executor, arguments=given)
        assert [one.status for one in outcomes] == ["ok"] * 3 and len(list(graves.iterdir())) == 1
    for clip in clips:
        assert (tmp_path / "many" / f"{clip.stem}.csv").read_bytes() == (tmp_path / "one" / f"{clip.stem}.csv").read_bytes()


@pytest.mark.slow
def test_who_stops_listening_ends_the_workers(cluster: RayCluster, tmp_path: Path) -> None:
    results = cluster.map(Work(tmp_path), ["double a", "wait 60"])
    assert next(results).value == "aa"
    results.close()
    assert [one.value for one in cluster.map(Work(tmp_path), ["double b"] * 2)] == ["bb"] * 2


@pytest.mark.parametrize("text", ["ray:", "ray:0", "ray://", "ray://host", "ray:x", "ray://host:1/path"])
def test_addresses_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"a Ray cluster is ray, ray:4 or ray://HOST:PORT"):
        executor_for(text)


def test_an_absent_ray_is_answered_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[cluster\]'"):
        executor_for("ray")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "no-such-host.invalid"])
def test_an_address_where_nobody_listens_is_told_within_seconds(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_library", lambda starts: SimpleNamespace(is_initialized=lambda: False))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but it does not listen
        address, start = f"ray://{host}:{taken.getsockname()[1]}", time.monotonic()
        with pytest.raises(AufaitError, match=r"no Ray cluster answers at ray://.*is it running"):
            executor_for(address)
    assert time.monotonic() - start < 30


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ray:
        @staticmethod
        def is_initialized() -> bool:
            return False

        @staticmethod
        def init(*_: object, **__: object) -> None:
            raise ConnectionError("ray client connection timeout")

    monkeypatch.setattr(ray_cluster, "_library", lambda starts: Ray)
    monkeypatch.setattr(ray_cluster, "_require_answer", lambda address: None)
    with pytest.raises(AufaitError, match="no Ray cluster answers at ray://head:10001: ray client connection timeout"):
        executor_for("ray://head:10001")
    with pytest.raises(AufaitError, match=r"no Ray cluster could be started on this machine: ray client .*without Ray"):
        executor_for("ray:2")


ONE_ADDRESS = """
import os, signal, sys, time
from pathlib import Path
from workers.works import Work
from aufait.errors import AufaitError
from aufait.workers.executor import executor_for

folder, port, head = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
executor = executor_for(f"ray://127.0.0.1:{port}")
told = []
done = list(executor.map(Work(folder), ["die 1", "double a", "double b"], lambda index, text: told.append(text)))
assert sorted(str(one.value) for one in done) == ["aa", "alive", "bb"] and set(told) == {"doing a", "doing b"}, (done, told)
try:
    for one in executor.map(Work(folder), ["double a", "wait 90"]):
        os.kill(head, signal.SIGTERM)
        begun = time.monotonic()
except AufaitError as error:
    print(f"{time.monotonic() - begun:.0f}", error)
"""


def answers(port: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port)), 1.0):
        return True
    return False


@pytest.mark.slow
def test_a_cluster_is_used_by_its_address_and_its_end_is_told(tmp_path: Path) -> None:
    """In processes of their own, as a process is connected to one cluster."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'aufait[cluster]'")
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(str(free.getsockname()[1]))
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port", ports[0],
             "--ray-client-server-port", ports[1], "--num-cpus", "2", "--node-ip-address", "127.0.0.1",
             "--include-dashboard", "false", "--object-store-memory", "100000000"]  # fmt: skip
    with subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=here) as head:
        try:
            until = time.monotonic() + 120
            while not answers(ports[1]) and time.monotonic() < until:
                time.sleep(0.5)
            words = [sys.executable, "-c", ONE_ADDRESS, str(tmp_path), ports[1], str(head.pid)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, env=here, timeout=300)
        finally:
            head.terminate()  # which ends the others of its cluster
    assert done.returncode == 0, done.stderr
    seconds, _, message = done.stdout.strip().splitlines()[-1].partition(" ")
    assert message == "the Ray cluster answers no more; the same command again does what is missing" and int(seconds) < 90


@pytest.mark.slow
def test_an_address_where_something_else_answers_is_told_within_a_minute(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'aufait[cluster]'")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = ["detect", str(write_clip(tmp_path / "a.mp4", 3)), "-o", str(tmp_path), "--workers"]
        words = [sys.executable, "-m", "aufait", *words, f"ray://127.0.0.1:{silent.getsockname()[1]}"]
        start = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1 and time.monotonic() - start < 90
    assert "no Ray cluster answers at ray://127.0.0.1" in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(tmp_path.glob("a.*csv"))
