"""What goes wrong in the studio, as an answer: a status, a code for programs and a sentence for people."""

from __future__ import annotations

from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError, OutputError

CODES = {
    400: "bad_request", 401: "wrong_token", 403: "forbidden", 404: "not_found", 405: "wrong_method", 409: "not_ready",
    413: "too_large", 415: "no_video", 416: "wrong_range", 421: "wrong_host", 422: "bad_request", 500: "fault",
    501: "not_here", 503: "busy", 507: "disc_full",
}  # fmt: skip
"""Usual code of each status."""


class StudioError(Exception):
    """An answer that is not what was asked for.

    Args:
        status: of HTTP.
        message: a sentence that says what to do.
        code: in small letters; None for the usual one of the status.
    """

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES.get(status, "fault")

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """What is sent."""
        return {"error": {"code": self.code, "message": self.message}}


def as_studio_error(error: AufaitError) -> StudioError:
    """The answer that an error of the package becomes."""
    if isinstance(error, MissingExtraError):
        return StudioError(501, str(error), "missing_extra")
    if isinstance(error, MissingModelError):
        return StudioError(501, str(error), "missing_model")
    if isinstance(error, OutputError):
        full = getattr(error.__cause__, "errno", None)
        return StudioError(507, str(error)) if full in (28, 122) else StudioError(500, str(error), "cannot_write")
    if isinstance(error, InputError):
        return StudioError(422, str(error), "bad_input")
    return StudioError(500, str(error))
