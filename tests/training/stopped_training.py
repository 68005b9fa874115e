"""A training that kills itself: CACHE OUT BATCHES DEVICES KEY=VALUE ... ; 0 batches train to the end."""

from __future__ import annotations

import os
import signal
import sys

from aufait.data.preparation import FaceCache
from aufait.training.recipe import load_recipe
from aufait.training.run import train


def main(cache: str, out: str, batches: str, devices: str, *settings: str) -> None:
    def report(done: int, total: int, text: str) -> None:
        if done == int(batches):
            os.kill(os.getpid(), signal.SIGKILL)

    train(
        load_recipe("drml_bp4d", settings), FaceCache.open(cache), out=out, accelerator="cpu", devices=int(devices),
        checkpoint_every=1, report=report,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
