"""Work for the tests of executors; in a module of its own, as worker processes import it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aufait.errors import MissingExtraError, OutputError


@dataclass(frozen=True)
class Work:
    """Items are words that say what is to happen."""

    folder: Path

    def begin(self) -> Path:
        with (self.folder / f"begun_{os.getpid()}").open("a") as file:
            file.write("begin\n")
        return self.folder

    def do(self, tools: Path, item: str, tell: Callable[[Any], None]) -> str:
        kind, _, argument = item.partition(" ")
        return getattr(self, f"_{kind}")(argument, tell)

    def _double(self, argument: str, tell: Callable[[Any], None]) -> str:
        tell(f"doing {argument}")
        return argument * 2

    def _process(self, argument: str, tell: Callable[[Any], None]) -> str:
        time.sleep(0.2)
        return str(os.getpid())

    def _fail(self, argument: str, tell: Callable[[Any], None]) -> str:
        raise OutputError(argument)

    def _lack(self, argument: str, tell: Callable[[Any], None]) -> str:
        raise MissingExtraError("flying", argument)

    def _strange(self, argument: str, tell: Callable[[Any], None]) -> str:
        class Local(Exception):
            pass

        raise Local(argument)

    def _unsendable(self, argument: str, tell: Callable[[Any], None]) -> Any:
        return lambda: argument

    def _die(self, argument: str, tell: Callable[[Any], None]) -> str:
        """Dies as often as the argument says, then works."""
        with (self.folder / "deaths").open("a") as file:
            file.write("x")
        if (self.folder / "deaths").stat().st_size <= int(argument):
            os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    def _starve(self, argument: str, tell: Callable[[Any], None]) -> str:
        """Asks for more memory than there is as often as the argument says, then works."""
        with (self.folder / "starved").open("a") as file:
            file.write("x")
        if (self.folder / "starved").stat().st_size <= int(argument):
            bytearray(1 << 60)
        return "fed"

    def _wait(self, argument: str, tell: Callable[[Any], None]) -> str:
        tell("waiting")
        try:
            time.sleep(float(argument))
        except KeyboardInterrupt:
            (self.folder / "tidied").touch()
            return "interrupted"
        return "waited"

    def _meet(self, argument: str, tell: Callable[[Any], None]) -> str:
        """Counts all who do this at the same time."""
        import torch

        rank = int(os.environ["NODE_RANK"])
        torch.distributed.init_process_group("gloo", rank=rank, world_size=int(argument))
        met = torch.ones(1)
        torch.distributed.all_reduce(met)
        return f"{rank} of {int(met)} met"


@dataclass(frozen=True)
class NumberedWork(Work):
    """Items are done with the number of the process."""

    number: int = -1

    def placed(self, number: int) -> NumberedWork:
        return replace(self, number=number)

    def _number(self, argument: str, tell: Callable[[Any], None]) -> str:
        time.sleep(0.2)
        return str(self.number)

    def _die(self, argument: str, tell: Callable[[Any], None]) -> str:
        return f"{super()._die(argument, tell)} {self.number}"
