"""Secrets that are planted wherever one can stand, and a search for them in whatever form they come out."""

from __future__ import annotations

import base64
import gzip
import re
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

# No secret holds another, and each has characters that URLs, shells, JSON and SQL write differently.
NAMES = (
    "PLAIN",
    "VAR",
    "S3_ACCESS",
    "S3_SECRET",
    "S3_SESSION",
    "PG_PASSWORD",
    "NESSIE_TOKEN",
    "WEB_USER",
    "WEB_PASSWORD",
    "WEB_SIGNATURE",
    "WEB_SESSION",
    "HTTP_TOKEN",
    "DBT_ENV_SECRET_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PROXY_PASSWORD",
    "MODEL_KEY",
    "CHECK_KEY",
)


def secret(name: str) -> str:
    """The text that is planted under a name; it may stand in a URL as it is."""
    return f"planted-{name.lower().replace('_', '-')}-~Zq9!"


def forms(text: str) -> set[bytes]:
    """A secret as it may come out: written for a URL, in base64 at each offset, in hexadecimal, in UTF-16."""
    found = {text, urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text), text.encode().hex()}
    found |= {repr(text)[1:-1], text.swapcase(), text[::-1], text[8:]}
    encoded = {form.encode() for form in found} | {text.encode("utf-16-le")}
    for before in (b"", b"x", b"xx"):
        # Without the first and the last letters, which depend on what stands around the secret.
        whole = base64.b64encode(before + text.encode())
        encoded |= {whole[4:-4], whole[4:-4].translate(bytes.maketrans(b"+/", b"-_"))}
    return encoded


def leaks(content: bytes, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that are found in bytes, however lines are broken and boxed."""
    joined = re.sub(rb"[\s|]|\xe2[\x94\x95].", b"", content)
    return [name for name, text in secrets.items() if any(form in content or form in joined for form in forms(text))]


def readings(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they hold where they are compressed."""
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PAR1":
        table = pq.read_table(path)
        yield repr(table.to_pylist()).encode() + repr(table.schema.metadata).encode()
    if content[:4] == b"Obj\x01":
        yield from _avro_blocks(content)


def _avro_blocks(content: bytes) -> Iterator[bytes]:
    """The blocks of an Avro file without its codec; two numbers stand before each, and its marker behind it."""
    marker = content[-16:]
    for block in content.split(marker)[1:-1]:
        body = block
        for _ in range(2):
            end = next(index for index, byte in enumerate(body) if byte < 0x80)
            body = body[end + 1 :]
        yield zlib.decompress(body, -zlib.MAX_WBITS) if b"deflate" in content else body
