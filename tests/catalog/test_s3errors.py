"""Answers of S3 servers as the two libraries wrap them, recorded from versitygw and MinIO, and what becomes of them."""

from __future__ import annotations

import pytest

from headgate.catalog.s3errors import is_s3_error, s3_error
from headgate.errors import FileChanged, FileMissing, FileTaken, StorageError

OBSTORE = (
    "Error performing {verb} http://127.0.0.1:9000/lake/x in 1ms - Server returned non-2xx status code: {status}: "
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
)


def _obstore(code: str, status: str = "403 Forbidden", message: str = "What it says.", verb: str = "GET") -> str:
    return OBSTORE.format(code=code, status=status, message=message, verb=verb)


def _duckdb(code: str, status: str = "403 Forbidden", message: str = "What it says.") -> str:
    return (
        "HTTP Error: HTTP GET error reading 'http://127.0.0.1:9000/lake/x' in region 'us-east-1' "
        f"(HTTP {status})\n\n{code}: {message}\n\nAuthentication Failure - this is usually caused by ..."
    )


SENTENCES = {
    "NoSuchBucket": "There is no bucket 'lake'.",
    "InvalidBucketName": "'lake' is no name of a bucket.",
    "InvalidAccessKeyId": "does not know the access key",
    "XAdminUserNotFound": "does not know the access key",
    "SignatureDoesNotMatch": "secret key for 'lake' is not that of the access key",
    "ExpiredToken": "session token for 'lake' is not valid any more",
    "AuthorizationHeaderMalformed": "not in the region that is set",
    "PermanentRedirect": "not in the region that is set",
    "AccessDenied": "Access to 's3://lake/x' is denied",
    "RequestTimeTooSkewed": "the clocks differ",
    "XMinioStorageFull": "The storage of 'lake' is full",
    "SlowDown": "cannot answer now",
    "MethodNotAllowed": "refuses what was asked of 's3://lake/x': 403 MethodNotAllowed",
}


@pytest.mark.parametrize("wrapped", [_obstore, _duckdb])
@pytest.mark.parametrize("code", SENTENCES)
def test_every_answer_is_a_sentence_with_its_place(code: str, wrapped: object) -> None:
    assert callable(wrapped)
    error = s3_error("s3://lake/x", wrapped(code))
    assert SENTENCES[code] in error.message
    assert error.place == "s3://lake/x"
    assert error.data == {"code": code}
    assert error.hint


def test_what_the_server_says_is_told_and_nothing_else_of_the_answer() -> None:
    malformed = "the region &#34;eu&#34; is wrong; expecting &#39;us&#39;"
    error = s3_error("s3://lake/x", _obstore("AuthorizationHeaderMalformed", message=malformed))
    assert error.message.endswith("the region \"eu\" is wrong; expecting 'us'")
    signed = "<AWSAccessKeyId>key</AWSAccessKeyId><SignatureProvided>s1gn</SignatureProvided>"
    told = str(s3_error("s3://lake/x", _obstore("SignatureDoesNotMatch") + signed))
    assert "key</" not in told
    assert "s1gn" not in told


def test_requests_without_a_key_are_told_to_be_so() -> None:
    assert "No key is set" in str(s3_error("s3://lake/x", _obstore("AccessDenied"), signed=False))
    assert "No key is set" not in str(s3_error("s3://lake/x", _obstore("AccessDenied")))


@pytest.mark.parametrize(
    "text",
    [
        _obstore("NoSuchKey", "404 Not Found"),
        "HTTP Error: HTTP GET error reading 's3://lake/x' in region 'us-east-1' (HTTP 404 Not Found)",
    ],
)
def test_a_file_that_is_not_there_is_missing(text: str) -> None:
    assert isinstance(s3_error("s3://lake/x", text), FileMissing)


def test_preconditions_tell_of_a_file_that_is_there_or_has_changed() -> None:
    failed = "412 Precondition Failed"
    assert isinstance(s3_error("s3://lake/x", _obstore("PreconditionFailed", failed, verb="PUT")), FileTaken)
    assert isinstance(s3_error("s3://lake/x", _obstore("PreconditionFailed", failed, verb="GET")), FileChanged)


@pytest.mark.parametrize(
    "text",
    [
        "Error performing GET http://127.0.0.1:9000/lake/x in 5ms, after 4 retries - HTTP error: error sending request",
        "IO Error: Could not connect to server error for HTTP PUT to 'http://127.0.0.1:9000/lake/x'",
        "IO Error: Could not resolve hostname error for HTTP HEAD to 'http://127.0.0.1:9000/lake/x'",
    ],
)
def test_silence_names_the_server(text: str) -> None:
    error = s3_error("s3://lake/x", text)
    assert error.message == "The S3 server http://127.0.0.1:9000 does not answer."
    assert "Nothing refers to what was half written" in str(error.hint)
    assert s3_error("s3://lake/x", text, endpoint="http://s3.lan").message.startswith("The S3 server http://s3.lan ")
    assert type(error) is StorageError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_duckdb("AccessDenied"), True),
        ("IO Error: Could not connect to server error for HTTP PUT to 'http://127.0.0.1:1/lake/x'", True),
        ("HTTP Error: Unable to connect to URL s3://lake/x: Forbidden (HTTP code 403)", True),
        ("IO Error: Cannot open file '/lake/x': No such file or directory", False),
        ("IO Error: No files found that match the pattern 's3://lake/x'", False),
    ],
)
def test_errors_of_the_engine_are_told_apart(text: str, told: bool) -> None:
    assert is_s3_error(text) is told
