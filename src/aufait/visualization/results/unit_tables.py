"""The part of the page with a table of the action units of each face."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aufait.results import OCCURRENCE_THRESHOLD
from aufait.visualization.results.page_text import NOT_GIVEN, intensity_text, section, time_link, unit_name
from aufait.visualization.results.summary import Summary, UnitSummary

_HEAD = """<thead><tr><th scope="col">Action unit</th><th scope="col">Name</th><th scope="col" colspan="2">Present</th>
<th scope="col" class="number">Mean intensity when present</th><th scope="col" class="number">Highest</th>
<th scope="col">At</th><th scope="col">Stronger side</th></tr></thead>"""
_SIDES_DIFFER = 0.5  # mean intensity from which on a side is named


def unit_tables(summary: Summary, faces: Sequence[int], film: str | None) -> str:
    """Tables of these faces, and how many more there are."""
    if not faces:
        return section("Action units", "action-units", "<p>No face was found.</p>")
    more = len(summary.face_ids) - len(faces)
    rest = f"<p class='lead'>{more} more faces are in the table of results.</p>" if more > 0 else ""
    return section("Action units", "action-units", "".join(_table(summary, face_id, film) for face_id in faces) + rest)


def _table(summary: Summary, face_id: int, film: str | None) -> str:
    sided = summary.tells_sides(face_id)
    rows = "".join(_row(unit, film, sided) for unit in summary.units(face_id))
    lead = (
        f"Over {summary.frames_of(face_id):,} frames with this face. An action unit is present where its probability is at least "
        f"{OCCURRENCE_THRESHOLD:g}; intensity runs from 0 to 5. Left and right are the subject's."
    )
    return f"""<h3>Face {face_id}</h3><p class="small">{lead}</p>
<div class="wide" role="region" tabindex="0" aria-label="Action units of face {face_id}"><table>
<caption>Action units of face {face_id}</caption>
{_HEAD}<tbody>{rows}</tbody></table></div>"""


def _row(unit: UnitSummary, film: str | None, sided: bool) -> str:
    absent = ' class="absent"' if unit.share == 0 else ""
    graded = not math.isnan(unit.maximum)
    absent_or_none = "–" if graded else NOT_GIVEN
    mean = absent_or_none if math.isnan(unit.mean_present) else intensity_text(unit.mean_present)
    highest = intensity_text(unit.maximum) if graded else NOT_GIVEN
    share = "< 1 %" if 0 < unit.share < 0.005 else f"{100 * unit.share:.0f} %"
    return (
        f'<tr{absent}><th scope="row">AU{unit.action_unit}</th><td>{unit_name(unit.action_unit)}</td>'
        f'<td class="number">{share}</td>'
        f'<td><span class="bar" aria-hidden="true"><i style="width:{100 * unit.share:.1f}%"></i></span></td>'
        f'<td class="number">{mean}</td><td class="number">{highest}</td>'
        f"<td>{time_link(unit.time_of_maximum, film)}</td><td>{_stronger_side(unit, sided)}</td></tr>"
    )


def _stronger_side(unit: UnitSummary, sided: bool) -> str:
    if not sided:
        return NOT_GIVEN
    if math.isnan(unit.left_minus_right) or abs(unit.left_minus_right) < _SIDES_DIFFER:
        return "–"
    return f"{'left' if unit.left_minus_right > 0 else 'right'} by {abs(unit.left_minus_right):.1f}"
