"""The geometry file: converted from OBJ files as the makers write them, checked by content, fetched only on request."""

from __future__ import annotations

import functools
import json
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aufait import doctor as environment
from aufait.cli.app import app
from aufait.errors import InputError, MissingModelError
from aufait.synthetic.head import fetch_assets as fetching
from aufait.synthetic.head.asset_content import arrays_problem, content_problem
from aufait.synthetic.head.assets import ASSET_NAME, load_face_model

pytest.importorskip("scipy")

SHAPES = ("jawOpen", "PupilDilate_L")
MODES = 2
convert_few = functools.partial(fetching.convert, identities=MODES, expressions=SHAPES)


@pytest.fixture(scope="module")
def arrays(shared: Path) -> dict[str, np.ndarray]:
    file = shared / "assets" / ASSET_NAME
    if not file.is_file():
        pytest.skip(f"no {file}")
    with np.load(file) as archive:
        return {name: archive[name] for name in archive.files}


def write_vertices(file: Path, vertices: np.ndarray, rest: str = "") -> None:
    """Writes an OBJ file in the makers' spelling: six significant digits."""
    with file.open("w", encoding="ascii") as stream:
        stream.write("# a comment\n\nmtllib ICTFaceModelMaterial.mtl\n")
        np.savetxt(stream, vertices, fmt="v %.6g %.6g %.6g")
        stream.write(rest)


@pytest.fixture(scope="module")
def clone(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ICT-FaceKit with its first identity modes and a few expression shapes."""
    root = tmp_path_factory.mktemp("ICT-FaceKit")
    folder = root / "FaceXModel"
    folder.mkdir()
    neutral = arrays["neutral"].astype(np.float64)
    uvs = "".join(f"vt {u:.6f} {v:.6f}\n" for u, v in arrays["uvs"])
    corners = np.stack([arrays["polygons"], arrays["polygon_uvs"]], axis=-1) + 1
    faces = "".join("f " + " ".join(f"{v}/{t}" for v, t in polygon if v) + "\n" for polygon in corners.tolist())
    write_vertices(folder / "generic_neutral_mesh.obj", neutral, uvs + faces)
    for row in range(MODES):
        write_vertices(folder / f"identity{row:03d}.obj", neutral + arrays["identity_deltas"][row])
    names = list(arrays["expression_names"])
    for name in SHAPES:
        write_vertices(folder / f"{name}.obj", neutral + arrays["expression_deltas"][names.index(name)])
    lists = {"idx_to_landmark_verts": arrays["landmarks68"].tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(lists), encoding="utf-8")
    return root


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``fetch_assets`` take the few modes and shapes of ``clone`` for the whole."""
    monkeypatch.setattr(fetching, "convert", convert_few)
    monkeypatch.setattr(fetching, "arrays_problem", lambda _: None)


@pytest.fixture
def damaged(clone: Path, tmp_path: Path) -> Iterator[Callable[[str, bytes], Path]]:
    """Gives a function that makes a copy of ``clone`` in which one file has another content."""

    def make(name: str, content: bytes) -> Path:
        folder = tmp_path / "damaged"
        folder.mkdir()
        for file in (clone / "FaceXModel").iterdir():
            (folder / file.name).symlink_to(file)
        (folder / name).unlink()
        if content:
            (folder / name).write_bytes(content)
        return folder

    yield make


def test_conversion_gives_the_reference_arrays(clone: Path, arrays: dict[str, np.ndarray]) -> None:
    made = convert_few(lambda name: (clone / "FaceXModel" / name).read_bytes())
    for name in ("polygons", "polygon_uvs", "triangles", "triangle_uvs", "triangle_polygon", "landmarks68", "neutral"):
        np.testing.assert_array_equal(made[name], arrays[name], err_msg=name)
        assert made[name].dtype == arrays[name].dtype
    np.testing.assert_allclose(made["uvs"], arrays["uvs"], atol=1e-6)
    for name in ("geometry_json", "eyeball_json"):
        assert json.loads(str(made[name])) == json.loads(str(arrays[name]))
    last_digit = 1.5e-4  # of the text, and one step of float16
    np.testing.assert_allclose(
        made["identity_deltas"].astype(float), arrays["identity_deltas"][:MODES].astype(float), rtol=1e-3, atol=last_digit
    )
    rows = [list(arrays["expression_names"]).index(name) for name in SHAPES]
    wanted, found = arrays["expression_deltas"][rows].astype(float), made["expression_deltas"].astype(float)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1.2e-3)  # motion close to the noise limit may fall away
    assert not found[wanted == 0].any() or np.abs(found[wanted == 0]).max() < 1.5e-4


def test_mirror_pairs_all_vertices_as_well_as_the_reference(arrays: dict[str, np.ndarray]) -> None:
    neutral = arrays["neutral"].astype(float)
    mirror = fetching.mirror_vertices(neutral)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    assert np.linalg.norm(neutral * (-1, 1, 1) - neutral[mirror], axis=1).max() < 0.03
    assert (mirror == arrays["mirror_vertices"]).mean() > 0.99  # strips of the lashes coincide, either one will do


def test_reference_passes_and_wrong_content_does_not(arrays: dict[str, np.ndarray]) -> None:
    assert arrays_problem(arrays) is None
    swapped = arrays["identity_deltas"].copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    assert "identity_deltas" in str(arrays_problem({**arrays, "identity_deltas": swapped}))
    assert "triangles" in str(arrays_problem({**arrays, "triangles": arrays["triangles"][:, ::-1]}))
    assert "neutral" in str(arrays_problem({**arrays, "neutral": arrays["neutral"] * 1.001}))
    assert "mirror" in str(arrays_problem({**arrays, "mirror_vertices": np.roll(arrays["mirror_vertices"], 1)}))


def test_file_with_other_bytes_but_the_same_content_is_accepted(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    file = tmp_path / ASSET_NAME
    np.savez(file, **{**arrays, "neutral": arrays["neutral"] + np.float32(1e-6)})
    assert content_problem(file) is None
    assert load_face_model(file, verify=True).neutral.shape == (26719, 3)
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(MissingModelError, match="--fetch-assets"):
        load_face_model(file, verify=True)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("packed", [False, True])
def test_local_copy_is_converted_with_the_licence_beside_it(packed: bool, clone: Path, tmp_path: Path) -> None:
    source, told = clone, []
    if packed:
        source = tmp_path / "clone.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_STORED) as archive:
            for file in (clone / "FaceXModel").iterdir():
                archive.write(file, f"ICT-FaceKit-{fetching.COMMIT}/FaceXModel/{file.name}")
    target = fetching.fetch_assets(tmp_path / "cache", source=source, progress=lambda *step: told.append(step))
    assert {path.name for path in target.parent.iterdir()} == {ASSET_NAME, fetching.LICENCE_NAME}
    assert "MIT License" in (target.parent / fetching.LICENCE_NAME).read_text(encoding="utf-8")
    assert told[-1] == ("converting", 4, 4)


def cut_after(file: Path, lines: int) -> bytes:
    return b"\n".join(file.read_bytes().splitlines()[:lines])


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("identity001.obj", lambda file: cut_after(file, 5000), "identity001.obj has 4997 vertices, expected 26719"),
        ("jawOpen.obj", lambda file: file.read_bytes().replace(b"v 0", b"v zero", 1), "jawOpen.obj is damaged"),
        ("jawOpen.obj", lambda _: b"", "jawOpen.obj is missing"),
        ("generic_neutral_mesh.obj", lambda file: cut_after(file, 60000), "polygons, expected 26384"),
        ("vertex_indices.json", lambda _: b"{}", "vertex_indices.json is damaged"),
    ],
)
def test_damaged_copy_is_refused_and_leaves_nothing(
    name: str,
    change: Callable[[Path], bytes],
    message: str,
    clone: Path,
    damaged: Callable[[str, bytes], Path],
    tmp_path: Path,
) -> None:
    source = damaged(name, change(clone / "FaceXModel" / name))
    with pytest.raises(InputError, match=message):
        fetching.fetch_assets(tmp_path / "cache", source=source)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_geometry_is_refused_and_leaves_nothing(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "convert", convert_few)
    with pytest.raises(MissingModelError, match=r"identity_deltas has shape .*nothing was kept"):
        fetching.fetch_assets(tmp_path / "cache", source=clone)
    assert list((tmp_path / "cache").iterdir()) == []


def test_sources_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        fetching.fetch_assets(tmp_path / "cache", source=tmp_path / "nowhere")
    (tmp_path / "other.zip").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="not a whole zip archive"):
        fetching.fetch_assets(tmp_path / "cache", source=tmp_path / "other.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"generic_neutral_mesh\.obj is missing"):
        fetching.fetch_assets(tmp_path / "cache", source=tmp_path / "empty")


def test_without_a_network_the_command_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    for proxy in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path / "cache"))
    result = CliRunner().invoke(app, ["synth", "--fetch-assets"])
    assert result.exit_code == 4
    said = " ".join(result.output.split())
    assert "could not download https://github.com/ICT-VGL/ICT-FaceKit" in said and "unreachable" in said
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("few")
def test_command_converts_a_copy_and_says_where_the_file_is(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    result = CliRunner().invoke(app, ["synth", "--fetch-assets", "--assets-source", str(clone)])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / ASSET_NAME) in result.output.replace("\n", "")


def test_doctor_tells_whether_the_geometry_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUFAIT_ASSETS", raising=False)
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    absent = next(check for check in environment.diagnose() if check.name == "face geometry")
    assert absent.status == "optional" and "--fetch-assets" in absent.advice
    (tmp_path / ASSET_NAME).write_bytes(b"anything")
    present = next(check for check in environment.diagnose() if check.name == "face geometry")
    assert present.status == "ok" and str(tmp_path) in present.detail
