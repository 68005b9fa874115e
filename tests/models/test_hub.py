"""Networks in folders and on the Hub: local first, exact names, no code in what is read."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import aufait
from aufait.errors import InputError, MissingExtraError, MissingModelError
from aufait.files.hashes import file_sha256
from aufait.models.hub import CARD, WEIGHTS, from_pretrained, push_to_hub, save_pretrained

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = aufait.create_model("drml", au_set=(1, 12))
    return save_pretrained(network, tmp_path_factory.mktemp("hub") / "drml", name="drml", notes={"data": "none"})


class FakeHub:
    """What of ``huggingface_hub`` is used, over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[Any] = []

    def hf_hub_download(self, name: str, file: str, *, revision: str | None) -> str:
        self.calls.append((name, file, revision))
        if name.endswith("absent"):
            raise OSError("404 Client Error.\nRepository not found")
        return str(self.folder / file)

    def HfApi(self) -> Any:
        return SimpleNamespace(create_repo=self._create, upload_folder=self._upload)

    def _create(self, name: str, **options: Any) -> None:
        self.calls.append((name, options))

    def _upload(self, **options: Any) -> Any:
        self.calls.append(options)
        return SimpleNamespace(oid=COMMIT)


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)  # type: ignore[arg-type]
    return fake


def test_a_folder_is_read_without_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    network = from_pretrained(folder, sha256=file_sha256(folder / WEIGHTS))
    assert network.config.action_units == (1, 12)
    with pytest.raises(InputError, match="not the file that was meant"):
        from_pretrained(folder, sha256="0" * 64)
    with pytest.raises(MissingExtraError, match="hub"):
        from_pretrained("lab/drml", revision=COMMIT)


def test_a_name_is_fetched_only_when_it_says_exactly_which(folder: Path, hub: FakeHub, tmp_path: Path) -> None:
    for options in ({}, {"revision": "main"}, {"revision": COMMIT[:8]}):
        with pytest.raises(InputError, match="40 hexadecimal digits"):
            from_pretrained("lab/drml", **options)
    with pytest.raises(InputError, match="owner/name"):
        from_pretrained(tmp_path / "absent", revision=COMMIT)
    assert hub.calls == []
    with pytest.raises(MissingModelError):
        from_pretrained(tmp_path)
    network = from_pretrained("lab/drml", revision=COMMIT)
    assert hub.calls == [("lab/drml", WEIGHTS, COMMIT)]
    original = from_pretrained(folder)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), original.parameters(), strict=True))
    with pytest.raises(InputError, match=r"^lab/absent could not be fetched from the Hub: 404 Client Error\.$"):
        from_pretrained("lab/absent", revision=COMMIT)


def test_nothing_is_sent_without_a_complete_card(folder: Path, hub: FakeHub) -> None:
    card = folder / CARD
    written = card.read_text(encoding="utf-8")
    assert file_sha256(folder / WEIGHTS) in written
    with pytest.raises(InputError, match="complete it"):
        push_to_hub(folder, "lab/drml")
    with pytest.raises(InputError, match="owner/name"):
        push_to_hub(folder, "drml")
    assert hub.calls == []
    try:
        card.write_text(written.replace("TO BE COMPLETED", "rendered faces only."), encoding="utf-8")
        assert push_to_hub(folder, "lab/drml") == COMMIT
        assert hub.calls[0] == ("lab/drml", {"private": True, "exist_ok": True})
        assert hub.calls[1]["allow_patterns"] == [WEIGHTS, CARD]
        save_pretrained(from_pretrained(folder), folder, name="drml")
        assert "rendered faces only" in card.read_text(encoding="utf-8")  # a card is not written over
    finally:
        card.write_text(written, encoding="utf-8")
