"""The report on a data set, and the commands that show it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_trees import make_bp4d, make_disfa, make_fera2017, write_text, write_video
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data import check_dataset, get_protocol, list_protocols, open_dataset
from aufait.data.anomalies import KINDS
from aufait.data.datasets import DATASETS
from aufait.data.facts import facts_of, published_rates

runner = CliRunner()


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_disfa(tmp_path_factory.mktemp("disfa"))


def test_report_counts_rates_and_intensities(disfa: Path) -> None:
    report = check_dataset(open_dataset("disfa", disfa), protocol=get_protocol("disfa"))
    assert (report.subjects, report.recordings, report.frames) == (3, 3, 18)
    au1 = report.action_units[0]
    assert (au1.action_unit, au1.known, au1.positives) == (1, 18, 12) and au1.rate == pytest.approx(2 / 3)
    assert au1.intensity == (3, 3, 3, 3, 3, 3) and list(au1.published.values()) == [pytest.approx(0.05)]
    assert report.expected == {"recordings": 27, "frames": 130814, "subjects": 27}
    assert report.protocol is not None and "lacks SN004" in report.protocol["problems"][0]
    assert [one["test_frames"] for one in report.protocol["folds"]] == [12, 6]  # fold 2 has no subject here
    assert report.anomalies.counts() == {"missing-subject": 24, "unexpected-count": 3}
    json.dumps(report.to_dict(), allow_nan=False)


def test_videos_are_compared_with_labels_without_decoding(tmp_path: Path) -> None:
    make_disfa(tmp_path, subjects=[1], frames=6, video_frames=4)
    make_disfa(tmp_path, subjects=[2], frames=6, video_frames=7)
    write_video(tmp_path / "Videos_LeftCamera" / "LeftVideoSN003_comp.avi", 6)
    make_disfa(tmp_path, subjects=[3], media=False)
    video = tmp_path / "Videos_LeftCamera" / "LeftVideoSN003_comp.avi"
    video.write_bytes(video.read_bytes()[:300])
    report = check_dataset(open_dataset("disfa", tmp_path))
    lengths = {one.where: one for one in report.anomalies.of("length-disagrees")}
    assert lengths["disfa/SN001"].count == 2 and "2 label rows have no frame" in lengths["disfa/SN001"].detail
    assert "1 to 7" in lengths["disfa/SN002"].detail
    assert [one.where for one in report.anomalies.of("truncated-video")] == ["disfa/SN003"]
    rows = [row for row, _, _ in open_dataset("disfa", tmp_path).recordings[0].images()]
    assert rows == [0, 1, 2, 3]


def test_decoding_finds_what_headers_hide(tmp_path: Path) -> None:
    root = make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"])
    (root / "Sequences(2D+3D)" / "F001" / "T1" / "0011.jpg").write_bytes(b"\xff\xd8\xff no picture")
    dataset = open_dataset("bp4d", root)
    assert "unreadable-picture" not in check_dataset(dataset).anomalies.counts()
    seen: list[tuple[int, int]] = []
    report = check_dataset(dataset, decode=True, progress=lambda done, total: seen.append((done, total)))
    assert report.anomalies.counts()["unreadable-picture"] == 1 and report.decoded and seen == [(1, 1)]
    make_disfa(tmp_path / "disfa", subjects=[1])
    video = tmp_path / "disfa" / "Videos_LeftCamera" / "LeftVideoSN001_comp.avi"
    damaged = bytearray(video.read_bytes())
    video.write_bytes(damaged[: int(len(damaged) * 0.9)])
    report = check_dataset(open_dataset("disfa", tmp_path / "disfa"), decode=True)
    assert report.anomalies.of("truncated-video") or report.anomalies.of("length-disagrees")


def test_rates_far_from_the_published_ones_are_noted(tmp_path: Path) -> None:
    subjects = facts_of("bp4d")["subjects"]
    make_bp4d(tmp_path, subjects=subjects, tasks=["T1"], frames=range(10, 23))
    report = check_dataset(open_dataset("bp4d", tmp_path))
    named = {one.where for one in report.anomalies.of("occurrence-rate")}
    assert "AU1" in named and "AU14" not in named  # 46.2 % here; 21.1 % and 46.6 % in ARL's Table 5
    assert "unexpected-count" in report.anomalies.counts() and "missing-subject" not in report.anomalies.counts()


def test_published_skews_become_rates() -> None:
    tables = {one["source"]: one["rates"] for one in published_rates("bp4d")}
    assert tables["Deep Regions, Table 1"][1] == pytest.approx(1 / 3.2) and tables["ARL, Table 5"][12] == pytest.approx(0.562)
    assert published_rates("csv") == []


def test_check_command_prints_and_writes_json(disfa: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    result = runner.invoke(app, ["data", "check", "disfa", str(disfa), "--protocol", "disfa", "--json", str(out)])
    assert result.exit_code == 0, result.output
    for text in ("3 subjects (published: 27)", "AU12", "66.7%", "13.2%", "missing-subject (24)", "fold", "lacks SN004", "[1]"):
        assert text in result.output, text
    data = json.loads(out.read_text())
    assert data["action_units"]["AU12"]["positives"] == 12 and data["protocol"]["name"] == "disfa"
    again = runner.invoke(app, ["data", "check", "disfa", str(disfa), "--json", str(out)])
    assert again.exit_code == 3 and "--overwrite" in again.output


def test_check_command_on_wrong_input(disfa: Path, tmp_path: Path) -> None:
    for arguments, text in (
        (["disfaa", str(disfa)], "did you mean 'disfa'"),
        (["disfa", str(tmp_path)], "ActionUnit_Labels/SN001/SN001_au1.txt"),
        (["disfa", str(disfa), "--set", "camera"], "KEY=VALUE"),
        (["disfa", str(disfa), "--protocol", "nothing"], "unknown protocol"),
    ):
        result = runner.invoke(app, ["data", "check", *arguments])
        assert result.exit_code == 2 and text in result.output, result.output
    result = runner.invoke(app, ["data", "check", "disfa", str(disfa), "--set", "need_media=no", "--quiet"])
    assert result.exit_code == 0 and result.output == ""


def test_check_command_on_own_labels_with_own_protocol(disfa: Path, tmp_path: Path) -> None:
    video = disfa / "Videos_LeftCamera" / "LeftVideoSN001_comp.avi"
    rows = "".join(f"{video},{frame},s{frame % 2},{frame % 2}\n" for frame in range(1, 5))
    table = write_text(tmp_path / "labels.csv", "video,frame,subject,AU12\n" + rows)
    result = runner.invoke(app, ["data", "check", "csv", str(table), "--protocol", "leave_one_subject_out"])
    assert result.exit_code == 0 and "50.0%" in result.output and "no anomalies" in result.output, result.output


def test_groups_and_list(tmp_path: Path) -> None:
    make_fera2017(tmp_path)
    result = runner.invoke(app, ["data", "check", "fera2017", str(tmp_path), "--set", "views=56"])
    assert result.exit_code == 0 and "partition: train 2, validation 2" in result.output and "view: 5 2, 6 2" in result.output
    result = runner.invoke(app, ["data", "list"])
    assert result.exit_code == 0 and "fera2017_seven_poses" in result.output and "leave_one_subject_out" in result.output
    data = json.loads(runner.invoke(app, ["data", "list", "--json"]).output)
    assert "frame_offset" in data["datasets"]["bp4d"]["options"] and data["protocols"]["mixed"]["datasets"][2] == "affwild2"


def test_pages_name_every_data_set_option_protocol_and_anomaly() -> None:
    page, own = (Path(__file__).parents[2] / "docs" / name for name in ("data.md", "data_csv.md"))
    text = page.read_text(encoding="utf-8")
    for name, entry in DATASETS.items():
        where = own.read_text(encoding="utf-8") if name == "csv" else text
        assert name == "csv" or f"\n## {name}\n" in text
        assert [option for option in entry.options() if f"`{option}`" not in where] == []
    assert [name for name in list_protocols() if f"| `{name}` |" not in text] == []
    assert [kind for kind, meaning in KINDS.items() if f"| `{kind}` | {meaning} |" not in text] == []
