"""The whole shipped pipeline as two graphs: one that finds faces in a picture, one that reads them."""

from __future__ import annotations
