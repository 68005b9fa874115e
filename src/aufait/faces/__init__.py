"""Faces: where they are, their 68 landmarks, which way the head points, who is who in a video.

    >>> from aufait.faces import create_finder
    >>> finder = create_finder("auto")  # doctest: +SKIP
    >>> for face in finder.find(image):  # doctest: +SKIP
    ...     print(face.box, face.confidence, face.pose.rotation)

Two back ends, one interface (``FaceFinder``): ``mesh`` and ``builtin``; ``auto`` takes ``mesh`` where its file is there.
"""

from __future__ import annotations

from aufait.faces.face import Face, HeadPose, MeshFeatures
from aufait.faces.finder import FINDERS, FaceFinder, create_finder

__all__ = ["FINDERS", "Face", "FaceFinder", "HeadPose", "MeshFeatures", "create_finder"]
