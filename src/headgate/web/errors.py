"""Errors as answers: Iceberg's shape below `/iceberg`, headgate's own everywhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headgate.errors import HeadgateError, StorageError

ICEBERG = "/iceberg"

_log = logging.getLogger("headgate.web")
# The names that Iceberg's clients know their errors by, for what no handler of the catalog answers.
_JAVA = {
    400: "BadRequestException",
    401: "NotAuthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    405: "UnsupportedOperationException",
    408: "RequestTimeoutException",
    413: "BadRequestException",
    503: "ServiceUnavailableException",
}
_TOLD = {
    404: ("There is nothing at this path.", "GET /api/v1/openapi.json describes what there is."),
    405: ("The path does not take this method.", "The header Allow names those that it takes."),
}


def error_response(
    path: str, error: HeadgateError, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as the answer to a request for a path."""
    code = status or error.status
    if path == ICEBERG or path.startswith(f"{ICEBERG}/"):
        kind = _JAVA.get(code, "InternalServerError" if code >= 500 else "BadRequestException")
        body: dict[str, object] = {"message": str(error).replace("\n", " "), "type": kind, "code": code}
    else:
        body = error.to_dict()
    return JSONResponse({"error": body}, status_code=code, headers=headers)


async def told(request: Request, error: Exception) -> Response:
    """An error of ours as its answer."""
    assert isinstance(error, HeadgateError)
    if isinstance(error, StorageError):
        _log.error("%s %s: %s", request.method, request.url.path, error)
    return error_response(request.url.path, error)


async def refused(request: Request, error: Exception) -> Response:
    """What the routing says no to; OPTIONS is answered by what a path allows."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=error.headers)
    message, hint = _TOLD.get(error.status_code, (error.detail, None))
    place = f"{request.method} {request.url.path}"
    answer = HeadgateError(message, place=place, hint=hint)
    return error_response(request.url.path, answer, status=error.status_code, headers=error.headers)


async def unforeseen(request: Request, error: Exception) -> Response:
    """A bug: the log has the traceback, whoever asked learns nothing of the inside."""
    answer = HeadgateError(
        "Something that should not happen did.",
        place=f"{request.method} {request.url.path}",
        hint="This is a bug in headgate; the server's log has the rest.",
    )
    return error_response(request.url.path, answer, status=500)
