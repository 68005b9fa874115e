"""What a network said about every frame, with the truth: all scores and reports are made from this.

Saved files are whole or absent. ``.npz`` needs nothing beyond NumPy; ``.parquet`` (extra ``parquet``) opens in pandas, R and
Excel. Both carry a JSON header; neither can run code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from aufait.action_units import au_name, positions
from aufait.errors import InputError, MissingExtraError
from aufait.files.arrays import archive_errors, read_npz
from aufait.files.atomic import AtomicOutput, output_errors

FORMAT = "aufait-predictions-1"
_WHAT, _ADVICE = "a whole file of predictions", "make it again with aufait evaluate"
_MOST_BYTES = 4 << 30
"""Of all columns together: ten million frames of twelve action units."""
_TEXT = ("person", "recording")
_TABLES = ("probability", "occurrence", "occurrence_known", "intensity", "true_intensity", "intensity_known")
_ATTRIBUTE = "attribute:"
_TYPES: Mapping[str, Any] = MappingProxyType(
    {
        "frame": np.int64, "probability": np.float32, "occurrence": np.int8, "occurrence_known": bool, "intensity": np.float32,
        "true_intensity": np.int8, "intensity_known": bool, "landmark_error": np.float32, "pose": np.float32,
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """N frames and A action units.

    Attributes:
        action_units: FACS numbers of the columns.
        person: (N,) identity across data sets.
        recording: (N,) name of the recording.
        frame: (N,) int64 number of the frame in that recording.
        probability: (N, A) float32 of occurrence, in [0, 1].
        occurrence: (N, A) int8 truth, 0 or 1; 0 where unknown.
        occurrence_known: (N, A) bool.
        true_intensity: (N, A) int8 truth, 0 to 5; 0 where unknown.
        intensity_known: (N, A) bool.
        intensity: (N, A) float32 predicted, in [0, 5], not rounded; None where the network has none.
        landmark_error: (N,) float32 mean point error / distance of the eye centres; nan where unknown; None where the network
            locates no landmarks.
        pose: (N, 3) float32 pitch, yaw, roll in degrees; None where unknown.
        attributes: name -> (N,) facts per frame to group by ("subject", "task", "view", "skin_tone", "fold", ...).
        about: facts about the whole (model, cache, protocol, split), anything JSON can hold.
        synthetic: whether the faces are rendered; every report on them says so.

    Raises:
        InputError: shapes that do not belong together, probabilities outside [0, 1], values that are not labels.
    """

    action_units: tuple[int, ...]
    person: np.ndarray
    recording: np.ndarray
    frame: np.ndarray
    probability: np.ndarray
    occurrence: np.ndarray
    occurrence_known: np.ndarray
    true_intensity: np.ndarray
    intensity_known: np.ndarray
    intensity: np.ndarray | None = None
    landmark_error: np.ndarray | None = None
    pose: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    synthetic: bool = False

    def __post_init__(self) -> None:
        count, width = len(self.frame), len(self.action_units)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_TABLES, (count, width))
        shapes |= {"person": (count,), "recording": (count,), "frame": (count,), "landmark_error": (count,), "pose": (count, 3)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise InputError(f"{name} must have shape {shape} for AUs {self.action_units}, got {value.shape}")
        wrong = [name for name, values in self.attributes.items() if values.shape != (count,)]
        if wrong:
            raise InputError(f"attributes must have one value for each of the {count} frames; not so: {', '.join(wrong)}")
        if count and not (self.probability.min() >= 0 and self.probability.max() <= 1):  # false for nan too
            raise InputError("probabilities must be in [0, 1]; nan or other values come from a network that has diverged")
        for name, known, most in (("occurrence", "occurrence_known", 1), ("true_intensity", "intensity_known", 5)):
            labels = getattr(self, name)[getattr(self, known)]
            if labels.size and (labels.min() < 0 or labels.max() > most):
                raise InputError(f"{name} must be in 0 to {most} where it is known, got {labels.min()} to {labels.max()}")
        if self.landmark_error is not None and np.isinf(self.landmark_error).any():
            raise InputError("landmark errors must be finite, or nan where unknown")
        if self.intensity is not None and not np.isfinite(self.intensity).all():
            raise InputError("predicted intensities must be finite; nan or infinite ones come from a network that has diverged")

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def persons(self) -> tuple[str, ...]:
        """Identities, sorted, each once."""
        return tuple(np.unique(self.person).tolist())

    def select(self, rows: np.ndarray) -> Self:
        """Some frames: (M,) row numbers, or (N,) bool."""
        columns: dict[str, Any] = {name: value[rows] for name, value in self._arrays().items()}
        return replace(self, **columns, attributes={name: values[rows] for name, values in self.attributes.items()})

    def with_action_units(self, action_units: Sequence[int]) -> Self:
        """Some columns, in the given order.

        Raises:
            InputError: an action unit that is not among the columns.
        """
        chosen = positions(action_units, self.action_units)
        columns: dict[str, Any] = {name: value[:, chosen] for name, value in self._arrays().items() if name in _TABLES}
        return replace(self, action_units=tuple(action_units), **columns)

    def with_attribute(self, name: str, values: Any) -> Self:
        """With one more fact to group by: (N,) values, or one for all frames."""
        column = np.broadcast_to(np.asarray(values), (len(self),)).copy()
        return replace(self, attributes={**self.attributes, name: column})

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a ``.npz`` or ``.parquet`` file, whole or not at all.

        Raises:
            InputError: another ending.
            OutputError: the file exists, the folder cannot be written, the disc is full.
            MissingExtraError: ``.parquet`` without pyarrow.
        """
        write = _by_ending(path, {".npz": self._write_npz, ".parquet": self._write_parquet})
        output = AtomicOutput(path, overwrite=overwrite)
        try:
            with output_errors(output.path):
                write(output.partial)
            return output.commit()
        except BaseException:
            output.discard()
            raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` wrote.

        Raises:
            InputError: no such file, or not one of ``save``.
            MissingExtraError: ``.parquet`` without pyarrow.
        """
        if not Path(path).is_file():
            raise InputError(f"no predictions at {path}; aufait evaluate writes them")
        read: Callable[[Path], tuple[dict[str, Any], dict[str, np.ndarray]]]
        read = _by_ending(path, {".npz": _read_npz, ".parquet": _read_parquet})
        header, columns = read(Path(path))
        try:
            return cls._restored(header, columns)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def _arrays(self) -> dict[str, np.ndarray]:
        skipped = ("action_units", "attributes", "about", "synthetic")
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in skipped}
        return {name: value for name, value in values.items() if value is not None}

    def _header(self) -> str:
        facts = {"format": FORMAT, "action_units": list(self.action_units), "synthetic": self.synthetic, "about": dict(self.about)}
        return json.dumps(facts, sort_keys=True)

    def _write_npz(self, path: Path) -> None:
        columns = self._arrays() | {_ATTRIBUTE + name: values for name, values in self.attributes.items()}
        columns = {name: _plain(values) for name, values in columns.items()}
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, header=np.array(self._header()), **columns)

    def _write_parquet(self, path: Path) -> None:
        arrow, parquet = _arrow()
        table: dict[str, Any] = {name: self._arrays()[name] for name in (*_TEXT, "frame")}
        for name, values in self._arrays().items():
            if name in _TABLES:
                table |= {f"{name}_{au_name(unit)}": values[:, column] for column, unit in enumerate(self.action_units)}
            elif name == "pose":
                table |= {f"pose_{axis}": values[:, column] for column, axis in enumerate(("pitch", "yaw", "roll"))}
            elif name == "landmark_error":
                table[name] = values
        table |= {_ATTRIBUTE + name: _plain(values) for name, values in self.attributes.items()}
        made = arrow.table({name: arrow.array(np.ascontiguousarray(values)) for name, values in table.items()})
        parquet.write_table(made.replace_schema_metadata({"aufait": self._header()}), path, write_page_checksum=True)

    @classmethod
    def _restored(cls, header: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> Self:
        attributes = {name.removeprefix(_ATTRIBUTE): values for name, values in columns.items() if name.startswith(_ATTRIBUTE)}
        try:
            known: dict[str, Any] = {
                name: _typed(name, values) for name, values in columns.items() if not name.startswith(_ATTRIBUTE)
            }
            return cls(
                **known,
                action_units=tuple(header["action_units"]),
                attributes=attributes,
                about=header["about"],
                synthetic=bool(header["synthetic"]),
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"a column is missing, of another kind or one too many ({error}); make the predictions again"
            ) from error


def concatenate(parts: Sequence[Predictions], about: Mapping[str, Any] | None = None) -> Predictions:
    """Frames of several predictions below each other.

    Optional columns stay where all parts have them; attributes that a part does not have are empty there.

    Raises:
        InputError: nothing to join, other action units, or a frame that appears twice.
    """
    if not parts:
        raise InputError("no predictions to join")
    units = parts[0].action_units
    other = next((one for one in parts if one.action_units != units), None)
    if other is not None:
        raise InputError(f"predictions of AUs {units} and {other.action_units} cannot be joined; choose the same first")
    names = set.intersection(*(set(one._arrays()) for one in parts))
    columns: dict[str, Any] = {name: np.concatenate([one._arrays()[name] for one in parts]) for name in names}
    attributes = {name: _joined(parts, name) for name in dict.fromkeys(name for one in parts for name in one.attributes)}
    joined = Predictions(
        **columns,
        action_units=units,
        attributes=attributes,
        about=dict(parts[0].about if about is None else about),
        synthetic=any(one.synthetic for one in parts),
    )
    keys = row_keys(joined)
    if len(np.unique(keys)) < len(keys):
        raise InputError("a frame appears in more than one of the predictions; each frame is scored once")
    return joined


def row_keys(predictions: Predictions) -> np.ndarray:
    """(N,) str that names each frame: recording and number."""
    return np.char.add(np.char.add(predictions.recording.astype(str), "#"), predictions.frame.astype(str))


def _joined(parts: Sequence[Predictions], name: str) -> np.ndarray:
    have = [one.attributes.get(name) for one in parts]
    if all(values is not None for values in have):
        kinds = {values.dtype.kind in "OUS" for values in have if values is not None}
        if len(kinds) == 1:
            return np.concatenate([values for values in have if values is not None])
    return np.concatenate(
        [np.full(len(one), "") if values is None else values.astype(str) for one, values in zip(parts, have, strict=True)]
    )


def _plain(values: np.ndarray) -> np.ndarray:
    """Without Python objects, which only pickle could store."""
    return values.astype(str) if values.dtype.kind == "O" else values


def _by_ending(path: str | os.PathLike[str], choices: Mapping[str, Any]) -> Any:
    ending = Path(path).suffix.lower()
    if ending not in choices:
        raise InputError(f"predictions are stored as {' or '.join(choices)}, got {Path(path).name!r}")
    return choices[ending]


def _read_npz(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    columns = read_npz(path, what=_WHAT, most_bytes=_MOST_BYTES, advice=_ADVICE)
    with archive_errors(path, _WHAT, _ADVICE):
        header = json.loads(str(columns.pop("header")))
    return _checked(path, header), columns


def _read_parquet(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    _, parquet = _arrow()
    with archive_errors(path, _WHAT, _ADVICE):
        facts = parquet.read_metadata(path)
        size = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
        if max(size, 8 * facts.num_rows * facts.num_columns) > _MOST_BYTES:
            raise ValueError(f"{facts.num_rows} rows of {facts.num_columns} columns are more than it may hold")
        header = _checked(path, json.loads((facts.metadata or {}).get(b"aufait", b"null")))
        table = parquet.read_table(path, page_checksum_verification=True)
        flat = {name: table.column(name).to_numpy() for name in table.column_names}
        columns = {name: values for name, values in flat.items() if not name.startswith((*_TABLES, "pose_"))}
        units = [au_name(unit) for unit in header["action_units"]]
        for name in _TABLES:
            if f"{name}_{units[0]}" in flat:
                columns[name] = np.stack([flat[f"{name}_{unit}"] for unit in units], axis=1)
        if "pose_yaw" in flat:
            columns["pose"] = np.stack([flat[f"pose_{axis}"] for axis in ("pitch", "yaw", "roll")], axis=1)
        return header, {name: _plain(values) for name, values in columns.items()}


def _checked(path: Path, header: Any) -> dict[str, Any]:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise InputError(f"{path} has format {found!r}, this version reads {FORMAT!r}; make the predictions again")
    units = header.get("action_units")
    if not isinstance(units, list) or not units or len(set(map(str, units))) < len(units) or not all(map(_is_unit, units)):
        raise InputError(f"{path} must name different action units, got {units!r:.80}; make the predictions again")
    if not isinstance(header.get("about"), dict) or not isinstance(header.get("synthetic"), bool):
        raise InputError(f"{path} does not say what it is about and whether its faces are rendered; make the predictions again")
    return header


def _is_unit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100


def _typed(name: str, values: np.ndarray) -> np.ndarray:
    """A column in the type it should have, where nothing is lost by that.

    Raises:
        TypeError: it holds another kind of value.
    """
    kind = np.dtype(_TYPES.get(name, str))
    allowed = {"i": "iu", "f": "fiu", "b": "b", "U": "UO"}[kind.kind]
    if values.dtype.kind not in allowed:
        raise TypeError(f"{name} holds {values.dtype}")
    typed: np.ndarray = values.astype(kind)
    if kind.kind == "i" and (typed != values).any():
        raise TypeError(f"{name} holds numbers beyond {kind}")
    return typed


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("predictions as Parquet", "parquet") from error
    return pyarrow, parquet
