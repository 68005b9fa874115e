"""Ends the process at its first attempt to open a socket, from Python or from native code. For child processes.

Two nets: an audit hook, which tells who asked, and on Linux a seccomp filter, which also catches libraries that never
pass through Python.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_SOCKET_CALL = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # audit architecture, number of socket(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2


def forbid_sockets() -> bool:
    """Installs both nets; returns whether the second one, in the kernel, is there too."""
    sys.addaudithook(_refuse)
    return _filter_socket_calls()


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket.") and event not in ("socket.gethostname",):
        os.write(2, f"SOCKET {event} {arguments[1:]!r}\n".encode())
        os._exit(99)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter_socket_calls() -> bool:
    if not sys.platform.startswith("linux") or platform.machine() not in _SOCKET_CALL:
        return False
    architecture, socket_call = _SOCKET_CALL[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_EQUAL, 0, 3, architecture),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_EQUAL, 0, 1, socket_call),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return libc.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.byref(_Program(len(steps), code)), 0, 0) == 0
