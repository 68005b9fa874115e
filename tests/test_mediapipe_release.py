"""Releases of MediaPipe that report their use are not loaded unless the user allows it."""

from __future__ import annotations

import importlib.metadata

import pytest

from aufait.errors import MissingExtraError
from aufait.faces.mediapipe_release import parse_release, refuse_reporting_release, reporting_release


@pytest.fixture(autouse=True)
def not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUFAIT_ALLOW_MEDIAPIPE_REPORTS", raising=False)


@pytest.mark.parametrize(
    ("version", "reports"), [("0.10.30", False), ("0.10.33", False), ("0.10.35", True), ("1.2.2", True)]
)
def test_releases_are_told_apart(version: str, reports: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    assert reporting_release() == (version if reports else None)


def test_refusal_names_the_release_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.2.2")
    with pytest.raises(MissingExtraError, match=r"mediapipe>=0\.10\.30,<0\.10\.34"):
        refuse_reporting_release()


def test_user_may_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.2.2")
    monkeypatch.setenv("AUFAIT_ALLOW_MEDIAPIPE_REPORTS", "1")
    refuse_reporting_release()


@pytest.mark.parametrize(("text", "numbers"), [("0.10.33", (0, 10, 33)), ("1.0rc1", (1, 0)), ("dev", ())])
def test_version_numbers_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_release(text) == numbers
