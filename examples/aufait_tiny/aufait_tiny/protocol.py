"""Who is trained on and who is tested: two folds of named people."""

from aufait.data.protocols import Fold, Part, Protocol

_FIRST = Part("first", "tiny_faces", subjects=("ann", "bob"))
_SECOND = Part("second", "tiny_faces", subjects=("cleo", "dan"))

PROTOCOL = Protocol(
    name="tiny_protocol",
    title="tiny_faces, two folds of two people",
    action_units=(1, 12),
    target="occurrence",
    occurrence_threshold=None,
    metrics=("f1_frame", "accuracy"),
    folds=(Fold(1, train=(_SECOND,), test=(_FIRST,)), Fold(2, train=(_FIRST,), test=(_SECOND,))),
    citation="an example, no paper",
)
