"""Answers in the standard's shape: JSON without nulls, errors with the names of Java's exceptions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from starlette.responses import Response

from headgate.catalog.rest.fields import Json, without_nulls
from headgate.catalog.rest.problems import RestError
from headgate.errors import AlreadyExists, Conflict, HeadgateError, NotFound, ReadOnly, StorageError, UsageError

_log = logging.getLogger("headgate.web")
# What errors of the layers below are called here; the first that fits.
_NAMES: tuple[tuple[type[HeadgateError], str], ...] = (
    (ReadOnly, "CommitFailedException"),
    (Conflict, "CommitFailedException"),
    (AlreadyExists, "AlreadyExistsException"),
    (NotFound, "NotFoundException"),
    (UsageError, "BadRequestException"),
    (StorageError, "ServiceUnavailableException"),
)


def json_answer(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object as an answer."""
    content = json.dumps(without_nulls(body), ensure_ascii=False, separators=(",", ":"))
    # A lone half of a character, which JSON can escape and UTF-8 cannot hold, comes back as it was sent.
    return Response(
        content.encode("utf-8", "backslashreplace"), status, media_type="application/json", headers=dict(headers or {})
    )


def empty(headers: Mapping[str, str] | None = None) -> Response:
    """The answer that there is nothing to say."""
    return Response(status_code=204, headers=dict(headers or {}))


def error_body(status: int, kind: str, message: str) -> Json:
    """An error as JSON."""
    return {"error": {"message": message, "type": kind, "code": status}}


def error_answer(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as an answer."""
    return json_answer(error_body(status, kind, message), status, headers)


def told(error: HeadgateError) -> Response:
    """An error of ours as an answer; the next step stands in its text, which is all that clients show."""
    message = f"{error.message}. {error.hint}" if error.hint else error.message
    if isinstance(error, RestError):
        kind = error.exception
    else:
        kind = next((name for known, name in _NAMES if isinstance(error, known)), "InternalServerError")
    if error.status >= 500:
        _log.error("%s: %s", type(error).__name__, error)
    return error_answer(error.status, kind, message)
