"""Trained networks in a folder or on the Hugging Face Hub: safetensors only, nothing fetched unless it is named exactly.

    save_pretrained(network, "my-arl", name="arl")                       # model.safetensors and README.md, a model card to complete
    network = from_pretrained("my-arl")                                  # a folder: nothing leaves the machine
    push_to_hub("my-arl", "lab/arl-disfa")                               # private unless said otherwise
    network = from_pretrained("lab/arl-disfa", revision="<commit of 40 hexadecimal digits>")

A name that is no folder is fetched only with the full commit or with the SHA-256 of the weights: what is read tomorrow is then what
was read today. Fetching and sending need the extra ``hub``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from aufait.errors import InputError, MissingExtraError
from aufait.files.atomic import whole_file
from aufait.files.hashes import file_sha256
from aufait.models.checkpoint import load_model, read_header, save_model
from aufait.models.system import AUSystem

WEIGHTS, CARD = "model.safetensors", "README.md"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def save_pretrained(model: AUSystem, folder: str | Path, *, name: str, notes: dict[str, Any] | None = None) -> Path:
    """Write a network and a model card to complete into a folder; a card that is there is kept.

    Args:
        model: the network.
        folder: made if need be.
        name: registry name it was created with, such as "arl".
        notes: what a reader should know: data, recipe, scores; anything JSON can hold.

    Returns:
        The folder.

    Raises:
        InputError, OutputError: as ``save_model``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_model(model, folder / WEIGHTS, name=name, notes=notes)
    if not (folder / CARD).exists():
        with whole_file(folder / CARD) as partial:
            partial.write_text(_card(read_header(weights), file_sha256(weights)), encoding="utf-8")
    return folder


def from_pretrained(place: str | Path, *, revision: str | None = None, sha256: str | None = None, device: str = "cpu") -> AUSystem:
    """A network from a folder that ``save_pretrained`` wrote, or from the Hub; in evaluation mode.

    Args:
        place: a folder, or "owner/name" on the Hub.
        revision: commit on the Hub, 40 hexadecimal digits.
        sha256: of the weights; compared wherever they come from.
        device: where the network goes.

    Raises:
        MissingModelError: the folder holds no weights.
        InputError: no such folder and not named exactly; other weights than those of the SHA-256; as ``load_model``.
        MissingExtraError: the Hub is meant, and the extra ``hub`` is not installed.
    """
    weights = Path(place) / WEIGHTS if Path(place).is_dir() else _fetched(str(place), revision, sha256)
    if sha256 is not None and (found := file_sha256(weights)) != sha256.lower():
        raise InputError(f"{weights} has the SHA-256 {found}, expected {sha256.lower()}; it is not the file that was meant")
    return load_model(weights, device=device)


def push_to_hub(folder: str | Path, repository: str, *, private: bool = True) -> str:
    """Send weights and model card of a folder to the Hub, with the account that ``hf auth login`` set up.

    Args:
        folder: from ``save_pretrained``, its card completed.
        repository: "owner/name", made if need be.
        private: False lets everybody read it.

    Returns:
        The commit: the ``revision`` for ``from_pretrained``.

    Raises:
        MissingModelError, InputError: no weights of aufait there; an incomplete card; not a name.
        MissingExtraError: the extra ``hub`` is not installed.
    """
    folder = Path(folder)
    read_header(folder / WEIGHTS)
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"a repository on the Hub is named owner/name, got {repository!r}")
    card = folder / CARD
    if not card.is_file() or _TO_COMPLETE in card.read_text(encoding="utf-8"):
        raise InputError(f"{card} does not say yet what the network learned from; complete it where it says {_TO_COMPLETE!r}")
    api = _hub().HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    sent = api.upload_folder(repo_id=repository, folder_path=str(folder), allow_patterns=[WEIGHTS, CARD])
    return str(sent.oid)


def _fetched(name: str, revision: str | None, sha256: str | None) -> Path:
    if not _REPOSITORY.fullmatch(name):
        raise InputError(f"there is no folder {name}, and a network on the Hub is named owner/name")
    if not (sha256 or (revision and _COMMIT.fullmatch(revision))):
        raise InputError(
            f"there is no folder {name}; to fetch that name from the Hub, say exactly which: revision= with the commit of 40 "
            "hexadecimal digits, or sha256= of its weights"
        )
    try:
        return Path(_hub().hf_hub_download(name, WEIGHTS, revision=revision))
    except OSError as error:  # the Hub's own errors are OSErrors: no such name, no permission, no network
        raise InputError(f"{name} could not be fetched from the Hub: {str(error).strip().splitlines()[0]}") from error


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("networks on the Hugging Face Hub", "hub") from error
    return huggingface_hub


_TO_COMPLETE = "TO BE COMPLETED"


def _card(header: dict[str, Any], digest: str) -> str:
    notes = "\n".join(f"| {key} | {value} |" for key, value in header["notes"].items())
    return f"""---
library_name: aufait
tags: [facial-action-units]
---

# {header["model"]}

Facial action units {", ".join(map(str, header["config"]["action_units"]))}.

```python
from aufait.models.hub import from_pretrained

network = from_pretrained("owner/name", sha256="{digest}")
```

| note | value |
|---|---|
{notes or "| none | |"}

Data it learned from, their licences, whether its people agreed to this, and figures on people it has not seen: {_TO_COMPLETE}
"""
