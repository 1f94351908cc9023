"""Files from `https://` addresses, kept beside the project's state and asked for again only if they changed."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import IO

from headgate.errors import DataError, UsageError
from headgate.ingest.addresses import shown_address, split_address

_SECONDS = 60
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def download(address: str, folder: Path) -> Path:
    """Fetch a file, unless the server says that the copy in `folder` is still right.

    Memory stays bounded whatever the file's size; a transfer that breaks off leaves the earlier copy as it was.

    Raises:
        UsageError: The address is plain http of another machine, or redirects to one.
        DataError: The server does not answer, refuses, or sends less than it announced.
    """
    _check_scheme(address)
    parts = split_address(address)
    place = folder / hashlib.sha256(address.encode()).hexdigest()[:16]
    name = re.sub(r"[^\w.\-]", "_", urllib.parse.unquote(PurePosixPath(parts.path).name)) or "download"
    target, notes = place / name, place / "validators.json"
    place.mkdir(parents=True, exist_ok=True)
    request = urllib.request.Request(_without_user(parts), headers=_headers(parts, target, notes))  # noqa: S310  # the scheme was checked before
    try:
        with _opener(parts).open(request, timeout=_SECONDS) as response:
            _receive(response, address, target)
            validators = {"ETag": response.headers.get("ETag"), "Last-Modified": response.headers.get("Last-Modified")}
            notes.write_text(json.dumps(validators), encoding="utf-8")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.NOT_MODIFIED:
            return target
        raise _failed(address, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _failed(address, str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failed(address, str(error) or type(error).__name__) from error
    return target


def _receive(response: http.client.HTTPResponse, address: str, target: Path) -> None:
    """Write the body beside the target, and put it in place when it is whole."""
    announced = response.headers.get("Content-Length")
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix="part-")
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(response, file, 1 << 20)
            received = file.tell()
        if announced is not None and int(announced) != received:
            raise _failed(address, f"the server announced {announced} bytes and sent {received}")
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _headers(parts: urllib.parse.SplitResult, target: Path, notes: Path) -> dict[str, str]:
    headers = {"User-Agent": "headgate", "Accept-Encoding": "identity"}
    if parts.username:
        user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    if target.exists() and notes.exists():
        known = json.loads(notes.read_text(encoding="utf-8"))
        if known.get("ETag"):
            headers["If-None-Match"] = known["ETag"]
        elif known.get("Last-Modified"):
            headers["If-Modified-Since"] = known["Last-Modified"]
    return headers


def _without_user(parts: urllib.parse.SplitResult) -> str:
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to plain http, and without handing on a password."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            _check_scheme(newurl)
        except UsageError:
            fp.close()
            raise
        request = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # the signature of the base class
        if request is not None and split_address(newurl).netloc != urllib.parse.urlsplit(req.full_url).netloc:
            request.remove_header("Authorization")
        return request


def _opener(parts: urllib.parse.SplitResult) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_SafeRedirects()]
    if parts.hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _check_scheme(address: str) -> None:
    parts = split_address(address)
    if parts.scheme.lower() != "https" and parts.hostname not in _LOOPBACK:
        raise UsageError(
            f"The address '{shown_address(address)}' is not encrypted.",
            hint="Write it with https://, or download the file.",
        )


def _failed(address: str, why: str) -> DataError:
    return DataError(
        f"The file cannot be downloaded: {why}.",
        place=shown_address(address),
        hint="Check the address, and that this machine reaches it; then run again.",
    )
