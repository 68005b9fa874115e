"""Use a running studio from a program, with nothing but Python's standard library.

    python studio_client.py http://127.0.0.1:8765/?token=TOKEN clip.mp4 --format elan -o results/

submits each file, waits for its results, prints what was found and saves it in the formats that are asked for.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class StudioClient:
    """A studio, by the address that ``aufait studio`` prints."""

    def __init__(self, address: str) -> None:
        parts = urllib.parse.urlsplit(address)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._token = urllib.parse.parse_qs(parts.query)["token"][0]

    def ask(self, path: str, method: str = "GET", body: Any = None, kind: str = "application/json") -> tuple[int, bytes]:
        """Status and content of an answer; ``RuntimeError`` with the studio's sentence where it refuses."""
        data = json.dumps(body).encode() if body is not None and kind == "application/json" else body
        headers = {"Authorization": f"Bearer {self._token}", **({"Content-Type": kind} if data is not None else {})}
        request = urllib.request.Request(self._root + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["error"]["message"]) from None

    def submit(self, path: Path) -> dict[str, Any]:
        """Upload a picture or video; returns the recording."""
        mark = uuid.uuid4().hex
        kind = f"multipart/form-data; boundary={mark}"
        return dict(json.loads(self.ask("/api/recordings", "POST", _form(path, mark), kind)[1]))

    def wait(self, recording: str) -> dict[str, Any]:
        """The recording, once it is done; ``RuntimeError`` where it failed or was cancelled."""
        while True:
            found = json.loads(self.ask(f"/api/recordings/{recording}")[1])
            if found["state"] == "done":
                return dict(found)
            if found["state"] in ("failed", "cancelled"):
                raise RuntimeError(f"{found['name']}: {found['problem'] or found['state']}")
            time.sleep(0.5)

    def events(self, recording: str) -> list[dict[str, Any]]:
        """Its events, with what a person said about them."""
        return list(json.loads(self.ask(f"/api/recordings/{recording}/events")[1])["events"])

    def export(self, recording: str, format: str) -> bytes:
        """The recording in a format of ``/api/about``; waits for those that are drawn."""
        while True:
            status, content = self.ask(f"/api/recordings/{recording}/export?format={urllib.parse.quote(format)}")
            if status == 200:
                return content
            time.sleep(1)

    def delete(self, recording: str) -> None:
        """Remove it with all its files."""
        self.ask(f"/api/recordings/{recording}", "DELETE")


def _form(path: Path, mark: str) -> Iterator[bytes]:
    """The form with the file, piece by piece: a film need not fit into memory."""
    name = path.name.replace('"', "'")
    yield f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
    yield f"\r\n--{mark}--\r\n".encode()


def main() -> int:
    parser = argparse.ArgumentParser(description="Analyse files with a running studio.")
    parser.add_argument("address", help="what aufait studio printed, with the token")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--format", action="append", default=[], help="csv, elan, boris, bids, report, ...; repeatable")
    parser.add_argument("-o", "--out", type=Path, default=Path(), help="folder for the files")
    chosen = parser.parse_args()
    studio = StudioClient(chosen.address)
    extensions = {one["format"]: one["extension"] for one in json.loads(studio.ask("/api/about")[1])["exports"]}
    submitted = [(path, studio.submit(path)["id"]) for path in chosen.files]
    for path, recording in submitted:
        found = studio.wait(recording)
        print(f"{found['name']}: {len(found['faces'])} faces, {len(studio.events(recording))} events")
        for format in chosen.format:
            chosen.out.mkdir(parents=True, exist_ok=True)
            target = chosen.out / f"{path.stem}_{format}{extensions.get(format, '')}"
            target.write_bytes(studio.export(recording, format))
            print(f"  {target}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")
