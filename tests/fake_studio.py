"""A studio as a program, with substitutes for the networks: python fake_studio.py FOLDER; prints its address."""

from __future__ import annotations

import sys
from pathlib import Path

from served_studio import fake_work

from aufait.errors import AufaitError
from aufait.studio.serve import serve
from aufait.studio.settings import StudioSettings


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]), StudioSettings(), _announce, work=fake_work)
    except AufaitError as error:
        sys.exit(str(error))
