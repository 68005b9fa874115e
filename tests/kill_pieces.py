"""One long video in segments, by processes that do not know of each other, killed and started again until it is done.

    python tests/kill_pieces.py WORK [--frames 1200] [--piece 60] [--processes 1] [--workers 1] [--kills 20] [--seed 1] [--steps]

Each process gives the same command, ``aufait detect film.mp4 --segments 4``; a killed one is given again. What is there then is
compared with an undisturbed run. Whenever a piece is begun, that is noted: none that was whole at a kill may be begun again, and
as many as kills have cost. With ``--steps`` kills come before every change of a file name, one after the other, and once more in
the run that follows. It prints one line of JSON. Coloured squares stand for people, a stand-in takes the place of the network.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import fakes
import films
import kill_detect
import kill_many

BEGUN = "AUFAIT_TEST_PIECES_BEGUN"
"""Name of the variable that holds the file to which each piece that is begun adds a line, for worker processes too."""


def noting_fakes() -> None:
    """Stand-ins, and notes of frames and pieces. Done when this module is loaded, as worker processes load it."""
    from aufait.detection import detector, pieced

    fakes.use_fakes()
    detector._load_finder = lambda *_: films.ColourFinder()  # type: ignore[assignment,return-value]
    track, follow = films.ColourFinder.track, pieced.PieceFolder._follow

    def counted(self: films.ColourFinder, image: object, timestamp: float) -> object:
        note(kill_many.FRAMES_SEEN, ".")
        return track(self, image, timestamp)  # type: ignore[arg-type]

    def noted(self: pieced.PieceFolder, piece: object, *rest: object) -> None:
        note(BEGUN, f"{piece.number}\n")  # type: ignore[attr-defined]
        follow(self, piece, *rest)  # type: ignore[arg-type]

    films.ColourFinder.track = counted  # type: ignore[method-assign,assignment]
    pieced.PieceFolder._follow = noted  # type: ignore[method-assign,assignment]


def note(variable: str, text: str) -> None:
    with Path(os.environ[variable]).open("a") as file:
        file.write(text)


if BEGUN in os.environ or __name__ == "__main__":
    noting_fakes()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", action="store_true")
    for name, value in {"frames": 1200, "piece": 60, "processes": 1, "workers": 1, "kills": 20, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    from aufait.cli.app import app
    from aufait.detection import detector, jobs, pieced, tables  # noqa: F401  # before the forks, which then begin at once
    from aufait.media.pieces import PieceRule, pieces_of

    rule, tell = PieceRule(asked.piece, warm_frames=asked.piece // 3, warm_seconds=0.4), pieced.tell_pieces
    pieced.tell_pieces = lambda tasks: tell(tasks, rule)  # type: ignore[assignment]
    film, whole, out = asked.work / "film.mp4", asked.work / "whole", asked.work / "out"
    asked.work.mkdir(parents=True)
    code, _ = kill_detect.run(lambda: films.write_film(film, asked.frames))  # PyAV's encoders start threads
    assert code == 0
    pieces = len(pieces_of(film, None, rule)[0])

    def detect(folder: Path) -> None:
        words = ["detect", str(film), "-o", str(folder), "--segments", "4", "--workers", str(asked.workers), "-q"]
        app(words, standalone_mode=True)

    count_in(asked.work, "undisturbed")
    start = time.monotonic()
    code, _ = kill_detect.run(lambda: detect(whole))
    length = time.monotonic() - start
    assert code == 0 and sum(begun().values()) == pieces > 1, f"the undisturbed run ended with {code} and began {begun()}"
    frames = Path(os.environ[kill_many.FRAMES_SEEN]).stat().st_size
    count_in(asked.work, "seen")
    chance = random.Random(asked.seed)
    if asked.steps:
        hits, runs, code, broken = kill_detect.every_step(lambda: detect(out), out, whole, asked.kills, chance, length)
        found = {"kills": hits, "runs": runs, "broken": broken}
    else:
        at = sorted(chance.sample(range(1, frames), asked.kills))
        state = partial(begun_of_whole, out, range(pieces))
        found = kill_many.together(lambda: detect(out), Path(os.environ[kill_many.FRAMES_SEEN]), asked.processes, at, chance, state)
        found["broken"] += kill_detect.differences(out, whole)
        found["begun"], found["allowed"] = sum(begun().values()), pieces + found["kills"] * asked.workers
        if found["begun"] > found["allowed"]:
            found["broken"].append("more pieces were begun than kills have cost")
    sys.stdout.write(json.dumps({"pieces": pieces, "undisturbed_seconds": round(length, 2), **found}) + "\n")


def count_in(work: Path, name: str) -> None:
    for variable, kind in ((kill_many.FRAMES_SEEN, "frames"), (BEGUN, "begun")):
        path = work / f"{name}_{kind}"
        path.touch()
        os.environ[variable] = str(path)


def begun() -> Counter[int]:
    """How often each piece was begun."""
    return Counter(map(int, Path(os.environ[BEGUN]).read_text().split()))


def begun_of_whole(out: Path, pieces: range) -> dict[str, object]:
    """How often each piece was begun that is whole; all are where the table is."""
    joined = (out / "film.provenance.json").exists()
    whole = pieces if joined else [int(path.stem) for path in out.glob("film.pieces/?????.json")]
    times = begun()
    return {f"piece {number}": times[number] for number in whole}


if __name__ == "__main__":
    main()
