"""The text that goes beside exported graphs: what they are, where from, what they must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card_text(facts: Mapping[str, Any]) -> str:
    """A page in Markdown, made of what ``pipeline.json`` says."""
    units = ", ".join(f"{unit['number']} ({unit['name'].lower()})" for unit in facts["action_units"])
    files = "\n".join(f"* `{name}`: {one['bytes']:,} bytes, SHA-256 `{one['sha256']}`" for name, one in facts["files"].items())
    return f"""# Facial action units of aufait {facts["software"]["aufait"]}

Two graphs. `find` shows a picture to a face detector; `read` places 68 landmarks in each box and scores action units. What they
take and give, with units, is in `pipeline.json`.

{files}

Model: {facts["model"]["name"]}, SHA-256 `{facts["model"]["sha256"]}` of its weights in aufait. Weights are
stored in 8 bits and computed in 32. Action units: {units}.

* A **probability** refers to a base rate of {facts["reference_rate"]:.0%} for every unit: 0.5 means as likely as not
  where it shows in so many frames. An **intensity** is on the FACS scale, 0 to 5; it is 1.5 or more exactly where the
  probability is one half or more.
* A single picture is read without following: results are near those of `aufait detect --finder builtin --model compact` on the
  picture, not the same to the last digit, most of all where faces are large and are shrunk by means of samples. Quality, head
  pose and tracks are not among the outputs.
* Trained on rendered faces and on portraits without action-unit labels; figures on real faces, by unit, and weaknesses are in
  the model card of aufait (`docs/model_card.md`). {facts["note"]}
* Not for decisions about people: not for hiring, policing, lie detection or diagnosis (`docs/responsible_use.md`). Emotions
  cannot be read off action units.

Licence of graphs and weights: Apache-2.0.
"""
