"""Synthetic twins: rendered faces in the folders, file formats and protocols of the licensed data sets.

They let every reader, protocol, training and evaluation run where the licensed data are not available. Nothing in them comes from
those data; see ``docs/twins.md``.
"""

from aufait.twins.generate import write_twin
from aufait.twins.layouts import twin_layout, twin_names
from aufait.twins.marker import MARKER, TwinSettings

__all__ = ["MARKER", "TwinSettings", "twin_layout", "twin_names", "write_twin"]
