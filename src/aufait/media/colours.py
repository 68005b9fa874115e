"""Colours of videos as an ordinary display (BT.709) shows them: RGB from YUV, HDR and wide gamut converted.

Ordinary frames only change from YUV to RGB, by the matrix and range that they name; where they name no matrix, it is that of
high definition from 577 lines or 1280 columns on, as players assume, else that of standard definition.

HDR (PQ of SMPTE ST 2084, HLG of ARIB STD-B67, both in ITU-R BT.2100) and SDR in a wide gamut take three steps in light:

1. Code values to light in units of HDR's reference white (BT.2408: 203 cd/m2 in PQ, 75 % in HLG), which becomes SDR's white.
   Highlights up to the file's own peak are rolled off into it, each channel by the EETF of BT.2390 (section 5.4.1); at a peak of
   1000 cd/m2 nothing changes below 88 cd/m2, where faces usually are. The peak of PQ is the content light level of the file,
   else its mastering display's, else 1000 cd/m2; that of HLG is its largest value.
2. The file's primaries to BT.709's; what is outside is clipped.
3. Light to code values: the inverse of BT.1886 for PQ, which describes displays; BT.709's camera curve for HLG, which describes
   scenes.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

WHITE_NITS = 203.0
"""Reference white of HDR in cd/m2 (ITU-R BT.2408), SDR's white after the conversion."""
USUAL_PEAK = 1000.0
"""Peak of PQ in cd/m2 where the file does not say."""

_TRANSFERS = {16: "PQ", 18: "HLG"}  # as H.273 numbers them; all others are ordinary
_UNSPECIFIED = 2
_BT709, _BT601, _BT2020 = 1, 6, 9
_HD_LINES, _HD_COLUMNS = 577, 1280  # from here on players assume BT.709
_D65 = (0.3127, 0.3290)
_GAMUTS: dict[int, tuple[str, tuple[tuple[float, float], ...]]] = {  # chromaticities of R, G, B and white, as H.273 numbers them
    1: ("BT.709", ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351))),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65)),
}
_DISPLAY_GAMMA = 2.4  # BT.1886 with black at zero
_LEVELS = 1 << 16  # of the tables
_PIXELS_AT_ONCE = 1 << 15  # so that the steps stay in the processor's cache
_PQ_M1, _PQ_M2 = 2610 / 16_384, 2523 / 32
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.5 - _HLG_A * float(np.log(4 * _HLG_A))


@dataclass(frozen=True)
class DisplayColours:
    """How a video's colours are meant, where an ordinary display would show them wrongly."""

    transfer: str
    """PQ, HLG or SDR."""
    gamut: str
    """Name of its primaries."""
    peak: float
    """Brightest light that is kept apart, in cd/m2 with the reference white at 203."""

    def __str__(self) -> str:
        return f"{self.transfer}, {self.gamut}"

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of a run."""
        method = "primaries only" if self.transfer == "SDR" else "roll-off of ITU-R BT.2390, white at 203 cd/m2"
        return {**asdict(self), "to": "SDR, BT.709", "method": method}

    def to_sdr(self, codes: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint16 code values as stored, full range -> (H, W, 3) uint8 RGB of an ordinary display."""
        light_of, code_of = self._tables
        matrix = (_to_bt709(self.gamut).T * (_LEVELS - 1)).astype(np.float32)
        flat = codes.reshape(-1, 3)
        made = np.empty(flat.shape, np.uint8)
        for start in range(0, len(flat), _PIXELS_AT_ONCE):
            part = slice(start, start + _PIXELS_AT_ONCE)
            light = light_of[flat[part]] @ matrix
            np.clip(light, 0, _LEVELS - 1, out=light)
            made[part] = code_of[light.astype(np.uint16)]
        return made.reshape(codes.shape)

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Code value -> light, and light in [0, 1] -> uint8; both by position, 16 bit."""
        levels = np.linspace(0.0, 1.0, _LEVELS)
        light = _rolled_off(_light(levels, self.transfer), self.peak / WHITE_NITS)
        codes = _camera_codes(levels) if self.transfer == "HLG" else levels ** (1 / _DISPLAY_GAMMA)
        return light.astype(np.float32), np.round(255 * codes).astype(np.uint8)


def colours_of(frame: Any, context: Any) -> DisplayColours | None:
    """What a frame says about its colours, or None where they are those of an ordinary display.

    Args:
        frame: decoded by PyAV.
        context: its codec context, asked where the frame does not say.
    """
    transfer = _TRANSFERS.get(_told(frame, context, "color_trc"), "SDR")
    primaries = _told(frame, context, "color_primaries")
    if primaries not in _GAMUTS:
        primaries = _BT709 if transfer == "SDR" else _BT2020
    if transfer == "SDR" and primaries == _BT709:
        return None
    peak = {"SDR": WHITE_NITS, "HLG": WHITE_NITS / float(hlg_light(np.array(0.75)))}.get(transfer) or _peak(frame)
    return DisplayColours(transfer, _GAMUTS[primaries][0], peak)


class RgbConverter:
    """Frames to (H, W, 3) uint8 RGB of an ordinary display.

    Attributes:
        colours: those of the first frame that an ordinary display would show wrongly, or None.
    """

    def __init__(self) -> None:
        self.colours: DisplayColours | None = None
        self._now: DisplayColours | None = None

    def __call__(self, frame: Any, context: Any, size: tuple[int, int]) -> np.ndarray:
        """Convert one frame.

        Args:
            frame: decoded by PyAV; a matrix that it does not name is filled in.
            context: its codec context.
            size: width and height to give it.
        """
        if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
            frame.colorspace = _assumed_matrix(frame, context)
        colours = colours_of(frame, context)
        # One thread: at these sizes starting more costs more than it saves.
        if colours is None:
            image: np.ndarray = frame.reformat(width=size[0], height=size[1], format="rgb24", threads=1).to_ndarray()
            return image
        codes = frame.reformat(width=size[0], height=size[1], format="rgb48le", threads=1).to_ndarray()
        return self._settled(colours).to_sdr(codes)

    def _settled(self, colours: DisplayColours) -> DisplayColours:
        """The same with the peak of the first such frame: repeated metadata must not change a face."""
        if self.colours is None:
            self.colours = colours
        if self._now is None or (self._now.transfer, self._now.gamut) != (colours.transfer, colours.gamut):
            self._now = self.colours if self.colours.transfer == colours.transfer else colours
            self._now = DisplayColours(colours.transfer, colours.gamut, self._now.peak)
        return self._now


def pq_light(codes: np.ndarray) -> np.ndarray:
    """PQ code values in [0, 1] -> cd/m2 (SMPTE ST 2084, equation 4.1)."""
    power = np.clip(codes, 0.0, 1.0) ** (1 / _PQ_M2)
    light: np.ndarray = 10_000 * (np.maximum(power - _PQ_C1, 0.0) / (_PQ_C2 - _PQ_C3 * power)) ** (1 / _PQ_M1)
    return light


def pq_codes(light: np.ndarray) -> np.ndarray:
    """cd/m2 -> PQ code values in [0, 1]; the inverse of ``pq_light``."""
    power = (np.clip(light, 0.0, 10_000.0) / 10_000) ** _PQ_M1
    codes: np.ndarray = ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2
    return codes


def hlg_light(codes: np.ndarray) -> np.ndarray:
    """HLG code values in [0, 1] -> light of the scene in [0, 1] (the inverse of the OETF of BT.2100, table 5)."""
    codes = np.clip(codes, 0.0, 1.0)
    return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _HLG_C) / _HLG_A) + _HLG_B) / 12)


def _light(codes: np.ndarray, transfer: str) -> np.ndarray:
    """Code values -> light in units of the reference white."""
    if transfer == "PQ":
        return pq_light(codes) / WHITE_NITS
    if transfer == "HLG":
        light: np.ndarray = hlg_light(codes) / hlg_light(np.array(0.75))
        return light
    return np.asarray(codes**_DISPLAY_GAMMA)


def _camera_codes(light: np.ndarray) -> np.ndarray:
    """Light of the scene in [0, 1] -> code values by BT.709's curve."""
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099)


def _rolled_off(light: np.ndarray, peak: float) -> np.ndarray:
    """BT.2390's EETF from a display of ``peak`` to one of 1, both in units of the reference white; black stays at zero."""
    if peak <= 1.0:
        return np.minimum(light, 1.0)
    top = float(pq_codes(np.array(peak * WHITE_NITS)))
    white = float(pq_codes(np.array(WHITE_NITS))) / top
    knee = 1.5 * white - 0.5
    code = np.minimum(pq_codes(light * WHITE_NITS) / top, 1.0)
    t = np.clip((code - knee) / (1 - knee), 0.0, 1.0)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white
    return np.where(code < knee, light, pq_light(curve * top) / WHITE_NITS)


def _xyz(gamut: str) -> np.ndarray:
    """(3, 3) linear RGB of these primaries -> XYZ, white at Y = 1."""
    *primaries, white = next(points for name, points in _GAMUTS.values() if name == gamut)
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    target = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    scaled: np.ndarray = columns * np.linalg.solve(columns, target)
    return scaled


def _to_bt709(gamut: str) -> np.ndarray:
    """(3, 3) linear RGB of these primaries -> linear RGB of BT.709, white to white."""
    matrix = np.linalg.solve(_xyz("BT.709"), _xyz(gamut))
    balanced: np.ndarray = matrix / matrix.sum(axis=1, keepdims=True)
    return balanced


def _told(frame: Any, context: Any, name: str) -> int:
    """A tag of the frame or, if it has none, of its codec context."""
    value = getattr(frame, name, None)
    if value is None or int(value) == _UNSPECIFIED:
        value = getattr(context, name, None)
    return _UNSPECIFIED if value is None else int(value)


def _assumed_matrix(frame: Any, context: Any) -> int:
    primaries = _told(frame, context, "color_primaries")
    if primaries in (_BT709, _BT2020):
        return primaries
    return _BT709 if frame.height >= _HD_LINES or frame.width >= _HD_COLUMNS else _BT601


def _peak(frame: Any) -> float:
    """Brightest light of a PQ video in cd/m2, as its metadata say."""
    told = _content_peak(frame) or _display_peak(frame) or USUAL_PEAK
    return float(np.clip(told, WHITE_NITS, 10_000.0))


def _content_peak(frame: Any) -> float:
    data = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    return float(struct.unpack_from("=I", bytes(data))[0]) if data is not None and len(bytes(data)) >= 8 else 0.0


def _display_peak(frame: Any) -> float:
    data = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    # Ten fractions (primaries, white, darkest and brightest light), then two flags.
    if data is None or len(bytes(data)) < 88:
        return 0.0
    values = struct.unpack_from("=22i", bytes(data))
    above, below, has_light = values[18], values[19], values[21]
    return float(Fraction(above, below)) if has_light and below > 0 and above > 0 else 0.0
