"""A studio as a program: its address, one per folder, killed and begun again, many clients at once."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")
from conftest import REPOSITORY
from fakes import write_clip
from served_studio import slow_clip

_PATIENCE = 400
_TESTS = Path(__file__).resolve().parents[1]


@dataclass
class Program:
    """A studio that runs."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {parse_qs(urlsplit(self.address).query)['token'][0]}"}

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.request(method, path, body, {**self.headers, **headers})
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()

    def recordings(self) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in json.loads(self.ask("/api/recordings")[1])["recordings"]}

    def upload(self, content: bytes, name: str = "clip.mp4") -> str:
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = head + content + b"\r\n--b--\r\n"
        status, answer = self.ask("/api/recordings", "POST", body, **{"Content-Type": "multipart/form-data; boundary=b"})
        assert status == 201, answer
        return str(json.loads(answer)["id"])

    def wait(self, identity: str, *states: str) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE
        while (found := self.recordings()[identity])["state"] not in states:
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found


def start(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    program = [sys.executable, str(_TESTS / "fake_studio.py"), str(folder)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    process = start(folder)
    assert process.stdout is not None and process.stderr is not None
    address = process.stdout.readline().strip()
    assert address, process.stderr.read()
    try:
        yield Program(process, address)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()


def children(pid: int) -> set[int]:
    """Process ids of the workers of a studio."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return {int(one) for one in found.split()}


def test_one_studio_for_a_folder_whose_address_is_kept(tmp_path: Path) -> None:
    with running(tmp_path / "a folder") as first:
        kept = tmp_path / "a folder" / "studio.json"
        assert os.name != "posix" or kept.stat().st_mode & 0o077 == 0
        second = start(tmp_path / "a folder")
        told = second.communicate(timeout=60)[1]
        assert second.returncode == 1 and "another studio runs in" in told and "Traceback" not in told
        stream = http.client.HTTPConnection("127.0.0.1", first.port, timeout=30)
        stream.request("GET", "/api/updates", headers=first.headers)
        assert stream.getresponse().read(1) == b":"
        begin = time.monotonic()
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(30)
        assert time.monotonic() - begin < 20, "a page that listens does not keep the studio from ending"
        stream.close()
    with running(tmp_path / "a folder") as again:
        assert again.address == first.address
    kept.chmod(0o644)
    with running(tmp_path / "a folder") as other:
        assert other.headers != first.headers, "a token that others could read is not used again"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_studio_that_is_killed_begins_its_job_again(tmp_path: Path) -> None:
    done_clip, slow = write_clip(tmp_path / "clip.mp4").read_bytes(), slow_clip(tmp_path / "slow.mp4").read_bytes()
    with running(tmp_path / "studio") as program:
        done = program.upload(done_clip)
        kept = program.wait(done, "done")
        broken = program.upload(slow)
        program.wait(broken, "running")
        workers = children(program.process.pid)
        program.process.kill()
        program.process.wait(10)
        end = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) for pid in workers):
            assert time.monotonic() < end, "a worker whose studio is gone ends itself"
            time.sleep(0.1)
    with running(tmp_path / "studio") as program:
        assert program.recordings()[done] == kept
        assert program.wait(broken, "done")["faces"][0]["rows"] == 100


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_hundred_clients_poll_while_eight_upload_and_memory_stays(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 50).read_bytes()
    large = clip + (60_000_000).to_bytes(4, "big") + b"free" + bytes(60_000_000 - 8)  # what players skip
    faults: list[str] = []
    with running(tmp_path / "studio") as program:
        identity = program.upload(clip)
        program.wait(identity, "done")
        paths = ("/api/recordings", f"/api/recordings/{identity}/lanes", f"/api/recordings/{identity}/faces?start=0&end=2")
        answers, peak, stop = [0], [0], threading.Event()

        def poll(number: int) -> None:
            line = http.client.HTTPConnection("127.0.0.1", program.port, timeout=120)
            while not stop.is_set():
                try:
                    line.request("GET", paths[number % 3], headers=program.headers)
                    answer = line.getresponse()
                    answer.read()
                    answers[0] += 1
                    if answer.status != 200:
                        faults.append(f"{answer.status}")
                except (OSError, http.client.HTTPException) as error:
                    faults.append(repr(error))
                    line.close()
                time.sleep(0.05)
            line.close()

        def send(name: str) -> None:
            try:
                program.upload(large, name)
            except (OSError, AssertionError, http.client.HTTPException) as error:
                faults.append(repr(error))

        pollers = [threading.Thread(target=poll, args=(number,)) for number in range(100)]
        for one in pollers:
            one.start()
        time.sleep(5)
        before = resident(program.process.pid)
        senders = [threading.Thread(target=send, args=(f"clip {number}.mp4",)) for number in range(8)]
        for one in senders:
            one.start()
        while any(one.is_alive() for one in senders):
            peak[0] = max(peak[0], resident(program.process.pid))
            time.sleep(0.05)
        stop.set()
        for one in pollers:
            one.join()
        after = resident(program.process.pid)
        told = f"{answers[0]} answers; {before / 1e6:.0f} MB before, {peak[0] / 1e6:.0f} MB at most, {after / 1e6:.0f} MB after"
        sys.stdout.write(f"{told}\n")
        assert not faults, faults[:5]
        assert answers[0] > 1000 and len(program.recordings()) == 9
        assert peak[0] < before + 150_000_000, "480 MB of uploads are not kept in memory"


def example() -> Any:
    found = importlib.util.spec_from_file_location("studio_client", REPOSITORY / "examples" / "studio_client.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_client_of_the_examples_submits_waits_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    clip = write_clip(tmp_path / "a clip.mp4", 30)
    with running(tmp_path / "studio") as program:
        module = example()
        out = tmp_path / "out"
        arguments = ["studio_client.py", program.address, str(clip), "--format", "csv", "--format", "elan", "-o", str(out)]
        monkeypatch.setattr(sys, "argv", arguments)
        assert module.main() == 0
        assert "a clip.mp4: 1 faces" in capsys.readouterr().out
        assert {path.name for path in out.iterdir()} == {"a clip_csv.csv", "a clip_elan.eaf"}
        client = module.StudioClient(program.address)
        for identity in program.recordings():
            client.delete(identity)
        assert program.recordings() == {}
        (tmp_path / "text.mp4").write_text("no video")
        with pytest.raises(RuntimeError, match=r"text\.mp4"):
            client.submit(tmp_path / "text.mp4")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    from aufait.errors import InputError
    from aufait.studio.serve import serve
    from aufait.studio.settings import StudioSettings

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = StudioSettings(port=taken.getsockname()[1])
        with pytest.raises(InputError, match="choose another --port"):
            serve(tmp_path, settings, print)


def test_the_command_checks_what_is_given(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from aufait.cli.app import app

    for arguments, said in (
        (["--host", "0.0.0.0"], "--allow-remote"), (["--max-upload", "much"], "--max-upload"),
        (["--max-upload", "0"], "--max-upload"), (["--workers", "0"], "--workers"),
        (["--allow-paths", str(tmp_path / "nothing")], "--allow-paths"),
    ):  # fmt: skip
        result = CliRunner().invoke(app, ["studio", str(tmp_path / "studio"), *arguments])
        assert result.exit_code == 2 and said in result.output.replace("\n", " "), result.output
    assert not (tmp_path / "studio").exists()


def test_without_its_packages_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.errors import MissingExtraError
    from aufait.studio.serve import serve
    from aufait.studio.settings import StudioSettings

    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[web\]"):
        serve(tmp_path / "studio", StudioSettings(), print)
    assert not (tmp_path / "studio").exists()


def test_the_server_itself_loads_no_networks(tmp_path: Path) -> None:
    """The page opens at once; only workers need the library of the networks."""
    code = (
        "import sys; from pathlib import Path; from aufait.studio.app import create_app; from aufait.studio.settings import"
        " StudioSettings; from aufait.studio.studio import Studio; create_app(Studio(Path(sys.argv[1]), StudioSettings()));"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "studio")], check=False, timeout=300).returncode == 0
