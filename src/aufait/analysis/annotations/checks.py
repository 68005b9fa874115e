"""What is odd about annotations that were read: told to the user, never repaired."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from aufait.analysis.annotations.codes import looks_like_a_code, parse_code
from aufait.analysis.annotations.text import shown
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

_SHOWN = 3
_TOGETHER = 1e-6  # seconds; two that meet do not overlap


def report_oddities(path: Path, spans: Sequence[Span], layers: bool) -> None:
    """Warn of annotations that overlap where they should not, and of codes that name no action unit.

    Args:
        layers: the format has tiers, on which annotations follow each other; without, only equal labels should.
    """
    pairs = list(_overlaps(spans, layers))
    if pairs:
        each = "; ".join(
            f"{shown(one.label)} {one.start:.3f}-{one.end:.3f} s and {shown(other.label)} {other.start:.3f}-{other.end:.3f} s"
            for one, other in pairs[:_SHOWN]
        )
        where = f" on the tier {shown(pairs[0][0].tier)}" if pairs[0][0].tier else ""
        more = f", and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
        warnings.warn(f"{path}: annotations overlap{where}, all are kept: {each}{more}", InputWarning, stacklevel=3)
    unknown = sorted({span.label for span in spans if looks_like_a_code(span.label) and parse_code(span.label) is None})
    if unknown:
        names = ", ".join(shown(label) for label in unknown[: 2 * _SHOWN])
        more = f", and {len(unknown) - 2 * _SHOWN} more" if len(unknown) > 2 * _SHOWN else ""
        warnings.warn(
            f"{path}: no action units that are known here, kept as labels: {names}{more} (write AU12, AU12C, L12 or 12c)",
            InputWarning,
            stacklevel=3,
        )


def _overlaps(spans: Sequence[Span], layers: bool) -> Iterator[tuple[Span, Span]]:
    """Pairs of an annotation and the one that reaches furthest of those before it on its layer."""
    furthest: dict[tuple[str, ...], Span] = {}
    for span in spans:
        layer = (span.recording, span.person, span.tier, "" if layers else span.label)
        before = furthest.get(layer)
        if before is not None and min(span.end, before.end) - span.start > _TOGETHER:
            yield before, span
        if before is None or span.end > before.end:
            furthest[layer] = span


def refuse(path: Path, problems: Sequence[str], what_to_do: str) -> None:
    """Raise where there are problems; the first ones are told.

    Raises:
        InputError: there is one.
    """
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise InputError(f"{path}: {'; '.join(problems[:_SHOWN])}{more}; {what_to_do}")
