"""Every command and every block of Python in the README and on the pages works, as it stands there and in that order.

A page is followed here, in a folder that has what it speaks of, or by the test of its room: all of it (``ELSEWHERE``) or its
Python (``PYTHON_ELSEWHERE``). Lines that are not typed as they stand are in ``NOT_RUN``, with the reason, and with the test that
comes nearest to them where there is one.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from typer.testing import CliRunner

from aufait import Detector, create_model, save_model
from aufait.cli.app import app
from aufait.media import open_video, sources, write_image
from aufait.media.video_writer import VideoWriter

DOCS = REPOSITORY / "docs"
COMMAND = re.compile(r"(aufait|pip|make|python3?|docker|rattler-build|curl|\.venv/bin/\w+|[A-Z_]+=\S+ python) ")
STEP = 10
"""Of the shipped clip, one frame in so many: eight seconds still, in a tenth of the time."""

HERE = (
    "README.md", "docs/start/psychologist.md", "docs/start/engineer.md", "docs/start/researcher.md", "docs/architecture.md",
    "docs/checkpoints.md", "docs/export.md", "docs/faces.md", "docs/facs.md", "docs/fairness.md", "docs/faq.md", "docs/gallery.md",
    "docs/installation.md", "docs/many_videos.md", "docs/model_card.md", "docs/python.md", "docs/reproduce.md", "docs/synthetic.md",
    "docs/twin-results.md",
)  # fmt: skip

ELSEWHERE = {
    "docs/agreement.md": "analysis/agreement/test_page_agreement.py",
    "docs/data.md": "data/test_data_docs.py",
    "docs/data_csv.md": "data/test_data_docs.py",
    "docs/events.md": "cli/test_events_command.py",
    "docs/findings.md": "analysis/test_findings_page.py",
    "docs/interop.md": "analysis/writers/test_interop_page.py",
    "docs/plots.md": "cli/test_plot_command.py",
    "docs/prepare.md": "data/test_data_docs.py",
    "docs/summarize.md": "analysis/test_summarize_page.py",
    "docs/tables.md": "analysis/readers/test_page.py",
    "docs/twins.md": "data/test_data_docs.py",
    "docs/two_people.md": "cli/test_synchrony_command.py",
}

SYSTEMS = [f"docs/systems/{path.name}" for path in (DOCS / "systems").glob("*.md")]
PYTHON_ELSEWHERE = {
    "docs/bring_your_own.md": "test_plugins.py",
    "docs/evaluate.md": "evaluation/test_reports.py",
    "docs/metrics.md": "evaluation/test_reports.py",
    "docs/studio.md": "studio/test_live_docs.py",
    "docs/train.md": "training/test_recipes.py",
    **dict.fromkeys(["docs/models.md", *SYSTEMS], "test_docs_models.py"),
}

INSTALLS = "installs; .ci/run does so with make, and make package installs what is built"
HOURS = "trains or renders for minutes to hours"
TRAINED = "needs a network that was trained, and faces: tests/evaluation and tests/test_plugins.py have small ones"
TWIN = "needs the twin, and so the face geometry, which is fetched once"
NOT_RUN = {
    "pip ": INSTALLS,
    ".venv/bin/pip ": INSTALLS,
    "python3 -m venv ": INSTALLS,
    ".venv/bin/aufait doctor": "the same as aufait doctor, which is run",
    ".venv/bin/python -m pytest ": "runs tests",
    "make ": "runs tests, or what .ci/run calls",
    "docker ": "Docker is not everywhere; tests/test_publishing.py reads the Dockerfile",
    "rattler-build ": "needs conda's build tool; tests/test_publishing.py reads the recipe",
    "aufait doctor --fetch": "fetches a file",
    "aufait synth ": "needs the face geometry, which is fetched once; tests/synthetic renders where it is",
    "aufait twin ": "the same; tests/twins",
    "aufait data check disfa twin": f"{TWIN}; tests/data/test_data_check.py",
    "aufait prepare disfa twin": f"{TWIN}; tests/data/test_data_docs.py",
    "aufait evaluate compact --data disfa=twin": f"{TWIN}; tests/evaluation/test_predict_pictures.py",
    "aufait prepare disfa /data/DISFA": "needs DISFA; tests/data/test_data_docs.py runs it on made files",
    "aufait reproduce arl --table": f"{HOURS}; tests/reproduction/test_laboratory.py makes small ones, here and below",
    "aufait reproduce arl --figure": HOURS,
    "aufait reproduce deep-regions --figure": HOURS,
    "aufait reproduce mgrr-net --": HOURS,
    "aufait reproduce aunet --": HOURS,
    "aufait reproduce --check": HOURS,
    "aufait crossval practice": "takes two minutes: tests/data/test_practice_set.py, among the slow tests",
    "aufait crossval abrnet": f"{HOURS}; tests/evaluation/test_evaluation.py crosses small folds, here and below",
    "aufait crossval arl": HOURS,
    "aufait crossval mgrr_net": HOURS,
    "aufait crossval aunet": HOURS,
    "aufait train jaa_net": f"{HOURS}; tests/training/test_training_recipes.py trains small networks, here and below",
    "aufait train arl_disfa": HOURS,
    "aufait train mgrr_net": f"{HOURS}, on several GPUs",
    "aufait train resnet18_bp4d --set rendered": f"{HOURS}; tests/training/test_rendered_training.py trains on a few",
    "aufait train tiny_recipe.yaml": "needs the example package: tests/test_plugins.py installs it and does the same",
    "aufait train-mesh ": f"{HOURS}, on faces that are not in the repository; tests/shipped has its parts, not the command",
    "aufait train-default ": "the same; tests/cli/test_cli_wrappers.py has the command",
    "aufait calibrate ": "needs labelled faces of real people; tests/shipped calibrates made scores in Python",
    "aufait evaluate runs/": TRAINED,
    "aufait evaluate RUN": TRAINED,
    "aufait evaluate --compare": TRAINED,
    "aufait detect clip.mp4 --model RUN": TRAINED,
    "aufait detect clip.mp4 --model runs/": TRAINED,
    "aufait explain RUN": TRAINED,
    "aufait explain runs/": TRAINED,
    "aufait export RUN": TRAINED,
    "AUFAIT_ASSETS=FOLDER python tools/fairness.py": HOURS,
    "aufait studio ": "waits for a browser; tests/studio opens it in one",
    "curl ": "needs a studio that runs; tests/studio asks for the same addresses",
    "python examples/studio_client.py": "the same; tests/studio/test_studio_serve.py runs the client",
    "python -m http.server": "waits for a browser; tests/studio/browser/test_static_page.py",
    "aufait import-checkpoint ": "a form to fill in; tests/models/test_import_checkpoint.py",
    "aufait detect 's3://": "needs a store; nox -s stores",
    "aufait detect /project/": "a cluster's folders; aufait detect interviews --shard 1/2 is run",
    "aufait bench gpu": "measures for minutes; tests/bench/test_bench_gpu.py, among the slow tests",
    "aufait export default": "takes a minute; tests/models/test_compact.py",
    "aufait export pipeline": "takes a minute; tests/export/test_pipeline_export.py",
}
NOT_RUN_PYTHON = {
    ("docs/python.md", "# needs prepared faces"): "tests/test_shortcuts.py",
    ("docs/synthetic.md", "from aufait.synthetic"): "needs the face geometry; tests/synthetic/test_synthetic_streaming.py",
}
PAGES = (REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md")))
WRITTEN_BY_HAND = [
    path.relative_to(REPOSITORY).as_posix() for path in PAGES if "generated" not in path.parts and path.name != "cli.md"
]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of every block of code, in order."""
    return re.findall(r"^```([^\n`]*)\n(.*?)^```$", (REPOSITORY / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[str]:
    """The commands in a block, each on one line."""
    for line in text.replace("\\\n", " ").splitlines():
        if COMMAND.match(f"{line} "):
            yield from re.split(r" && ", line)


def lines(page: str) -> Iterator[str]:
    for language, text in blocks(page):
        if language in ("", "bash", "console", "sh"):
            yield from commands(text)


def left_out(line: str) -> bool:
    return line.startswith(tuple(NOT_RUN))


def python_left_out(page: str, text: str) -> bool:
    return any(page == where and text.startswith(start) for where, start in NOT_RUN_PYTHON)


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "demo.mp4"
    with open_video(sources.demo_clip()) as video:
        frames = [frame for number, frame in enumerate(video) if number % STEP == 0]
    height, width = frames[0].image.shape[:2]
    with VideoWriter(path, (width, height), frame_rate=25.0 / STEP) as writer:
        for frame in frames:
            writer.write(frame.image, frame.timestamp)
    return path


@pytest.fixture
def desk(tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder: a clip, a photo and what else the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "demo_clip", lambda: short_clip)
    for name in ("clip.mp4", "long.mp4", "interview.mp4", "clips/a.mp4", "interviews/anna.mp4", "studies/one.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(short_clip, tmp_path / name)
    with open_video(short_clip) as video:
        write_image(tmp_path / "photo.jpg", next(iter(video)).image)
    return tmp_path


def camera() -> Iterator[tuple[np.ndarray, float]]:
    with open_video("clip.mp4") as video:
        for frame in video:
            yield frame.image, frame.timestamp


def prepare(page: str, request: pytest.FixtureRequest) -> dict[str, object]:
    """What the page takes for granted: files that are made, and names of its Python."""
    runner = CliRunner()
    image = next(camera())[0]
    if page == "docs/faces.md":
        request.getfixturevalue("monkeypatch").setenv("AUFAIT_MEDIAPIPE_MODEL", str(request.getfixturevalue("task_file")))
        with Detector(finder="mesh") as detector:
            faces = detector.find_next(image, 0.0).faces
        return {"image": image, "mesh": np.stack([face.mesh for face in faces])}
    if page == "docs/faq.md":
        assert runner.invoke(app, ["detect", "clip.mp4", "-o", "."]).exit_code == 0
    if page == "docs/export.md":
        save_model(create_model("resnet18", "disfa", image_size=64).eval(), "MODEL.safetensors", name="resnet18")
    return {"__name__": "example", "my_camera": camera, "image": image}


@pytest.mark.parametrize("page", [*HERE, *(page for page in PYTHON_ELSEWHERE if any(lines(page)))])
def test_what_a_page_tells_to_type_works(page: str, desk: Path, request: pytest.FixtureRequest) -> None:
    names = prepare(page, request)
    for number, (language, text) in enumerate(blocks(page), 1):
        if language == "python" and page not in PYTHON_ELSEWHERE and not python_left_out(page, text):
            exec(compile(text, f"{page}, block {number}", "exec"), names)
        for line in commands(text) if language in ("", "bash") else ():
            if not left_out(line):
                assert line.startswith("aufait "), f"{page}: who runs this? {line}"
                result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
                assert result.exit_code == 0, (line, result.output, result.exception)
    if page.endswith("psychologist.md"):
        made = ("aufait-demo/demo_report.html", "events.csv", "blinks.csv", "summary/index.html", "smile.png", "review/demo.eaf")
        assert [name for name in made if not (desk / name).exists()] == []


def test_every_page_is_followed_somewhere() -> None:
    with_code = {page for page in WRITTEN_BY_HAND if any(lines(page)) or any(kind == "python" for kind, _ in blocks(page))}
    assert with_code == {*HERE, *ELSEWHERE, *PYTHON_ELSEWHERE}


@pytest.mark.parametrize("page", [*ELSEWHERE, *PYTHON_ELSEWHERE])
def test_the_test_that_follows_a_page_is_there(page: str) -> None:
    text = (REPOSITORY / "tests" / {**ELSEWHERE, **PYTHON_ELSEWHERE}[page]).read_text("utf-8")
    assert re.search(rf"[\"/]{Path(page).stem}(\.md)?\"", text) or page in SYSTEMS  # whose test takes the whole folder


def test_what_is_not_run_is_on_a_page() -> None:
    said = [line for page in (*HERE, *PYTHON_ELSEWHERE) for line in lines(page)]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in said)] == []
    assert [row for row in NOT_RUN_PYTHON if not any(python_left_out(row[0], text) for _, text in blocks(row[0]))] == []
