"""What an S3 server answers when something is wrong, as sentences with a next step.

The libraries that talk to it each wrap its answer in words of their own; the code in it is the same for all
(Amazon S3 API, "Error responses"), so that is what counts here.
"""

from __future__ import annotations

import html
import re
import urllib.parse

from headgate.errors import FileChanged, FileMissing, FileTaken, StorageError

_XML = re.compile(r"<Code>(\w+)</Code>(?:\s*<Message>([^<]*)</Message>)?")
# DuckDB gives code and message on a line of their own.
_LINE = re.compile(r"^([A-Z]\w+): (.+)$", re.MULTILINE)
_STATUS = re.compile(r"(?:HTTP|HTTP code|status code:) (\d{3})\b")
_NO_ANSWER = re.compile(
    r"error sending request|could not connect|could not resolve|connection (?:refused|reset|closed|error)|timed? ?out"
    r"|broken pipe|dropped|error decoding response body|could not establish|failed to (?:read|send)|empty reply"
    r"|http [a-z]+ to '",
    re.IGNORECASE,
)
_HOST = re.compile(r"https?://[^/\s']+")
_KEYS = "access_key and secret_key of `storage`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_UNKNOWN = "Check bucket, `endpoint` and keys of `storage`; the log of the server may tell more."
_NOTHING = "Nothing refers to what was half written: run again when it does."

NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
"""Codes of answers that say that the bucket is not there."""
_MISSING = {"NoSuchKey", "NotFound", "NoSuchVersion"}
_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
_UNKNOWN_KEY = {"InvalidAccessKeyId", "XAdminUserNotFound", "AuthFailure"}
_TOKEN = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "ExpiredTokenException"}
_BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"}
_FULL = {"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity", "EntityTooLarge"}


def s3_code(text: str) -> str | None:
    """The code of the server's answer in an error's text, such as `NoSuchBucket`; None when there was no answer."""
    match = _XML.search(text) or _LINE.search(text)
    return match[1] if match else None


def is_s3_error(text: str) -> bool:
    """Whether an engine's error tells of an S3 server: that it refused, or that it did not answer."""
    about = "s3://" in text or _HOST.search(text) is not None
    return about and (_STATUS.search(text) is not None or _NO_ANSWER.search(text) is not None)


def s3_error(location: str, text: str, *, endpoint: str | None = None, signed: bool = True) -> StorageError:
    """An error of an S3 server, or of the way to it.

    Args:
        location: The file or folder that was asked for, as an `s3:` URI.
        text: What the library says; of it only the server's code and message are told.
        endpoint: URL of the server, when it is known.
        signed: Whether the request was signed with a key.
    """
    bucket = urllib.parse.urlsplit(location).netloc
    match = _XML.search(text) or _LINE.search(text)
    status = _STATUS.search(text)
    if match is None and status is None:
        return _silent(location, text, endpoint)
    code = match[1] if match else {"403": "Forbidden", "404": "NoSuchKey"}.get(status[1], "") if status else ""
    said = html.unescape(match[2] or "").strip() if match else ""
    if code in _MISSING:
        return FileMissing(
            f"The file '{location}' does not exist.",
            place=location,
            hint="The lake's storage has lost it, or the warehouse was moved; `headgate doctor` checks the rest.",
        )
    if code == "PreconditionFailed":
        if "performing GET" in text:
            return FileChanged(
                f"The file '{location}' has been written since it was listed.",
                place=location,
                hint="Run again when nobody writes to it.",
            )
        return FileTaken(
            f"There is a file '{location}' already.", place=location, hint="Another writer was first; run again."
        )
    message, hint = _sentence(code, bucket, location)
    if code in _DENIED and not signed:
        hint = f"No key is set, so the request was not signed: set {_KEYS}."
    if not message:
        answer = f"{status[1] if status else ''} {code}".strip()
        message, hint = f"The S3 server refuses what was asked of '{location}': {answer}.", _UNKNOWN
    detail = (
        f" It says: {said}" if said and code not in _UNKNOWN_KEY | {"NoSuchBucket", "SignatureDoesNotMatch"} else ""
    )
    return StorageError(message + detail, place=location, hint=hint, data={"code": code})


def _sentence(code: str, bucket: str, location: str) -> tuple[str, str]:
    if code == "NoSuchBucket":
        return f"There is no bucket '{bucket}'.", "Create it, or correct `storage` in headgate.yml."
    if code == "InvalidBucketName":
        return f"'{bucket}' is no name of a bucket.", "Correct the bucket of `storage` in headgate.yml."
    if code in _UNKNOWN_KEY:
        return f"The S3 server of '{bucket}' does not know the access key.", f"Correct {_KEYS}."
    if code == "SignatureDoesNotMatch":
        return f"The secret key for '{bucket}' is not that of the access key.", f"Correct {_KEYS}."
    if code in _TOKEN:
        return f"The session token for '{bucket}' is not valid any more.", "Get new credentials and run again."
    if code in _REGION:
        return f"The bucket '{bucket}' is not in the region that is set.", "Correct region of `storage`, or AWS_REGION."
    if code in _DENIED:
        return f"Access to '{location}' is denied.", f"Set {_KEYS}, to a key that may read and write there."
    if code == "RequestTimeTooSkewed":
        return f"The S3 server of '{bucket}' refuses: the clocks differ.", "Set this machine's clock."
    if code in _FULL:
        return f"The storage of '{bucket}' is full.", f"Make room. {_NOTHING}"
    if code in _BUSY:
        return f"The S3 server of '{bucket}' cannot answer now ({code}).", _NOTHING
    return "", ""


def _silent(location: str, text: str, endpoint: str | None) -> StorageError:
    host = _HOST.search(text)
    server = endpoint or (host[0] if host else "of that bucket")
    return StorageError(
        f"The S3 server {server} does not answer.",
        place=location,
        hint=f"Check that it runs and that `endpoint` of `storage` is right. {_NOTHING}",
        data={"code": None},
    )
