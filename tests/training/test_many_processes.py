"""Several processes train what one does: started by us, by torchrun on several machines, and one after another."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from training.tiny_faces import CONVNET, assert_same_weights, rows_of, tiny_cache

from aufait.data.preparation import FaceCache
from aufait.errors import InputError
from aufait.training.recipe import load_recipe
from aufait.training.run import train
from aufait.training.run_folder import TrainingRun
from aufait.training.trainer import Means

pytest.importorskip("lightning")

SETTINGS = [
    *CONVNET, "protocol=disfa", "epochs=3", "batch_size=4", "max_faces=16", "accumulate=2", "learning_rate=0.01",
    "decay_unit=epoch", "decay_every=1", "augmentation.mirror=0.5", "hold_out=0.15",
]  # fmt: skip
"""12 batches, 6 updates; momentum, a falling rate and gradients that are added up, all of which a checkpoint must carry on."""

ROUNDING = {"rtol": 1e-3, "atol": 1e-5}


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> FaceCache:
    return tiny_cache(tmp_path_factory.mktemp("faces") / "disfa", "disfa")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, disfa: FaceCache) -> TrainingRun:
    """The run that all others are compared with: one process, never stopped."""
    out = tmp_path_factory.mktemp("alone") / "run"
    return train(load_recipe("drml_bp4d", SETTINGS), disfa, fold=1, out=out, accelerator="cpu")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def clean_environment() -> dict[str, str]:
    ours = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return {key: value for key, value in os.environ.items() if key not in ours}


def command(disfa: FaceCache, out: Path, *more: str) -> list[str]:
    """Of ``aufait train``, without the interpreter."""
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    start = ["-m", "aufait.cli.app", "train", "drml_bp4d", "--cache", str(disfa.path), "-o", str(out), "--device", "cpu"]
    return [*start, *more, *words]


def assert_same_run(out: Path, alone: TrainingRun, processes: int) -> None:
    """Losses, figures on held-out persons, learning rates and weights."""
    facts = json.loads((out / "run.json").read_text())
    assert (facts["status"], facts["processes"], facts["updates"]) == ("finished", processes, 6)
    curves = [
        {(row["step"], row["part"], row["name"]): float(row["value"]) for row in rows_of(path / "metrics.csv")}
        for path in (alone.folder, out)
    ]
    assert curves[0].keys() == curves[1].keys() and len(curves[0]) > 12
    for key, value in curves[0].items():
        assert curves[1][key] == pytest.approx(value, rel=1e-4, abs=1e-5), key
    assert_same_weights(alone.last_path, out / "last.safetensors", **ROUNDING)


def test_two_processes_have_the_loss_curve_of_one(tmp_path: Path, disfa: FaceCache, alone: TrainingRun) -> None:
    words = [sys.executable, *command(disfa, tmp_path / "two", "--devices", "2")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, env=clean_environment())
    assert ended.returncode == 0, ended.stderr
    assert_same_run(tmp_path / "two", alone, 2)


def nodes_of_torchrun(port: int, words: list[str], *ranks: int) -> list[subprocess.Popen[str]]:
    """Machines with one process each that meet at a port of the first, as ``torchrun`` starts them; here all are this one."""
    start = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "0"]
    meet = ["--rdzv-backend", "c10d", "--rdzv-id", "aufait", "--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1"]
    lines = [[*start, "--node-rank", str(rank), *meet, *words] for rank in ranks]
    return [subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=clean_environment()) for line in lines]


def test_two_machines_started_by_torchrun_train_what_one_process_does(tmp_path: Path, disfa: FaceCache, alone: TrainingRun) -> None:
    nodes = nodes_of_torchrun(free_port(), command(disfa, tmp_path / "nodes", "--nodes", "2"), 0, 1)
    errors = [node.communicate(timeout=300)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], errors
    assert_same_run(tmp_path / "nodes", alone, 2)


def test_another_number_of_processes_than_torchrun_started_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"4 processes were started together.* are 1; say --devices 2 --nodes 2"):
        Means()
    assert Means(devices=2, nodes=2).processes == 4


@pytest.mark.slow
def test_machines_that_do_not_share_the_folder_are_told_so(tmp_path: Path, disfa: FaceCache) -> None:
    program = [str(Path(__file__).parent / "stopped_training.py"), str(disfa.path)]
    stopped = [sys.executable, *program, str(tmp_path / "one"), "7", "1", *SETTINGS]
    subprocess.run(stopped, timeout=300, env=clean_environment())
    port = free_port()
    nodes = [node for rank, name in enumerate(("one", "other"))
             for node in nodes_of_torchrun(port, command(disfa, tmp_path / name, "--nodes", "2"), rank)]  # fmt: skip
    errors = [" ".join(node.communicate(timeout=300)[1].split()) for node in nodes]
    assert all("the processes see different checkpoints" in error and "(updates, by process: 3, none)" in error for error in errors)


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("batches", [6, pytest.param(8, marks=pytest.mark.slow)])
def test_a_run_resumes_with_another_number_of_processes(
    tmp_path: Path, disfa: FaceCache, alone: TrainingRun, first: int, then: int, batches: int
) -> None:
    """Killed in the middle of the second epoch, or after it."""
    program = [sys.executable, str(Path(__file__).parent / "stopped_training.py"), str(disfa.path), str(tmp_path / "run")]
    for processes, stop, status in ((first, batches + 1, -signal.SIGKILL), (then, 0, 0)):
        words = [*program, str(stop), str(processes), *SETTINGS]
        ended = subprocess.run(words, timeout=300, env=clean_environment(), stderr=subprocess.PIPE, text=True)
        assert ended.returncode == status, ended.stderr
        assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == ("running" if stop else "finished")
    assert_same_run(tmp_path / "run", alone, then)


@pytest.mark.slow
def test_workers_of_a_ray_cluster_train_what_one_process_does(tmp_path: Path, disfa: FaceCache, alone: TrainingRun) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'aufait[cluster]'")
    words = [sys.executable, *command(disfa, tmp_path / "ray", "--workers", "ray:2")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, env=clean_environment())
    assert ended.returncode == 0, ended.stderr
    assert_same_run(tmp_path / "ray", alone, 2)
