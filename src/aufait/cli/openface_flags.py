"""OpenFace's command line, read by ``aufait detect``: its flags in our words, or refused by name with what to use instead.

OpenFace writes long names after one dash, which other programs, this one too, read as several options of one letter: ``-of NAME``
would be ``-o f``. So the words are translated before they are parsed. Nothing but OpenFace's exact spellings is touched, and
nothing behind ``--``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from typer.core import TyperCommand

from aufait.errors import InputError

_BLOCKS = {"-2Dfp": "2Dfp", "-3Dfp": "3Dfp", "-aus": "aus", "-gaze": "gaze", "-pose": "pose"}
_ALWAYS_SO = {"-au_static", "-wild"}
_ALWAYS_SO_WITH_VALUE = {"-multi_view": ("0", "1"), "-validate_detections": ("1",)}
_NO_WINDOW = {"-verbose", "-vis-align", "-vis-aus", "-vis-hog", "-vis-track"}
_INPUTS = {"-f", "-fdir", "-device"}

_ALIGNED = "aligned faces are not written by this command; aufait prepare writes those of a data set, aufait.alignment warps one"
_FITTING = "it belongs to the fitting of OpenFace's landmark model; leave it out, and choose with --finder and --model"
_CAMERA = "head pose is for an assumed camera; leave it out, or call aufait.faces.pose.estimate_pose with your Camera"
_OLD = "OpenFace itself has dropped it; all columns are in one table, named with -of"
_REFUSED = {
    "-pdmparams": "there is no point distribution model and so no p_... columns; -2Dfp and -3Dfp give the points",
    "-hogalign": "no HOG features are computed; leave it out",
    "-simalign": _ALIGNED,
    **dict.fromkeys(("-g", "-nomask", "-nobadaligned", "-rigid"), _ALIGNED),
    **dict.fromkeys(("-simscale", "-simsize", "-format_aligned"), _ALIGNED),
    "-format_vis_image": "annotated pictures are PNG; leave it out",
    "-oc": "annotated videos are MP4 files; leave it out, and convert the file afterwards if you need another codec",
    "-ov": "use -tracked or --annotate for the annotated video, and -out_dir for its folder",
    **dict.fromkeys(("-op", "-oaus", "-ogaze", "-oparams"), _OLD),
    **dict.fromkeys(("-fx", "-fy", "-cx", "-cy"), _CAMERA),
    **dict.fromkeys(("-cam_width", "-cam_height"), "a camera gives the size that it is set to; leave it out"),
    **dict.fromkeys(("-n_iter", "-sigma", "-reg", "-w_reg", "-mloc", "-fdloc"), _FITTING),
    "-root": "write whole paths after -f and -out_dir, or use -inroot for the inputs",
    "-outroot": "write the whole path after -out_dir",
}

_NOT_WRITTEN = "of what OpenFace writes if no output is named, these are not: shape parameters, HOG features, aligned faces"


@dataclass
class _Call:
    """A call of OpenFace as it is read, and in our words."""

    ours: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    root: str = ""
    out: str | None = None
    name: str | None = None
    source: bool = False
    tracked: bool = False
    windows: list[str] = field(default_factory=list)


def translate(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words after ``aufait detect``, OpenFace's flags among them in our words.

    Args:
        words: as typed.

    Returns:
        Words that the command understands, and what the user should be told. Without a flag of OpenFace they are the same words.

    Raises:
        InputError: a flag that has no meaning here, by its name, with what to use instead; or one without its value.
    """
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    call = _Call()
    left = iter(words[:end])
    for word in left:
        _take(call, word, left)
    return _in_our_words(call, words[end:]), _told(call)


def _take(call: _Call, word: str, left: Iterator[str]) -> None:
    """Reads one word, and the value behind it where it has one."""
    if word in _REFUSED:
        raise InputError(f"OpenFace's {word} has no counterpart: {_REFUSED[word]}")
    if word in _BLOCKS:
        call.blocks.append(_BLOCKS[word])
    elif word == "-tracked":
        call.tracked = True
    elif word in _NO_WINDOW:
        call.windows.append(word)
    elif word in _ALWAYS_SO_WITH_VALUE:
        _check_always_so(word, _value(word, left))
    elif word in _VALUES:
        call.source |= word in _INPUTS
        _VALUES[word](call, _value(word, left))
    elif word not in _ALWAYS_SO:
        call.ours.append(word)


def _name_result(call: _Call, value: str) -> None:
    if call.name is not None:
        raise InputError(f"-of names one result, but was given twice ({call.name}, {value}); run aufait detect once for each")
    call.name = value


_VALUES: dict[str, Callable[[_Call, str], Any]] = {
    "-f": lambda call, value: call.inputs.append(value),
    "-fdir": lambda call, value: call.folders.append(value),
    "-device": lambda call, value: call.ours.extend(["--camera", value]),
    "-out_dir": lambda call, value: setattr(call, "out", value),
    "-of": _name_result,
    "-inroot": lambda call, value: setattr(call, "root", value),
}


def _value(flag: str, left: Iterator[str]) -> str:
    value = next(left, None)
    if value is None or not value:
        raise InputError(f"OpenFace's {flag} is followed by a value, and here by none")
    return value


def _check_always_so(flag: str, value: str) -> None:
    allowed = _ALWAYS_SO_WITH_VALUE[flag]
    if value not in allowed:
        what = "what the face finder finds is always checked; --min-confidence says how sure it must be"
        instead = what if flag == "-validate_detections" else f"expected {flag} {' or '.join(allowed)}"
        raise InputError(f"OpenFace's {flag} {value} has no counterpart: {instead}")


def _in_our_words(call: _Call, rest: list[str]) -> list[str]:
    """``rest`` starts with ``--`` or is empty."""
    words = call.ours
    folder, name = _result_place(call)
    words += [] if folder is None else ["--out", folder]
    words += [] if name is None else ["--name", name]
    blocks = list(dict.fromkeys(call.blocks))
    if blocks:
        words += ["--openface-columns", ",".join(blocks)]
    elif _everything(call):
        words += ["--openface-columns", "available", "--annotate"]
    words += ["--annotate"] if call.tracked else []
    words += [word for folder in call.folders for word in ("--openface-folder", _joined(call.root, folder))]
    inputs = [_joined(call.root, path) for path in call.inputs]
    return [*words, *(rest or (["--"] if inputs else [])), *inputs]


def _result_place(call: _Call) -> tuple[str | None, str | None]:
    """Folder and name of the result. ``-of`` may hold a folder, inside that of ``-out_dir``, and an ending that does not count."""
    if call.name is None:
        return call.out, None
    path = PurePath(call.name)
    if not path.stem:
        raise InputError(f"-of is followed by the name of the result, got {call.name!r}")
    inner = str(path.parent)
    return (call.out if inner == "." else _joined(call.out or "", inner)), path.stem


def _joined(root: str, path: str) -> str:
    return str(PurePath(root) / path) if root else path


def _everything(call: _Call) -> bool:
    """Whether OpenFace was called with an input, and without an output: then it writes all that it has."""
    return call.source and not call.blocks and not call.tracked


def _told(call: _Call) -> list[str]:
    told = [_NOT_WRITTEN] if _everything(call) else []
    if call.windows:
        told.append(f"{', '.join(call.windows)}: no window is opened; -tracked or --annotate writes what it would show")
    return told


class CommandWithOpenFaceFlags(TyperCommand):
    """A command that also understands OpenFace's flags."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line."""
        from aufait.cli.console import print_warning

        words, told = translate(args)
        for sentence in told:
            print_warning(sentence)
        return super().parse_args(ctx, words)
