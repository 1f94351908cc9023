"""Access tokens: they hold for who they were signed for, until they expire, and not when anything was changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest

from headgate.web import signing

KEY = bytes(range(32))


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def test_a_token_is_a_json_web_token_that_others_can_read() -> None:
    text = signing.sign(KEY, "abc", 2_000_000_000)
    header, payload, signature = text.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["sub"], claims["exp"]) == ("abc", 2_000_000_000)
    assert signature == b64(hmac.new(KEY, f"{header}.{payload}".encode(), hashlib.sha256).digest())


def test_it_holds_until_it_expires() -> None:
    assert signing.verify(KEY, signing.sign(KEY, "abc", int(time.time()) + 60)) == "abc"
    old = signing.sign(KEY, "abc", int(time.time()) - 1)
    assert signing.verify(KEY, old) is None
    assert signing.verify(KEY, old, expired=True) == "abc"


def test_another_key_does_not_open_it() -> None:
    assert signing.verify(bytes(32), signing.sign(KEY, "abc", 2_000_000_000)) is None


ABC = b64(b'{"sub":"abc","exp":2000000000}')
XYZ = b64(b'{"sub":"xyz","exp":2000000000}')


def unsigned() -> str:
    header = b64(b'{"alg":"none","typ":"JWT"}')
    return f"{header}.{ABC}."


def other_header() -> str:
    """Signed with the right key, under a header of one's own."""
    header = b64(b'{"typ":"JWT","alg":"HS256"}')
    body = f"{header}.{ABC}"
    return f"{body}.{b64(hmac.new(KEY, body.encode(), hashlib.sha256).digest())}"


def other_payload() -> str:
    header, _, signature = signing.sign(KEY, "abc", 2_000_000_000).split(".")
    return f"{header}.{XYZ}.{signature}"


@pytest.mark.parametrize(
    "text", [unsigned(), other_header(), other_payload(), "", ".", "..", "a.b.c", "é.é.é", "a" * 10_000, "\ud800"]
)
def test_what_was_made_up_does_not_hold(text: str) -> None:
    assert signing.verify(KEY, text) is None
    assert signing.verify(KEY, text, expired=True) is None
