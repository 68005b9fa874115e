"""The page of a comparison: measures with intervals, pictures of them, and the longest disagreements; one file without network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from aufait import __version__
from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.page_pairs import joint_section, pair_section, pictures_section, recordings_section
from aufait.analysis.agreement.page_stretches import stretches_section
from aufait.analysis.bootstrap import MIN_BLOCKS
from aufait.analysis.page_parts import bullets, link_to, section, style
from aufait.files.safe_text import content_policy

NOTE = (
    "Agreement says how alike two raters are, not who is right. Look at the longest disagreements before trusting either. "
    "Frames follow each other and are alike: intervals draw stretches of time, or persons, never single frames."
)
MEANINGS = {
    "Present": "share of the frames in which each says that the action unit is there",
    "F1": "2 × both / (first + second): agreement on presence, not corrected for chance",
    "Kappa": "Cohen's: agreement of frames beyond what chance gives; 1 perfect, 0 chance; undefined where nobody ever says present",
    "Fleiss' kappa": "the same of three raters or more, on the frames that all scored",
    "Alpha": "Krippendorff's, for presence: as kappa, for any number of raters and with missing frames",
    "Alpha, ordinal": "the same of levels, by rank; interval: by squared difference",
    "ICC(2,1)": "agreement of intensities in level and course; a constant difference counts against it",
    "ICC(3,1)": "agreement of intensities in course; a constant difference does not count",
    "Bias": "mean difference of intensities, second minus first, and the limits that hold 95 % of the differences",
    "Events F1": "events of one that share time with one of the other, matched one to one",
    "Onset": "median seconds from the first's onset to the second's, of matched events",
}


def page_of(found: Comparison, folder: Path, files: Sequence[Path], warned: Sequence[str] = (), pictures: bool = True) -> str:
    """The page as HTML.

    Args:
        folder: in which it will be; links are relative to it.
        files: of the comparison, to link.
        warned: what had to be told about the inputs.
        pictures: whether it shows frames of the videos.
    """
    template = Template((resources.files(__package__) / "page_template.html").read_text(encoding="utf-8"))
    pairs = [pool for pool in found.pools.values() if pool.second]
    joint = [pool for pool in found.pools.values() if not pool.second]
    sections = [
        *(joint_section(found, pool) for pool in joint),
        *(pair_section(found, pool, number) for number, pool in enumerate(pairs)),
        recordings_section(found),
        stretches_section(found, folder, pictures),
        pictures_section(found),
        _messages(found, warned),
        _how(found),
        section("Files", "files", f'<ul class="plain">{"".join(_file(file, folder) for file in files)}</ul>'),
    ]
    return template.substitute(
        policy=content_policy(),
        style=style(),
        version=html.escape(__version__),
        title="Agreement",
        lead=html.escape(_sentence(found)),
        facts="\n".join(f"<li><b>{html.escape(value)}</b><span>{name}</span></li>" for name, value in _facts(found)),
        note=html.escape(NOTE),
        sections="\n".join(filter(None, sections)),
    )


def _sentence(found: Comparison) -> str:
    names = f"{', '.join(found.raters[:-1])} and {found.raters[-1]}"
    count = len(found.recordings)
    what = f"on {count} recordings" if count > 1 else f"on {found.recordings[0]}" if found.recordings else "on one recording"
    return f"How far {names} agree {what}, per action unit, frame by frame and event by event."


def _facts(found: Comparison) -> list[tuple[str, str]]:
    seconds = max(pool.seconds for pool in found.pools.values())
    units = {unit for pool in found.pools.values() for unit in pool.units}
    persons = {row.person for row in found.measures if row.person}
    recordings = max(1, len(found.recordings))
    facts = [
        ("raters", str(len(found.raters))),
        ("recordings" if recordings > 1 else "recording", str(recordings)),
        ("compared" if len(found.pools) == 1 else "compared, longest pair", _length(seconds)),
        ("action units" if len(units) > 1 else "action unit", str(len(units))),
    ]
    if persons:
        facts.insert(2, ("persons" if len(persons) > 1 else "person", str(len(persons))))
    if found.failed:
        facts.append(("could not be compared", str(len(found.failed))))
    return facts


def _messages(found: Comparison, warned: Sequence[str]) -> str:
    body = ""
    if found.failed:
        body += "<p class='lead'>Could not be compared:</p>" + bullets(f"{name}: {why}" for name, why in found.failed.items())
    if found.unmatched:
        body += "<p class='lead'>Without a partner:</p>" + bullets(found.unmatched)
    if warned:
        body += "<p class='lead'>To check:</p>" + bullets(warned)
    return section("Messages", "messages", body) if body else ""


def _how(found: Comparison) -> str:
    settings = found.settings
    bootstrap, coded = settings.bootstrap, settings.coded
    drawn = f"{100 * bootstrap.confidence:g} %, {bootstrap.rounds} draws of blocks of {bootstrap.block:g} s, seed {bootstrap.seed}"
    facts = {
        **MEANINGS,
        "Coded by coders": coded if isinstance(coded, str) else f"{coded[0]:g} to {coded[1]:g} s",
        "Present from": f"level {settings.level:g} of a coder; a table's own decision, else intensity {settings.intensity:g}",
        "Onsets": f"may differ by {settings.tolerance:g} s",
        "Intervals": f"{drawn}; none below {MIN_BLOCKS * bootstrap.block:g} s" if bootstrap.rounds else "none",
    }
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return section("What the numbers mean, and how they were made", "settings", f"<dl>{rows}</dl>")


def _file(file: Path, folder: Path) -> str:
    return f'<li><a href="{link_to(file, folder)}">{html.escape(file.name)}</a></li>'


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
