"""How true the detector is on real faces: one command per bar, each with machine, command and spread.

    python benchmarks/bench_real.py dev FOLDER      labelled faces: F1, ROC area, calibration; error sheets
    python benchmarks/bench_real.py rest FOLDER     studio portraits kept out of training: false alarms, smiles; faces found
    python benchmarks/bench_real.py sides FOLDER    half smiles of the same people and of renders: is the acting side recognised?
    python benchmarks/bench_real.py brows FOLDER    the kept portraits with moved brows: are AUs 1, 2 and 4 found?
    python benchmarks/bench_real.py quality FOLDER  error against quality, and quality under known defects

Options of all: ``--finder``, ``--finder-model``, ``--model``, ``--device``, ``--runtime``; ``... dev --help`` shows the
rest. The pictures are not part of the repository; docs/benchmarks.md says what each folder holds.
"""

from __future__ import annotations

import argparse
import sys

from real_bench import brows, development, resting, sides, trust

from aufait.errors import AufaitError

PARTS = {
    "dev": (development, "F1, ROC area and calibration on labelled faces"),
    "rest": (resting, "false alarms on resting faces, smiles, faces found"),
    "sides": (sides, "faces that act on one side"),
    "brows": (brows, "moved brows on portraits kept out of training"),
    "quality": (trust, "error against quality, quality under defects"),
}


def main() -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="PART")
    for name, (part, text) in PARTS.items():
        part.add_parser(commands.add_parser(name, help=text, description=part.__doc__))
    options = parser.parse_args()
    try:
        options.run(options)
    except AufaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
