"""Access tokens: short-lived, signed, and held against the token that they were given for.

They are JSON Web Tokens (RFC 7519) with HMAC-SHA256, because Iceberg's clients read the time of expiry out of them to
renew them in time. There is one header, compared as a whole: what a token says about its algorithm is never asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

_HEADER = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
"""`{"alg":"HS256","typ":"JWT"}`"""


def sign(key: bytes, token_id: str, expires: int) -> str:
    """An access token for a token's id, until a time in seconds since 1970."""
    claims = {"sub": token_id, "iat": int(time.time()), "exp": expires}
    body = _HEADER + b"." + _encode(json.dumps(claims, separators=(",", ":")).encode())
    return (body + b"." + _signature(key, body)).decode()


def verify(key: bytes, text: str, *, expired: bool = False) -> str | None:
    """The id that an access token was signed for, or None where it does not hold.

    Args:
        key: What it has to be signed with.
        text: The token.
        expired: Whether one that has expired will do, for whoever proves by other means who they are.
    """
    body, _, signature = text.encode("utf-8", "replace").rpartition(b".")
    header, _, payload = body.partition(b".")
    if not hmac.compare_digest(_signature(key, body), signature) or header != _HEADER:
        return None
    claims = _decode(payload)
    if not expired and claims["exp"] <= time.time():
        return None
    return str(claims["sub"])


def _signature(key: bytes, body: bytes) -> bytes:
    return _encode(hmac.digest(key, body, hashlib.sha256))


def _encode(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _decode(payload: bytes) -> dict[str, Any]:
    """The claims of a token whose signature holds, so that they are of our own making."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    return claims
