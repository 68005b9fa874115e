"""Files of events, read back by other programs' libraries: ELAN and Praat by pympi, WebVTT by FFmpeg, tables by pandas."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from math import floor
from pathlib import Path

import av
import pandas
import pympi
import pytest
from made_recordings import event

from aufait.analysis.annotations import read_annotations
from aufait.analysis.annotations.codes import code_of
from aufait.analysis.writers import Choices, Recording, convert
from aufait.analysis.writers.names import level
from aufait.errors import InputError, InputWarning, OutputError

pytestmark = pytest.mark.filterwarnings("ignore::aufait.errors.InputWarning")


def expected(recording: Recording) -> Counter[tuple[int, int, str]]:
    """Start and end in milliseconds, and level, of every event."""
    times = ((floor(1000 * one.onset + 0.5), floor(1000 * one.offset + 0.5)) for one in recording.events)
    return Counter((*pair, level(one)) for pair, one in zip(times, recording.events, strict=True))


def elan(recording: Recording, path: Path) -> pympi.Eaf:
    convert([recording], "elan", path)
    return pympi.Eaf(str(path))


def test_elan_holds_every_event_at_its_time_with_its_level(recording: Recording, tmp_path: Path) -> None:
    file = elan(recording, tmp_path / "clip.eaf")
    found = Counter(entry[:3] for tier in file.get_tier_names() for entry in file.get_annotation_data_for_tier(tier))
    assert found == expected(recording)


def test_elan_has_a_tier_for_every_unit_of_every_face_also_where_nothing_happens(recording: Recording, tmp_path: Path) -> None:
    file = elan(recording, tmp_path / "clip.eaf")
    names = set(file.get_tier_names())
    assert {f"AU{unit} face {face}" for unit in (1, 12, 43) for face in (0, 1)} <= names
    assert file.get_annotation_data_for_tier("AU43 face 0") == []
    assert file.get_parameters_for_tier("AU12 left face 1")["PARTICIPANT"] == "face 1"


def test_events_that_overlap_are_on_tiers_of_their_own_and_those_that_touch_are_not(recording: Recording, tmp_path: Path) -> None:
    file = elan(recording, tmp_path / "clip.eaf")
    assert sorted(file.get_annotation_data_for_tier("AU12 face 0")) == [(100, 735, "E"), (735, 1000, "C")]
    assert file.get_annotation_data_for_tier("AU12 face 0 (2)") == [(800, 1200, "B")]


def test_levels_are_a_controlled_vocabulary_that_the_annotations_refer_to(recording: Recording, tmp_path: Path) -> None:
    file = elan(recording, tmp_path / "clip.eaf")
    entries = file.get_cv_entries("FACS intensity")
    values = {key: value for key, (values, _) in entries.items() for value, _, _ in values}
    assert sorted(values.values()) == ["A", "B", "C", "D", "E", "present"]
    root = ElementTree.parse(tmp_path / "clip.eaf").getroot()
    notes = root.findall(".//ALIGNABLE_ANNOTATION")
    assert notes and all(values[note.get("CVE_REF", "")] == note.findtext("ANNOTATION_VALUE") for note in notes)
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in root.findall("TIER")} == {"FACS events"}
    assert root.find("LINGUISTIC_TYPE").get("CONTROLLED_VOCABULARY_REF") == "FACS intensity"  # type: ignore[union-attr]


def test_times_of_elan_ascend_and_every_reference_leads_somewhere(recording: Recording, tmp_path: Path) -> None:
    elan(recording, tmp_path / "clip.eaf")
    root = ElementTree.parse(tmp_path / "clip.eaf").getroot()
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.findall("TIME_ORDER/TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    for note in root.findall(".//ALIGNABLE_ANNOTATION"):
        assert slots[note.get("TIME_SLOT_REF1")] < slots[note.get("TIME_SLOT_REF2")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_video_is_linked_from_where_the_elan_file_is(recording: Recording, here: Path) -> None:
    (media,) = elan(recording, Path("coded/clip.eaf")).get_linked_files()
    assert media["RELATIVE_MEDIA_URL"] == "../videos/Zoë 1.mp4"
    assert media["MEDIA_URL"] == f"file://{here.as_posix()}/videos/Zoë 1.mp4"
    assert media["MIME_TYPE"] == "video/mp4"


def test_elan_and_praat_files_come_back_as_the_coders_codes_that_agreement_reads(recording: Recording, tmp_path: Path) -> None:
    for to, name in (("elan", "a.eaf"), ("praat", "a.TextGrid"), ("boris", "a.boris"), ("boris-table", "a.tsv")):
        convert([recording], to, tmp_path / name)
        spans = read_annotations(tmp_path / name)
        codes = Counter((code.unit, code.side, code.level) for code in map(code_of, spans) if code)
        assert codes == {(12, "", 5): 1, (12, "", 3): 1, (12, "", 2): 1, (12, "left", None): 1, (1, "", None): 1}, to


def test_praat_holds_every_event_and_covers_the_whole_time(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "praat", tmp_path / "clip.TextGrid")
    grid = pympi.TextGrid(str(tmp_path / "clip.TextGrid"))
    found: Counter[tuple[int, int, str]] = Counter()
    for tier in grid.get_tiers():
        intervals = list(tier.get_all_intervals())
        assert intervals[0][0] == 0 and intervals[-1][1] == pytest.approx(recording.length)
        assert all(one[1] == other[0] for one, other in zip(intervals, intervals[1:], strict=False))
        found.update((round(1000 * start), round(1000 * end), text) for start, end, text in intervals if text)
    assert found == expected(recording)


def test_subtitles_are_read_by_ffmpeg_with_the_times_of_the_events(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "webvtt", tmp_path / "clip.vtt")
    with av.open(str(tmp_path / "clip.vtt")) as file:
        cues = [packet for packet in file.demux() if packet.size]
        times = [(round(1000 * packet.pts * packet.time_base), round(1000 * (packet.pts + packet.duration) * packet.time_base))
                 for packet in cues]  # fmt: skip
        texts = [bytes(packet).decode() for packet in cues]
    assert sorted(times) == sorted(one[:2] for one in expected(recording).elements())
    assert "<v face 0>face 0: AU12 Lip corner puller, E</v>" in texts
    assert any("&lt;b&gt;ü&lt;/b&gt;\\n\\x07" in text for text in texts)


def test_every_start_of_the_observers_text_has_its_stop(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "noldus", tmp_path / "clip.txt")
    table = pandas.read_csv(tmp_path / "clip.txt", sep=";", skiprows=1, encoding="utf-8-sig")
    assert list(table.columns)[:4] == ["Trial time", "Subject", "Behavior", "Event type"]
    assert table["Trial time"].is_monotonic_increasing
    found, open_since = Counter(), defaultdict(list)
    for row in table.itertuples(index=False):
        key = (row.Subject, row.Behavior, row.Modifier)
        if row[3] == "State start":
            open_since[key].append(row[0])
        else:
            found[round(1000 * open_since[key].pop(0)), round(1000 * row[0]), row.Modifier] += 1
    assert not any(open_since.values())
    assert found == expected(recording)


def test_boris_rows_say_start_stop_and_duration(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "boris-table", tmp_path / "clip.tsv")
    table = pandas.read_csv(tmp_path / "clip.tsv", sep="\t")
    levels = table["Modifier #1"].fillna("present")
    rows = zip(table["Start (s)"], table["Stop (s)"], levels, strict=True)
    found = Counter((round(1000 * start), round(1000 * stop), value) for start, stop, value in rows)
    assert found == expected(recording)
    assert (table["Stop (s)"] - table["Start (s)"] - table["Duration (s)"]).abs().max() < 1e-9
    assert set(table["Subject"]) == {"face 0", "face 1", "No focal subject"}
    assert set(table["Behavior type"]) == {"STATE"}


PROJECT_KEYS = {
    "time_format", "project_date", "project_name", "project_description", "project_format_version", "subjects_conf",
    "behaviors_conf", "observations", "behavioral_categories", "independent_variables", "coding_map", "behaviors_coding_map",
    "converters",
}  # fmt: skip
BEHAVIOUR_KEYS = {"type", "key", "code", "description", "color", "category", "modifiers", "excluded", "coding map"}
OBSERVATION_KEYS = {"file", "type", "date", "description", "time offset", "events", "independent_variables"}


def check_boris(project: dict) -> Counter[tuple[int, int, str]]:  # type: ignore[type-arg]
    """What BORIS's user guide says of a project: keys, codes that are defined, states that pair; returns start, end and level."""
    assert set(project) >= PROJECT_KEYS
    codes = {one["code"]: one for one in project["behaviors_conf"].values()}
    subjects = {one["name"] for one in project["subjects_conf"].values()} | {""}
    assert len(codes) == len(project["behaviors_conf"])
    assert all(set(one) >= BEHAVIOUR_KEYS and one["type"] == "State event" and "|" not in one["code"] for one in codes.values())
    found: Counter[tuple[int, int, str]] = Counter()
    for observation in project["observations"].values():
        assert set(observation) >= OBSERVATION_KEYS
        assert [row[0] for row in observation["events"]] == sorted(row[0] for row in observation["events"])
        began: dict[tuple[str, ...], int] = {}
        for seconds, subject, code, modifier, comment, _ in observation["events"]:
            assert subject in subjects and isinstance(comment, str)
            assert modifier in [*codes[code]["modifiers"]["0"]["values"], "None"]
            key, moment = (subject, code, modifier), round(1000 * seconds)
            if key in began:
                found[began.pop(key), moment, "present" if modifier == "None" else modifier] += 1
            else:
                began[key] = moment
        assert not began
    return found


def test_a_boris_project_is_whole_and_its_states_pair(recording: Recording, here: Path) -> None:
    convert([recording], "boris", Path("clip.boris"))
    project = json.loads(Path("clip.boris").read_text("utf-8"))
    assert check_boris(project) == expected(recording)
    observation = project["observations"]["clip"]
    assert observation["type"] == "MEDIA" and observation["file"]["1"] == ["videos/Zoë 1.mp4"]
    info = observation["media_info"]
    assert info["length"] == {"videos/Zoë 1.mp4": 3.0} and info["fps"] == {"videos/Zoë 1.mp4": 30.0}


def test_a_recording_without_a_video_is_a_live_observation_of_boris(nasty: Recording, recording: Recording, tmp_path: Path) -> None:
    convert([Recording("other", recording.events), nasty], "boris", tmp_path / "two.boris")
    project = json.loads((tmp_path / "two.boris").read_text("utf-8"))
    assert {one["type"] for one in project["observations"].values()} == {"LIVE"}
    assert set(project["observations"]) == {"other", 'Zoë; "A,B"\\n=1+1\\t| x'}
    assert check_boris(project) == expected(recording) + expected(nasty)


@pytest.mark.parametrize("to", ["elan", "praat", "webvtt", "noldus", "boris", "boris-table"])
def test_names_with_separators_formulas_and_line_breaks_stay_one_name(to: str, nasty: Recording, tmp_path: Path) -> None:
    (path,) = convert([nasty], to, tmp_path)
    assert path.parent == tmp_path and not set(path.name) & set('\n\t/\\:|"')
    text = path.read_text("utf-8-sig")
    for sign in (";", "\t"):
        assert f"{sign}=cmd" not in text and f"{sign}@SUM" not in text
    assert "Zoë" in path.name


def test_a_table_without_rows_gives_files_without_events(empty: Recording, tmp_path: Path) -> None:
    assert elan(empty, tmp_path / "a.eaf").get_tier_names() is not None
    convert([empty], "webvtt", tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").read_text("utf-8") == "WEBVTT\n"
    for to, name, separator, skip in (("noldus", "a.txt", ";", 1), ("boris-table", "a.tsv", "\t", 0)):
        convert([empty], to, tmp_path / name)
        assert len(pandas.read_csv(tmp_path / name, sep=separator, skiprows=skip, encoding="utf-8-sig")) == 0
    with pytest.raises(InputError, match="needs a length"):
        convert([empty], "praat", tmp_path / "a.TextGrid")


def test_events_before_the_video_and_without_length_are_told(tmp_path: Path) -> None:
    odd = Recording("odd", (event("AU1", -2, -1), event("AU1", -0.5, 0.5), event("AU4", 1, 1)))
    with pytest.warns(InputWarning) as told:
        file = elan(odd, tmp_path / "odd.eaf")
    assert {str(one.message).partition(" as ")[0] for one in told} >= {
        "odd: 2 events lie before 0 s and are cut there,", "odd: 1 events have no length and get 1 ms,"
    }  # fmt: skip
    assert file.get_annotation_data_for_tier("AU1 face 0") == [(0, 500, "C")]
    assert file.get_annotation_data_for_tier("AU4 face 0") == [(1000, 1001, "C")]


def test_an_existing_file_is_kept_unless_it_may_be_replaced(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "clip.eaf"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        convert([recording], "elan", path)
    assert path.read_text() == "mine"
    convert([recording], "elan", path, Choices(overwrite=True))
    assert path.read_text("utf-8").startswith("<?xml")


def test_what_cannot_be_written_is_refused_by_name(recording: Recording, tmp_path: Path) -> None:
    other = Recording("other", recording.events)
    for match, call in (
        ("no format is called 'eaf'", lambda: convert([recording], "eaf", tmp_path)),
        ("end in .eaf", lambda: convert([recording], "elan", tmp_path / "clip.xml")),
        ("give a folder", lambda: convert([recording, other], "elan", tmp_path / "clip.eaf")),
        ("would both be", lambda: convert([Recording("a/b"), Recording("a:b")], "webvtt", tmp_path)),
        ("no recording", lambda: convert([], "elan", tmp_path)),
        ("give its table", lambda: convert([other], "fex", tmp_path)),
        ("give its table", lambda: convert([other], "wide", tmp_path)),
    ):
        with pytest.raises(InputError, match=match):
            call()
    assert list(tmp_path.iterdir()) == []
